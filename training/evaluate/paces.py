"""What happens in a run, counted from its pictures: what a frozen, blank or ever-dying world can't fake.

Owns what counts as a coin, a death, a level's end, a move, a solved board; refuses to judge how many there should be.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from training.evaluate.readers.base import Reader
from training.evaluate.readers.platformer import PlatformerReader
from training.evaluate.readers.platformer_screen import UNKNOWN, coin_cells, glance_at_map
from training.evaluate.readers.puzzle import PuzzleReader, look
from training.evaluate.readers.sprites import Pictures
from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels
from training.worlds import puzzle_art
from training.worlds.puzzle_levels import GOAL, STEPS

CONFIRMED = 3  # frames that a coin must stay away
REACH = 4  # pixels from the player's hit box that a coin is taken within
CHEER_APART = 12  # frames without a cheer between two level ends

Ints = npt.NDArray[np.int64]


class Paces(Protocol):
    """Follows one run beside its reader."""

    @property
    def counts(self) -> dict[str, float]:
        """What has happened so far, the same names for every run of a world."""

    def see(self, frame: Pictures) -> None:
        """Take the next frame, which the reader has just seen."""

    def tiles(self, frame: Pictures) -> Ints:
        """How many tiles of each kind a frame shows, the last entry those that look like none."""


class PlatformerPaces:
    """Scroll in pixels, coins, deaths, level ends."""

    def __init__(self, reader: Reader) -> None:
        assert isinstance(reader, PlatformerReader)
        self._reader = reader
        self._frame = 0
        self._first_phase: int | None = None
        self._dying = False
        self._deaths = self._ends = 0
        self._cheered = -CHEER_APART - 1  # the newest frame with a cheer
        self._shown: set[tuple[int, int]] = set()  # coins of the newest picture: column, row
        self._gone: dict[tuple[int, int], int] = {}  # coins that went beside the player, and when
        self._taken: set[tuple[int, int]] = set()

    @property
    def counts(self) -> dict[str, float]:
        """Since the first frame."""
        travelled = self._reader.seen.travelled if self._reader.seen else 0
        return {"scroll": travelled, "coins": len(self._taken), "deaths": self._deaths, "level_ends": self._ends}

    def see(self, frame: Pictures) -> None:
        """Take the next frame."""
        seen, dying = self._reader.seen, self._reader.dying
        assert seen is not None
        self._frame += 1
        self._deaths += dying and not self._dying
        self._dying = dying
        if seen.hero is not None and seen.hero.pose == art.HERO_CHEER:
            self._ends += self._frame - self._cheered > CHEER_APART
            self._cheered = self._frame
        if seen.phase is None:
            return
        if self._first_phase is None:
            self._first_phase = seen.phase - seen.travelled
        left = self._first_phase + seen.travelled
        rows, columns = np.nonzero(coin_cells(frame, seen.phase))
        shown = {(left // art.TILE + int(column), int(row)) for row, column in zip(rows, columns, strict=True)}
        if seen.hero is not None and not dying:
            x, y = left + seen.hero.x, seen.hero.y
            self._gone |= {coin: self._frame for coin in self._shown - shown if _touches(coin, x, y)}
        for coin, when in list(self._gone.items()):
            if coin in shown:
                del self._gone[coin]
            elif self._frame - when >= CONFIRMED:
                self._taken.add(coin)
                del self._gone[coin]
        self._shown = shown

    def tiles(self, frame: Pictures) -> Ints:
        """By kind, a kind's three biomes together."""
        assert self._reader.seen is not None
        counts = np.zeros(levels.KINDS + 1, np.int64)
        if self._reader.seen.phase is None:
            counts[-1] = levels.ROWS**2
        else:
            np.add.at(counts, _WITHOUT_BIOME[glance_at_map(frame, self._reader.seen.phase)], 1)
        return counts


def _touches(coin: tuple[int, int], x: int, y: int) -> bool:
    """Whether a hit box at world pixel (x, y) is at a coin."""
    left, top = coin[0] * art.TILE, coin[1] * art.TILE
    near_x = x - REACH < left + art.TILE and left < x + levels.BODY_WIDTH + REACH
    return near_x and y - REACH < top + art.TILE and top < y + levels.BODY_HEIGHT + REACH


def _without_biome() -> Ints:
    """A table from kinds, and the negative ones that stand for none, to entries of a histogram."""
    table = np.arange(levels.KINDS + 3)
    for first in (levels.GROUND_TOP, levels.GROUND_BODY, levels.PIT_TOP, levels.DECORATION):
        table[first : first + levels.BIOMES] = first
    table[UNKNOWN] = levels.KINDS
    table[-2] = levels.EMPTY  # what the lamp hides is sky
    return table


_WITHOUT_BIOME = _without_biome()


class PuzzlePaces:
    """Moves and solved boards."""

    def __init__(self, reader: Reader) -> None:
        assert isinstance(reader, PuzzleReader)
        self._reader = reader
        self._cell: int | None = None  # the player's, at rest
        self._moves = self._solved = 0
        self._changing = self._won = False  # a level change is on; it came from a solved board

    @property
    def counts(self) -> dict[str, float]:
        """Since the first frame."""
        return {"moves": self._moves, "solved": self._solved}

    def see(self, frame: Pictures) -> None:
        """Take the next frame."""
        changing, board = self._reader.changing, self._reader.board
        if changing and not self._changing:
            self._won, self._cell = self._reader.solved, None
        self._changing = changing
        if board is None:
            return
        if self._won and GOAL in board.cells:
            self._solved += 1
            self._won = False
        if self._cell is not None and board.player - self._cell in STEPS:
            self._moves += 1
        self._cell = board.player

    def tiles(self, frame: Pictures) -> Ints:
        """By what stands in a cell; one that sprites hide looks like none."""
        cells = look(frame).cells
        return np.bincount(np.where(cells < 0, len(puzzle_art.TILES), cells), minlength=len(puzzle_art.TILES) + 1)
