"""The pictures: sizes, palettes, and that what must be told apart can be."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels


def test_one_tile_a_kind() -> None:
    tiles = art.tile_set()
    assert tiles.shape == (levels.KINDS, 8, 8) and levels.KINDS < 45
    assert len({tile.tobytes() for tile in tiles}) == levels.KINDS
    assert set(np.unique(tiles)) <= {*range(16), art.CLEAR}


def test_a_runes_first_pixel_column_says_all_of_it() -> None:
    assert len(art.RUNES) == len(levels.Op)
    for rune in art.RUNES:
        assert (rune[:, :7] == rune[:, :1]).all() and (rune[:, 7] == art.RUNES[0][:, 7]).all()
        assert (rune[0] == art.INK["m"]).all() and (rune[7] == art.INK["v"]).all()
        assert (rune[1:7, 0] != rune[1:7, 7]).sum() >= 3  # its end shows
    for one, two in combinations(art.RUNES, 2):
        assert (one[1:7, 0] != two[1:7, 0]).sum() >= 3


def test_sprites_have_one_size_each() -> None:
    assert {sprite.pixels.shape for side in art.HERO for sprite in side} == {(16, 12)}
    assert {sprite.pixels.shape for side in art.BEETLE for sprite in side} == {(9, 10)}
    assert all((a.pixels[:, ::-1] == b.pixels).all() for a, b in zip(*art.HERO, strict=True))
    assert len({sprite.pixels.tobytes() for sprite in art.HERO[0]}) == 5


def test_palettes_are_whole_and_contrast_is_wide() -> None:
    assert len(art.PALETTES) >= 4
    for colours in art.PALETTES.values():
        assert len(set(colours)) == 16 and all(0 <= part <= 255 for colour in colours for part in colour)
    for one, two in combinations(art.PALETTES["contrast"], 2):
        assert np.linalg.norm(np.subtract(one, two)) >= 80
