"""Whether what a world makes up could be played: new boards and new ground, judged by the generators' own checks.

Owns how they are brought about and counted; refuses the reading of pictures (readers). What doesn't come at all counts
as one that can't be played.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from engine.autoplay import ScriptAutoplayer
from training.evaluate.footage import SPLIT, Moment, Pictures, stream_moments
from training.evaluate.interval import wilson
from training.evaluate.neural_world import Playable, each
from training.evaluate.readers.platformer import camera_phase
from training.evaluate.readers.platformer_screen import HIDDEN, UNKNOWN, Ints, read_map
from training.evaluate.readers.puzzle import look
from training.worlds.base import FRAME_SIZE, SimulatedWorld
from training.worlds.platformer import Platformer
from training.worlds.platformer_levels import COIN, EMPTY, FRIEZE, RUNE, level_is_passable, next_column
from training.worlds.puzzle import CELEBRATE, CELEBRATE_TICKS, WIPE_TICKS, PuzzleWorld
from training.worlds.puzzle_levels import Board, board_is_valid, board_is_well_formed

COPIES = 32
READ_LATE = 8  # ticks after a level change that the board may take to be readable
SCRIPT = "hop"  # of the platformer: it gets on
LEDGE = 4  # columns from the left in which a player must be able to begin


def find_solved(count: int, seed: int, split: str = SPLIT) -> list[Moment]:
    """Moments of the puzzle at which a board has just been solved."""

    def solved(world: SimulatedWorld, tick: int) -> Any:
        assert isinstance(world, PuzzleWorld)
        return (world.state.phase == CELEBRATE) & (world.state.timer == 0)

    return [moment for _, moment in islice(stream_moments("puzzle", COPIES, seed, solved, split), count)]


def measure_dreamt_boards(playable: Playable, moments: Sequence[Moment]) -> dict[str, Any]:
    """From each solved board, no key until the next one is there. `valid`: whole border, one player, one to three boxes
    and as many goals, key and door in order, and a solution."""
    boards = each(playable, lambda world, number, moment: _next_board(world, moment, number), moments)
    came = [board for board in boards if board is not None]
    valid = sum(board_is_valid(board) for board in came)
    return {
        "valid": valid / len(boards) if boards else None,
        "boards": len(boards),
        "unreadable": len(boards) - len(came),
        "well_formed": sum(board_is_well_formed(board) for board in came) / len(boards) if boards else None,
        "distinct": len(set(came)) / len(boards) if boards else None,
        "intervals": {"valid": wilson(valid, len(boards))},
    }


def _next_board(playable: Playable, moment: Moment, rng_seed: int) -> Board | None:
    """The board that comes; None where the old one stays or nothing can be read."""
    playable.begin(moment, rng_seed)
    for _ in range(CELEBRATE_TICKS + WIPE_TICKS):
        picture = playable.step(0)
    for _ in range(READ_LATE):
        board = look(picture).board()
        if board is not None:
            return None if board == look(moment.frames[-1]).board() else board
        picture = playable.step(0)
    return None


def measure_dreamt_screens(playable: Playable, starts: Sequence[Moment], frames: int) -> dict[str, Any]:
    """A script plays `frames` frames from each start; each screen of which nothing was seen at the start or on the last
    screen is read. `valid`: every tile is one, each column is what the rune before it said, and it can be passed."""
    screens: list[str | None] = []
    for faults in each(playable, lambda world, number, start: _screens_of(world, start, number, frames), starts):
        screens += faults or ["no new screen"]
    valid = screens.count(None)
    return {
        "valid": valid / len(screens) if screens else None,
        "screens": len(screens),
        "faults": {fault: screens.count(fault) for fault in sorted({fault for fault in screens if fault is not None})},
        "frames": frames,
        "intervals": {"valid": wilson(valid, len(screens))},
    }


def _screens_of(playable: Playable, start: Moment, number: int, frames: int) -> list[str | None]:
    """What is wrong with each new screen of a run, None where nothing is."""
    actions = list(Platformer.actions)
    autoplayer = ScriptAutoplayer(Platformer.scripts[SCRIPT])
    playable.begin(start, number)
    picture, travelled = start.frames[-1], 0
    phase = camera_phase(picture)
    faults: list[str | None] = []
    for _ in range(frames):
        picture = playable.step(actions.index(autoplayer.next_action(picture)))
        now = camera_phase(picture)
        if now is not None and phase is not None:
            travelled += (now - phase + 3) % 8 - 3
        phase = now
        if travelled >= FRAME_SIZE * (len(faults) + 1):
            faults.append(screen_fault(picture))
    return faults


def screen_fault(picture: Pictures) -> str | None:
    """What is wrong with a screen uint8 [128,128] by the rules of the ground; None where nothing is."""
    phase = camera_phase(picture)
    if phase is None:
        return "frieze unreadable"
    tiles = read_map(picture, phase)
    if (tiles == UNKNOWN).any():
        return "stray tile"
    filled = _filled(tiles)
    if filled is None:
        return "not as its rune said"
    for first in range(LEDGE):
        if level_is_passable(filled[:, first:]):
            return None
    return "can't be passed"


def _filled(tiles: Ints) -> Ints | None:
    """A map with the hidden tiles as the rule has them; None where a column isn't as the one before it said. A coin may
    be missing, since it may have been taken."""
    columns = [np.where(tiles[:, 0] == HIDDEN, EMPTY, tiles[:, 0])]
    for seen in tiles.T[1:]:
        try:
            said = np.frombuffer(next_column(columns[-1].astype(np.uint8).tobytes()), np.uint8).astype(np.int64)
        except ValueError:
            # What a column hides may be its ground: nothing is said of the next then.
            said = np.where(seen[:FRIEZE] == HIDDEN, EMPTY, seen[:FRIEZE])
        except IndexError:
            return None  # steps that lead out of the screen are never told
        taken = (said == COIN) & (seen[:FRIEZE] == EMPTY)
        if ((seen[:FRIEZE] != said) & (seen[:FRIEZE] != HIDDEN) & ~taken).any():
            return None
        rune = RUNE if seen[FRIEZE] == HIDDEN else int(seen[FRIEZE])
        columns.append(np.append(np.where(taken, EMPTY, said), rune))
    return np.stack(columns, axis=1)
