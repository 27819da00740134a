"""A session: one play of one world. Owns which frame comes next; refuses threads, pacing and windows."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from engine.backends.base import Backend, BackendInfo
from engine.checkpoint import Checkpoint
from engine.frame import Frame, FrameTimes, tokens_digest
from engine.noise import frame_noise
from engine.start import PictureStart, Start, start_fields
from engine.time_travel.history import DIGEST_BYTES, History
from engine.time_travel.moment import Moment
from engine.time_travel.timeline import Timeline
from models.actions import Action
from models.manifest import BadInput, Manifest

RNG_SEED_LIMIT = 1 << 63  # an rng_seed is a non-negative 64-bit number

Begin = Callable[["Session"], Frame]  # leads a new session to the frame that play begins with
Context = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]


class Session:
    """Play of a checkpoint on a backend. `reset` comes first; start, rng_seed and actions determine every frame.

    A `timeline` keeps the past, so that going back is quick; without one it takes as long as it took to play.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backend: Backend,
        clock: Callable[[], float] = time.perf_counter,
        timeline: Timeline | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.backend = backend
        self.timeline = timeline
        self.start: Start = 0
        self.rng_seed = 0
        self.loaded_at: int | None = None  # the frame before which a loaded game's past isn't kept
        self._clock = clock
        self._frame: Frame | None = None
        self._indices = action_indices(checkpoint.manifest)
        self._listed = tuple(entry.action for entry in checkpoint.manifest.actions)
        # Kept so that a recording can begin at any time and still regenerate every frame.
        self._played = bytearray()
        self._digests = bytearray()
        self._ran_on: list[tuple[int, BackendInfo]] = []  # frame, what made it and those after it

    @property
    def frame(self) -> Frame:
        """The newest frame. There is one from the first reset on."""
        if self._frame is None:
            raise RuntimeError("the session has not been reset yet")
        return self._frame

    @property
    def index(self) -> int:
        """Index of the newest frame."""
        return self.frame.index

    @property
    def history(self) -> History:
        """What was played since the reset, as it is now."""
        return History(self._listed, bytes(self._played), bytes(self._digests))

    @property
    def ran_on(self) -> tuple[tuple[int, BackendInfo], ...]:
        """What made the frames since the reset: (first frame, backend), the first at frame 0."""
        return tuple(self._ran_on)

    def hand_over(self, backend: Backend) -> None:
        """Go on with `backend`, from the same tokens and state; the one before is closed."""
        backend.set_state(self.backend.get_state())
        self.backend.close()
        self.backend = backend

    def reset(self, start: Start, rng_seed: int) -> Frame:
        """Begin anew from start `start`: the state sees that start's context. Returns frame 0. Raises BadInput."""
        tokens, actions, pixels = self._context(start, rng_seed)
        taken = self._clock()
        self.backend.reset()
        unused = np.zeros(self.checkpoint.manifest.tokens, np.float32)  # what it would choose is not taken
        for frame, action in zip(tokens[:-1], actions, strict=True):
            self.backend.step(frame, int(action), unused)
        self.start, self.rng_seed, self.loaded_at = start, rng_seed, None
        self._played.clear()
        self._digests.clear()
        self._ran_on.clear()
        if self.timeline is not None:
            self.timeline.clear()
        return self._advance(0, Action.NOOP, tokens[-1].copy(), pixels.copy(), 0.0, taken, None)

    def step(self, action: Action, key_time: float | None = None) -> Frame:
        """The next frame. An action that this world doesn't know becomes the nearest that it knows."""
        return self._make(action, key_time)

    def rewind_to(self, index: int, patience: float | None = None) -> Frame:
        """Go back to frame `index`, which then is the newest: what follows from the same actions is the same again.

        Play goes on from the nearest kept state, so up to some steps are made once more. Where they take longer than
        `patience` seconds, the session stays at an earlier frame. Raises ValueError for a frame that isn't there.
        """
        if not 0 <= index <= self.index:
            raise ValueError(f"frame: expected 0 to {self.index}, found {index}")
        end = None if patience is None else self._clock() + patience
        played = bytes(self._played)
        frame = self._restore(index)
        while frame.index < index and (end is None or self._clock() < end):
            frame = self._make(self._listed[played[frame.index + 1]], None)
        return frame

    def kept_frame(self, index: int) -> Frame | None:
        """A frame of the past as it was, to be looked at; None where it isn't kept."""
        kept = self.timeline.frame(index) if self.timeline is not None else None
        if kept is None or index >= len(self._played):
            return None
        digest = self._digests[DIGEST_BYTES * index : DIGEST_BYTES * (index + 1)].hex()
        now = self._clock()
        action = self._listed[self._played[index]]
        return Frame(index, action, kept.pixels, kept.tokens, digest, kept.entropy, FrameTimes(now, None, 0.0))

    def moment(self) -> Moment:
        """All that it takes to go on from here, here or in another process."""
        return Moment(
            self.start,
            self.rng_seed,
            self.frame,
            self.backend.get_state(),
            bytes(self._played),
            bytes(self._digests),
            self.ran_on,
        )

    def resume(self, moment: Moment) -> Frame:
        """Go on from a moment of this world as if it had never been left. The kept past stays where it is the moment's
        too; of any other moment nothing before it is kept."""
        index = moment.frame.index
        if not self._came_by(moment):
            self.loaded_at = index
            if self.timeline is not None:
                self.timeline.clear()
        self.backend.set_state(moment.state)
        self.start, self.rng_seed = moment.start, moment.rng_seed
        self._played[:] = moment.played
        self._digests[:] = moment.digests
        self._ran_on = list(moment.ran_on)
        self._frame = moment.frame
        if self.timeline is not None:
            self.timeline.cut(index - 1)
            self.timeline.add(moment.frame, self.backend.get_state)
        return moment.frame

    def _came_by(self, moment: Moment) -> bool:
        """Whether a moment is one that this play has been through, and not gone back behind."""
        if self._frame is None or (start_fields(moment.start), moment.rng_seed) != (
            start_fields(self.start),
            self.rng_seed,
        ):
            return False
        ran_on = tuple(entry for entry in self._ran_on if entry[0] <= moment.frame.index)
        return self._digests.startswith(moment.digests) and ran_on == moment.ran_on

    def _make(self, action: Action, key_time: float | None) -> Frame:
        last = self.frame
        taken = self._clock()
        action = self.known_action(action)
        index = last.index + 1
        noise = frame_noise(self.rng_seed, index, self.checkpoint.manifest.tokens)
        out = self.backend.step(last.tokens, self._indices[action], noise)
        return self._advance(index, action, out.tokens, out.picture, out.entropy, taken, key_time)

    def known_action(self, action: Action) -> Action:
        """The action of this world that `action` means here: buttons that it doesn't know are let go."""
        return self._listed[self._indices[action]]

    def _restore(self, index: int) -> Frame:
        """Be at the last frame up to `index` whose state is kept, or else at frame 0 again."""
        found = self.timeline.state_before(index) if self.timeline is not None else None
        frame = self.kept_frame(found[0]) if found is not None else None
        if found is None or frame is None or self.timeline is None:
            return self.reset(self.start, self.rng_seed)
        self.backend.set_state(found[1])
        self.timeline.cut(frame.index)
        del self._played[frame.index + 1 :]
        del self._digests[DIGEST_BYTES * (frame.index + 1) :]
        self._ran_on = [entry for entry in self._ran_on if entry[0] <= frame.index]
        self._frame = frame
        return frame

    def _context(self, start: Start, rng_seed: int) -> Context:
        """Tokens int64 [C,P], actions int64 [C-1] and the last frame's pixels that a session begins with."""
        checkpoint = self.checkpoint
        if not 0 <= rng_seed < RNG_SEED_LIMIT:
            raise BadInput(
                f"{checkpoint.manifest.name}: rng_seed: expected 0 to {RNG_SEED_LIMIT - 1}, found {rng_seed}"
            )
        if isinstance(start, PictureStart):  # as if the picture had stood still for as long as a start's context
            count = checkpoint.start_tokens.shape[1]
            return np.tile(start.tokens, (count, 1)), np.zeros(count - 1, np.int64), start.pixels
        if not 0 <= start < checkpoint.starts:
            raise BadInput(f"{checkpoint.manifest.name}: start: expected 0 to {checkpoint.starts - 1}, found {start}")
        return checkpoint.start_tokens[start], checkpoint.start_actions[start], checkpoint.start_pixels[start]

    def _advance(
        self,
        index: int,
        action: Action,
        tokens: npt.NDArray[np.int64],
        pixels: npt.NDArray[np.uint8],
        entropy: float,
        taken: float,
        key_time: float | None,
    ) -> Frame:
        tokens.flags.writeable = pixels.flags.writeable = False
        digest = tokens_digest(action, tokens)
        info = self.backend.info
        if not self._ran_on or self._ran_on[-1][1] != info:
            self._ran_on.append((index, info))
        self._played.append(self._indices[action])
        self._digests += bytes.fromhex(digest)
        times = FrameTimes(taken, key_time, self._clock() - taken)
        self._frame = Frame(index, action, pixels, tokens, digest, entropy, times)
        if self.timeline is not None:
            self.timeline.add(self._frame, self.backend.get_state)
        return self._frame


def action_indices(manifest: Manifest) -> dict[Action, int]:
    """The graph's index for every action of the vocabulary: its own, or that of the known one sharing most buttons."""
    listed = [entry.action for entry in manifest.actions]

    def nearest(action: Action) -> int:
        inside = [number for number, known in enumerate(listed) if known.buttons <= action.buttons]
        return max(inside, key=lambda number: len(listed[number].buttons))

    return {action: nearest(action) for action in Action}
