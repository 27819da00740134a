"""The reader of puzzle pictures: true frames are read exactly, doctored ones are found out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from models.actions import Action
from training.evaluate.readers.base import RunLog
from training.evaluate.readers.puzzle import PuzzleReader, find_players, look
from training.worlds import puzzle_art as art
from training.worlds.puzzle import PLAY, PuzzleWorld, render_board
from training.worlds.puzzle_levels import BOX, FLOOR, GOAL, WALL, Board

Picture = npt.NDArray[np.uint8]
ROOM = """
########
#      #
#@k D  #
#      #
# $  . #
#      #
#      #
########
"""


def board(text: str = ROOM) -> Board:
    symbols = "".join(text.strip("\n").split("\n"))
    return Board(bytes(" #.$*kD".index(s) if s in " #.$*kD" else 0 for s in symbols), symbols.index("@"))


def edited(cells: dict[int, int], player: int | None = None) -> Picture:
    room = board()
    kinds = bytearray(room.cells)
    for cell, kind in cells.items():
        kinds[cell] = kind
    return render_board(Board(bytes(kinds), room.player if player is None else player))


def run(frames: Sequence[Picture], action: Action = Action.NOOP) -> RunLog:
    reader, log = PuzzleReader(), RunLog()
    for frame in frames:
        log.add(reader.see(frame, action))
    return log


@pytest.fixture(scope="module")
def played() -> tuple[PuzzleWorld, list[RunLog]]:
    """Skilled play over several levels; at rest, the board read is the simulator's."""
    world = PuzzleWorld(4, "report")
    frames, _ = world.reset(seed=2)
    rng = np.random.default_rng(0)
    readers, logs = [PuzzleReader() for _ in range(4)], [RunLog() for _ in range(4)]
    for reader, frame in zip(readers, frames, strict=True):
        reader.see(frame, None)
    at_rest = changes = 0
    for _ in range(330):
        actions = world.suggest(rng)
        frames, _, _, _, info = world.step(actions)
        changes += int((info["events"] & world.event_bit("new_board") > 0).sum())
        for copy, (reader, log) in enumerate(zip(readers, logs, strict=True)):
            log.add(reader.see(frames[copy], world.actions[actions[copy]]))
            if world.state.phase[copy] == PLAY and world.state.progress[copy] == 0:
                at_rest += 1
                assert look(frames[copy]).board() == world.board(copy)
            elif world.state.phase[copy] == PLAY:
                assert len(find_players(frames[copy])) == 1
    assert at_rest > 150 and changes >= 4
    return world, logs


def test_true_play_is_coherent(played: tuple[PuzzleWorld, list[RunLog]]) -> None:
    _, logs = played
    assert all(log.incoherent == {} for log in logs)
    assert sum(log.keys_tried for log in logs) == sum(log.keys_obeyed for log in logs) > 100


def test_what_may_not_change_is_noticed() -> None:
    room = edited({})
    box, goal, wall = 34, 37, 0
    faults = {
        "box lost": edited({box: FLOOR}),
        "box appeared": edited({box + 8: BOX}),
        "wall changed": edited({20: WALL}),
        "goal changed": edited({goal: FLOOR}),
        "player in a wall": edited({}, player=wall),
        "key or door appeared": edited({45: 5}),
    }
    for cause, fault in faults.items():
        assert run([room, *[fault] * 7]).lost_by == cause
    assert run([edited({wall: FLOOR}), *[room] * 7]).lost_by == "wall changed"
    assert run([room, *[edited({goal + 8: GOAL})] * 7]).lost_by == "goal changed"
    # A pushed box and a used key are no breach.
    assert run([room, *[edited({box: FLOOR, box + 1: BOX, 18: FLOOR})] * 7]).lost_at is None


def test_players_are_counted() -> None:
    room = edited({})
    sprite = art.SPRITES[art.PLAYER_SPRITES[art.STAND, 1, 0]]
    twice = art.laid_over(room, sprite, 80, 80)
    none = render_board(board())
    none[32:48, 16:32] = art.FLOOR
    assert run([room, *[twice] * 7]).lost_by == "player twice"
    assert run([room, *[none] * 7]).lost_by == "player missing"


def test_a_picture_of_nothing_is_unreadable() -> None:
    mush = np.random.default_rng(0).integers(0, 16, (128, 128), np.uint8)
    assert run([edited({}), *[mush] * 7]).lost_by == "board unreadable"


def test_a_level_may_not_change_unsolved_nor_for_ever() -> None:
    golden = edited({})
    for column in (0, 1, 2):
        for row in (0, 7):
            golden[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16] = art.GOLD_WALL
    log = run([edited({}), *[golden] * 120])
    assert log.incoherent["unsolved level changed"] == 1
    assert log.lost_by == "endless level change"


def test_a_player_rests_on_cells() -> None:
    between = render_board(board())
    between[32:48, 16:32] = art.FLOOR
    between = art.laid_over(between, art.SPRITES[art.PLAYER_SPRITES[art.STEP, 3, 0]], 80, 40)
    assert run([edited({}), *[between] * 12]).lost_by == "stuck between cells"


def test_keys_are_held_to_the_rule() -> None:
    still = [edited({})] * 20
    assert run(still, Action.DOWN).lost_by == "key not obeyed"
    assert run(still, Action.LEFT).keys_obeyed == run(still, Action.LEFT).keys_tried > 10  # a wall is in the way
    assert run(still, Action.NOOP).keys_tried == 0
