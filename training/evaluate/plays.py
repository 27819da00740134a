"""Short plays of the platformer and all that the simulator knows of them. Owns which are taken; refuses any model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from training.evaluate.footage import SPLIT, Clip, stream_clips, world_at
from training.worlds.platformer import ALIVE, DEAD, WALKING, Platformer
from training.worlds.platformer_levels import BODY_HEIGHT, BODY_WIDTH, COIN, FRIEZE, ROWS, SPIKE

TICKS = 24  # of a play: what comes in from the right in the meantime can't reach the player
LEAST_MOVING = 8  # ticks of a play in which the player must move
BATCH = 32  # copies that play at a time
APART = 6  # ticks between a copy's plays
MOST_WATCHED = 30  # plays looked at for each that is wanted

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Cell:
    """A tile of the world, with the tick at which what is said of it happened."""

    tick: int
    column: int
    row: int


@dataclass(frozen=True)
class Play:
    """A clip of `TICKS` ticks and its truth: entry 0 of each array is the moment, entry t what tick t led to.

    `x y` int64 [T+1] are the hit box's top left in pixels of the world, `camera` the screen's left edge there; `alive`
    and `on_ground` bool [T+1]; `beetles` int64 [T+1,E,2] the hit boxes of those that walk, -1 for none; `events` uint32
    [T+1]. `taken` are the coins taken, `spared` those passed closely and left, `spikes` whether any was passed over.
    """

    clip: Clip
    x: Ints
    y: Ints
    camera: Ints
    alive: Flags
    on_ground: Flags
    beetles: Ints
    events: npt.NDArray[np.uint32]
    taken: tuple[Cell, ...]
    spared: tuple[Cell, ...]
    spikes: bool

    @property
    def moving(self) -> int:
        """Ticks in which the player moves."""
        return int(((np.diff(self.x) != 0) | (np.diff(self.y) != 0)).sum())

    def ticks_of(self, event: str) -> list[int]:
        """The ticks that an event happened in."""
        bit = np.uint32(1 << Platformer.event_names.index(event))
        return np.flatnonzero(self.events & bit).tolist()

    def visible(self, tick: int) -> bool:
        """Whether most of the player is on the screen: the dead fall out of it."""
        return -BODY_HEIGHT // 2 <= int(self.y[tick]) <= FRIEZE * 8 - 8


def find_plays(count: int, eventful: int, seed: int, split: str = SPLIT) -> tuple[list[Play], list[Play]]:
    """`count` plays in which the player moves, and others until stomps, coins and spikes have come `eventful` times
    each in both lists together, as far as they are found."""
    moving: list[Play] = []
    others: list[Play] = []
    wanted = {"stomp": eventful, "coin": eventful, "death_spike": eventful}
    for play in islice(_stream(seed, split), MOST_WATCHED * (count + eventful)):
        happened = [event for event in wanted if play.ticks_of(event) and wanted[event] > 0]
        if play.moving >= LEAST_MOVING and len(moving) < count:
            moving.append(play)
        elif happened:
            others.append(play)
        else:
            continue
        for event in happened:
            wanted[event] -= 1
        if len(moving) == count and max(wanted.values()) <= 0:
            break
    return moving, others


def _stream(seed: int, split: str) -> Iterator[Play]:
    """Plays that begin with a living player, without end."""
    clips = stream_clips("platformer", BATCH, TICKS, seed, split, apart=APART)
    while True:
        yield from (play for play in follow(list(islice(clips, BATCH))) if play.alive[0])


def follow(clips: Sequence[Clip]) -> list[Play]:
    """The truth of clips, from stepping the simulator along them."""
    world = world_at("platformer", [clip.moment for clip in clips])
    assert isinstance(world, Platformer)
    states, events = [_state(world)], [np.zeros(len(clips), np.uint32)]
    tiles, made = [world.tiles.copy()], [world.columns_made.copy()]
    for tick in range(TICKS):
        *_, info = world.step(np.array([clip.actions[tick] for clip in clips]))
        states.append(_state(world))
        events.append(info["events"])
        tiles.append(world.tiles.copy())
        made.append(world.columns_made.copy())
    plays = []
    for i, clip in enumerate(clips):
        parts = {name: np.stack([state[name][i] for state in states]) for name in states[0]}
        cells = _Cells(parts["x"], parts["y"], [kinds[i] for kinds in tiles], [int(count[i]) for count in made])
        plays.append(
            Play(
                clip=clip,
                events=np.array([event[i] for event in events]),
                taken=cells.taken(),
                spared=cells.spared(),
                spikes=cells.over_spikes(parts["alive"]),
                **parts,
            )
        )
    return plays


def _state(world: Platformer) -> dict[str, npt.NDArray[np.generic]]:
    beetles = np.stack([world.enemy_x, world.enemy_y], axis=-1)
    return {
        "x": world.x.copy(),
        "y": world.y.copy(),
        "camera": world.camera.copy(),
        "alive": world.state != DEAD,
        "on_ground": world.on_ground & (world.state == ALIVE),
        "beetles": np.where((world.enemy_state == WALKING)[..., None], beetles, -1),
    }


class _Cells:
    """The tiles near a play's player, tick by tick."""

    def __init__(self, x: Ints, y: Ints, rings: list[npt.NDArray[np.uint8]], made: list[int]) -> None:
        self._x, self._y, self._rings, self._made = x, y, rings, made

    def taken(self) -> tuple[Cell, ...]:
        """Coins that were there a tick before and aren't any more."""
        cells = []
        for tick in range(1, len(self._x)):
            for column, row in self._near(tick, 0):
                if self._kind(tick - 1, column, row) == COIN != self._kind(tick, column, row):
                    cells.append(Cell(tick, column, row))
        return tuple(cells)

    def spared(self) -> tuple[Cell, ...]:
        """Coins that the player came within 8 pixels of, and that are there in the end."""
        last = len(self._x) - 1
        near = {cell: tick for tick in range(1, last) for cell in self._near(tick, 8)}
        kept = [Cell(tick, *cell) for cell, tick in near.items() if self._kind(last, *cell) == COIN]
        return tuple(cell for cell in kept if self._kind(0, cell.column, cell.row) == COIN)

    def over_spikes(self, alive: Flags) -> bool:
        """Whether the player, alive all the time, was over spikes."""
        return bool(alive.all()) and any(
            self._kind(tick, column, row) == SPIKE
            for tick in range(1, len(self._x))
            for column in {int(self._x[tick]) >> 3, (int(self._x[tick]) + BODY_WIDTH - 1) >> 3}
            for row in range(ROWS - 1)
        )

    def _near(self, tick: int, reach: int) -> list[tuple[int, int]]:
        x, y = int(self._x[tick]), int(self._y[tick])
        columns = range((x - reach) >> 3, ((x + BODY_WIDTH - 1 + reach) >> 3) + 1)
        rows = range(max((y - reach) >> 3, 0), min((y + BODY_HEIGHT - 1 + reach) >> 3, FRIEZE - 1) + 1)
        return [(column, row) for column in columns for row in rows]

    def _kind(self, tick: int, column: int, row: int) -> int:
        ring = self._rings[tick]
        return int(ring[column % len(ring), row]) if column < self._made[tick] else -1
