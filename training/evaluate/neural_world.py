"""The model as it is measured: a checkpoint's own graphs, run by the engine's backend with the engine's noise.

Owns priming on true frames and closed-loop steps; refuses to compare. What tests put in its place has the same shape.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.backends.base import Backend
from engine.checkpoint import Checkpoint
from engine.noise import frame_noise
from training.evaluate.footage import Moment, Pictures

Item = TypeVar("Item")
Made = TypeVar("Made")


class Playable(Protocol):
    """A world that goes on from a true moment."""

    def begin(self, moment: Moment, rng_seed: int) -> None:
        """See the moment's frames; the next step is frame 1 of a session with this rng_seed."""

    def step(self, action: int) -> Pictures:
        """The next picture uint8 [H,W] on its own output."""

    def observe(self, picture: Pictures) -> float:
        """Take the true frame uint8 [H,W] for the newest one. Returns the share of its tokens that were predicted."""

    def save(self) -> Any:
        """All that the next step depends on."""

    def restore(self, saved: Any) -> None:
        """Be as it was at `save`."""

    def reconstruct(self, picture: Pictures) -> Pictures:
        """The picture uint8 [H,W] through tokens and back."""


class NeuralWorld:
    """A checkpoint on a backend."""

    def __init__(self, checkpoint: Checkpoint, backend: Backend, threads: int) -> None:
        """`threads` are the decoder's, which is loaded when it is first asked for."""
        self._backend, self._threads = backend, threads
        self._decoder_path = checkpoint.folder / checkpoint.manifest.graphs.decoder
        self._decoder: ort.InferenceSession | None = None
        self._tokens: npt.NDArray[np.int64] = np.zeros(checkpoint.manifest.tokens, np.int64)
        self._unused = np.zeros(checkpoint.manifest.tokens, np.float32)
        self._rng_seed = self._index = 0
        self._stopped = False

    def stop(self) -> None:
        """Have the play that goes on in another thread end at its next step, with a KeyboardInterrupt there."""
        self._stopped = True

    def begin(self, moment: Moment, rng_seed: int) -> None:
        """Reset, then see the moment's frames as a session sees its start's context."""
        self._backend.reset()
        tokens = [self._backend.encode(frame) for frame in moment.frames]
        for before, action in zip(tokens[:-1], moment.actions, strict=True):
            self._backend.step(before, int(action), self._unused)
        self._tokens, self._rng_seed, self._index = tokens[-1], rng_seed, 0

    def step(self, action: int) -> Pictures:
        """The next picture, with the noise that a session would use for it."""
        if self._stopped:
            raise KeyboardInterrupt
        self._index += 1
        noise = frame_noise(self._rng_seed, self._index, len(self._tokens))
        out = self._backend.step(self._tokens, action, noise)
        self._tokens = out.tokens
        return out.picture

    def observe(self, picture: Pictures) -> float:
        """Go on from the true frame's tokens instead of the predicted ones."""
        predicted, self._tokens = self._tokens, self._backend.encode(picture)
        return float((predicted == self._tokens).mean())

    def save(self) -> Any:
        """State tensors, newest tokens and place in the noise."""
        return self._backend.get_state(), self._tokens, self._rng_seed, self._index

    def restore(self, saved: Any) -> None:
        """Be as it was at `save`."""
        state, self._tokens, self._rng_seed, self._index = saved
        self._backend.set_state(state)

    def reconstruct(self, picture: Pictures) -> Pictures:
        """Encoder, then decoder."""
        if self._decoder is None:
            options = ort.SessionOptions()
            options.intra_op_num_threads = self._threads
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")
            self._decoder = ort.InferenceSession(str(self._decoder_path), options, providers=["CPUExecutionProvider"])
        decoded: Pictures = self._decoder.run(["picture"], {"tokens": self._backend.encode(picture)[None]})[0][0]
        return decoded


class NeuralWorlds(NeuralWorld):
    """Several of the same, to be played at a time by threads: graphs leave the interpreter free while they run. Played
    as one, it is the first."""

    def __init__(self, checkpoint: Checkpoint, backends: Sequence[Backend], threads: int) -> None:
        """`threads` are each decoder's."""
        super().__init__(checkpoint, backends[0], threads)
        self._worlds = [self, *(NeuralWorld(checkpoint, backend, threads) for backend in backends[1:])]

    def each(self, play: Callable[[Playable, int, Item], Made], items: Iterable[Item]) -> list[Made]:
        """As the function `each`."""
        free: SimpleQueue[NeuralWorld] = SimpleQueue()
        for world in self._worlds:
            free.put(world)

        def play_one(number: int, item: Item) -> Made:
            world = free.get()
            try:
                return play(world, number, item)
            finally:
                free.put(world)

        pool = ThreadPoolExecutor(len(self._worlds), thread_name_prefix="worlds")
        try:
            return [made.result() for made in [pool.submit(play_one, *pair) for pair in enumerate(items)]]
        except BaseException:
            for world in self._worlds:
                world.stop()  # or an interrupt would wait for the end of minutes of play
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def each(playable: Playable, play: Callable[[Playable, int, Item], Made], items: Iterable[Item]) -> list[Made]:
    """What `play(world, number, item)` makes of every item, in order. Each begins anew, so that it doesn't matter which
    of several worlds it is played in, nor when."""
    if isinstance(playable, NeuralWorlds):
        return playable.each(play, items)
    return [play(playable, number, item) for number, item in enumerate(items)]
