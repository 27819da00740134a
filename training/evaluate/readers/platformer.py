"""Reads platformer pictures: the player by its sprite, the ground by its tiles, the scroll by the frieze.

Owns what a coherent picture and an obeyed key are in this world; refuses the simulator, of which it knows only art,
tile kinds and the figures of motion.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.actions import Action
from training.evaluate.readers.base import Verdict
from training.evaluate.readers.sprites import OUTSIDE, PAD, Found, Pictures, Sprites, apart, box_counts, count, padded
from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels
from training.worlds.base import FRAME_SIZE
from training.worlds.platformer_levels import BODY_HEIGHT, BODY_WIDTH, SOLID

Flags = npt.NDArray[np.bool_]

PRESENT = 0.35  # share of a sprite's pixels that may be wrong
TILE_WRONG = 0.25  # the same of a tile
LEAST_VISIBLE = 24  # pixels of a sprite, at the screen's edge or behind things
FACE_HIDDEN = 40  # of the 96 pixels that a head is sought in
LEAST_SEEN = 16  # pixels of a tile that a sprite leaves to be seen
LONGEST_DEATH = 60  # frames from the first dead picture to the next living one
DEEP = 3  # pixels that a body may be in solid ground by
HOLD = 8  # ticks after which a held key must show
STOPPED = 6  # ticks within these that a player without a key may hardly move
HOVER = 4  # frames at one height without ground

_FREE, _SOLID, _PLANK, _UNKNOWN = range(4)
_POSES = len(art.HERO[0])
HERO = Sprites(
    np.stack([sprite.pixels for facing in art.HERO for sprite in facing]), art.CLEAR, least_visible=LEAST_VISIBLE
)
BANNER = Sprites(art.BANNER.pixels[None], art.CLEAR, least_visible=16)
BANNER_YS = (32, 120)  # pixel rows in which its top is sought
_HAIR, _SKIN, _TROUSERS = art.INK["o"], art.INK["s"], art.INK["b"]
_MEANS = np.array([_SOLID if solid else _FREE for solid in SOLID])
_MEANS[levels.PLANK] = _PLANK


def _tiles_on_sky() -> Pictures:
    """Every tile kind in every row, uint8 [16,kinds,64]."""
    tiles = art.tile_set()
    sky = art.SKY.reshape(levels.ROWS, 1, art.TILE, 1)
    drawn = np.where(tiles[None] == art.CLEAR, sky, tiles[None]).astype(np.uint8)
    return drawn.reshape(levels.ROWS, len(tiles), -1)


TILES = _tiles_on_sky()
_THINGS = art.tile_set()[levels.IN_FRONT].reshape(-1, art.TILE**2)
_THINGS_DRAWN = _THINGS != art.CLEAR
_POLE = int(np.flatnonzero(levels.IN_FRONT).searchsorted(levels.POLE))
_RUNES = np.stack(art.RUNES).reshape(len(art.RUNES), -1)


@dataclass(frozen=True)
class Hero:
    """The player: hit box's top left in screen pixels, pose."""

    x: int
    y: int
    pose: int

    @property
    def dead(self) -> bool:
        """Shown dead."""
        return self.pose == art.HERO_DEAD


@dataclass(frozen=True)
class Sighting:
    """What one picture shows. `phase` is the camera modulo a tile, None where the frieze can't be read; `travelled` the
    camera since the run's first frame. What the ground allows: `inside` solid ground, `standing` on some, surely
    `hovering` over none, `wall_left`, `wall_right` and `ceiling` where something solid is or may be."""

    players: int
    hero: Hero | None
    phase: int | None
    travelled: int = 0
    inside: bool = False
    standing: bool = False
    hovering: bool = False
    wall_left: bool = True
    wall_right: bool = True
    ceiling: bool = True

    @property
    def world_x(self) -> int:
        """The hit box's left edge in pixels of the world, the same zero for a whole run."""
        return self.travelled + (self.hero.x if self.hero else 0)

    @property
    def hero_y(self) -> int:
        """The hit box's top in screen pixels."""
        return self.hero.y if self.hero else 0


def things_before(frame: Pictures, phase: int | None) -> Flags:
    """Which pixels of a picture uint8 [128,128] are of things or of a banner that are drawn before who moves: bool
    [128,128]. None are known where the phase isn't."""
    if phase is None:
        return np.zeros(frame.shape, np.bool_)
    wide = np.full((FRAME_SIZE, FRAME_SIZE + art.TILE), art.CLEAR, np.uint8)
    wide[:, phase : phase + FRAME_SIZE] = frame
    cells = wide.reshape(levels.ROWS, art.TILE, -1, art.TILE).transpose(0, 2, 1, 3).reshape(levels.ROWS, -1, 1, 64)
    right = (cells == _THINGS) & _THINGS_DRAWN
    there = count(right) >= (1 - TILE_WRONG) * _THINGS_DRAWN.sum(-1)
    pixels = (right & there[..., None]).any(2).reshape(levels.ROWS, -1, art.TILE, art.TILE)
    before: Flags = pixels.transpose(0, 2, 1, 3).reshape(wide.shape)[:, phase : phase + FRAME_SIZE]
    poles = np.flatnonzero(there[:, :, _POLE].any(0))
    return before | BANNER.cover(frame.shape, banners(frame, poles * art.TILE + art.BANNER_RIGHT - phase))


def banners(frame: Pictures, xs: npt.NDArray[np.int64]) -> list[Found]:
    """Banners of a picture uint8 [128,128] whose left edge is at one of `xs`, best first."""
    places = np.stack(np.meshgrid(xs, np.arange(*BANNER_YS)), axis=-1).reshape(-1, 2)
    return apart(BANNER.match(padded(frame), places, PRESENT), art.TILE)


def actors_view(frame: Pictures, before: Flags) -> Pictures:
    """A picture as sprites are sought in it: padded, and nothing known of the pixels that are `before` them."""
    return padded(np.where(before, OUTSIDE, frame).astype(np.uint8))


def find_heroes(frame: Pictures, before: Flags | None = None) -> list[Found]:
    """Every player in a picture uint8 [128,128], best first; `before` are the pixels of things, if they are known."""
    wide = padded(frame) if before is None else actors_view(frame, before)
    width = HERO.width
    hair = box_counts(wide == _HAIR, 0, 8, width)
    skin = box_counts(wide == _SKIN, 0, 8, width)
    trousers = box_counts(wide == _TROUSERS, 8, 8, width)
    # Of some twenty each. Things may hide the others, and a banner the whole face.
    likely = (hair >= 5).astype(np.int8) + (skin >= 5) + (trousers >= 5) >= 2
    if before is not None:
        likely |= (trousers >= 5) & (box_counts(np.pad(before, PAD), 0, 8, width) >= FACE_HIDDEN)
    # At the top and bottom edge half of it is enough.
    likely[: PAD - 2] |= trousers[: PAD - 2] >= 6
    likely[-PAD + 2 :] |= hair[-PAD + 2 :] >= 6
    places = np.argwhere(likely)[:, ::-1] - PAD
    return apart(HERO.match(wide, places, PRESENT), art.TILE)


def camera_phase(frame: Pictures) -> int | None:
    """The camera's position within a tile, from the frieze of runes; None where it can't be read. A rune that is moved
    looks like itself but for the post at its right, so the posts decide, and where unlike runes meet."""
    frieze = frame[-art.TILE :]
    windows = np.lib.stride_tricks.sliding_window_view(frieze, art.TILE, axis=1).transpose(1, 0, 2)
    wrong = count(windows.reshape(len(windows), 1, -1) != _RUNES).min(1)
    usual = [float(wrong[-phase % art.TILE :: art.TILE].mean()) for phase in range(art.TILE)]
    best = int(np.argmin(usual))
    return best if usual[best] <= TILE_WRONG * art.TILE**2 else None


class _Ground:
    """The tiles of one picture, read where they are asked for, with the pixels under the player left out."""

    def __init__(self, frame: Pictures, phase: int, covered: npt.NDArray[np.bool_]) -> None:
        self._phase = phase
        # Moved so that tiles begin at multiples of 8 and the last one is whole.
        height, width = frame.shape
        self._frame = np.zeros((height, width + 2 * art.TILE), np.uint8)
        self._frame[:, phase : phase + width] = frame
        self._seen = np.zeros(self._frame.shape, np.bool_)
        self._seen[:, phase : phase + width] = ~covered
        self._read: dict[tuple[int, int], int] = {}

    def at(self, x: int, y: int) -> int:
        """What is at screen pixel (x, y)."""
        row, column = y // art.TILE, self.column(x)
        if row < 0:
            return _FREE
        if row >= levels.FRIEZE or not 0 <= column < self._frame.shape[1] // art.TILE:
            return _UNKNOWN
        if (row, column) not in self._read:
            self._read[row, column] = self._tile(row, column)
        return self._read[row, column]

    def column(self, x: int) -> int:
        """The column of tiles, from the screen's left, that screen pixel x is in."""
        return (x + self._phase) // art.TILE

    def _tile(self, row: int, column: int) -> int:
        place = np.s_[row * art.TILE : (row + 1) * art.TILE, column * art.TILE : (column + 1) * art.TILE]
        seen = self._seen[place].reshape(-1)
        visible = int(count(seen))
        if visible < LEAST_SEEN:
            return _UNKNOWN
        # Runes are for the frieze alone.
        wrong = count((TILES[row, : levels.RUNE] != self._frame[place].reshape(-1)) & seen)
        best = int(wrong.argmin())
        return int(_MEANS[best]) if wrong[best] <= TILE_WRONG * visible else _UNKNOWN

    def any_of(self, xs: tuple[int, ...], ys: tuple[int, ...], *meanings: int) -> bool:
        """Whether any of the pixels means one of these."""
        return any(self.at(x, y) in meanings for x in xs for y in ys)


def look(frame: Pictures, travelled: int = 0, last_phase: int | None = None) -> Sighting:
    """Read one picture; `travelled` and `last_phase` are those of the frame before."""
    phase = camera_phase(frame)
    before = things_before(frame, phase)
    found = find_heroes(frame, before)
    if phase is not None and last_phase is not None:
        # The camera moves at most two pixels a tick, so its phase tells how far.
        travelled += (phase - last_phase + 3) % art.TILE - 3
    if len(found) != 1:
        return Sighting(len(found), None, phase, travelled)
    place = found[0]
    hero = Hero(place.x + art.HERO_OFFSET[0], place.y + art.HERO_OFFSET[1], place.look % _POSES)
    if phase is None:
        return Sighting(1, hero, None, travelled)
    ground = _Ground(frame, phase, HERO.cover(frame.shape, found) & ~before)
    bottom = hero.y + BODY_HEIGHT - 1
    feet = (hero.x, hero.x + 3, hero.x + BODY_WIDTH - 1)
    return Sighting(
        players=1,
        hero=hero,
        phase=phase,
        travelled=travelled,
        inside=_inside(ground, hero),
        standing=(bottom + 1) % art.TILE == 0 and ground.any_of(feet, (bottom + 1,), _SOLID, _PLANK),
        hovering=(bottom + 1) % art.TILE != 0 or not ground.any_of(feet, (bottom + 1,), _SOLID, _PLANK, _UNKNOWN),
        wall_left=hero.x <= 1 or _walled(ground, hero, -1),
        wall_right=_walled(ground, hero, 1),
        ceiling=_below_ceiling(ground, hero),
    )


def _inside(ground: _Ground, hero: Hero) -> bool:
    """Whether solid tiles reach deep into the body. A tile that the body hides is solid where the ones to its sides
    and under the feet are: no hole in the ground with a floor is as narrow as the body."""
    left, right, bottom = hero.x, hero.x + BODY_WIDTH - 1, hero.y + BODY_HEIGHT - 1
    for y in (hero.y + DEEP, hero.y + 7, bottom - DEEP):
        around = ground.at(left - 6, y) == ground.at(right + 6, y) == _SOLID
        for x in (left + DEEP, right - DEEP):
            kind = ground.at(x, y)
            if kind == _SOLID or (kind == _UNKNOWN and around and ground.at(x, bottom + 2) == _SOLID):
                return True
    return False


def _walled(ground: _Ground, hero: Hero, side: int) -> bool:
    """Whether something solid is or may be next to the body, -1 left or 1 right of it."""
    edge = hero.x if side < 0 else hero.x + BODY_WIDTH - 1
    # A column that the body itself is in can't be solid.
    beside = tuple(x for x in (edge + side, edge + 2 * side) if ground.column(x) != ground.column(edge))
    return ground.any_of(beside, (hero.y, hero.y + 7, hero.y + BODY_HEIGHT - 1), _SOLID, _UNKNOWN)


def _below_ceiling(ground: _Ground, hero: Hero) -> bool:
    """Whether something solid is or may be over the body, as high and as far aside as the first ticks of a jump go."""
    over = tuple(y for y in (hero.y - 1, hero.y - 9, hero.y - 17) if y // art.TILE != hero.y // art.TILE)
    across = (hero.x - 6, hero.x, hero.x + BODY_WIDTH - 1, hero.x + BODY_WIDTH + 5)
    return ground.any_of(across, over, _SOLID, _UNKNOWN)


class PlatformerReader:
    """One run of the platformer."""

    def __init__(self) -> None:
        # What was seen, newest last, with the action that led to it, since player and frieze were last lost.
        self._past: deque[tuple[Action, Sighting]] = deque(maxlen=HOLD + 1)
        self._dying: int | None = None  # frames since the first dead picture
        self._sunk = self._level = 0  # frames in the ground, frames hovering at one height
        self.seen: Sighting | None = None  # the newest picture

    @property
    def dying(self) -> bool:
        """Whether the player has been seen dead and not alive since."""
        return self._dying is not None

    def see(self, frame: Pictures, action: Action | None) -> Verdict:
        """Judge the next frame; `action` led to it."""
        seen = look(frame) if self.seen is None else look(frame, self.seen.travelled, self.seen.phase)
        self.seen = seen
        self._follow_death(seen)
        hero = seen.hero
        if hero is None or hero.dead or seen.phase is None:
            self._past.clear()
            self._sunk = self._level = 0
        else:
            self._follow_ground(seen)
            self._past.append((action or Action.NOOP, seen))
        obeyed = self._key_obeyed()
        return Verdict(self._cause(seen, obeyed), seen.players, obeyed)

    def _follow_death(self, seen: Sighting) -> None:
        hero = seen.hero
        if hero is not None and not hero.dead and hero.y + BODY_HEIGHT <= levels.PIT_FEET:
            self._dying = None  # further down the living and the dead look alike, cut off as they are
        elif self._dying is not None:
            self._dying += 1
        elif hero is not None and hero.dead:
            self._dying = 1

    def _follow_ground(self, seen: Sighting) -> None:
        self._sunk = self._sunk + 1 if seen.inside else 0
        same_height = bool(self._past) and self._past[-1][1].hero_y == seen.hero_y
        self._level = self._level + 1 if seen.hovering and same_height else 0

    def _cause(self, seen: Sighting, obeyed: bool | None) -> str | None:
        if seen.players > 1:
            return "player twice"
        if self._dying is not None:
            return "endless death" if self._dying > LONGEST_DEATH else None
        if seen.players == 0:
            return "player missing"
        if seen.phase is None:
            return "ground unreadable"
        if self._sunk > 2:
            return "in the ground"
        if self._level >= HOVER:
            return "hovering"
        return "key not obeyed" if obeyed is False else None

    def _key_obeyed(self) -> bool | None:
        """Whether what was held shows in the movement; None where nothing can be said."""
        verdicts = [self._steering_obeyed(), self._jump_obeyed()]
        tested = [verdict for verdict in verdicts if verdict is not None]
        return all(tested) if tested else None

    def _steering_obeyed(self) -> bool | None:
        if len(self._past) <= HOLD:
            return None
        (_, before), *held = self._past
        steers = {_steer(action) for action, _ in held}
        if len(steers) > 1:
            return None
        steer, sightings = steers.pop(), [before, *(seen for _, seen in held)]
        moved = sightings[-1].world_x - before.world_x
        if steer == 0:
            return abs(sightings[-1].world_x - sightings[-1 - STOPPED].world_x) <= 2
        if any(seen.wall_right if steer > 0 else seen.wall_left for seen in sightings):
            return None
        return moved * steer > 0

    def _jump_obeyed(self) -> bool | None:
        """Whether three ticks of jump lift a player who has stood for three."""
        if len(self._past) < 6:
            return None
        *_, (_, first), (_, second), (_, stood), (a, _), (b, _), (c, newest) = self._past
        if not all(Action.JUMP.value in action.buttons for action in (a, b, c)):
            return None
        if not stood.standing or stood.ceiling or not first.hero_y == second.hero_y == stood.hero_y:
            return None
        return newest.hero_y <= stood.hero_y - 6


def _steer(action: Action) -> int:
    return (Action.RIGHT.value in action.buttons) - (Action.LEFT.value in action.buttons)
