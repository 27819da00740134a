"""Reads a whole platformer screen: every tile, coin and beetle. Owns the map of a picture; refuses to follow a run.

A map is int64 [16,C] of tile kinds, C whole columns; `UNKNOWN` is a tile that looks like none, `HIDDEN` one of which a
sprite or the lamp leaves too little to be told.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from training.evaluate.readers.platformer import (
    BANNER,
    HERO,
    TILES,
    Flags,
    actors_view,
    banners,
    camera_phase,
    find_heroes,
    things_before,
)
from training.evaluate.readers.sprites import PAD, Found, Pictures, Sprites, apart, count
from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels

UNKNOWN, HIDDEN = -1, -2
PRESENT = 0.3  # share of a sprite's pixels that may be wrong
TILE_WRONG = 0.25  # the same of a tile
LEAST_SEEN = 44  # pixels of a tile that sprites must leave

Ints = npt.NDArray[np.int64]
_Pixel = TypeVar("_Pixel", bound=np.generic)

_BEETLE_LOOKS = np.stack([sprite.pixels for facing in art.BEETLE for sprite in facing])
_WALKING = (0, 1, 6, 7)  # looks of a beetle that lives
_BEETLE = Sprites(_BEETLE_LOOKS, art.CLEAR, least_visible=16)
_LAMP = np.zeros((128, 128), np.bool_)
_LAMP[art.LAMP_AT[0] : art.LAMP_AT[0] + 16, art.LAMP_AT[1] : art.LAMP_AT[1] + 16] = True
_COIN = art.COIN.reshape(-1)
_COIN_DRAWN = _COIN != art.CLEAR


def first_whole_column(phase: int) -> int:
    """Screen pixel at which the first whole column of tiles begins."""
    return -phase % art.TILE


def coin_cells(frame: Pictures, phase: int) -> Flags:
    """bool [16,17]: the cells that show a coin, column 0 being the one that the screen's left edge cuts at `phase`."""
    wide = np.full((128, 17 * art.TILE), art.CLEAR, np.uint8)
    wide[:, phase : phase + 128] = frame[:, : 17 * art.TILE - phase]
    cells = _cells_of(wide)
    cells_shown: Flags = count((cells == _COIN) & _COIN_DRAWN) >= (1 - TILE_WRONG) * _COIN_DRAWN.sum()
    return cells_shown


def find_beetles(frame: Pictures, around: tuple[int, int] | None = None, reach: int = 4) -> list[Found]:
    """Living beetles, best first: all of them, or those whose hit box has its top left near `around` (x, y)."""
    found = _beetles(actors_view(frame, things_before(frame, camera_phase(frame))), around, reach)
    return [beetle for beetle in found if beetle.look in _WALKING]


def read_map(frame: Pictures, phase: int) -> Ints:
    """The map of a picture uint8 [128,128] whose columns of tiles begin at pixels `-phase` modulo 8."""
    before = things_before(frame, phase)
    covered = HERO.cover(frame.shape, find_heroes(frame, before))
    covered |= _BEETLE.cover(frame.shape, _beetles(actors_view(frame, before), None, 0))
    covered = covered & ~before | _LAMP
    covered |= BANNER.cover(frame.shape, banners(frame, np.arange(-art.TILE, frame.shape[1])))
    return _tiles_of(frame, phase, covered)


def glance_at_map(frame: Pictures, phase: int) -> Ints:
    """The same but for tiles that sprites cover, which are `UNKNOWN`: many times as fast."""
    return _tiles_of(frame, phase, _LAMP)


def _tiles_of(frame: Pictures, phase: int, covered: Flags) -> Ints:
    left = first_whole_column(phase)
    width = (frame.shape[1] - left) // art.TILE * art.TILE
    cells, seen = _cells_of(frame[:, left : left + width]), _cells_of(~covered[:, left : left + width])
    wrong = np.stack([count((cells != TILES[:, None, kind]) & seen) for kind in range(levels.KINDS)], axis=-1)
    wrong[: levels.FRIEZE, :, levels.RUNE :] = np.iinfo(wrong.dtype).max  # runes are for the frieze alone
    wrong[levels.FRIEZE, :, : levels.RUNE] = np.iinfo(wrong.dtype).max
    visible = count(seen)
    best: Ints = wrong.argmin(-1)
    least = np.take_along_axis(wrong, best[..., None], -1)[..., 0]
    return np.where(visible < LEAST_SEEN, HIDDEN, np.where(least <= TILE_WRONG * visible, best, UNKNOWN))


def _beetles(wide: Pictures, around: tuple[int, int] | None, reach: int) -> list[Found]:
    return apart(_BEETLE.match(wide, _everywhere(around, reach), PRESENT), art.TILE)


def _everywhere(around: tuple[int, int] | None, reach: int) -> Ints:
    """Places (x, y) int64 [n,2] of a sprite's top left: all, or within `reach` of a hit box's."""
    if around is None:
        xs, ys = np.arange(-9, 127), np.arange(32, 120)
    else:
        x, y = around[0] - art.BEETLE_OFFSET[0], around[1] - art.BEETLE_OFFSET[1]
        xs = np.arange(max(x - reach, -PAD), min(x + reach, 127) + 1)
        ys = np.arange(max(y - reach, -PAD), min(y + reach, 127) + 1)
    return np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2)


def _cells_of(picture: npt.NDArray[_Pixel]) -> npt.NDArray[_Pixel]:
    """[128,8*C] tile by tile: [16,C,64]."""
    columns = picture.shape[1] // art.TILE
    return picture.reshape(levels.ROWS, art.TILE, columns, art.TILE).transpose(0, 2, 1, 3).reshape(16, columns, -1)
