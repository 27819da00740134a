"""Reads puzzle pictures, also in mid-move: player and pushed crate by their sprites, every other cell by its tile.

Owns what a coherent picture and an obeyed key are in this world; refuses the simulator, of which it knows only art,
tile kinds and the rule of one move.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from models.actions import Action
from training.evaluate.readers.base import Verdict
from training.evaluate.readers.sprites import PAD, Found, Pictures, Sprites, apart, box_counts, count, padded
from training.worlds import puzzle_art as art
from training.worlds.puzzle import CELEBRATE_TICKS, MOVE_TICKS, WIPE_TICKS
from training.worlds.puzzle_levels import (
    BOX,
    BOX_ON_GOAL,
    CELLS,
    DIRECTION_ACTIONS,
    DOOR,
    GOAL,
    KEY,
    SIDE,
    STEPS,
    WALL,
    Board,
    move,
    position_of,
)

PRESENT = 0.35  # share of a sprite's pixels that may be wrong
TILE_WRONG = 0.3  # the same of a cell
LEAST_SEEN = 100  # pixels of a cell that sprites leave to be seen
MOST_UNREADABLE = 2  # cells of a picture
STRAY_GOLD = 1  # cells that may look golden, or like a glyph, without a level change having begun
LONGEST_CHANGE = CELEBRATE_TICKS + WIPE_TICKS + 12  # frames
LONGEST_BETWEEN = (
    MOVE_TICKS  # frames that a player may be between two cells, a little longer than a move shows it there
)
UNKNOWN = -1

_Pixel = TypeVar("_Pixel", bound=np.generic)
_STEP_PIXELS = art.CELL // MOVE_TICKS
_HAT, _FACE, _HAIR = 13, 12, 10
_PLAYERS = Sprites(art.SPRITES[: art.CRATE_SPRITE], art.CLEAR, least_visible=90)
_CRATE = Sprites(art.SPRITES[art.CRATE_SPRITE :], art.CLEAR, least_visible=90)
_TILES = art.TILES.reshape(1, len(art.TILES), -1)
_CARRYING = np.zeros(art.CRATE_SPRITE, np.bool_)
_CARRYING[art.PLAYER_SPRITES[:, :, 1].ravel()] = True


@dataclass(frozen=True)
class Sighting:
    """What one picture shows. `players` in pixels of their sprites' top left; `cells` int64 [64]: tile of every cell,
    `UNKNOWN` where it can't be read or too little of it is seen; `hidden` are those of them that sprites cover;
    `crates` on their way."""

    players: tuple[Found, ...]
    cells: npt.NDArray[np.int64]
    hidden: int
    crates: int

    @property
    def unreadable(self) -> int:
        """Cells that are seen and look like nothing."""
        return int((self.cells == UNKNOWN).sum()) - self.hidden

    @property
    def gold(self) -> int:
        """Cells that are golden or show a glyph, as in a level change."""
        return int((self.cells >= art.GOLD_TILE).sum())

    @property
    def boxes(self) -> int:
        """Crates that are seen."""
        return self.crates + int(np.isin(self.cells, (BOX, BOX_ON_GOAL)).sum())

    @property
    def player_cell(self) -> int | None:
        """The cell that the one player is nearest to."""
        if len(self.players) != 1:
            return None
        row, column = (round(at / art.CELL) for at in (self.players[0].y, self.players[0].x))
        return min(max(row, 0), SIDE - 1) * SIDE + min(max(column, 0), SIDE - 1)

    @property
    def between(self) -> bool:
        """Whether the one player is between two cells."""
        return len(self.players) == 1 and bool(self.players[0].x % art.CELL or self.players[0].y % art.CELL)

    def board(self) -> Board | None:
        """The board at rest that the picture shows; None in mid-move, in a level change, or where a cell is unclear."""
        if len(self.players) != 1 or self.between or self.gold or (self.cells == UNKNOWN).any():
            return None
        player = self.players[0]
        cell = player.y // art.CELL * SIDE + player.x // art.CELL
        return Board(self.cells.astype(np.uint8).tobytes(), cell, bool(_CARRYING[player.look]))


def find_players(frame: Pictures) -> list[Found]:
    """Every player in a picture uint8 [128,128], best first."""
    wide = padded(frame)
    size = art.CELL
    hats = box_counts((wide == _HAT) | (wide == _FACE) | (wide == _HAIR), 0, size, size)
    likely = np.zeros_like(hats, np.bool_)
    likely[PAD::_STEP_PIXELS, PAD::_STEP_PIXELS] = hats[PAD::_STEP_PIXELS, PAD::_STEP_PIXELS] >= 24
    likely[-PAD:] = likely[:, -PAD:] = False
    places = np.argwhere(likely)[:, ::-1] - PAD
    return apart(_PLAYERS.match(wide, places, PRESENT), art.CELL // 2)


def _pushed_crates(frame: Pictures, players: list[Found]) -> list[Found]:
    """A crate that is being pushed, one cell ahead of a player in mid-move."""
    found: list[Found] = []
    for player in players:
        if player.x % art.CELL == 0 and player.y % art.CELL == 0:
            continue
        sideways = player.x % art.CELL != 0
        ahead = [
            (player.x + step * art.CELL * sideways, player.y + step * art.CELL * (not sideways)) for step in (-1, 1)
        ]
        inside = [place for place in ahead if min(place) >= 0 and max(place) <= frame.shape[0] - art.CELL]
        found += _CRATE.match(padded(frame), np.array(inside, np.int64).reshape(-1, 2), PRESENT)
    return found


def look(frame: Pictures) -> Sighting:
    """Read one picture uint8 [128,128]."""
    players = find_players(frame)
    crates = _pushed_crates(frame, players)
    seen = ~(_PLAYERS.cover(frame.shape, players) | _CRATE.cover(frame.shape, crates))
    cells, visible = _cells_of(frame), _cells_of(seen)
    shown = count(visible)
    wrong = count((cells[:, None] != _TILES) & visible[:, None])
    nearest = wrong.argmin(1)
    hidden = shown < LEAST_SEEN
    good = ~hidden & (wrong[np.arange(CELLS), nearest] <= TILE_WRONG * shown)
    return Sighting(tuple(players), np.where(good, nearest, UNKNOWN), int(hidden.sum()), len(crates))


def _cells_of(picture: npt.NDArray[_Pixel]) -> npt.NDArray[_Pixel]:
    """[128,128] cell by cell: [64,256]."""
    return picture.reshape(SIDE, art.CELL, SIDE, art.CELL).transpose(0, 2, 1, 3).reshape(CELLS, -1)


@dataclass(frozen=True)
class _Level:
    """What may not change until the level does."""

    cells: npt.NDArray[np.int64]
    boxes: int
    keys: int
    doors: int

    @classmethod
    def of(cls, seen: Sighting) -> _Level:
        kinds = Counter(seen.cells.tolist())
        return cls(seen.cells, seen.boxes, kinds[KEY], kinds[DOOR])

    def breach(self, seen: Sighting) -> str | None:
        """What of this level's board is no longer so."""
        both = (seen.cells != UNKNOWN) & (self.cells != UNKNOWN)
        if ((seen.cells == WALL) != (self.cells == WALL))[both & _settled(seen)].any():
            return "wall changed"
        if (np.isin(seen.cells, (GOAL, BOX_ON_GOAL)) != np.isin(self.cells, (GOAL, BOX_ON_GOAL)))[both].any():
            return "goal changed"
        unseen = int((seen.cells == UNKNOWN).sum())
        if not seen.boxes <= self.boxes <= seen.boxes + unseen:
            return "box lost" if seen.boxes < self.boxes else "box appeared"
        kinds = Counter(seen.cells.tolist())
        if kinds[KEY] > self.keys or kinds[DOOR] > self.doors:
            return "key or door appeared"
        cell = seen.player_cell
        return "player in a wall" if cell is not None and self.cells[cell] == WALL else None


def _settled(seen: Sighting) -> npt.NDArray[np.bool_]:
    """bool [64]: cells that aren't gold or glyphs."""
    return seen.cells < art.GOLD_TILE


@dataclass(frozen=True)
class _Press:
    """A key at a player at rest: the board it met and where the player will be if the rule holds."""

    action: Action
    start: int
    expected: int


class PuzzleReader:
    """One run of the puzzle."""

    def __init__(self) -> None:
        self._level: _Level | None = None
        self._board: Board | None = None  # of the newest frame, where it could be read at rest
        self._changing = 0  # frames into a level change
        self._between = 0  # frames between two cells
        self._presses: deque[_Press | None] = deque(maxlen=MOVE_TICKS)
        self._actions: deque[Action] = deque(maxlen=MOVE_TICKS)
        self.solved = False  # the newest board that could be read had no goal left

    @property
    def board(self) -> Board | None:
        """The board at rest that the newest picture shows."""
        return self._board

    @property
    def changing(self) -> bool:
        """Whether the newest picture is one of a level change."""
        return self._changing > 0

    def see(self, frame: Pictures, action: Action | None) -> Verdict:
        """Judge the next frame; `action` led to it."""
        if action is not None:
            self._actions.append(action)
            self._presses.append(self._press(action))
        seen = look(frame)
        self._changing = self._changing + 1 if seen.gold > (0 if self._changing else STRAY_GOLD) else 0
        self._between = self._between + 1 if seen.between else 0
        cause = self._cause(seen)
        obeyed = self._key_obeyed(seen)
        if cause is None and obeyed is False:
            cause = "key not obeyed"
        self._board = seen.board()
        if self._board is not None:
            self.solved = GOAL not in self._board.cells
        return Verdict(cause, len(seen.players), obeyed)

    def _cause(self, seen: Sighting) -> str | None:
        if seen.unreadable > MOST_UNREADABLE:
            return "board unreadable"
        if self._changing:
            return self._cause_in_change(seen)
        if len(seen.players) != 1:
            return "player twice" if seen.players else "player missing"
        if self._between > LONGEST_BETWEEN:
            return "stuck between cells"
        if self._level is None:
            if seen.board() is not None:
                self._level = _Level.of(seen)
            return None
        return self._level.breach(seen)

    def _cause_in_change(self, seen: Sighting) -> str | None:
        """Between levels the old player goes and the new one comes, so that none, one or both are seen."""
        if self._changing == 1 and self._level is not None and not self.solved:
            return "unsolved level changed"
        self._level = None
        if len(seen.players) > 2:
            return "player twice"
        return "endless level change" if self._changing > LONGEST_CHANGE else None

    def _press(self, action: Action) -> _Press | None:
        """What the key asks of the board as it was read last."""
        board = self._board
        if board is None or action not in DIRECTION_ACTIONS or GOAL not in board.cells:
            return None
        target = board.player + STEPS[DIRECTION_ACTIONS.index(action)]
        if not 0 < target < CELLS - 1:
            return None
        expected = move(position_of(board), DIRECTION_ACTIONS.index(action)).player
        return _Press(action, board.player, expected)

    def _key_obeyed(self, seen: Sighting) -> bool | None:
        """Whether a key held for a whole move has moved the player as the rule of one move says."""
        if len(self._presses) < MOVE_TICKS or len(set(self._actions)) > 1 or self._changing:
            return None
        press, cell = self._presses[0], seen.player_cell
        return None if press is None or cell is None else cell == press.expected
