"""Matching with masks, checked against counting by hand."""

from __future__ import annotations

import numpy as np

from training.evaluate.readers.sprites import PAD, Found, Sprites, apart, box_counts, padded

CLEAR = 255


def test_box_counts_agree_with_slices() -> None:
    mask = np.random.default_rng(0).random((40, 40)) < 0.3
    wide = np.pad(mask, PAD)
    counts = box_counts(wide, 4, 8, 12)
    for y, x in ((-16, -16), (0, 0), (3, 7), (30, 35)):
        box = wide[y + PAD + 4 : y + PAD + 12, x + PAD : x + PAD + 12]
        assert counts[y + PAD, x + PAD] == box.sum()


def test_a_sprite_is_found_in_place_and_half_outside() -> None:
    rng = np.random.default_rng(1)
    looks = rng.integers(0, 16, (3, 16, 12), np.uint8)
    looks[:, :4, :4] = CLEAR
    sprites = Sprites(looks, CLEAR, least_visible=20)
    frame = rng.integers(0, 16, (64, 64), np.uint8)
    drawn = sprites.drawn[2]
    frame[10:26, 20:32][drawn] = looks[2][drawn]
    frame[50, 0] = 3
    frame[56:64, 40:52][drawn[:8]] = looks[1][:8][drawn[:8]]
    places = np.array([(20, 10), (19, 10), (40, 56)])
    found = sprites.match(padded(frame), places, most_wrong=0.4)
    assert [(f.look, f.x, f.y, f.wrong) for f in found] == [(2, 20, 10, 0.0), (1, 40, 56, 0.0)]
    covered = sprites.cover(frame.shape, found)
    assert covered.sum() == drawn.sum() + drawn[:8].sum()
    assert not covered[10, 20] and covered[25, 31]


def test_too_little_to_see_is_no_match() -> None:
    sprites = Sprites(np.zeros((1, 16, 12), np.uint8), CLEAR, least_visible=20)
    frame = np.zeros((64, 64), np.uint8)
    assert sprites.match(padded(frame), np.array([(0, -15)]), most_wrong=0.5) == []
    assert len(sprites.match(padded(frame), np.array([(0, -14)]), most_wrong=0.5)) == 1


def test_close_matches_are_one() -> None:
    found = [Found(0, 10, 10, 0.2), Found(1, 12, 10, 0.1), Found(0, 40, 10, 0.3)]
    assert [(match.x, match.wrong) for match in apart(found, 8)] == [(12, 0.1), (40, 0.3)]
