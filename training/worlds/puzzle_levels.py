"""Boards of the puzzle: cell kinds, rules at rest, solver, generator. Refuses animation and pictures.

A cell is `row * 8 + column`; a set of cells is an int with bit `cell`. The border is always wall, so shifting such a
set by one step never wraps around. Directions are 0 up, 1 down, 2 left, 3 right.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from heapq import heappop, heappush
from itertools import chain, permutations
from operator import itemgetter
from typing import NamedTuple
from zlib import crc32

from models.actions import Action
from training.worlds.base import SPLITS

SIDE = 8
CELLS = SIDE * SIDE
FLOOR, WALL, GOAL, BOX, BOX_ON_GOAL, KEY, DOOR, PLAYER = range(8)  # PLAYER never stands in `Board.cells`
STEPS = (-SIDE, SIDE, -1, 1)  # up, down, left, right
DIRECTION_ACTIONS = (Action.UP, Action.DOWN, Action.LEFT, Action.RIGHT)
# Down the first column, up the next, and so on: every cell lies beside the one before it.
WIPE_ORDER = tuple(
    row * SIDE + column for column in range(SIDE) for row in (range(SIDE) if column % 2 == 0 else reversed(range(SIDE)))
)
WIPE_RANK = tuple(sorted(range(CELLS), key=WIPE_ORDER.__getitem__))

_BORDER = sum(1 << cell for cell in range(CELLS) if cell // SIDE in (0, 7) or cell % SIDE in (0, 7))
_INSIDE = ((1 << CELLS) - 1) ^ _BORDER
_FAR = 99  # pushes; more than any board needs
_MOST_BOXES = 5  # more would make the matching of boxes and goals slow
_SHORTEST, _LONGEST = 4, 14  # pushes of a generated level
_GENERATOR_NODES = 250
_LOCKED = 0.62  # share of the boards with key and door, before the hopeless and the too easy ones are left out
_MOST_TRIES = 100  # boards drawn for each that is wanted
_DRAWN_AGAIN = 0.5  # share of the locked boards with one pair that are: there are few different ones
_DIVIDER = 2  # the column of the wall that has the door
ENTRANCE = next(cell for cell in WIPE_ORDER if _INSIDE >> cell & 1)  # where the player of a generated board stands
LAST_COLUMN = SIDE - 3  # that a box may come in; a goal may come in the next one too
OWED_NOTHING, OWED_PLAYER, OWED_BOX, OWED_GOAL = range(4)
OWED_KINDS, MOST_PAIRS = 4, 3
PAIR_COUNTS = MOST_PAIRS + 1


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
        and 1 <= boxes.bit_count() <= MOST_PAIRS
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


def owed_marks(board: Board) -> list[int]:
    """What is owed before each cell of a board comes in, by cell.

    A mark is `owed + OWED_KINDS * (pairs + PAIR_COUNTS * key)`. Owed: nothing, the player, a box or a goal; pairs: of
    boxes and goals that have come; key: it has come and its door has not. It follows from the mark and the kind of the
    cell before.
    """
    marks = [0] * CELLS
    boxes = goals = keys = 0
    entered = False
    for cell in WIPE_ORDER:
        owed = OWED_NOTHING if boxes == goals else OWED_BOX if boxes < goals else OWED_GOAL
        owed = owed if entered else OWED_PLAYER
        marks[cell] = owed + OWED_KINDS * (min(boxes, goals, MOST_PAIRS) + PAIR_COUNTS * (keys > 0))
        kind = board.cells[cell]
        boxes += kind in (BOX, BOX_ON_GOAL)
        goals += kind in (GOAL, BOX_ON_GOAL)
        keys += (kind == KEY) - (kind == DOOR)
        entered |= cell == board.player
    return marks


def _symmetries() -> tuple[Callable[[bytearray], tuple[int, ...]], ...]:
    """What takes the 64 cells of a board's 8 mirrored and turned variants from its own, the board as it is included."""
    square = [[row * SIDE + column for column in range(SIDE)] for row in range(SIDE)]
    views: list[Callable[[bytearray], tuple[int, ...]]] = []
    for _ in range(4):
        square = [list(line) for line in zip(*reversed(square), strict=True)]
        views += [itemgetter(*chain(*square)), itemgetter(*chain(*reversed(square)))]
    return tuple(views)


_SYMMETRIES = _symmetries()


def board_identity(board: Board) -> bytes:
    """64 kinds with the player among them: the same for boards that are mirror images or turned by quarters, and for
    no others. Splits are parted by it and leaks are looked for by it."""
    cells = bytearray(board.cells)
    cells[board.player] = PLAYER
    return bytes(min(view(cells) for view in _SYMMETRIES))


def generate_level(level_seed: int) -> Level:
    """The level of a seed: same seed, same level.

    Cells are drawn one after the other in wipe order, each by what lies beside it and what is owed (`owed_marks`), and
    the board is kept if it can be solved, as nearly all can, and is not too easy. So a model that sees no further
    dreams boards that are mostly fine too: pillars stand alone, away from the border; a box has four open sides; a goal
    is in no corner; box and goal take turns. A key comes in the first column or not at all, and means that a wall with
    its door will cross the board.
    A board and its mirror images belong to one split alone: it is kept only where the checksum of what they share falls
    to the split of the seed.
    """
    draw = random.Random(level_seed)
    share = next((i for i, seeds in enumerate(SPLITS.values()) if level_seed in seeds), 0)
    while True:
        board = draw_board(draw)
        if crc32(board_identity(board)) % len(SPLITS) == share and (level := _kept(board, draw)) is not None:
            return level


def chances_after(begun: bytes, came: int, seed: int, boards: int = 24) -> dict[int, float]:
    """What the next cell of a level may be that has begun to come in like this, `begun` kinds in wipe order: kinds with
    their probabilities, estimated from so many boards of the generator, of any split, that begin alike, fewer where
    they are rare. What really `came` is one of them.
    """
    draw, found = random.Random(seed), {came: 1}
    for _ in range(_MOST_TRIES * boards):
        if sum(found.values()) == boards:
            break
        board = draw_board(draw, begun)
        if _kept(board, draw) is not None:
            kind = board.cells[WIPE_ORDER[len(begun)]]
            found[kind] = found.get(kind, 0) + 1
    return {kind: count / sum(found.values()) for kind, count in found.items()}


def _kept(board: Board, draw: random.Random) -> Level | None:
    """A board that was drawn as a level; None where it is hopeless, too easy, or of a kind of which there are few."""
    if not board_is_well_formed(board):
        return None
    if DOOR in board.cells and board.cells.count(BOX) == 1 and draw.random() < _DRAWN_AGAIN:
        return None
    pushes = solve_pushes(position_of(board), _GENERATOR_NODES)
    return Level(board, pushes) if pushes is not None and _SHORTEST <= len(pushes) <= _LONGEST else None


def draw_board(draw: random.Random, begun: bytes = b"") -> Board:
    """A board that keeps to the local rules of `generate_level`, drawn cell by cell; it may lack a solution. Its first
    cells in wipe order are of the kinds `begun`, which such a board must be able to have."""
    untold = KEY not in begun and len(begun) < _DIVIDER * SIDE  # whether it will be a locked one
    known = dict(zip(WIPE_ORDER, begun, strict=False))
    while True:
        locked = draw.random() < _LOCKED if untold else KEY in begun
        entrance = _locked_entrance(draw) if locked else {}
        if any(known.get(cell, kind) != kind for cell, kind in entrance.items()):
            continue
        board = _fill(entrance, {} if untold else known, draw)
        if all(board.cells[cell] == kind for cell, kind in known.items()):
            return board


def _fill(entrance: dict[int, int], known: dict[int, int], draw: random.Random) -> Board:
    """Draw what lies beyond the entrance, and isn't known."""
    cells = bytearray(CELLS)
    for cell in cells_of(_BORDER):
        cells[cell] = WALL
    for cell, kind in entrance.items():
        cells[cell] = kind
    divider = _DIVIDER if DOOR in cells else 0
    boxes = goals = 0
    for cell in WIPE_ORDER:
        if not _INSIDE >> cell & 1 or cell == ENTRANCE or cell % SIDE <= divider:
            continue
        kind = known.get(cell, FLOOR)
        if cell not in known:
            chance = draw.random()
            for other, share in _shares(cells, cell, boxes, goals):
                if 0 <= chance < share:
                    kind = other
                chance -= share
        cells[cell] = kind
        boxes += kind == BOX
        goals += kind == GOAL
    return Board(bytes(cells), ENTRANCE)


def _locked_entrance(draw: random.Random) -> dict[int, int]:
    """A key in the first column, and a wall with a door across the board: cells and their kinds. `random()` alone is
    drawn: its stream is the same in every Python."""
    key = SIDE * (1 + int(draw.random() * (SIDE - 3))) + 1
    door = SIDE * (1 + int(draw.random() * (SIDE - 2))) + _DIVIDER
    divider = {row * SIDE + _DIVIDER: WALL for row in range(1, SIDE - 1)}
    return {**divider, key: KEY, door: DOOR}


def _shares(cells: bytearray, cell: int, boxes: int, goals: int) -> list[tuple[int, float]]:
    """The kinds that may come at `cell`, but for floor, and how likely each is. What comes after `cell` is floor yet,
    but for the border."""
    last = cell % SIDE - LAST_COLUMN  # 0 in the last column that a box may come in, 1 in the last for a goal
    owed = BOX if boxes < goals or not boxes else GOAL if goals < boxes else FLOOR
    shares = []
    # What a board can't do without gets likelier as the room for it ends, until it must come; a last pair is hardly
    # begun there. The first box is as likely in each place of the last two columns.
    if boxes > goals and _fits(cells, cell, GOAL):
        shares.append((GOAL, 0.2 if last < 0 else 0.4 if last == 0 else max(0.6, 1 / _room(cells, cell, GOAL))))
    if boxes <= goals and boxes < MOST_PAIRS and _fits(cells, cell, BOX):
        if goals > boxes:
            shares.append((BOX, 0.35 if last < 0 else max(0.6, 1 / _room(cells, cell, BOX))))
        elif boxes or last < -1:
            shares.append((BOX, 0.2 if last < 0 else 0.1))
        else:
            shares.append((BOX, 1 / (_room(cells, cell, BOX) + (SIDE - 4 if last < 0 else 0))))
    if boxes == goals < MOST_PAIRS and last < -1 and _fits(cells, cell, GOAL):
        shares.append((GOAL, 0.1))
    if _fits(cells, cell, WALL) and (owed == FLOOR or last < -1):  # no pillars in the way of what must come
        shares.append((WALL, 0.22))
    return shares


def _fits(cells: bytearray, cell: int, kind: int) -> bool:
    """Whether a box, a goal or a pillar may stand there beside what has come: a box with four open sides, a goal in no
    corner, neither beside the other, a pillar alone."""
    beside = {cells[cell + step] for step in STEPS}
    closed = [cells[cell + step] in (WALL, DOOR) for step in STEPS]
    if kind == BOX:
        return not any(closed) and GOAL not in beside
    if kind == GOAL:
        return not ((closed[0] or closed[1]) and (closed[2] or closed[3])) and BOX not in beside
    slantwise = [cells[cell + down + across] in (WALL, DOOR) for down in STEPS[:2] for across in STEPS[2:]]
    return not any(closed + slantwise) and BOX not in beside


def _room(cells: bytearray, cell: int, kind: int) -> int:
    """In how many places of its column, from `cell` on, the kind may come yet."""
    rank = WIPE_RANK[cell]
    left = WIPE_ORDER[rank : rank + SIDE - rank % SIDE]
    return sum(_fits(cells, place, kind) for place in left if _INSIDE >> place & 1)
