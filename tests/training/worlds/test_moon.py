"""The moon is the platformer with less weight: its levels can be passed in that, and its bodies follow one rule."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np

from training.policies import make_policy
from training.worlds import moon_art
from training.worlds import platformer_levels as levels
from training.worlds.moon import Moon
from training.worlds.platformer import Platformer
from training.worlds.platformer_levels import BODY_HEIGHT, COYOTE, EARTH, Body, move_body

FLOOR_Y = levels.HOME_ROW * 8 - BODY_HEIGHT
FLAT = [levels.first_column(0)] * 64


def _leap(held: int) -> list[Body]:
    path = [Body(80, FLOOR_Y, 0, Moon.gravity.falls, COYOTE, True)]
    while len(path) == 1 or not path[-1].on_ground:
        path.append(move_body(FLAT, path[-1], 1, len(path) <= held, Moon.gravity))
    return path


def test_a_leap_is_as_high_and_half_as_long_again_and_a_tap_is_lower() -> None:
    full, tap = _leap(30), _leap(1)
    assert FLOOR_Y - min(body.y for body in full) == 30
    assert FLOOR_Y - min(body.y for body in tap) == 17
    assert len(full) > 20  # 16 ticks where things weigh twice as much
    assert all(abs(b.y - a.y) <= 4 for a, b in pairwise(full))


def test_who_stands_stays_standing() -> None:
    body = Body(80, FLOOR_Y, 0, Moon.gravity.falls, COYOTE, True)
    for _ in range(8):
        body = move_body(FLAT, body, 0, False, Moon.gravity)
        assert body.on_ground and body.y == FLOOR_Y


def test_levels_can_be_passed_at_their_own_weight() -> None:
    differ = 0
    for seed in range(40):
        ops = levels.level(seed, Moon.gravity)
        tiles = np.array([list(column) for column in levels.columns_of([*ops, *[0] * 4], 0)]).T
        assert levels.level_is_passable(tiles, (8, FLOOR_Y), Moon.gravity)
        differ += ops != levels.level(seed, EARTH)
    assert differ < 40  # the grammar is the same


def test_the_same_game_looks_and_falls_otherwise() -> None:
    moon, earth = Moon(4), Platformer(4)
    one, _ = moon.reset(seed=7)
    other, _ = earth.reset(seed=7)
    assert (one != other).mean() > 0.5 and one.max() < 16
    policy = make_policy("mixture", np.random.default_rng(0))
    snapshot, events = moon.snapshot(), np.zeros(4, np.uint32)
    actions = []
    for _ in range(300):
        actions.append(policy.act(moon))
        frames, *_, info = moon.step(actions[-1])
        events |= info["events"]
    assert {"jump", "land", "coin"} <= {name for name in moon.event_names if (events & moon.event_bit(name)).any()}
    assert moon.camera.max() > 100
    moon.restore(snapshot)
    for action in actions:
        again, *_ = moon.step(action)
    assert np.array_equal(again, frames)


def test_one_tile_a_kind_and_runes_that_are_told_apart() -> None:
    tiles = moon_art.SCENERY.tiles
    assert tiles.shape == (levels.KINDS, 8, 8)
    assert len({tile.tobytes() for tile in tiles}) == levels.KINDS
    runes = tiles[levels.RUNE :]
    assert len(runes) == len(levels.Op)
    assert (runes[:, :, :7] == runes[:, :, :1]).all() and (runes[:, :, 7] == runes[:1, :, 7]).all()
    for one, two in combinations(runes, 2):
        assert (one[1:7, 0] != two[1:7, 0]).sum() >= 3
    assert {sprite.pixels.shape for side in moon_art.SCENERY.hero for sprite in side} == {(16, 12)}
    assert {sprite.pixels.shape for side in moon_art.SCENERY.beetle for sprite in side} == {(9, 10)}
