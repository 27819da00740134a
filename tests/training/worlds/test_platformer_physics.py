"""Motion: the figures that play feels, and that the vector rule and the one-body rule are one rule."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from training.worlds import platformer_levels as levels
from training.worlds.platformer_levels import BODY_HEIGHT, COYOTE, EARTH, Body, body_dies, move_body
from training.worlds.platformer_physics import Bodies, Ground, drowned, move, pricked

FLOOR_Y = levels.HOME_ROW * 8 - BODY_HEIGHT
FLAT = [levels.first_column(0)] * 32


def with_tile(column: int, row: int, kind: int) -> list[bytes]:
    columns = list(FLAT)
    columns[column] = columns[column][:row] + bytes([kind]) + columns[column][row + 1 :]
    return columns


def fly(columns: list[bytes], body: Body, held: int, steer: int = 0) -> list[Body]:
    """The path of a jump whose key is held for so many ticks, until it lands."""
    path = [body]
    for tick in range(60):
        path.append(move_body(columns, path[-1], steer, tick < held))
        if path[-1].on_ground:
            return path
    raise AssertionError("never landed")


STANDING = Body(80, FLOOR_Y, 0, EARTH.falls, COYOTE, True)


def test_a_full_jump_clears_three_tiles_and_a_tap_two() -> None:
    assert FLOOR_Y - min(body.y for body in fly(FLAT, STANDING, 30)[:-1]) == 28
    assert FLOOR_Y - min(body.y for body in fly(FLAT, STANDING, 1)) == 16


def test_height_grows_with_the_time_that_jump_is_held() -> None:
    heights = [FLOOR_Y - min(body.y for body in fly(FLAT, STANDING, held)) for held in range(1, 8)]
    assert heights == [16, 16, 20, 24, 28, 28, 28]


@pytest.mark.parametrize("held", range(1, 9))
def test_a_jump_ends_with_a_whole_step_however_long_it_is_held(held: int) -> None:
    path = fly(FLAT, STANDING, held)
    steps = [after.y - before.y for before, after in pairwise(path)]
    assert path[-1].y == FLOOR_Y and [step for step in steps if step][-1] == EARTH.course[-1]


def test_a_running_jump_covers_a_three_tile_pit() -> None:
    path = fly(FLAT, STANDING._replace(vx=2), 16, steer=1)
    assert path[-1].x - path[0].x >= 32


def test_the_key_is_the_speed() -> None:
    body, speeds = STANDING, []
    for steer in (1, 1, 1, 0, 0, 0, -1, -1, -1):
        body = move_body(FLAT, body, steer, False)
        speeds.append(body.vx)
    assert speeds == [2, 2, 2, 0, 0, 0, -2, -2, -2]


@pytest.mark.parametrize(("ticks", "jumps"), [(1, True), (3, True), (4, False)])
def test_coyote_time_lasts_three_ticks_after_the_first_in_the_air(ticks: int, jumps: bool) -> None:
    body = Body(80, 40, 0, EARTH.falls, COYOTE, True)  # ground just vanished
    for _ in range(ticks):
        body = move_body(FLAT, body, 0, False)
        assert not body.on_ground
    assert (move_body(FLAT, body, 0, True).beat == 1) is jumps


def test_held_jump_leaps_again_on_landing() -> None:
    path = fly(FLAT, STANDING, 60)
    assert move_body(FLAT, path[-1], 0, True).y == FLOOR_Y + EARTH.course[0]


def test_a_plank_holds_from_above_only() -> None:
    row = levels.HOME_ROW - 3
    columns = with_tile(10, row, levels.PLANK)
    path = fly(columns, STANDING, 30)
    assert min(body.y for body in path) < row * 8 - BODY_HEIGHT  # passed up through it
    assert path[-1].y == row * 8 - BODY_HEIGHT  # and stands on it


def test_a_brick_stops_the_head() -> None:
    row = levels.HOME_ROW - 3
    path = fly(with_tile(10, row, levels.BRICK), STANDING, 30)
    assert min(body.y for body in path) == (row + 1) * 8 and path[-1].y == FLOOR_Y


def test_one_body_and_many_follow_the_same_rule() -> None:
    """Random tiles, bodies and keys: `move` and its touches against `move_body`, tick by tick."""
    rng = np.random.default_rng(5)
    n = 60
    kinds = np.array([0, 0, 0, 0, 0, levels.BLOCK, levels.PLANK, levels.SPIKE, levels.GROUND_TOP], np.uint8)
    tiles = rng.choice(kinds, (n, 32, 16))
    tiles[:, :, :2] = 0
    tiles[:, :, levels.FRIEZE] = levels.RUNE
    tiles[:, [0, 31], :] = levels.BLOCK  # nobody leaves the map
    tiles[:, [0, 31], 0] = 0
    ground = Ground(tiles, np.arange(n) * 512, np.full(n, -1000))
    columns = [[bytes(column) for column in copy] for copy in tiles]
    x, y = rng.integers(80, 160, n), np.full(n, -BODY_HEIGHT)
    still, falling = np.zeros(n, np.int64), np.full(n, EARTH.falls)
    many = Bodies(x, y, still, falling, still, np.zeros(n, np.bool_))
    ones = [Body(int(x[i]), int(y[i])) for i in range(n)]
    for _ in range(60):
        steer, jump = rng.integers(-1, 2, n), rng.random(n) < 0.5
        many = move(ground, many, steer, jump)
        ones = [move_body(columns[i], ones[i], int(steer[i]), bool(jump[i])) for i in range(n)]
        for i, body in enumerate(ones):
            got = tuple(int(part[i]) for part in vars(many).values())
            assert got == tuple(map(int, body))
        dies = pricked(ground, many.x, many.y) | drowned(many.y)
        assert dies.tolist() == [body_dies(columns[i], body) for i, body in enumerate(ones)]
