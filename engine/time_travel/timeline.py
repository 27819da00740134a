"""What a session can be taken back to. Owns what is kept of the past and its bound; refuses to step a session.

Picture and tokens of every frame are kept, the model's state of every 30th and, of the last ten seconds, of every 5th,
so that a short way back is a matter of a few steps. Where states are so large that five minutes of them would pass the
bound, fewer are kept. What doesn't fit any more goes from the old end.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap

import numpy as np
import numpy.typing as npt

from engine.frame import Frame
from engine.free_memory import give_back

STATE_EVERY = 30  # frames
NEAR_EVERY = 5  # frames between states of the near past
NEAR = 300  # frames that count as near
SPAN = 9000  # frames that must fit: five minutes at 30 ticks
LIMIT = 140 << 20  # bytes
_FRAME_OVERHEAD = 400  # bytes that Python's own objects take for one kept frame, measured
_FRAME_SHARE = 0.15  # of the bound, left to pictures and tokens when the states' spacing is chosen

State = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class KeptFrame:
    """A frame of the past: tokens int64 [P], pixels uint8, both read-only; entropy in mean nats a token."""

    tokens: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.uint8]
    entropy: float


class Timeline:
    """The kept past of one session since its reset, at most `limit` bytes of it. Used by the thread that steps."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._frames: dict[int, tuple[bytes, bytes, float]] = {}
        self._states: dict[int, State] = {}  # rising keys, as are the frames'
        self._shape: tuple[int, ...] = ()
        self._bytes = 0
        self._state_bytes = 0
        self._every = STATE_EVERY
        self._oldest: int | None = None

    @property
    def oldest(self) -> int | None:
        """The first frame that play can go on from by what is kept; None while nothing is. Any thread may ask."""
        return self._oldest

    @property
    def bytes(self) -> int:
        """Memory that is taken, in bytes."""
        return self._bytes

    def clear(self) -> None:
        """Forget everything, and give its memory back."""
        self._frames.clear()
        self._states.clear()
        self._bytes, self._oldest = 0, None
        give_back()

    def add(self, frame: Frame, state: Callable[[], State]) -> None:
        """Keep the newest frame; `state` is asked for the state behind it where that is to be kept too."""
        index = frame.index
        tokens = zlib.compress(frame.tokens.astype(np.uint32).tobytes(), 1)
        pixels = zlib.compress(frame.pixels.tobytes(), 1)
        self._shape = frame.pixels.shape
        self._frames[index] = tokens, pixels, frame.entropy
        self._bytes += _frame_bytes(self._frames[index])
        if index % NEAR_EVERY == 0 or not self._states:
            self._keep_state(index, state())
        self._drop_state(index - NEAR)
        while self._bytes > self.limit and len(self._states) > 1:
            self._drop_oldest()

    def frame(self, index: int) -> KeptFrame | None:
        """Frame `index`, None where it isn't kept."""
        if index not in self._frames:
            return None
        packed, pixels, entropy = self._frames[index]
        tokens = np.frombuffer(zlib.decompress(packed), np.uint32).astype(np.int64)
        tokens.flags.writeable = False
        return KeptFrame(tokens, np.frombuffer(zlib.decompress(pixels), np.uint8).reshape(self._shape), entropy)

    def state_before(self, index: int) -> tuple[int, State] | None:
        """The newest kept state at `index` or before, and its frame's index; None where there is none."""
        at = max((kept for kept in self._states if kept <= index), default=None)
        return None if at is None else (at, self._states[at])

    def cut(self, index: int) -> None:
        """Forget what came after frame `index`."""
        for late in [kept for kept in self._frames if kept > index]:
            self._bytes -= _frame_bytes(self._frames.pop(late))
        for late in [kept for kept in self._states if kept > index]:
            self._bytes -= _state_bytes(self._states.pop(late))
        self._oldest = next(iter(self._states), None)

    def _keep_state(self, index: int, state: State) -> None:
        size = _state_bytes(state)
        if size != self._state_bytes:
            self._state_bytes, self._every = size, _spacing(size, self.limit)
        self._states[index] = _apart(state)
        self._bytes += size
        self._oldest = index if self._oldest is None else self._oldest

    def _drop_state(self, index: int) -> None:
        """Let go of a state that is no longer near, unless it is one that stays."""
        if index % self._every and index in self._states and index != self.oldest:
            self._bytes -= _state_bytes(self._states.pop(index))

    def _drop_oldest(self) -> None:
        """Forget the oldest state and the frames that only it leads to."""
        first, second, *_ = self._states
        self._bytes -= _state_bytes(self._states.pop(first))
        self._oldest = second
        for index in range(first, second):
            if index in self._frames:
                self._bytes -= _frame_bytes(self._frames.pop(index))


def _spacing(state_bytes: int, limit: int) -> int:
    """Frames between states that stay: a multiple of STATE_EVERY with which SPAN frames fit."""
    near = min(NEAR // NEAR_EVERY * state_bytes, limit // 2)
    room = max(1, int(limit * (1 - _FRAME_SHARE)) - near)
    needed = SPAN // STATE_EVERY * state_bytes
    return STATE_EVERY * max(1, -(-needed // room))


def _apart(state: State) -> State:
    """A copy in memory that goes back to the machine when it is let go: thousands of large blocks among small ones
    would leave holes behind that nothing fills, and a player's memory would grow from world to world."""
    kept: State = {}
    for name, array in state.items():
        memory = np.frombuffer(mmap(-1, max(1, array.nbytes)), array.dtype, array.size).reshape(array.shape)
        memory[...] = array
        memory.flags.writeable = False
        kept[name] = memory
    return kept


def _frame_bytes(kept: tuple[bytes, bytes, float]) -> int:
    return len(kept[0]) + len(kept[1]) + _FRAME_OVERHEAD


def _state_bytes(state: State) -> int:
    return sum(array.nbytes for array in state.values())
