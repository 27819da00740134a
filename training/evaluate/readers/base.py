"""What a reader of pictures is: it follows one run, frame by frame, and says whether it holds together.

Owns verdicts and what counts as lost; refuses any world's rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from models.actions import Action

LOST_AFTER = 5  # incoherent frames in a row that are forgiven


@dataclass(frozen=True)
class Verdict:
    """What a frame is found to be. `cause` says why it is incoherent, None where it isn't. `players` counts those that
    are seen. `key_obeyed` is None where no key was put to the test."""

    cause: str | None
    players: int
    key_obeyed: bool | None = None


class Reader(Protocol):
    """Follows one run. A new run needs a new reader."""

    def see(self, frame: npt.NDArray[np.uint8], action: Action | None) -> Verdict:
        """Judge the next frame uint8 [H,W]; `action` led to it, None for the first."""


@dataclass
class RunLog:
    """What came of one run: `lost_at` is the first of the incoherent frames that lost it, counted from 1."""

    frames: int = 0
    lost_at: int | None = None
    lost_by: str | None = None
    first_incoherent: int | None = None
    incoherent: dict[str, int] = field(default_factory=dict)
    player_once: int = 0
    keys_tried: int = 0
    keys_obeyed: int = 0
    _streak: list[str] = field(default_factory=list)

    def add(self, verdict: Verdict) -> None:
        """Take the next frame's verdict."""
        self.frames += 1
        self.player_once += verdict.players == 1
        if verdict.key_obeyed is not None:
            self.keys_tried += 1
            self.keys_obeyed += verdict.key_obeyed
        if verdict.cause is None:
            self._streak.clear()
            return
        self.incoherent[verdict.cause] = self.incoherent.get(verdict.cause, 0) + 1
        if self.first_incoherent is None:
            self.first_incoherent = self.frames
        self._streak.append(verdict.cause)
        if self.lost_at is None and len(self._streak) > LOST_AFTER:
            self.lost_at = self.frames - LOST_AFTER
            self.lost_by = max(set(self._streak), key=self._streak.count)
