"""How the platformer's players and beetles move through tiles, many at once. Owns motion and what touches what;
refuses events and pictures. `platformer_levels.move_body` is the same rule for one body.

Shapes: [...,N], where N are the copies of a world and leading axes are alternatives that a scripted player weighs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.worlds.base import FRAME_SIZE
from training.worlds.platformer_levels import (
    BODY_HEIGHT,
    BODY_WIDTH,
    COYOTE,
    EARTH,
    FRIEZE,
    PACE,
    PIT_FEET,
    PLANK,
    POLE,
    POLE_TOP,
    ROWS,
    SOLID,
    SPIKE,
    Gravity,
)

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Kinds = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Bodies:
    """Hit boxes' top left in world pixels, pixels a tick, beats of their courses, ticks of coyote time: int64 [...,N];
    `on_ground` bool."""

    x: Ints
    y: Ints
    vx: Ints
    beat: Ints
    coyote: Ints
    on_ground: Flags


@dataclass(frozen=True)
class Ground:
    """A view of each copy's ring of columns: `tiles` uint8 [N,R,16], column c at c % R; `base` int64 [N] row starts;
    `camera` int64 [N], the world pixel that nobody gets left of; and how it draws bodies down."""

    tiles: Kinds
    base: Ints
    camera: Ints
    gravity: Gravity = EARTH

    def kinds(self, x: Ints, y: Ints) -> Kinds:
        """Tile kinds at world pixels, int64 [...,N] each; above the screen is empty as row 0 is."""
        row = np.minimum(np.maximum(y >> 3, 0), FRIEZE)
        kinds: Kinds = self.tiles.reshape(-1)[self.base + ((x >> 3) % self.tiles.shape[1]) * ROWS + row]
        return kinds


@dataclass(frozen=True)
class Beetles:
    """Enemies: int64 [N,E] world pixels and 1 for one that walks right; `walking` bool [N,E], not stomped or absent."""

    x: Ints
    y: Ints
    right: Ints
    walking: Flags


def move(ground: Ground, bodies: Bodies, steer: npt.NDArray[Any], jump: Flags) -> Bodies:
    """One tick of living bodies; `steer` int [...,N] is -1, 0 or 1."""
    vx, beat = PACE * np.asarray(steer, np.int64), bodies.beat
    leaps, gravity = jump & (bodies.coyote > 0), ground.gravity
    beat = np.where((beat >= gravity.committed) & (beat < gravity.released) & ~jump, gravity.released, beat)
    down, beat = step(gravity, np.where(leaps, 0, beat))
    x, vx = _slide(ground, bodies.y, bodies.x + vx, vx)
    y, beat, on_ground = _fall(ground, x, bodies.y, down, beat)
    coyote = np.where(on_ground, COYOTE, np.maximum(np.where(leaps, 0, bodies.coyote) - 1, 0))
    return Bodies(x, y, vx, beat, coyote, on_ground)


def step(gravity: Gravity, beat: Ints) -> tuple[Ints, Ints]:
    """How many pixels down bodies at these beats go, and the beats after: int64 [...,N] each."""
    course = np.array(gravity.course)
    return course[beat], np.minimum(beat + 1, len(course) - 1)


def _slide(ground: Ground, y: Ints, x: Ints, vx: Ints) -> tuple[Ints, Ints]:
    """Stop sideways movement at solid tiles and at the screen's left edge."""
    edge = np.where(vx > 0, x + BODY_WIDTH - 1, x)
    hit = SOLID[ground.kinds(edge, y)] | SOLID[ground.kinds(edge, y + 7)] | SOLID[ground.kinds(edge, y + 13)]
    hit &= vx != 0
    x = np.where(hit, np.where(vx > 0, (edge & ~7) - BODY_WIDTH, (edge & ~7) + 8), x)
    out = x < ground.camera
    return np.where(out, ground.camera, x), np.where(hit | out, 0, vx)


def _fall(ground: Ground, x: Ints, old_y: Ints, down: Ints, beat: Ints) -> tuple[Ints, Ints, Flags]:
    """Stop vertical movement at solid tiles, and at one-way planks when coming from above."""
    falls = down > 0
    y = old_y + down
    edge = np.where(falls, y + BODY_HEIGHT - 1, y)
    left, right = ground.kinds(x, edge), ground.kinds(x + BODY_WIDTH - 1, edge)
    solid = SOLID[left] | SOLID[right]
    plank = ((left == PLANK) | (right == PLANK)) & (old_y + BODY_HEIGHT - 1 < (edge & ~7))
    lands = falls & (solid | plank)
    bumps = (down < 0) & solid
    y = np.where(lands, (edge & ~7) - BODY_HEIGHT, np.where(bumps, (edge & ~7) + 8, y))
    gravity = ground.gravity
    return y, np.where(lands, gravity.falls, np.where(bumps, gravity.bumped, beat)), lands


def pricked(ground: Ground, x: Ints, y: Ints) -> Flags:
    """Whether spikes touch bodies at [...,N]: their sides and tips are blunt by a few pixels."""
    feet = y + BODY_HEIGHT - 1
    hit = np.zeros(x.shape, np.bool_)
    for height in (y + 7, feet):
        spike = (ground.kinds(x + 1, height) == SPIKE) | (ground.kinds(x + 6, height) == SPIKE)
        hit |= spike & (feet >= (height & ~7) + 3)
    return hit


def drowned(y: Ints) -> Flags:
    """Whether feet have reached the frieze."""
    deep: Flags = y + BODY_HEIGHT >= PIT_FEET
    return deep


_TURNS: Flags = SOLID.copy()  # what turns a beetle around
_TURNS[[SPIKE, POLE, POLE_TOP]] = True


def walk(ground: Ground, beetles: Beetles) -> Beetles:
    """One tick of the beetles: on where the screen shows ground, else about; what is off the screen is never asked.
    One that hasn't come wholly onto the screen waits."""
    x, right, camera = beetles.x, beetles.right, ground.camera[:, None]
    ahead, y = np.where(right == 1, x + 8, x - 1).T, beetles.y.T
    free = ~_TURNS[ground.kinds(ahead, y + 4)] & SOLID[ground.kinds(ahead, y + 8)]
    leaving = (right == 0) & (x - 1 < camera)
    stays = (right == 1) & (x + 10 > camera + FRAME_SIZE)
    goes = (free.T & ~stays) | leaving
    awake = beetles.walking & (x + 9 <= camera + FRAME_SIZE)
    return Beetles(
        np.where(awake & goes, x + 2 * right - 1, x),
        beetles.y,
        np.where(awake & ~goes, 1 - right, right),
        beetles.walking,
    )


def meets(beetles: Beetles, bodies: Bodies, old_y: Ints) -> tuple[Flags, Flags]:
    """Which walking beetles touch bodies that were at `old_y` a tick ago, and which of all are below a falling one:
    bool [...,N,E] each."""
    x, y, was = bodies.x[..., None], bodies.y[..., None], old_y[..., None]
    near = (x < beetles.x + 7) & (x + BODY_WIDTH > beetles.x + 1)
    near &= (y + BODY_HEIGHT > beetles.y + 1) & (y < beetles.y + 8)
    return near & beetles.walking, (y > was) & (was + BODY_HEIGHT <= beetles.y + 4)
