"""What of a frame could be known from the frames before it. Owns the known region of each world; refuses to judge.

New ground and new boards are drawn by chance, so a model may invent them: they are left out of what must be right.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from models.manifest import BadInput
from training.worlds.base import FRAME_SIZE, SimulatedWorld
from training.worlds.platformer import Platformer
from training.worlds.puzzle import PLAY, WIPE, PuzzleWorld
from training.worlds.puzzle_art import CELL
from training.worlds.puzzle_levels import CELLS, SIDE, WIPE_RANK

LIVELY_SCROLL, LIVELY_TICKS = 32, 32  # pixels within ticks

Notes = npt.NDArray[np.int64]  # [...,K]: the few numbers of a copy's state that the known region depends on
Flags = npt.NDArray[np.bool_]


class Sight(ABC):
    """A world's known region. Notes are those of one copy at one tick, int64 [K]."""

    @abstractmethod
    def notes(self, world: SimulatedWorld) -> Notes:
        """Notes of every copy as it is now, int64 [N,K]."""

    @abstractmethod
    def known(self, seen: Notes, now: Notes) -> Flags:
        """bool [128,128]: what of the frame at `now` shows things that were visible at `seen` or before."""

    @abstractmethod
    def changes_level(self, now: Notes) -> bool:
        """Whether a level is being celebrated or changed."""

    @abstractmethod
    def lively(self, notes: Notes) -> bool:
        """Whether enough happens in a clip of these notes int64 [T+1,K] that a model could be found wrong."""


class PlatformerSight(Sight):
    """Notes: camera. The camera never moves back, so all but the columns that came in since are known."""

    def notes(self, world: SimulatedWorld) -> Notes:
        """int64 [N,1]."""
        assert isinstance(world, Platformer)
        return world.camera[:, None].copy()

    def known(self, seen: Notes, now: Notes) -> Flags:
        """Columns left of where the screen ended."""
        columns = np.arange(FRAME_SIZE) < FRAME_SIZE - (now[0] - seen[0])
        return np.broadcast_to(columns, (FRAME_SIZE, FRAME_SIZE))

    def changes_level(self, now: Notes) -> bool:
        """Never: a new level scrolls in like any ground."""
        return False

    def lively(self, notes: Notes) -> bool:
        """Scrolls far enough early on, or as much less as the clip is shorter."""
        ticks = min(LIVELY_TICKS, len(notes) - 1)
        return bool((notes[ticks, 0] - notes[0, 0]) * LIVELY_TICKS >= LIVELY_SCROLL * ticks)


class PuzzleSight(Sight):
    """Notes: number of the board, cells of it that have been shown, phase. A new board is shown cell by cell."""

    def notes(self, world: SimulatedWorld) -> Notes:
        """int64 [N,3]."""
        assert isinstance(world, PuzzleWorld)
        state = world.state
        shown = np.where(state.phase == WIPE, np.minimum(state.timer, CELLS), CELLS)
        return np.stack([state.level, shown, state.phase], axis=1)

    def known(self, seen: Notes, now: Notes) -> Flags:
        """Cells that still show the board seen, or what had come of the new one."""
        rank = np.array(WIPE_RANK)
        if now[0] == seen[0]:
            cells = (rank < seen[1]) | (rank >= now[1])
        elif now[0] == seen[0] + 1:
            cells = rank >= now[1]
        else:
            cells = np.zeros(CELLS, np.bool_)
        return np.kron(cells.reshape(SIDE, SIDE), np.ones((CELL, CELL), np.bool_)).astype(np.bool_)

    def changes_level(self, now: Notes) -> bool:
        """In celebration and wipe."""
        return bool(now[2] != PLAY)

    def lively(self, notes: Notes) -> bool:
        """Always: one screen is all there is."""
        return True


SIGHTS: dict[str, Sight] = {"platformer": PlatformerSight(), "puzzle": PuzzleSight(), "moon": PlatformerSight()}


def sight_of(world_name: str) -> Sight:
    """The sight of a world. Raises BadInput where none is written."""
    if world_name not in SIGHTS:
        raise BadInput(f"{world_name}: world: can be measured for {', '.join(SIGHTS)}")
    return SIGHTS[world_name]
