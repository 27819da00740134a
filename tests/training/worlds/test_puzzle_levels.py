"""Boards of the puzzle: generator, solver and rules at rest."""

from __future__ import annotations

import random
from collections import deque
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.worlds.base import SPLITS
from training.worlds.puzzle_levels import (
    BOX,
    BOX_ON_GOAL,
    CELLS,
    DIRECTION_ACTIONS,
    DOOR,
    ENTRANCE,
    GOAL,
    KEY,
    OWED_GOAL,
    OWED_KINDS,
    OWED_NOTHING,
    OWED_PLAYER,
    PAIR_COUNTS,
    SIDE,
    WALL,
    WIPE_ORDER,
    WIPE_RANK,
    Board,
    Position,
    board_identity,
    board_is_valid,
    board_is_well_formed,
    chances_after,
    draw_board,
    generate_level,
    in_dead_corner,
    move,
    owed_marks,
    position_of,
    solve,
    solve_pushes,
)

SYMBOLS = " #.$*kD"
LEVELS = [generate_level(seed) for seed in range(300)]


def board_of(rows: str, carrying: bool = False) -> Board:
    """Six rows of six cells, split by `|`; the border is put around."""
    symbols = "#" * 8 + "".join(f"#{row}#" for row in rows.split("|")) + "#" * 8
    return Board(bytes(SYMBOLS.index(s) if s in SYMBOLS else 0 for s in symbols), symbols.index("@"), carrying)


def is_solved(position: Position) -> bool:
    return position.goals & ~position.boxes == 0


def solvable_by_brute_force(start: Position) -> bool:
    """Every press from every state: slow and without a single idea, so independent of the solver's."""
    seen, queue = {start}, deque([start])
    while queue:
        now = queue.popleft()
        if is_solved(now):
            return True
        for direction in range(4):
            after = move(now, direction)
            if after not in seen:
                seen.add(after)
                queue.append(after)
    return False


def test_levels_are_deterministic_valid_and_solved_by_their_pushes() -> None:
    for seed, level in enumerate(LEVELS):
        assert generate_level(seed) == level
        assert board_is_well_formed(level.board)
        assert solve_pushes(position_of(level.board)) == level.pushes
        presses = solve(level.board)
        assert presses is not None
        position = position_of(level.board)
        for action in presses:
            assert not is_solved(position)
            after = move(position, DIRECTION_ACTIONS.index(action))
            assert after != position
            position = after
        assert is_solved(position)


def test_levels_keep_to_the_layout_that_makes_them_easy_to_sample() -> None:
    for level in LEVELS:
        position = position_of(level.board)
        assert level.board.player == ENTRANCE == next(c for c in WIPE_ORDER if level.board.cells[c] != WALL)
        assert 4 <= len(level.pushes) <= 14
        assert BOX_ON_GOAL not in level.board.cells
        if position.door:
            assert WIPE_RANK[level.board.cells.index(KEY)] < WIPE_RANK[level.board.cells.index(DOOR)]
        inner = [cell for cell in range(CELLS) if 2 <= cell // SIDE <= 5 and 2 <= cell % SIDE <= 5]
        assert all(cell in inner for cell in range(CELLS) if level.board.cells[cell] == BOX)
        assert not any(in_dead_corner(cell, position.walls) for cell in range(CELLS) if level.board.cells[cell] == GOAL)
        ahead = 0
        for cell in WIPE_ORDER:
            ahead += (level.board.cells[cell] == BOX) - (level.board.cells[cell] == GOAL)
            assert abs(ahead) <= 1
    share = np.mean([DOOR in level.board.cells for level in LEVELS])
    assert 0.3 < share < 0.5
    assert {level.board.cells.count(BOX) for level in LEVELS} == {1, 2, 3}
    assert len({level.board for level in LEVELS}) >= 297


def test_every_cell_of_the_wipe_lies_beside_the_one_before() -> None:
    assert sorted(WIPE_ORDER) == list(range(CELLS)) and [WIPE_ORDER[rank] for rank in WIPE_RANK] == list(range(CELLS))
    assert all(abs(after - before) in (1, SIDE) for before, after in pairwise(WIPE_ORDER))


def test_boards_drawn_by_the_local_rules_alone_can_mostly_be_solved() -> None:
    draw = random.Random(0)
    assert np.mean([board_is_valid(draw_board(draw)) for _ in range(500)]) > 0.9


def test_marks_say_what_is_owed() -> None:
    board = board_of("  #  .|  #   |  # $ |  #   |k D   |@ #   ")
    marks = owed_marks(board)
    assert marks[0] == OWED_PLAYER == marks[board.player] and marks[board.cells.index(KEY)] == OWED_NOTHING
    door, box = board.cells.index(DOOR), board.cells.index(BOX)
    assert marks[door] == OWED_NOTHING + OWED_KINDS * PAIR_COUNTS and marks[door - SIDE] == OWED_NOTHING
    assert marks[box] == OWED_NOTHING and marks[board.cells.index(GOAL)] == OWED_GOAL
    assert marks[WIPE_ORDER[-1]] == OWED_NOTHING + OWED_KINDS


def test_a_board_is_drawn_on_from_how_it_has_begun() -> None:
    draw = random.Random(4)
    for seed in range(12):
        cells = generate_level(seed).board.cells
        order = bytes(cells[cell] for cell in WIPE_ORDER)
        for rank in range(0, CELLS, 7):
            drawn = draw_board(draw, order[:rank])
            assert bytes(drawn.cells[cell] for cell in WIPE_ORDER[:rank]) == order[:rank]


def test_chances_are_those_of_boards_that_begin_alike() -> None:
    """Beside how often it is so among the levels themselves."""
    orders = [bytes(level.board.cells[cell] for cell in WIPE_ORDER) for level in map(generate_level, range(1500))]
    first, second = WIPE_RANK[ENTRANCE] + 1, WIPE_RANK[ENTRANCE] + 2
    told = chances_after(orders[0][:first], orders[0][first], 0, boards=600)
    keys = sum(order[first] == KEY for order in orders) / len(orders)
    assert told[KEY] == pytest.approx(keys, abs=0.04) and sum(told.values()) == pytest.approx(1.0)
    locked = next(order for order in orders if order[first] == KEY)
    assert KEY not in chances_after(locked[:second], locked[second], 0)


def test_what_is_owed_must_come_where_it_can_come_last() -> None:
    last = 0
    for seed in range(150):
        board = generate_level(seed).board
        order = bytes(board.cells[cell] for cell in WIPE_ORDER)
        rank = max(order.rindex(bytes([kind])) for kind in (BOX, GOAL))
        told = chances_after(order[:rank], order[rank], seed)
        last += told == {order[rank]: 1.0}
    assert last > 5


def test_what_is_owed_comes() -> None:
    draw = random.Random(11)
    assert all(board_is_well_formed(draw_board(draw)) for _ in range(3000))


def test_the_door_matters() -> None:
    for level in LEVELS[:150]:
        if DOOR not in level.board.cells:
            continue
        bricked = level.board.cells.replace(bytes([DOOR]), bytes([WALL])).replace(bytes([KEY]), bytes([0]))
        assert solve(Board(bricked, level.board.player)) is None


def variants(board: Board) -> set[Board]:
    """The board's mirror images and quarter turns, itself included."""
    kinds = np.frombuffer(board.cells, np.uint8).reshape(SIDE, SIDE)
    player = np.arange(CELLS).reshape(SIDE, SIDE) == board.player
    turned = [(np.rot90(kinds, turns), np.rot90(player, turns)) for turns in range(4)]
    turned += [(cells.T, place.T) for cells, place in turned]
    return {Board(cells.tobytes(), int(place.argmax())) for cells, place in turned}


def test_a_boards_identity_is_that_of_its_mirror_images_and_of_no_other_board() -> None:
    open_rooms = 0
    for level in LEVELS:
        boards = variants(level.board)
        assert {board_identity(board) for board in boards} == {board_identity(level.board)}
        others = {board for board in boards if board.player == ENTRANCE}
        open_rooms += len(others) == 2 and DOOR not in level.board.cells
    assert open_rooms > 50, "a board may well have a mirror image with the player in the same place"
    groups = {frozenset(variants(level.board)) for level in LEVELS}
    assert len({board_identity(level.board) for level in LEVELS}) == len(groups)
    board = LEVELS[0].board
    assert board_identity(board) != board_identity(Board(board.cells, WIPE_ORDER[WIPE_RANK[ENTRANCE] + 1]))


def test_no_board_belongs_to_two_splits_not_even_mirrored() -> None:
    splits = [
        set[Board]().union(*(variants(generate_level(seed).board) for seed in seeds[:400])) for seeds in SPLITS.values()
    ]
    assert not splits[0] & splits[1] and not splits[1] & splits[2] and not splits[0] & splits[2]


def test_the_solver_works_from_any_state() -> None:
    assert solve(board_of("@     |      | .$   |      |      |      ")) is not None
    carrying = board_of("@     |      |###D##|      | .$   |      ", carrying=True)
    assert board_is_valid(carrying)
    assert not board_is_well_formed(board_of("@     |      |###D##|      | .$   |      "))
    assert solve(board_of("@     |      |###D##|      | .$   |      ")) is None
    assert solve(board_of("@  k  |      |###D##|      | .$   |      ")) is not None
    assert solve(board_of("@    $|      |      |      | .    |      ")) is None
    assert solve(board_of("@     |      |      |      |  *   |      ")) == []


def test_malformed_boards_are_not_valid() -> None:
    good = board_of("@     |      | .$   |      |      |      ")
    assert board_is_valid(good)
    assert not board_is_valid(Board(b"", 9))
    assert not board_is_valid(Board(bytes(64), 9))
    assert solve(Board(bytes(64), 9)) is None
    assert not board_is_valid(Board(good.cells, 0))
    assert not board_is_valid(Board(good.cells, good.cells.index(BOX)))
    assert not board_is_valid(Board(good.cells.replace(bytes([GOAL]), bytes([0])), good.player))
    assert not board_is_valid(board_of("@  k  |      | .$   |      |      |      "))
    assert not board_is_valid(board_of("@  D  |      | .$   |      |      |      "))
    assert not board_is_valid(board_of("@$$$$ |      |.... |      |      |      ".replace(".... ", "....  ")))


def test_dead_corners() -> None:
    walls = position_of(LEVELS[0].board).walls
    assert in_dead_corner(9, walls)
    open_walls = board_of("@     |      | .$   |      |      |      ").where(WALL)
    assert not in_dead_corner(10, open_walls) and not in_dead_corner(27, open_walls)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from("    ##.$"), min_size=12, max_size=12), st.booleans(), st.data())
def test_the_solver_agrees_with_brute_force(cells: list[str], locked: bool, data: st.DataObject) -> None:
    """On small rooms (4×3 in a corner, the rest wall), with and without a key and a door."""
    for symbol, most in (("$", 2), (".", 2)):
        while cells.count(symbol) > most:
            cells[cells.index(symbol)] = " "
    places = data.draw(st.permutations(range(12)))
    cells[places[0]] = "@"
    if locked:
        cells[places[1]], cells[places[2]] = "k", "D"
    if cells.count("$") < cells.count(".") or "." not in cells:
        return
    rows = ["".join(cells[i : i + 4]) + "##" for i in (0, 4, 8)] + ["######"] * 3
    board = board_of("|".join(rows))
    presses = solve(board)
    position = position_of(board)
    assert (presses is not None) == solvable_by_brute_force(position)
    for action in presses or ():
        position = move(position, DIRECTION_ACTIONS.index(action))
    assert presses is None or is_solved(position)
