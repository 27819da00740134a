"""One run of a game. Owns what an episode is; refuses files (shards.py)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Episode:
    """Frames, actions and events of one copy of a world, or of a recording of any game.

    frames: uint8 [T+1,H,W] palette indices, or [T+1,H,W,3] RGB.
    actions: uint8 [T], indices into the world's actions; actions[t] is taken at frames[t] and leads to frames[t+1].
    events: uint32 [T], bits of the world's event names, of the same transitions.
    seed: the copy's seed, from which its level seeds follow. split: the purpose of those level seeds. level_seed:
    that of the level at the first frame, None for a recording.
    """

    frames: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.uint8]
    events: npt.NDArray[np.uint32]
    world: str
    version: int
    split: str
    seed: int
    policy: str
    level_seed: int | None = None
    self_generated: bool = True

    def __post_init__(self) -> None:
        ticks = len(self.actions)
        if self.frames.dtype != np.uint8 or self.frames.ndim not in (3, 4) or len(self.frames) != ticks + 1:
            raise ValueError(
                f"frames: expected uint8 [{ticks + 1},H,W] or [..,3], got {self.frames.dtype} {self.frames.shape}"
            )
        if self.frames.ndim == 4 and self.frames.shape[3] != 3:
            raise ValueError(f"frames: expected 3 channels, got {self.frames.shape[3]}")
        if self.actions.dtype != np.uint8 or self.actions.shape != (ticks,) or not ticks:
            raise ValueError(
                f"actions: expected uint8 [T] with T at least 1, got {self.actions.dtype} {self.actions.shape}"
            )
        if self.events.dtype != np.uint32 or self.events.shape != (ticks,):
            raise ValueError(f"events: expected uint32 [{ticks}], got {self.events.dtype} {self.events.shape}")

    @property
    def ticks(self) -> int:
        """Number of transitions, T."""
        return len(self.actions)

    @property
    def picture_shape(self) -> tuple[int, ...]:
        """(H, W) or (H, W, 3)."""
        return self.frames.shape[1:]

    def part(self, start: int, stop: int) -> Episode:
        """The transitions from `start` to `stop` (exclusive) with the frames at both ends."""
        return replace(
            self,
            frames=self.frames[start : stop + 1],
            actions=self.actions[start:stop],
            events=self.events[start:stop],
        )
