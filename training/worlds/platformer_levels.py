"""The platformer's ground: tile kinds, the column rule, the grammar of levels and the proof that one can be passed.

Owns what the world is made of and how a body moves through tiles; refuses pictures, enemies' lives and the camera.

A column is 16 tiles. Row 15 is a frieze whose rune says what the next column holds: `next_column` makes rows 0-14 of
column c+1 from column c alone. So a new column's only surprise is its own rune, drawn from a grammar over the last
six runes.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from itertools import accumulate, repeat
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from training.worlds.base import SPLITS

ROWS = 16
FRIEZE = 15  # the row of runes
BIOMES = 3  # grass, stone, candy
TOP_ROW, BOTTOM_ROW = 9, 13  # the ground's surface stays between these rows
HOME_ROW = 12  # where levels begin and flags stand
ASTRAY_ROWS = 6, 14  # of levels gone astray: a pole's top is in sight there, and a pit has a tile's depth
STRAY = 0.08  # of their runes: any, whether the grammar has it there or not
POLE_ROWS = 5

EMPTY = 0
GROUND_TOP, GROUND_BODY, PIT_TOP = 1, 4, 7  # plus the biome
PIT_BODY, COIN, SPIKE, PLANK, BRICK, BLOCK, POLE, POLE_TOP = range(10, 18)
DECORATION = 18  # plus the biome
RUNE = 21  # plus the op of the next column


class Op(IntEnum):
    """What a rune promises for the next column."""

    FLAT = 0
    UP1 = 1
    UP2 = 2
    DOWN1 = 3
    DOWN2 = 4
    PIT = 5
    COIN_LOW = 6
    COIN_HIGH = 7
    SPIKE = 8
    PLANK = 9
    BRICK = 10
    BLOCK = 11
    ENEMY = 12
    DECORATION = 13
    FLAG = 14


KINDS = RUNE + len(Op)
SOLID: npt.NDArray[np.bool_] = np.zeros(KINDS, np.bool_)
SOLID[GROUND_TOP:PIT_TOP] = True
SOLID[[BRICK, BLOCK]] = True
# Drawn before who moves. What is solid is drawn behind: nobody passes it, and where one stops by it must be seen.
IN_FRONT: npt.NDArray[np.bool_] = np.zeros(KINDS, np.bool_)
IN_FRONT[COIN:RUNE] = True
IN_FRONT[SOLID] = False

_RISE = {Op.UP1: -1, Op.UP2: -2, Op.DOWN1: 1, Op.DOWN2: 2}


def surface(column: bytes) -> tuple[int, int]:
    """(row, biome) of a column's ground, or of the ground that a pit interrupts."""
    for row in range(FRIEZE - 1, -1, -1):
        kind = column[row]
        if GROUND_TOP <= kind < GROUND_BODY:
            return row, kind - GROUND_TOP
        if PIT_TOP <= kind < PIT_BODY:
            return row, kind - PIT_TOP
    raise ValueError("column has no ground and no pit")


@lru_cache(maxsize=65536)
def next_column(column: bytes) -> bytes:
    """Rows 0-14 of the column to the right of `column` (16 tile kinds): a function of what that column shows."""
    op = Op(column[FRIEZE] - RUNE)
    ground, biome = surface(column)
    ground += _RISE.get(op, 0)
    if op is Op.FLAG:
        biome = (biome + 1) % BIOMES
    pit = op is Op.PIT
    new = bytearray(FRIEZE)
    new[ground] = (PIT_TOP if pit else GROUND_TOP) + biome
    new[ground + 1 :] = bytes([PIT_BODY if pit else GROUND_BODY + biome]) * (FRIEZE - ground - 1)
    above = ground - 1
    if pit and PIT_TOP <= column[ground] < PIT_BODY and COIN not in column[:FRIEZE]:
        new[ground - 4] = COIN  # over the second column of a pit
    elif op is Op.COIN_LOW:
        new[ground - 2] = COIN
    elif op is Op.COIN_HIGH:
        new[ground - 4] = COIN
    elif op is Op.SPIKE:
        new[above] = SPIKE
    elif op is Op.PLANK:
        new[ground - 3] = PLANK
        if column[ground - 3] == PLANK and column[ground - 4] != COIN:
            new[ground - 4] = COIN  # over every second plank
    elif op is Op.BRICK:
        new[ground - 3] = BRICK
    elif op is Op.BLOCK:
        new[above] = BLOCK
        if column[above] == BLOCK and column[above - 1] != BLOCK:
            new[above - 1] = BLOCK  # stairs: one, two, one
    elif op is Op.DECORATION:
        new[above] = DECORATION + biome
    elif op is Op.FLAG:
        new[ground - POLE_ROWS : ground] = bytes([POLE_TOP] + [POLE] * (POLE_ROWS - 1))
    return bytes(new)


def first_column(biome: int) -> bytes:
    """A plain column at the home row whose rune promises another."""
    column = bytearray(ROWS)
    column[HOME_ROW] = GROUND_TOP + biome
    column[HOME_ROW + 1 : FRIEZE] = bytes([GROUND_BODY + biome]) * (FRIEZE - HOME_ROW - 1)
    column[FRIEZE] = RUNE + Op.FLAT
    return bytes(column)


# --- a body's size and what moves it ---------------------------------------------------------------------------------

BODY_WIDTH, BODY_HEIGHT = 8, 14
PACE = 2  # pixels a tick from standing to running and back at once, so that whoever bumps has gone whole steps
COYOTE = (
    4  # counts down from the last tick on the ground, so that three ticks after the first one in the air still jump
)
PIT_FEET = FRIEZE * 8  # feet here: dead


@dataclass(frozen=True)
class Gravity:
    """How bodies rise and fall: `course` is how many pixels down each tick from a leap on goes, its last step for ever.
    A body's `beat` is which of them it takes next. Other ways of rising and falling begin further on in the course, at
    `stomp`, at `death`, at `falls` over an edge, at `bumped` below a ceiling; the key let go, a jump goes on at
    `released`, but not before `committed`.

    A network that plays this sees a few ticks back: no speed but the last goes on for more than three ticks, so that it
    always shows when the next one comes. With the figures below, whoever leaves the ground, or a ceiling, lands with a
    whole step, but for a leap on the first tick over an edge.
    """

    course: tuple[int, ...] = (-6, -6, -4, -4, -4, -2, -2, 0, 2, 2, 4)
    committed: int = 2
    released: int = 5
    stomp: int = 3
    death: int = 3
    falls: int = 8
    bumped: int = 9


EARTH = Gravity()


# --- the grammar -----------------------------------------------------------------------------------------------------

CONTEXT = 6
CALM = frozenset({Op.FLAT, Op.COIN_LOW, Op.COIN_HIGH, Op.DECORATION})
_WEIGHTS: tuple[tuple[Op, float], ...] = (
    (Op.FLAT, 0.10), (Op.PIT, 0.14), (Op.SPIKE, 0.11), (Op.COIN_LOW, 0.13), (Op.PLANK, 0.10), (Op.BRICK, 0.09),
    (Op.BLOCK, 0.09), (Op.DECORATION, 0.09),
)  # fmt: skip


def _run_length(context: Sequence[int], op: Op) -> int:
    """How many of the newest ops in `context` are `op`."""
    length = 0
    for past in reversed(context):
        if past != op:
            break
        length += 1
    return length


# How likely one more of the same follows as many as there are, and then plain ground.
_MORE: dict[Op, tuple[float, ...]] = {
    Op.PIT: (0.65, 0.4, 0.0),
    Op.SPIKE: (0.3, 0.0),
    Op.PLANK: (1.0, 1.0, 0.6, 0.5, 0.0),
    Op.BRICK: (1.0, 0.5, 0.3, 0.0),
    Op.BLOCK: (0.6, 0.5, 0.0),
}


def _begun(context: Sequence[int]) -> tuple[tuple[Op, float], ...] | None:
    """Continuations of something that the last columns began; None where they began nothing."""
    last, run = Op(context[-1]), _run_length(context, Op(context[-1]))
    flat = ((Op.FLAT, 1.0),)
    if last is Op.COIN_HIGH:
        return ((Op.COIN_HIGH, 1.0),) if run == 1 else ((Op.COIN_LOW, 1.0),)
    if last is Op.COIN_LOW:
        if run == 1 and context[-2] == Op.COIN_HIGH:
            return flat
        return ((Op.COIN_LOW, 0.5), (Op.COIN_HIGH, 0.5)) if run == 1 else ((Op.COIN_LOW, 1.0),) if run == 2 else flat
    if last in CALM:
        return None
    if last not in _MORE:
        return flat
    more = _MORE[last][min(run, len(_MORE[last])) - 1]
    return ((last, more), (Op.FLAT, 1.0 - more))


def choices(context: Sequence[int], ground: int, top: int = TOP_ROW) -> tuple[tuple[Op, float], ...]:
    """What may follow the last six ops where the ground stands at row `ground`: ops with their probabilities. Where it
    may rise above what the game allows, to row `top`, home doesn't draw it. Above that it may only go down, below the
    lowest row only up."""
    begun = _begun(context)
    if begun is not None:
        return begun
    calm = 0
    for past in reversed(context):
        if past not in CALM:
            break
        calm += 1
    if calm < 2:
        return ((Op.FLAT, 1.0),)
    options = list(_WEIGHTS)
    for op, step in _RISE.items():
        if top <= ground + step <= BOTTOM_ROW or (ground < top and step > 0):
            nearer = top < TOP_ROW or abs(ground + step - HOME_ROW) < abs(ground - HOME_ROW)
            # Steps of two have room less often than those of one.
            options.append((op, (0.18 if nearer else 0.075) * (1 + abs(step))))
    if calm >= 3 and Op.ENEMY not in context:
        options.append((Op.ENEMY, 0.5))
    if ground == HOME_ROW:
        options.append((Op.FLAG, 0.5))
    total = sum(weight for _, weight in options)
    return tuple((op, weight / total) for op, weight in options)


def may_follow(past: Sequence[int], ground: int) -> dict[Op, float]:
    """What may follow the ops `past`, newest last and as far as they are remembered, where the ground stands at row
    `ground`: ops with their probabilities, as if no level were drawn again for being too long, impassable or of
    another split."""
    since = next((n for n, op in enumerate(reversed(past)) if op == Op.FLAG), len(past))  # columns of this level
    if since < _LEAD:
        return {Op.FLAT: 1.0}
    own = [Op.FLAT] * max(CONTEXT - since, 0) + [Op(op) for op in past[len(past) - min(since, CONTEXT) :]]
    follows: dict[Op, float] = {}
    for op, chance in choices(own, ground):
        early = op is Op.FLAG and since < len(past) and since + 1 < SHORTEST
        op = Op.FLAT if early else op
        follows[op] = follows.get(op, 0.0) + chance
    return follows


@lru_cache(maxsize=65536)
def _cumulative(context: tuple[int, ...], ground: int, top: int) -> tuple[list[float], list[Op]]:
    options = choices(context, ground, top)
    return list(accumulate(weight for _, weight in options)), [op for op, _ in options]


# Columns of a level, its flag included: a flag is out of sight when the next comes, its banner on the right too.
SHORTEST, LONGEST = 19, 240
_LEAD = 3  # plain columns after a flag


def _attempt(chances: Sequence[float], strays: Sequence[float] | None = None) -> list[int] | None:
    """One draw from the grammar, by numbers in [0,1); None where no flag came in time. With as many `strays` it goes
    astray: a few of them put any rune in the place of the grammar's that keeps the ground within `ASTRAY_ROWS`. A flag
    where the ground isn't at home ends no level then."""
    top = TOP_ROW if strays is None else ASTRAY_ROWS[0]
    ops: list[int] = [Op.FLAT] * _LEAD
    context = (int(Op.FLAT),) * CONTEXT
    ground, since = HOME_ROW, _LEAD  # columns since the last flag
    for chance, stray in zip(chances, strays or repeat(1.0, len(chances)), strict=True):
        bounds, options = _cumulative(context, ground, top)
        op = options[min(bisect_right(bounds, chance), len(options) - 1)]
        if stray < STRAY:
            stray_op = Op(int(stray / STRAY * len(Op)))
            op = stray_op if ASTRAY_ROWS[0] <= ground + _RISE.get(stray_op, 0) <= ASTRAY_ROWS[1] else op
        if since < _LEAD or (op is Op.FLAG and since + 1 < SHORTEST):
            op = Op.FLAT  # drawing the whole level again would favour those that keep away from home
        ground += _RISE.get(op, 0)
        ops.append(int(op))
        context, since = (*context[1:], int(op)), since + 1
        if op is Op.FLAG and ground == HOME_ROW:
            return ops
        if op is Op.FLAG:
            context, since = (int(Op.FLAT),) * CONTEXT, 0
    return None


def columns_of(ops: Sequence[int], biome: int) -> list[bytes]:
    """Columns of 16 kinds: column 0 is plain ground, column i + 1 obeys ops[i], the last promises plain ground."""
    column = first_column(biome)
    columns: list[bytes] = []
    for op in [*ops, Op.FLAT]:
        column = column[:FRIEZE] + bytes([RUNE + op])
        columns.append(column)
        column = next_column(column)
    return columns


@lru_cache(maxsize=4096)
def level(seed: int, gravity: Gravity = EARTH, astray: bool = False) -> bytes:
    """The ops of level `seed`, flag last, by the grammar or gone `astray`. Draws that come out too long, impassable or
    of another split are drawn again: a level belongs to one split alone, by its checksum, so that none is measured on
    that was trained on."""
    share = next((i for i, seeds in enumerate(SPLITS.values()) if seed in seeds), 0)
    for attempt in range(1000):
        draws = np.random.Generator(np.random.Philox(key=[seed, attempt]))
        chances = draws.random(LONGEST - _LEAD).tolist()
        ops = _attempt(chances, draws.random(len(chances)).tolist() if astray else None)
        if ops is None or crc32(bytes(ops)) % len(SPLITS) != share:
            continue
        if _passable(columns_of([*ops, *[Op.FLAT] * 4], 0), 8, (HOME_ROW * 8) - BODY_HEIGHT, gravity):
            return bytes(ops)
    raise RuntimeError(f"no passable level for seed {seed}")


# --- how a body moves, one body at a time (the world moves many at once by the same rule) -----------------------------

_SPIKE_INSET, _SPIKE_TOP = 1, 3  # pixels of a spike tile's sides and top that do no harm


class Body(NamedTuple):
    """A player's body: its hit box's top left in pixels, pixels a tick, beat of its course, ticks of coyote time."""

    x: int
    y: int
    vx: int = 0
    beat: int = EARTH.falls
    coyote: int = 0
    on_ground: bool = False


def _kind(columns: Sequence[bytes], x: int, y: int) -> int:
    column, row = x >> 3, y >> 3
    if row < 0 or column < 0 or column >= len(columns):
        return EMPTY
    return columns[column][row if row < FRIEZE else FRIEZE]


_IS_SOLID: tuple[bool, ...] = tuple(bool(flag) for flag in SOLID)


def move_body(columns: Sequence[bytes], body: Body, steer: int, jump: bool, gravity: Gravity = EARTH) -> Body:
    """One tick of a living body; `steer` is -1, 0 or 1. The scalar twin of the world's own vector rule."""
    vx, beat, coyote = PACE * steer, body.beat, body.coyote
    if jump and coyote > 0:
        beat, coyote = 0, 0
    elif gravity.committed <= beat < gravity.released and not jump:
        beat = gravity.released
    down, beat = gravity.course[beat], min(beat + 1, len(gravity.course) - 1)
    x, y = body.x + vx, body.y
    if vx:
        edge = x + BODY_WIDTH - 1 if vx > 0 else x
        walls = _kind(columns, edge, y), _kind(columns, edge, y + 7), _kind(columns, edge, y + 13)
        if _IS_SOLID[walls[0]] or _IS_SOLID[walls[1]] or _IS_SOLID[walls[2]]:
            x = (edge & ~7) - BODY_WIDTH if vx > 0 else (edge & ~7) + 8
            vx = 0
    y += down
    on_ground = False
    if down > 0:
        feet = y + BODY_HEIGHT - 1
        fresh = body.y + BODY_HEIGHT - 1 < feet & ~7
        for edge in (x, x + BODY_WIDTH - 1):
            kind = _kind(columns, edge, feet)
            on_ground = on_ground or _IS_SOLID[kind] or (kind == PLANK and fresh)
        if on_ground:
            y, beat = (feet & ~7) - BODY_HEIGHT, gravity.falls
    elif down < 0 and (_IS_SOLID[_kind(columns, x, y)] or _IS_SOLID[_kind(columns, x + BODY_WIDTH - 1, y)]):
        y, beat = (y & ~7) + 8, gravity.bumped
    return Body(x, y, vx, beat, COYOTE if on_ground else max(coyote - 1, 0), on_ground)


def body_dies(columns: Sequence[bytes], body: Body) -> bool:
    """Whether a body stands in spikes or has fallen into the frieze."""
    if body.y + BODY_HEIGHT >= PIT_FEET:
        return True
    for edge in (body.x + _SPIKE_INSET, body.x + BODY_WIDTH - 1 - _SPIKE_INSET):
        feet = body.y + BODY_HEIGHT - 1
        for y in (body.y + 7, feet):
            if _kind(columns, edge, y) == SPIKE and feet >= (y & ~7) + _SPIKE_TOP:
                return True
    return False


# (steer, ticks that jump is held): a witness is made of these, each until the body stands again
_MOVES = ((1, 0), (1, 16), (1, 5), (1, 2), (-1, 0))
_STRIDE, _LONGEST_FLIGHT = 4, 80


def _play(columns: Sequence[bytes], body: Body, steer: int, held: int, goal: int, gravity: Gravity) -> Body | None:
    """Play one move until the body stands; None where it dies or leaves to the left."""
    for tick in range(_LONGEST_FLIGHT):
        body = move_body(columns, body, steer, tick < held, gravity)
        if body.x < 0 or body_dies(columns, body):
            return None
        if body.x >= goal or (body.on_ground and tick + 1 >= _STRIDE):
            return body
    return None


def _passable(columns: Sequence[bytes], x: int, y: int, gravity: Gravity) -> bool:
    """Depth-first search for one run, in the real physics, from a standing body to beyond the right edge."""
    goal = len(columns) * 8 - BODY_WIDTH
    seen: set[tuple[int, int]] = set()
    # Each entry still has its moves from the index on to be tried, so that a straight run tries little.
    stack = [(Body(x, y, 0, gravity.falls, COYOTE, True), 0)]
    while stack:
        body, index = stack.pop()
        if index + 1 < len(_MOVES):
            stack.append((body, index + 1))
        after = _play(columns, body, *_MOVES[index], goal, gravity)
        if after is None or (after.x, after.y) in seen:
            continue
        if after.x >= goal:
            return True
        seen.add((after.x, after.y))
        stack.append((after, 0))
    return False


def level_is_passable(tiles: npt.NDArray[Any], start: tuple[int, int] | None = None, gravity: Gravity = EARTH) -> bool:
    """Whether a player can get from the left of a tile map to its right edge, enemies left aside.

    `tiles` int [16,C] tile kinds. `start` is the pixel (x, y) of the hit box's top left; None drops the player from
    the top of the first column.
    """
    columns = [bytes(column) for column in np.asarray(tiles, np.uint8).T]
    body = Body(*(start if start is not None else (0, -BODY_HEIGHT)), beat=gravity.falls)
    for _ in range(_LONGEST_FLIGHT):
        if body_dies(columns, body):
            return False
        if body.on_ground:
            return _passable(columns, body.x, body.y, gravity)
        body = move_body(columns, body, 0, False, gravity)
    return False
