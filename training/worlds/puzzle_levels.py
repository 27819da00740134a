"""Boards of the puzzle: cell kinds, rules at rest, solver, generator. Refuses animation and pictures.

A cell is `row * 8 + column`; a set of cells is an int with bit `cell`. The border is always wall, so shifting such a
set by one step never wraps around. Directions are 0 up, 1 down, 2 left, 3 right.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from itertools import permutations
from typing import NamedTuple
from zlib import crc32

from models.actions import Action
from training.worlds.base import SPLITS

SIDE = 8
CELLS = SIDE * SIDE
FLOOR, WALL, GOAL, BOX, BOX_ON_GOAL, KEY, DOOR, PLAYER = range(8)  # PLAYER never stands in `Board.cells`
STEPS = (-SIDE, SIDE, -1, 1)  # up, down, left, right
DIRECTION_ACTIONS = (Action.UP, Action.DOWN, Action.LEFT, Action.RIGHT)
WIPE_ORDER = tuple(row * SIDE + column for column in range(SIDE) for row in range(SIDE))
WIPE_RANK = tuple(sorted(range(CELLS), key=WIPE_ORDER.__getitem__))

_BORDER = sum(1 << cell for cell in range(CELLS) if cell // SIDE in (0, 7) or cell % SIDE in (0, 7))
_INSIDE = ((1 << CELLS) - 1) ^ _BORDER
_FAR = 99  # pushes; more than any board needs
_MOST_BOXES = 5  # more would make the matching of boxes and goals slow
_SHORTEST, _LONGEST = 4, 14  # pushes of a generated level
_GENERATOR_NODES = 250


@dataclass(frozen=True)
class Board:
    """A board at rest. `cells`: 64 kinds, row by row, without the player; `player`: its cell; `carrying`: the key."""

    cells: bytes
    player: int
    carrying: bool = False

    def where(self, *kinds: int) -> int:
        """The set of cells that hold one of `kinds`."""
        return sum(1 << cell for cell, kind in enumerate(self.cells) if kind in kinds)


class Push(NamedTuple):
    """One push: the cell of the box before it, and the direction 0–3."""

    box: int
    direction: int


class Position(NamedTuple):
    """A board as sets of cells: what the solver works on. `key` and `door` are empty sets once they are gone."""

    walls: int
    goals: int
    boxes: int
    key: int
    door: int
    player: int  # a cell, not a set
    carrying: bool


@dataclass(frozen=True)
class Level:
    """A generated board with the proof that it can be solved: `pushes`, walking between them left out."""

    board: Board
    pushes: tuple[Push, ...]


def position_of(board: Board) -> Position:
    """The same board as sets of cells."""
    return Position(
        walls=board.where(WALL),
        goals=board.where(GOAL, BOX_ON_GOAL),
        boxes=board.where(BOX, BOX_ON_GOAL),
        key=board.where(KEY),
        door=board.where(DOOR),
        player=board.player,
        carrying=board.carrying,
    )


def cells_of(cell_set: int) -> list[int]:
    """The cells of a set, ascending."""
    cells = []
    while cell_set:
        lowest = cell_set & -cell_set
        cells.append(lowest.bit_length() - 1)
        cell_set ^= lowest
    return cells


def _flood(start: int, free: int) -> int:
    """All cells of `free` that can be walked to from the set `start`."""
    reach, before = start, 0
    while reach != before:
        before = reach
        reach = (reach | reach << 1 | reach >> 1 | reach << 8 | reach >> 8) & free | start
    return reach


def _around(cell_set: int) -> int:
    return cell_set << 1 | cell_set >> 1 | cell_set << 8 | cell_set >> 8


def _settle(position: Position) -> tuple[Position, int]:
    """Fetch the key and open the door where they can be reached (neither ever hurts); also the cells within reach."""
    walls, goals, boxes, key, door, player, carrying = position
    start = 1 << player
    reach = _flood(start, ~(walls | boxes | door))
    if key & reach:
        key, carrying = 0, True
    if carrying and door & _around(reach):
        door, carrying = 0, False
        reach = _flood(start, ~(walls | boxes))
    return Position(walls, goals, boxes, key, door, player, carrying), reach


@lru_cache(maxsize=4096)
def _goal_distances(walls: int, goals: int) -> tuple[tuple[int, ...], ...]:
    """For each goal: the fewest pushes from every cell with no other box about, `_FAR` where there are none."""
    tables = []
    for goal in cells_of(goals):
        distance = [_FAR] * CELLS
        distance[goal] = 0
        queue = [goal]
        for cell in queue:
            for step in STEPS:
                before, pusher = cell - step, cell - 2 * step
                if distance[before] != _FAR or walls >> before & 1 or walls >> pusher & 1:
                    continue
                distance[before] = distance[cell] + 1
                queue.append(before)
        tables.append(tuple(distance))
    return tuple(tables)


def _pushes_left(boxes: int, tables: tuple[tuple[int, ...], ...]) -> int:
    """A lower bound on the pushes that are still needed; `_FAR` or more: no solution."""
    cells = cells_of(boxes)
    if len(cells) == 1:
        return min(table[cells[0]] for table in tables)
    return min(sum(table[cell] for table, cell in zip(order, cells, strict=False)) for order in permutations(tables))


def solve_pushes(position: Position, node_limit: int = 20_000) -> tuple[Push, ...] | None:
    """The fewest pushes that cover all goals (A* over pushes), or None: no solution within `node_limit` boards.

    Works from any state. With more boxes than goals any covering counts; a board with a broken border, with fewer boxes
    than goals or with more than `_MOST_BOXES` has no solution.
    """
    box_count = position.boxes.bit_count()
    if position.walls & _BORDER != _BORDER or not 0 < position.goals.bit_count() <= box_count <= _MOST_BOXES:
        return None
    tables = _goal_distances(position.walls, position.goals)
    tables += ((0,) * CELLS,) * (box_count - len(tables))
    estimate = _pushes_left(position.boxes, tables)
    if estimate >= _FAR:
        return None
    order = 0
    heap: list[tuple[int, int, int, Position, tuple[Push, ...]]] = [(estimate, 0, order, position, ())]
    seen: set[tuple[int, int, int, bool, int]] = set()
    while heap and len(seen) < node_limit:
        _, _, _, now, pushes = heappop(heap)
        if now.goals & ~now.boxes == 0:
            return pushes
        now, reach = _settle(now)
        mark = (now.boxes, now.key, now.door, now.carrying, reach & -reach)
        if mark in seen:
            continue
        seen.add(mark)
        closed = now.walls | now.boxes | now.key | now.door
        for box in cells_of(now.boxes):
            for direction, step in enumerate(STEPS):
                target = box + step
                if not reach >> (box - step) & 1 or closed >> target & 1:
                    continue
                boxes = now.boxes ^ (1 << box) ^ (1 << target)
                estimate = _pushes_left(boxes, tables)
                if estimate >= _FAR:
                    continue
                order += 1
                after = now._replace(boxes=boxes, player=box)
                done = (*pushes, Push(box, direction))
                heappush(heap, (len(done) + estimate, -len(done), order, after, done))
    return None


def step_towards(position: Position, push: Push) -> int | None:
    """The direction of the next step on the way to `push` (key and door come first), None where there is no way."""
    free = ~(position.walls | position.boxes | position.door)
    start = 1 << position.player
    reach = _flood(start, free)
    if position.key & reach:
        target = position.key
    elif position.carrying and position.door & _around(reach):
        target = position.door
    else:
        stand = push.box - STEPS[push.direction]
        if position.player == stand:
            return push.direction
        target = 1 << stand
        if not target & reach:
            return None
    while True:
        for direction, step in enumerate(STEPS):
            if target >> (position.player + step) & 1:
                return direction
        target = (target | _around(target)) & free | target


def move(position: Position, direction: int) -> Position:
    """The position after one press at rest, unchanged where the way is blocked."""
    walls, goals, boxes, key, door, player, carrying = position
    target = player + STEPS[direction]
    bit = 1 << target
    if walls & bit or (door & bit and not carrying):
        return position
    if boxes & bit:
        beyond = 1 << (target + STEPS[direction])
        if beyond & (walls | boxes | key | door):
            return position
        boxes ^= bit | beyond
    if key & bit:
        key, carrying = 0, True
    if door & bit:
        door, carrying = 0, False
    return Position(walls, goals, boxes, key, door, target, carrying)


def walk(position: Position, pushes: tuple[Push, ...]) -> list[Action]:
    """The presses, one a cell, that carry out `pushes` with the shortest walks between; ValueError if they cannot."""
    actions = []
    for push in pushes:
        boxes = position.boxes
        while position.boxes == boxes:
            direction = step_towards(position, push)
            if direction is None:
                raise ValueError(f"no way to push the box at {push.box}")
            actions.append(DIRECTION_ACTIONS[direction])
            position = move(position, direction)
    return actions


def solve(board: Board, node_limit: int = 20_000) -> list[Action] | None:
    """Presses that solve `board` from its state as it is, or None: no solution, or none within `node_limit` boards."""
    position = position_of(board)
    pushes = solve_pushes(position, node_limit)
    return None if pushes is None else walk(position, pushes)


def board_is_well_formed(board: Board) -> bool:
    """Whole border, a free cell under the player, one to three boxes and as many goals, key and door in order."""
    if len(board.cells) != CELLS or max(board.cells) > DOOR or not 0 <= board.player < CELLS:
        return False
    walls, goals, boxes, key, door, player, carrying = position_of(board)
    keys, doors = key.bit_count() + carrying, door.bit_count()
    return (
        walls & _BORDER == _BORDER
        and not (walls | boxes | key | door) >> player & 1
        and 1 <= boxes.bit_count() <= 3
        and boxes.bit_count() == goals.bit_count()
        and keys == doors
        and doors <= 1
    )


def board_is_valid(board: Board, node_limit: int = 20_000) -> bool:
    """Well formed and solvable."""
    return board_is_well_formed(board) and solve_pushes(position_of(board), node_limit) is not None


def in_dead_corner(box: int, walls: int) -> bool:
    """Whether a box at `box` has walls on two sides that meet, so that it can never move again."""
    up, down, left, right = (walls >> (box + step) & 1 for step in STEPS)
    return bool((up or down) and (left or right))


def generate_level(level_seed: int) -> Level:
    """The level of a seed: same seed, same level.

    Cells are drawn almost independently, so that boards sampled cell by cell in wipe order are mostly fine too: the
    first open cell is where the player enters, so that whether it is one hangs on the cell before; boxes start where
    all four sides are open floor of their room, a key comes before its door, and box and goal take turns: in wipe
    order, neither is ever more than one ahead.
    A board belongs to one split alone: it is kept only where its checksum falls to the split of the seed.
    """
    draw = random.Random(level_seed)
    share = next((i for i, seeds in enumerate(SPLITS.values()) if level_seed in seeds), 0)
    with_door = draw.random() < 0.4
    box_count = (1, 1, 2, 2, 2, 3)[int(draw.random() * 6)]
    while True:
        position = _locked_room(draw, box_count) if with_door else _open_room(draw, box_count)
        if position is None:
            continue
        board = _board_of(position)
        if crc32(bytes([board.player]) + board.cells) % len(SPLITS) != share:
            continue
        pushes = solve_pushes(position, _GENERATOR_NODES)
        if pushes is not None and _SHORTEST <= len(pushes) <= _LONGEST:
            return Level(board, pushes)


def _pick(draw: random.Random, cell_set: int) -> int:
    """One cell of a set that is not empty, as a set. Draws only `random()`: its stream is the same in every Python."""
    cells = cells_of(cell_set)
    return 1 << cells[int(draw.random() * len(cells))]


def _first(cell_set: int) -> int:
    """The cell of a set that comes in first, as a set."""
    return 1 << min(cells_of(cell_set), key=WIPE_RANK.__getitem__)


def _open_room(draw: random.Random, box_count: int) -> Position | None:
    walls = _BORDER
    wall_count = 2 + int(draw.random() * 5)
    while (walls ^ _BORDER).bit_count() < wall_count:
        walls |= _pick(draw, _INSIDE & ~walls)
    player = _first(_INSIDE & ~walls)
    return _furnish(draw, walls, _INSIDE & ~walls & ~player, box_count, player, 0, 0)


def _locked_room(draw: random.Random, box_count: int) -> Position | None:
    """A wall across the board with a door in it: player and key on one side, boxes and goals on the other."""
    upright = draw.random() < 0.55
    line = (2, 2, 3)[int(draw.random() * 3)] if upright else (2, 3)[int(draw.random() * 2)]
    places = [cell % SIDE if upright else cell // SIDE for cell in range(CELLS)]
    before = sum(1 << cell for cell in cells_of(_INSIDE) if places[cell] < line)
    divider = sum(1 << cell for cell in cells_of(_INSIDE) if places[cell] == line)
    room = _INSIDE & ~before & ~divider
    column = sum(1 << cell for cell in range(1, CELLS, SIDE))
    player = _first(before)
    door = _pick(draw, divider if upright else divider & ~column & ~(column << 1))
    rank = min(WIPE_RANK[cell] for cell in cells_of(door))
    key = _pick(draw, sum(1 << cell for cell in cells_of(before & ~player) if WIPE_RANK[cell] < rank))
    walls = _BORDER | divider & ~door
    if draw.random() < 0.5:
        walls |= _pick(draw, room & ~_around(door))
    return _furnish(draw, walls, room & ~walls, box_count, player, key, door)


def _furnish(
    draw: random.Random, walls: int, room: int, box_count: int, player: int, key: int, door: int
) -> Position | None:
    """Put boxes and goals into `room`; None where the draw breaks a rule of the generator."""
    open_cells = room | player
    inner = room & (open_cells << 1) & (open_cells >> 1) & (open_cells << 8) & (open_cells >> 8)
    boxes = goals = 0
    for _ in range(box_count):
        if not inner & ~boxes or not room & ~goals & ~boxes:
            return None
        boxes |= _pick(draw, inner & ~boxes)
    for _ in range(box_count):
        goals |= _pick(draw, room & ~goals & ~boxes)
    ahead = 0
    for cell in WIPE_ORDER:
        ahead += (boxes >> cell & 1) - (goals >> cell & 1)
        if abs(ahead) > 1:
            return None
    return Position(walls, goals, boxes, key, door, player.bit_length() - 1, False)


def _board_of(position: Position) -> Board:
    cells = bytearray(CELLS)
    kinds = ((position.walls, WALL), (position.goals, GOAL), (position.boxes, BOX), (position.key, KEY))
    for cell_set, kind in (*kinds, (position.door, DOOR), (position.goals & position.boxes, BOX_ON_GOAL)):
        for cell in cells_of(cell_set):
            cells[cell] = kind
    return Board(bytes(cells), position.player, position.carrying)
