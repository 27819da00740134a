"""The puzzle world in time and picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from training.worlds import puzzle_art as art
from training.worlds.puzzle import (
    CELEBRATE,
    CELEBRATE_TICKS,
    MOVE_TICKS,
    PLAY,
    WIPE,
    WIPE_TICKS,
    PuzzleWorld,
    match_tiles,
    read_board,
    render_board,
)
from training.worlds.puzzle_levels import (
    BOX,
    GOAL,
    WIPE_ORDER,
    Board,
    board_is_valid,
    generate_level,
    owed_marks,
    solve,
)

NOOP, UP, DOWN, LEFT, RIGHT = range(5)
SYMBOLS = " #.$*kD"

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


def board_of(text: str, carrying: bool = False) -> Board:
    symbols = "".join(text.strip("\n").split("\n"))
    return Board(bytes(SYMBOLS.index(s) if s in SYMBOLS else 0 for s in symbols), symbols.index("@"), carrying)


def world_at(board: Board) -> PuzzleWorld:
    world = PuzzleWorld(1)
    state = world.snapshot()
    state["cells"][0] = np.frombuffer(board.cells, np.uint8)
    state["player"][0] = board.player
    state["carrying"][0] = board.carrying
    world.restore(state)
    return world


def press(world: PuzzleWorld, action: int) -> tuple[npt.NDArray[np.uint8], set[str]]:
    """One press held for a whole move (one tick where it is blocked): the last frame and all events."""
    names: set[str] = set()
    for _ in range(MOVE_TICKS):
        frames, _, _, _, info = world.step(np.array([action]))
        names |= {name for name in world.event_names if info["events"][0] & world.event_bit(name)}
        if not world.state.progress[0]:
            break
    return frames[0], names


def index_of(action: str) -> int:
    return [str(a) for a in PuzzleWorld.actions].index(action)


def solved(seed: int) -> PuzzleWorld:
    """A world whose first board has just been solved."""
    world = PuzzleWorld(1)
    world.reset(seed=seed)
    presses = solve(world.board(0))
    assert presses is not None
    for action in presses:
        _, names = press(world, index_of(action))
    assert "solved" in names
    return world


def changed_patches(before: npt.NDArray[np.uint8], after: npt.NDArray[np.uint8]) -> set[tuple[int, int]]:
    differs = (before != after).reshape(16, 8, 16, 8).any((1, 3))
    return {(int(r), int(c)) for r, c in np.argwhere(differs)}


def test_frames_are_palette_indices_and_repeat() -> None:
    runs = []
    for _ in range(2):
        world = PuzzleWorld(6)
        frames, _ = world.reset(seed=3)
        rng = np.random.default_rng(0)
        kept = [frames]
        for _ in range(300):
            kept.append(world.step(world.suggest(rng))[0])
        runs.append(np.stack(kept))
    assert runs[0].dtype == np.uint8 and runs[0].shape == (301, 6, 128, 128)
    assert runs[0].max() < 16
    assert np.array_equal(runs[0], runs[1])


def test_seeds_and_splits_give_other_boards() -> None:
    world = PuzzleWorld(40)
    frames, _ = world.reset(seed=0)
    assert len({frame.tobytes() for frame in frames}) == 40
    assert np.array_equal(PuzzleWorld(1).reset(seed=7)[0][0], frames[7])
    assert not np.array_equal(PuzzleWorld(1, "report").reset(seed=7)[0][0], frames[7])


def test_a_restored_snapshot_goes_on_the_same() -> None:
    world = PuzzleWorld(24)
    world.reset(seed=11)
    rng = np.random.default_rng(1)
    picked = np.array([20, 3, 3, 17, 8])
    phases: set[int] = set()
    for tick in range(500):
        actions = np.where(rng.random(24) < 0.1, rng.integers(0, 5, 24), world.suggest(rng))
        if tick % 29 == 0:
            other = PuzzleWorld(len(picked))
            other.restore({name: array[picked] for name, array in world.snapshot().items()})
            assert np.array_equal(other.render_frames(), world.render_frames()[picked])
        frames, _, _, _, info = world.step(actions)
        mirrored, _, _, _, mirrored_info = other.step(actions[picked])
        assert np.array_equal(mirrored, frames[picked])
        assert np.array_equal(mirrored_info["events"], info["events"][picked])
        phases |= set(world.state.phase[picked].tolist())
    assert phases == {PLAY, CELEBRATE, WIPE}


def test_a_snapshot_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 2 copies"):
        PuzzleWorld(2).restore(PuzzleWorld(3).snapshot())


def test_dirty_drawing_equals_drawing_all() -> None:
    world = PuzzleWorld(16)
    world.reset(seed=2)
    rng = np.random.default_rng(5)
    fresh = PuzzleWorld(16)
    for _ in range(400):
        actions = np.where(rng.random(16) < 0.3, rng.integers(0, 5, 16), world.suggest(rng))
        frames = world.step(actions)[0]
        fresh.restore(world.snapshot())
        assert np.array_equal(fresh.render_frames(), frames)


def test_a_move_takes_four_ticks_of_four_pixels() -> None:
    world = world_at(board_of(ROOM))
    start = world.state.player[0]
    heads = []
    for tick in range(1, MOVE_TICKS + 1):
        frame = world.step(np.array([DOWN if tick == 1 else UP]))[0][0]
        heads.append(int(np.argwhere((frame == 13).any(1))[0, 0]))  # first row with the hat's colour
        assert world.state.progress[0] == tick % MOVE_TICKS
    assert np.diff(heads).tolist() == [4, 4, 4]
    assert world.state.player[0] == start + 8


def test_key_and_door() -> None:
    world = world_at(board_of(ROOM))
    for _ in range(3):
        frame = world.step(np.array([RIGHT]))[0][0]
        assert not world.state.carrying[0]
    frame, _, _, _, info = world.step(np.array([RIGHT]))
    assert info["events"][0] == world.event_bit("key")
    board = read_board(frame[0])
    assert board is not None and board.carrying and board == world.board(0)
    assert press(world, RIGHT)[1] == {"move"}
    frame, names = press(world, RIGHT)
    assert names == {"move", "door"}
    board = read_board(frame)
    assert board is not None and not board.carrying and board.where(5, 6) == 0


def test_a_locked_door_blocks_the_player_and_boxes() -> None:
    board = board_of("########|#     .#|# $@D  #|#      #|#      #|#      #|#      #|########".replace("|", "\n"))
    world = world_at(board)
    frame, names = press(world, RIGHT)
    assert names == {"blocked_door"} and world.board(0) == board
    assert not np.array_equal(frame, render_board(board, facing=3))  # it strains
    world = world_at(
        board_of("########|#     .#|#@$D   #|#      #|#      #|#      #|#      #|########".replace("|", "\n"))
    )
    assert press(world, RIGHT)[1] == {"blocked_box"}
    world = world_at(
        board_of("########|#     .#|#@$k D #|#      #|#      #|#      #|#      #|########".replace("|", "\n"))
    )
    assert press(world, RIGHT)[1] == {"blocked_box"}
    world = world_at(
        board_of("########|#..    #|#@$$   #|#      #|#      #|#      #|#      #|########".replace("|", "\n"))
    )
    assert press(world, RIGHT)[1] == {"blocked_box"}
    assert press(world, LEFT)[1] == {"blocked_wall"}


def test_pushes_goals_and_corners() -> None:
    rows = "########|#      #|#@$. . #|#      #|#  $   #|#      #|#      #|########"
    world = world_at(board_of(rows.replace("|", "\n")))
    before = render_board(world.board(0))
    frame, names = press(world, RIGHT)
    assert names == {"push", "box_on_goal"}
    assert len(changed_patches(before, frame)) > 4
    frame, names = press(world, RIGHT)
    assert names == {"push", "box_off_goal", "onto_goal"}
    assert read_board(frame) == world.board(0)
    assert press(world, LEFT)[1] == {"move", "off_goal"}
    rows = "########|#  .   #|#   @  #|#   $  #|#      #|#      #|#      #|########"
    world = world_at(board_of(rows.replace("|", "\n")))
    for action in (DOWN, DOWN, DOWN):
        _, names = press(world, action)
    assert names == {"push"} and not world.stuck[0]
    for action in (LEFT, DOWN, RIGHT):
        _, names = press(world, action)
    assert not world.stuck[0]
    _, names = press(world, RIGHT)
    assert names == {"push", "stuck"} and world.stuck[0]


def test_solving_shows_gold_then_wipes_one_patch_at_a_time() -> None:
    world = solved(4)
    old = world.render_frames()[0]
    assert not world.calm[0]
    for tick in range(1, CELEBRATE_TICKS + 1):
        assert world.state.phase[0] == CELEBRATE
        frame = world.step(np.array([UP]))[0][0]
        top = frame[:16].reshape(16, 8, 16)
        assert [bool((top[:, c] == art.TILES[art.GOLD_TILE]).all()) for c in range(8)] == [c < tick for c in range(8)]
    for tick in range(1, WIPE_TICKS + 1):
        marks = owed_marks(Board(world.state.next_cells[0].tobytes(), int(world.state.next_player[0])))
        stepped = world.step(np.array([LEFT]))
        before, frame = frame, stepped[0][0]
        rank = tick - 1
        entrance = stepped[-1]["events"][0] & world.event_bit("entrance") > 0
        assert entrance == (rank == 9), "where the player enters"
        row, column = divmod(WIPE_ORDER[min(rank, 63)], 8)
        bloom = divmod(WIPE_ORDER[rank - 1], 8) if rank else (-1, -1)
        places = {(2 * r + i, 2 * c + j) for r, c in ((row, column), bloom) for i in (0, 1) for j in (0, 1)}
        assert changed_patches(before, frame) <= places
        if rank < 64:
            cell = frame[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16]
            assert (cell[8:] == 0).all() and cell[:8, :8].any()
            assert np.array_equal(cell[:8, 8:], art.MARKS[marks[row * 8 + column]])
        elif rank == 64:
            board = read_board(frame)
            assert board == world.board(0) and board is not None and board_is_valid(board)
    assert world.state.phase[0] == PLAY and world.calm[0]
    assert np.array_equal(frame, render_board(world.board(0)))
    assert not np.array_equal(frame, old)


def test_a_wipe_says_where_a_board_still_owes_something() -> None:
    world, seen = PuzzleWorld(24), 0
    rng = np.random.default_rng(0)
    world.reset(seed=50)
    for _ in range(700):
        *_, info = world.step(world.suggest(rng))
        due = info["events"] & world.event_bit("due") > 0
        for copy in np.flatnonzero((world.state.phase == WIPE) & (world.state.timer <= 64)):
            rank = int(world.state.timer[copy]) - 1
            came = [world.state.next_cells[copy, cell] for cell in WIPE_ORDER[:rank]]
            lacks = not came.count(BOX) or came.count(BOX) != came.count(GOAL)
            assert due[copy] == (WIPE_ORDER[rank] % 8 in (5, 6) and lacks)
            seen += due[copy]
    assert seen > 100


def test_what_might_have_come_is_told_as_it_is_drawn() -> None:
    world, told = solved(4), 0
    for _ in range(CELEBRATE_TICKS + WIPE_TICKS):
        world.step(np.array([NOOP]))
        for chance in world.chances():
            assert world.snapshot()["phase"][0] == WIPE and chance.odds.sum() == pytest.approx(1.0)
            place = np.s_[chance.row * 8 : chance.row * 8 + 8, chance.column * 8 : chance.column * 8 + 8]
            assert (world.render_frames()[0][place] == chance.patches[chance.came]).all()
            assert len({patch.tobytes() for patch in chance.patches}) == len(chance.odds)
            told += 1
    assert told == 70  # glyph and mark of the inner cells but for the entrance


def test_the_wipe_depends_on_nothing_but_glyphs_and_marks() -> None:
    """What a cell blooms into follows from its glyph alone, and the next cell's mark from its glyph and mark."""
    bloomed: dict[bytes, bytes] = {}
    marked: dict[bytes, bytes] = {}
    for seed in range(24):
        world = solved(seed)
        for _ in range(CELEBRATE_TICKS):
            world.step(np.array([NOOP]))
        glyph = mark = b""
        for tick in range(1, WIPE_TICKS + 1):
            frame = world.step(np.array([NOOP]))[0][0]
            if tick > 1:
                row, column = divmod(WIPE_ORDER[tick - 2], 8)
                cell = frame[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16].tobytes()
                assert bloomed.setdefault(glyph, cell) == cell
            row, column = divmod(WIPE_ORDER[min(tick - 1, 63)], 8)
            if tick < WIPE_TICKS:
                shown = frame[row * 16 : row * 16 + 8, column * 16 + 8 : column * 16 + 16].tobytes()
                assert marked.setdefault(glyph + mark, shown) == shown
                glyph = frame[row * 16 : row * 16 + 8, column * 16 : column * 16 + 8].tobytes()
                mark = shown
    assert len(bloomed) == 7
    assert len(marked) > 30


def test_read_board_inverts_render_board() -> None:
    for seed in range(60):
        board = generate_level(seed).board
        assert read_board(render_board(board, facing=seed % 4)) == board
    frame = render_board(board)
    frame[2:4, 2:4] = 15
    assert read_board(frame) == board
    assert match_tiles(frame)[1].tolist().count(0) == 63
    frame[:16, :16] = 15
    assert read_board(frame) is None
    assert read_board(np.zeros((128, 128), np.uint8)) is None


def test_suggest_solves_boards_even_when_disturbed() -> None:
    for noise, least in ((0.0, 100), (0.1, 50)):
        world = PuzzleWorld(32)
        world.reset(seed=100)
        rng = np.random.default_rng(2)
        count = 0
        for _ in range(800):
            noisy = rng.random(32) < noise
            _, _, _, _, info = world.step(np.where(noisy, rng.integers(0, 5, 32), world.suggest(rng)))
            count += int((info["events"] & world.event_bit("solved") > 0).sum())
        assert count >= least
        if not noise:
            assert not world.stuck.any()


def test_every_generated_level_is_solved_by_its_solution_in_the_world() -> None:
    world = PuzzleWorld(64, "choose")
    world.reset(seed=0)
    plans = []
    for copy in range(64):
        presses = solve(world.board(copy))
        assert presses is not None
        plans.append([index_of(action) for action in presses])
    done = np.zeros(64, bool)
    for tick in range(MOVE_TICKS * max(map(len, plans))):
        move = tick // MOVE_TICKS
        actions = np.array([plan[move] if move < len(plan) else NOOP for plan in plans])
        _, _, _, _, info = world.step(actions)
        done |= (info["events"] & world.event_bit("solved")) > 0
    assert done.all()


def test_palettes_are_whole_and_contrast_is_spread() -> None:
    assert len(PuzzleWorld.palettes) >= 5
    assert all(len(palette) == 16 for palette in PuzzleWorld.palettes.values())
    spread = np.array(PuzzleWorld.palettes["contrast"], float)
    distance = np.linalg.norm(spread[:, None] - spread[None], axis=-1) + np.eye(16) * 999
    assert distance.min() > 80
    assert art.SPRITES.shape == (41, 16, 16)
