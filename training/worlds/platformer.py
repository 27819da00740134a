"""The platformer: an endless side-scroller, many copies stepped together. Owns rules, camera and drawing.

Refuses pictures (`platformer_art`) and what the ground is made of (`platformer_levels`). Letters in shapes: N copies,
E enemies a copy, R columns of the ring. All physics are whole pixels a tick, and nothing that matters is hidden for
longer than a few frames.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from models.actions import Action
from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels
from training.worlds.base import FRAME_SIZE, Chance, Frames, SimulatedWorld, Snapshot
from training.worlds.platformer_levels import BODY_HEIGHT, BODY_WIDTH, COYOTE, EARTH, EMPTY, FRIEZE, ROWS, Gravity
from training.worlds.platformer_physics import (
    Beetles,
    Bodies,
    Flags,
    Ground,
    Ints,
    drowned,
    meets,
    move,
    pricked,
    step,
    walk,
)
from training.worlds.platformer_player import Planner

RING = 32  # columns kept a copy: 17 on the screen, one to come, the rest behind
ENEMIES = 4  # the grammar keeps them rarer
VIEW = FRAME_SIZE // 8
OPENING = 12  # plain columns at the start of an episode
PLAYER_SCREEN_X = 48
RESPAWN_SCREEN_X = 40
ALIVE, DEAD = 0, 1
NO_ENEMY, WALKING, SQUASHED, GONE = 0, 1, 2, 6  # squashed for the ticks 2, 3, 4, 5
BANNER_TOP, BANNER_STEP = 24, 2  # pixels
_STANDING = (levels.Op.SPIKE, levels.Op.BLOCK, levels.Op.ENEMY, levels.Op.DECORATION)  # what stands on the ground
_MARGIN = 16  # of the canvas, so that sprites need no clipping
_STRIP = (RING + VIEW) * 8  # the first columns are drawn again behind the last, so that every view is one slice


def _mix(value: Ints) -> Ints:
    """A counter-based hash of int64 (splitmix64's finaliser), so that chance needs no hidden state."""
    z = value.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((z ^ (z >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)


@lru_cache(maxsize=16384)
def _picture(scenery: art.Scenery, column: bytes) -> npt.NDArray[np.uint8]:
    """A column of 16 tile kinds over the sky, uint8 [128,8]."""
    tiles = scenery.tiles[np.frombuffer(column, np.uint8)].reshape(FRAME_SIZE, 8)
    return np.where(tiles == art.CLEAR, scenery.sky, tiles)


@lru_cache(maxsize=16384)
def _front(scenery: art.Scenery, column: bytes) -> npt.NDArray[np.bool_]:
    """Which pixels of a column are before everyone who moves, bool [128,8]. What somebody stood before, a network that
    plays this would have to remember."""
    kinds = np.frombuffer(column, np.uint8)
    drawn: npt.NDArray[np.bool_] = (scenery.tiles[kinds] != art.CLEAR) & levels.IN_FRONT[kinds, None, None]
    return drawn.reshape(FRAME_SIZE, 8)


class Platformer(SimulatedWorld):
    """Public arrays, for measuring and for players that read the simulator: `x y vx beat facing` int64 [N] (hit box's
    top left in world pixels; facing 1 right, 0 left), `on_ground` bool [N], `state` int64 [N] (ALIVE, DEAD),
    `camera` int64 [N] (world pixel of the screen's left edge), `enemy_x enemy_y enemy_right enemy_state` int64 [N,E],
    `flag_column banner` int64 [N], `biome` int64 [N] of the newest column, `tiles` uint8 [N,R,16] (column c at c % R).
    """

    name: ClassVar[str] = "platformer"
    title: ClassVar[str] = "Runewood Run"
    genre: ClassVar[str] = "platformer"
    description: ClassVar[str] = "Run, jump and stomp through hills that never end. The runes below tell what comes."
    version: ClassVar[int] = 7
    actions: ClassVar[tuple[Action, ...]] = (
        Action.NOOP, Action.LEFT, Action.RIGHT, Action.JUMP, Action.LEFT_JUMP, Action.RIGHT_JUMP,
    )  # fmt: skip
    default_keys: ClassVar[dict[Action, tuple[str, ...]]] = {
        Action.NOOP: (),
        Action.LEFT: ("left", "a"),
        Action.RIGHT: ("right", "d"),
        Action.JUMP: ("space", "up", "w"),
        Action.LEFT_JUMP: (),
        Action.RIGHT_JUMP: (),
    }
    palettes: ClassVar[dict[str, list[tuple[int, int, int]]]] = art.PALETTES
    scenery: ClassVar[art.Scenery] = art.RUNEWOOD
    gravity: ClassVar[Gravity] = EARTH
    knows_chances: ClassVar[bool] = True
    event_names: ClassVar[tuple[str, ...]] = (
        "death_spike", "death_pit", "death_enemy", "respawn", "stomp", "coin", "flag", "jump", "land", "biome",
        "blocked", "enters", "behind", "turns",
    )  # fmt: skip
    scripts: ClassVar[dict[str, list[tuple[Action, int]]]] = {
        "stroll": [(Action.RIGHT, 14), (Action.RIGHT_JUMP, 10), (Action.RIGHT, 22), (Action.RIGHT_JUMP, 16)],
        "hop": [(Action.RIGHT_JUMP, 12), (Action.RIGHT, 6)],
        "dither": [
            (Action.RIGHT, 30), (Action.LEFT, 8), (Action.JUMP, 6), (Action.NOOP, 8), (Action.RIGHT_JUMP, 14),
            (Action.LEFT_JUMP, 8),
        ],
    }  # fmt: skip

    # What comes in at the right edge is learnt from who gets on.
    policy_shares: ClassVar[dict[str, float] | None] = {
        "expert": 0.05,
        "noisy_expert": 0.2,
        "biased": 0.2,
        "sticky": 0.45,  # goes left as often as right
        "hold": 0.05,
        "random": 0.02,
        "scripted": 0.03,
    }

    _STATE: ClassVar[tuple[str, ...]] = (
        "x", "y", "vx", "beat", "facing", "coyote", "on_ground", "state", "camera", "enemy_x", "enemy_y", "enemy_right",
        "enemy_state", "flag_column", "banner", "biome", "tiles", "stream", "level_index", "level_at", "columns_made",
    )  # fmt: skip

    def __init__(self, num_envs: int, split: str = "train") -> None:
        super().__init__(num_envs, split)
        self._copies = np.arange(num_envs)
        self._ring_base = self._copies * (RING * ROWS)
        self._strip = np.zeros((num_envs, FRAME_SIZE, _STRIP), np.uint8)
        self._before = np.zeros((num_envs, FRAME_SIZE, _STRIP), np.bool_)
        edge = FRAME_SIZE + 2 * _MARGIN
        self._canvas = np.zeros((num_envs, edge, edge), np.uint8)
        steers = [(Action.RIGHT.value in a.value) * 1 - (Action.LEFT.value in a.value) * 1 for a in self.actions]
        self._steers = np.array(steers, np.int64)
        self._jumps = np.array([Action.JUMP.value in a.value for a in self.actions])
        self._bits = {name: np.uint32(self.event_bit(name)) for name in self.event_names}
        self._events = np.zeros(num_envs, np.uint32)
        self._planner = Planner(num_envs, self.actions)
        self._astray = np.zeros(num_envs, np.bool_)
        self._reset_copies(np.arange(num_envs, dtype=np.int64))

    @property
    def calm(self) -> Flags:
        """bool [N]: alive and standing."""
        calm: Flags = (self.state == ALIVE) & self.on_ground
        return calm

    # --- state -----------------------------------------------------------------------------------------------------

    def _reset_copies(self, seeds: Ints) -> None:
        n = self.num_envs
        self.stream = _mix(seeds)
        self.biome = _mix(self.stream + 1) % levels.BIOMES
        self.level_index, self.level_at = np.zeros(n, np.int64), np.zeros(n, np.int64)
        self._level_ops = [self._ops_of(i) for i in range(n)]
        self.columns_made = np.full(n, OPENING, np.int64)
        self.tiles = np.zeros((n, RING, ROWS), np.uint8)
        for i in range(n):
            self.tiles[i, :OPENING] = np.frombuffer(levels.first_column(int(self.biome[i])), np.uint8)
        self.camera = np.zeros(n, np.int64)
        self.x = np.full(n, RESPAWN_SCREEN_X, np.int64)
        self.y = np.full(n, levels.HOME_ROW * 8 - BODY_HEIGHT, np.int64)
        self.vx, self.beat = np.zeros(n, np.int64), np.full(n, self.gravity.falls)
        self.facing = np.ones(n, np.int64)
        self.coyote = np.full(n, COYOTE, np.int64)
        self.on_ground = np.ones(n, np.bool_)
        self.state = np.zeros(n, np.int64)
        self.enemy_x, self.enemy_y, self.enemy_right, self.enemy_state = np.zeros((4, n, ENEMIES), np.int64)
        self.flag_column, self.banner = np.full(n, -1, np.int64), np.zeros(n, np.int64)
        self._planner.forget()
        self._redraw_strips()
        self._make_columns()
        self._edge = self._last_column()

    def snapshot(self) -> Snapshot:
        return {name: getattr(self, name).copy() for name in self._STATE}

    def restore(self, snapshot: Snapshot) -> None:
        for name in self._STATE:
            value = snapshot[name]
            if len(value) != self.num_envs:
                raise ValueError(f"snapshot holds {len(value)} copies of {name}, this world has {self.num_envs}")
            setattr(self, name, value.copy())
        self._level_ops = [self._ops_of(i) for i in range(self.num_envs)]
        self._planner.forget()
        self._redraw_strips()
        self._edge = self._last_column()

    @property
    def current_level_seeds(self) -> Ints:
        """int64 [N]: of the level that the newest column belongs to."""
        drawn = _mix(self.stream ^ (self.level_index + 7))
        return np.asarray(self.level_seeds.start + drawn % len(self.level_seeds))

    def _ops_of(self, copy: int) -> bytes:
        """The ops of a copy's current level: a pure function of its stream and level index."""
        return levels.level(int(self.current_level_seeds[copy]), self.gravity, bool(self._astray[copy]))

    # --- new ground ------------------------------------------------------------------------------------------------

    def _make_columns(self) -> None:
        """Give every copy all columns that its screen shows and one more."""
        while True:
            short = np.nonzero(self.columns_made < (self.camera + FRAME_SIZE - 1) // 8 + 2)[0]
            if not len(short):
                return
            for i in short:
                self._make_column(int(i))
            self._draw_columns(short, self.columns_made[short] - 2)  # the newest awaits its rune, out of sight

    def _make_column(self, i: int) -> None:
        """Append one column: the newest one's rune makes its tiles, the level gives its own rune."""
        made = int(self.columns_made[i])
        ring = self.tiles[i]
        newest = ring[(made - 1) % RING]
        op = self._next_op(i)
        newest[FRIEZE] = levels.RUNE + op
        column = levels.next_column(newest.tobytes())
        ring[made % RING, :FRIEZE] = np.frombuffer(column, np.uint8)
        ring[made % RING, FRIEZE] = levels.RUNE  # until the column after it is known
        self.columns_made[i] = made + 1
        if op == levels.Op.ENEMY:
            free = np.nonzero(self.enemy_state[i] == NO_ENEMY)[0]
            if len(free):
                slot = free[0]
                self.enemy_x[i, slot], self.enemy_right[i, slot] = made * 8 + art.BEETLE_OFFSET[0], 0
                self.enemy_y[i, slot] = (levels.surface(column)[0] - 1) * 8
                self.enemy_state[i, slot] = WALKING
        elif op == levels.Op.FLAG:
            self.flag_column[i], self.banner[i] = made, 0
            self.biome[i] = levels.surface(column)[1]
            self._events[i] |= self._bits["biome"]

    def _last_column(self) -> Ints:
        """int64 [N]: the rightmost column that is seen."""
        last: Ints = (self.camera + FRAME_SIZE - 1) // 8
        return last

    def _announce(self, edge: Ints) -> None:
        """Mark where, since `edge` was the last column, one has begun to come in with something on its ground."""
        last = self._last_column()
        op = self.tiles[self._copies, (last - 1) % RING, FRIEZE] - levels.RUNE
        self._mark("enters", (last > edge) & np.isin(op, _STANDING))

    def _behind_things(self) -> Flags:
        """bool [N]: where something stands before the hit box of the player or of a beetle."""
        ground, x, y = self._ground(), self.x, self.y
        player = [ground.kinds(x + dx, y + dy) for dx in (0, BODY_WIDTH - 1) for dy in (0, 7, BODY_HEIGHT - 1)]
        beetles = [ground.kinds(self.enemy_x.T + dx, self.enemy_y.T) for dx in (0, 7)]
        here = (self.enemy_state != NO_ENEMY) & (self.enemy_x + 8 <= self.camera[:, None] + FRAME_SIZE)
        beetle_is = levels.IN_FRONT[np.array(beetles)].any(0) & here.T
        return np.asarray(levels.IN_FRONT[np.array(player)].any(0) | beetle_is.any(0))

    def _next_op(self, i: int) -> int:
        ops, at = self._level_ops[i], int(self.level_at[i])
        op = ops[at]
        if at + 1 == len(ops):
            self.level_index[i] += 1
            self.level_at[i] = 0
            self._level_ops[i] = self._ops_of(i)
        else:
            self.level_at[i] = at + 1
        return op

    def _draw_columns(self, copies: Ints, columns: Ints) -> None:
        """Draw one column in each of the given copies' strips, twice where a view may run past the ring's end."""
        for i, slot in zip(copies.tolist(), (columns % RING).tolist(), strict=True):
            column = self.tiles[i, slot].tobytes()
            for again in (slot, slot + RING) if slot < VIEW else (slot,):
                self._strip[i, :, again * 8 : again * 8 + 8] = _picture(self.scenery, column)
                self._before[i, :, again * 8 : again * 8 + 8] = _front(self.scenery, column)

    def _redraw_strips(self) -> None:
        for slot in range(RING):
            self._draw_columns(self._copies, np.full(self.num_envs, slot))

    def go_astray(self, copies: Flags) -> None:
        self._astray = np.array(copies, np.bool_)

    def chances(self) -> list[Chance]:
        """The runes that have begun to come in, each looks as its first pixels say; where none has, what is at the edge
        is certain."""
        columns = self._last_column()
        right = FRAME_SIZE - 8
        found = []
        # The first level of an episode is told from others by nothing that can be seen.
        for i in np.flatnonzero(columns >= OPENING + levels.SHORTEST):
            at = int(self.camera[i]) % (RING * 8) + right
            shown = self._strip[i, right:, at : at + 8]
            if columns[i] == self._edge[i]:
                found.append(Chance(int(i), ROWS - 1, VIEW - 1, shown[None].copy(), np.ones(1), 0))
                continue
            past = self.tiles[i, np.arange(columns[i] - RING + 3, columns[i]) % RING, FRIEZE].astype(np.int64)
            newest = self.tiles[i, columns[i] % RING]
            ground = levels.surface(newest.tobytes())[0]
            follows = levels.may_follow((past - levels.RUNE).tolist(), ground)
            op = levels.Op(int(newest[FRIEZE]) - levels.RUNE)
            came = list(follows).index(op) if op in follows else None
            begun = FRAME_SIZE - (columns[i] * 8 - self.camera[i])
            patches = np.repeat(shown[None], len(follows), 0)
            for patch, may in zip(patches, follows, strict=True):
                patch[:, 8 - begun :] = self.scenery.tiles[levels.RUNE + may][:, :begun]
            odds = np.array(list(follows.values()))
            found.append(Chance(int(i), ROWS - 1, VIEW - 1, patches, odds, came))
        return found

    # --- one tick --------------------------------------------------------------------------------------------------

    def _advance(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
        self._events[:] = 0
        old_y = self.y
        self._raise_flags()
        self._die_of_what_is_touched()
        free = self.state == ALIVE
        steer = np.where(free, self._steers[actions], 0)
        jump = self._jumps[actions] & free
        dead = self.state == DEAD
        self._move_players(steer, jump, dead)
        self._move_dead(dead)
        edge = self._edge = self._last_column()
        self.camera = np.maximum(self.camera, self.x - PLAYER_SCREEN_X)
        self._make_columns()
        self._announce(edge)
        self._move_enemies()
        self._take_coins()
        self._mark("behind", self._behind_things())
        self._stomp(old_y)
        return self._events.copy()

    def _ground(self) -> Ground:
        return Ground(self.tiles, self._ring_base, self.camera, self.gravity)

    def _bodies(self) -> Bodies:
        return Bodies(self.x, self.y, self.vx, self.beat, self.coyote, self.on_ground)

    def _beetles(self) -> Beetles:
        return Beetles(self.enemy_x, self.enemy_y, self.enemy_right, self.enemy_state == WALKING)

    def _mark(self, name: str, where: Flags) -> None:
        self._events |= np.where(where, self._bits[name], np.uint32(0))

    def _at_flag(self) -> Flags:
        """bool [N]: at a pole, its banner not at the top yet."""
        pole = self.flag_column * 8 + 3
        top = self._pole_tops() * 8
        reaches = (self.x < pole + 2) & (self.x + BODY_WIDTH > pole) & (self.y + BODY_HEIGHT > top)
        at: Flags = reaches & (self.state == ALIVE) & (self.flag_column >= 0) & (self.banner < BANNER_TOP)
        return at

    def _pole_tops(self) -> Ints:
        """int64 [N]: the row in which the newest flag's pole ends; any, once it is long out of sight."""
        column = self.tiles[self._copies, self.flag_column % RING]
        tops: Ints = (column == levels.POLE_TOP).argmax(1)
        return tops

    def _raise_flags(self) -> None:
        """Banners rise to the top by themselves once the last picture shows somebody at their pole. Nobody is held
        there: who waits for a sign waits for ever where it is missed."""
        touched = self._at_flag() & (self.banner == 0)
        rising = touched | ((self.banner > 0) & (self.banner < BANNER_TOP))
        self.banner = self.banner + BANNER_STEP * rising
        self._mark("flag", touched)

    def _die_of_what_is_touched(self) -> None:
        """Kill those whom the last picture shows in spikes, deep in a pit or at a beetle that walks. Were they killed
        as they come there, what kills them would never be seen before it does."""
        living = self.state == ALIVE
        sunk = drowned(self.y) & living
        spiked = pricked(self._ground(), self.x, self.y) & living & ~sunk
        touch, _ = meets(self._beetles(), self._bodies(), self.y)
        bitten: Flags = touch.any(1) & living & ~sunk & ~spiked
        for name, who in (("death_pit", sunk), ("death_spike", spiked), ("death_enemy", bitten)):
            self._mark(name, who)
        self._kill(sunk | spiked | bitten)

    def _move_players(self, steer: Ints, jump: Flags, dead: Flags) -> None:
        after = move(self._ground(), self._bodies(), steer, jump)
        self._mark("jump", jump & (self.coyote > 0) & ~dead)
        self._mark("land", after.on_ground & ~self.on_ground & ~dead)
        self._mark("blocked", (steer * self.vx > 0) & (after.vx == 0) & ~dead)  # the tick of the bump, no later ones
        self.facing = np.where(steer > 0, 1, np.where(steer < 0, 0, self.facing))
        self.x, self.vx = np.where(dead, self.x, after.x), np.where(dead, 0, after.vx)
        self.y, self.beat = np.where(dead, self.y, after.y), np.where(dead, self.beat, after.beat)
        self.coyote = np.where(dead, 0, after.coyote)
        self.on_ground = after.on_ground & ~dead

    def _move_dead(self, dead: Flags) -> None:
        """The dead fall through everything; below the screen they come back at its top."""
        down, beat = step(self.gravity, self.beat)
        y = self.y + down
        back = dead & (y >= FRAME_SIZE)
        self.beat = np.where(back, self.gravity.falls, np.where(dead, beat, self.beat))
        self.y = np.where(back, -BODY_HEIGHT, np.where(dead, y, self.y))
        self.x = np.where(back, self.camera + RESPAWN_SCREEN_X, self.x)
        self.facing = np.where(back, 1, self.facing)
        self.state = np.where(back, ALIVE, self.state)
        self._mark("respawn", back)

    def _move_enemies(self) -> None:
        """Walk, lie flat for a while after a stomp, vanish left of the screen."""
        after = walk(self._ground(), self._beetles())
        self._mark("turns", ((after.right != self.enemy_right) & (self.enemy_state == WALKING)).any(1))
        self.enemy_x, self.enemy_right = after.x, after.right
        flat = np.where(self.enemy_state >= SQUASHED, self.enemy_state + 1, self.enemy_state)
        off_left = self.enemy_x + 9 <= self.camera[:, None]
        self.enemy_state = np.where(off_left | (flat >= GONE), NO_ENEMY, flat)

    def _take_coins(self) -> None:
        """Those at a living body's corners, of who touches spikes too: that kills with the next tick."""
        ground, living = self._ground(), self.state == ALIVE
        xs = self.x + np.array([[0], [7], [0], [7], [0], [7]])
        ys = self.y + np.array([[0], [0], [7], [7], [13], [13]])
        coins = (ground.kinds(xs, ys) == levels.COIN) & living
        for corner, i in zip(*np.nonzero(coins), strict=True):
            self._take_coin(int(i), int(xs[corner, i]) >> 3, int(ys[corner, i]) >> 3)
        self._mark("coin", coins.any(0))

    def _take_coin(self, i: int, column: int, row: int) -> None:
        self.tiles[i, column % RING, row] = EMPTY
        self._draw_columns(np.array([i]), np.array([column]))

    def _stomp(self, old_y: Ints) -> None:
        """Stomp what is fallen upon."""
        touch, above = meets(self._beetles(), self._bodies(), old_y)
        touch &= (self.state == ALIVE)[:, None]
        stomped = touch & above
        stomps: Flags = np.logical_or.reduce(stomped, axis=1)
        self.enemy_state = np.where(stomped, SQUASHED, self.enemy_state)
        self.beat = np.where(stomps, self.gravity.stomp, self.beat)
        self.on_ground = self.on_ground & ~stomps
        self.coyote = np.where(stomps, 0, self.coyote)
        self._mark("stomp", stomps)

    def _kill(self, who: Flags) -> None:
        self.state = np.where(who, DEAD, self.state)
        self.vx = np.where(who, 0, self.vx)
        self.beat = np.where(who, self.gravity.death, self.beat)
        self.on_ground = self.on_ground & ~who

    # --- pictures --------------------------------------------------------------------------------------------------

    def render_frames(self) -> Frames:
        inner = slice(_MARGIN, _MARGIN + FRAME_SIZE)
        for i, at in enumerate((self.camera % (RING * 8)).tolist()):
            self._canvas[i, inner, inner] = self._strip[i, :, at : at + FRAME_SIZE]
        row, column = _MARGIN + art.LAMP_AT[0], _MARGIN + art.LAMP_AT[1]
        self._canvas[:, row : row + 16, column : column + 16] = self.scenery.lamp
        self._paste_enemies()
        self._paste_players()
        self._paste_things()
        self._paste_banners()
        return self._canvas[:, inner, inner].copy()

    def _paste(self, i: int, sprite: art.Sprite, x: int, y: int) -> None:
        """Draw over one copy's canvas at screen pixels; what lies wholly outside is not drawn."""
        height, width = sprite.pixels.shape
        top, left = y + _MARGIN, x + _MARGIN
        edge = FRAME_SIZE + 2 * _MARGIN
        if 0 <= top <= edge - height and 0 <= left <= edge - width:
            region = self._canvas[i, top : top + height, left : left + width]
            np.copyto(region, sprite.pixels, where=sprite.drawn)

    def _paste_things(self) -> None:
        inner = slice(_MARGIN, _MARGIN + FRAME_SIZE)
        for i, at in enumerate((self.camera % (RING * 8)).tolist()):
            view = np.s_[i, :, at : at + FRAME_SIZE]
            np.copyto(self._canvas[i, inner, inner], self._strip[view], where=self._before[view])

    def _paste_banners(self) -> None:
        x = self.flag_column * 8 + art.BANNER_RIGHT - self.camera
        y = (self._pole_tops() + levels.POLE_ROWS - 1) * 8 - 1 - self.banner
        for i in np.nonzero((self.flag_column >= 0) & (x > -_MARGIN) & (x < FRAME_SIZE))[0]:
            self._paste(int(i), self.scenery.banner, int(x[i]), int(y[i]))

    def _paste_enemies(self) -> None:
        copies, slots = np.nonzero(self.enemy_state != NO_ENEMY)
        x, state = self.enemy_x[copies, slots], self.enemy_state[copies, slots]
        looks = np.where(state == WALKING, (x >> 2) & 1, state)
        left = x - self.camera[copies] - art.BEETLE_OFFSET[0]
        top = self.enemy_y[copies, slots] - art.BEETLE_OFFSET[1]
        right = self.enemy_right[copies, slots]
        for i, look, side, px, py in zip(
            copies.tolist(), looks.tolist(), right.tolist(), left.tolist(), top.tolist(), strict=True
        ):
            self._paste(i, self.scenery.beetle[side][look], px, py)

    def _poses(self) -> Ints:
        """int64 [N], a function of what is seen: state, whether in the air, at a flag, and where on a tile."""
        walk = np.where((self.vx == 0) | (self.x & 4 == 0), art.HERO_STAND, art.HERO_STRIDE)
        alive = np.where(self._at_flag(), art.HERO_CHEER, np.where(self.on_ground, walk, art.HERO_JUMP))
        return np.where(self.state == DEAD, art.HERO_DEAD, alive)

    def _paste_players(self) -> None:
        x = self.x - self.camera - art.HERO_OFFSET[0]
        y = self.y - art.HERO_OFFSET[1]
        mirrored = 1 - self.facing
        for i, pose, side, px, py in zip(
            range(self.num_envs), self._poses().tolist(), mirrored.tolist(), x.tolist(), y.tolist(), strict=True
        ):
            self._paste(i, self.scenery.hero[side][pose], px, py)

    # --- for measuring and for players that read the simulator -----------------------------------------------------

    def tiles_ahead(self, n_columns: int) -> npt.NDArray[np.uint8]:
        """Tile kinds uint8 [N,16,n_columns] from the hit box's left edge on; `EMPTY` where not made yet."""
        columns = (self.x[:, None] >> 3) + np.arange(n_columns)
        kinds = self.tiles[self._copies[:, None], columns % RING].transpose(0, 2, 1)
        return np.where((columns < self.columns_made[:, None])[:, None], kinds, EMPTY).astype(np.uint8)

    def suggest(self, rng: np.random.Generator) -> Ints:
        """Actions int64 [N] of a competent player: runs right, leaps what must be leapt, likes coins and stomps."""
        return self._planner.act(self._ground(), self._bodies(), self._beetles(), rng)
