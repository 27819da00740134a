"""A backend that goes on elsewhere when it breaks. Owns what that takes: the state, or a way back to it; refuses to
choose where (choice)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from engine.backends.base import Backend, BackendFailed, BackendInfo, StepOutput

KEEP_EVERY = 32  # steps between copies of the state: what has to be done again where a card takes its state with it

Result = TypeVar("Result")
Step = tuple[npt.NDArray[np.int64], int, npt.NDArray[np.float32]]


class SteadyBackend:
    """Steps `first` until it fails; from then on, what `spare` gives for the failure, from the same state.

    The step that failed is done again there, so play goes on from its last frame. What `spare` gives is warm, its state
    zero; it raises BackendFailed where nothing is left, and from then on so does everything here.
    """

    def __init__(self, first: Backend, spare: Callable[[BackendFailed], Backend]) -> None:
        self._now = first
        self._spare = spare
        self._since: list[Step] = []  # done since the state was copied
        self._kept: dict[str, npt.NDArray[Any]] | None = None  # None: zero
        self._lost: BackendFailed | None = None  # why nothing runs any more

    @property
    def info(self) -> BackendInfo:
        """What runs now."""
        return self._now.info

    def reset(self) -> None:
        """Set the state to zero."""
        self._do(lambda backend: backend.reset())
        self._since, self._kept = [], None

    def step(self, tokens: npt.NDArray[np.int64], action_index: int, noise: npt.NDArray[np.float32]) -> StepOutput:
        """One frame, on what runs now or on what takes over."""
        if len(self._since) >= KEEP_EVERY:
            self._kept, self._since = self.get_state(), []
        out = self._do(lambda backend: backend.step(tokens, action_index, noise))
        self._since.append((tokens.copy(), action_index, noise.copy()))
        return out

    def encode(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Tokens int64 [P] of a picture."""
        return self._do(lambda backend: backend.encode(picture))

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of the state tensors by name."""
        return self._do(lambda backend: backend.get_state())

    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Replace the state by copies of these arrays."""
        self._do(lambda backend: backend.set_state(state))
        self._since, self._kept = [], {name: array.copy() for name, array in state.items()}

    def warm_up(self) -> None:
        """Run until nothing is left to be set up, then set the state to zero."""
        self._do(lambda backend: backend.warm_up())
        self._since, self._kept = [], None

    def close(self) -> None:
        """Let go of what runs now; what was lost is closed already."""
        if self._lost is None:
            self._now.close()

    def _do(self, work: Callable[[Backend], Result]) -> Result:
        while True:
            if self._lost is not None:
                raise BackendFailed(f"nothing is left to play on: {self._lost}")
            try:
                return work(self._now)
            except BackendFailed as error:
                self._take_over(error)

    def _take_over(self, error: BackendFailed) -> None:
        """Bring the state to the next backend that bears it: read from the failed one where it still can be, else made
        again."""
        failed = self._now
        try:
            state, again = failed.get_state(), []
        except BackendFailed:
            state, again = self._kept or {}, self._since
        _close(failed)  # first, for the next one may want its memory
        while True:
            self._lost = error  # and so it stays where the next line raises
            backend = self._spare(error)
            try:
                if state:
                    backend.set_state(state)
                for step in again:
                    backend.step(*step)
            except BackendFailed as further:
                _close(backend)
                error = further
            else:
                self._now, self._lost = backend, None
                return


def _close(backend: Backend) -> None:
    with contextlib.suppress(BackendFailed):
        backend.close()
