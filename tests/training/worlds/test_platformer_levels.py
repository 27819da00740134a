"""Levels: the column rule, the grammar's locality, and that every level can be passed."""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.worlds import platformer_levels as levels
from training.worlds.base import SPLITS
from training.worlds.platformer_levels import Op

SEEDS = [split.start + 7 * i for split in SPLITS.values() for i in range(40)]


def tiles_of(ops: list[int]) -> np.ndarray:
    return np.array([list(column) for column in levels.columns_of(ops, 0)], np.uint8).T


@pytest.mark.parametrize("seed", SEEDS[::4])
def test_every_level_can_be_passed_from_any_biome(seed: int) -> None:
    ops = [*levels.level(seed), *[Op.FLAT] * 4]
    for biome in range(levels.BIOMES):
        tiles = np.array([list(column) for column in levels.columns_of(ops, biome)], np.uint8).T
        assert levels.level_is_passable(tiles)


def test_levels_keep_their_bounds() -> None:
    for seed in SEEDS:
        ops = list(levels.level(seed))
        assert levels.SHORTEST <= len(ops) <= levels.LONGEST
        assert ops[-1] == Op.FLAG and ops.count(Op.FLAG) == 1
        columns = levels.columns_of(ops, 0)
        grounds = [levels.surface(column)[0] for column in columns]
        assert min(grounds) >= levels.TOP_ROW and max(grounds) <= levels.BOTTOM_ROW
        assert grounds[0] == grounds[-1] == levels.HOME_ROW
        assert all(set(column[:5]) == {levels.EMPTY} for column in columns)
    assert len({levels.level(seed) for seed in SEEDS}) == len(SEEDS)


def test_every_op_comes_often_enough_to_be_learnt() -> None:
    ops = np.array([op for seed in range(300) for op in levels.level(seed)])
    shares = np.bincount(ops, minlength=len(Op)) / len(ops)
    assert shares.min() > 0.012
    assert all(0.023 < shares[op] < 0.042 for op in (Op.UP1, Op.UP2, Op.DOWN1, Op.DOWN2))
    assert 45 < 1 / shares[Op.FLAG] < 60  # columns from one to the next


def test_what_follows_is_always_among_the_choices_of_the_last_six() -> None:
    used = set()
    for seed in SEEDS:
        ops = [Op.FLAT] * levels.CONTEXT + [Op(op) for op in levels.level(seed)]
        ground = levels.HOME_ROW
        for at in range(levels.CONTEXT, len(ops)):
            options = dict(levels.choices(ops[at - levels.CONTEXT : at], ground))
            assert sum(options.values()) == pytest.approx(1)
            if at >= levels.CONTEXT + 3:  # the plain lead after a flag is given
                assert options.get(ops[at], 0) > 0
            ground += {Op.UP1: -1, Op.UP2: -2, Op.DOWN1: 1, Op.DOWN2: 2}.get(ops[at], 0)
            used.add(ops[at])
    assert used == set(Op)


def test_pits_are_short_and_enemies_have_room() -> None:
    for seed in SEEDS:
        text = "".join(chr(65 + op) for op in levels.level(seed))
        assert chr(65 + Op.PIT) * 4 not in text and chr(65 + Op.SPIKE) * 3 not in text
        calm = {chr(65 + op) for op in levels.CALM}
        for at in (i for i, letter in enumerate(text) if letter == chr(65 + Op.ENEMY)):
            around = text[at - 3 : at] + text[at + 1 : at + 3]
            assert len(around) == 5 and set(around) <= calm


@given(st.lists(st.sampled_from(list(Op)), min_size=1, max_size=30))
def test_the_column_rule_shows_height_and_biome_always(ops: list[Op]) -> None:
    column, ground, biome = levels.first_column(1), levels.HOME_ROW, 1
    for op in ops:
        rise = {Op.UP1: -1, Op.UP2: -2, Op.DOWN1: 1, Op.DOWN2: 2}.get(op, 0)
        if not levels.TOP_ROW <= ground + rise <= levels.BOTTOM_ROW:
            continue
        ground, biome = ground + rise, (biome + (op is Op.FLAG)) % levels.BIOMES
        new = levels.next_column(column[: levels.FRIEZE] + bytes([levels.RUNE + op]))
        assert len(new) == levels.FRIEZE and levels.surface(new) == (ground, biome)
        assert (op is Op.PIT) == (levels.PIT_TOP <= new[ground] < levels.PIT_BODY)
        column = new + bytes([levels.RUNE])


@pytest.mark.parametrize(
    ("ops", "passable"),
    [
        ([Op.FLAT] * 10, True),
        ([Op.FLAT] * 3 + [Op.PIT] * 3 + [Op.FLAT] * 4, True),
        ([Op.FLAT] * 3 + [Op.PIT] * 6 + [Op.FLAT] * 4, False),
        ([Op.FLAT] * 3 + [Op.UP2] + [Op.FLAT] * 4, True),
        ([Op.FLAT] * 3 + [Op.SPIKE] * 2 + [Op.FLAT] * 4, True),
        ([Op.FLAT] * 3 + [Op.SPIKE] * 6 + [Op.FLAT] * 4, False),
        ([Op.FLAT] * 3 + [Op.BRICK] * 4 + [Op.FLAT] * 4, True),
        ([Op.FLAT] * 3 + [Op.BLOCK] * 3 + [Op.FLAT] * 4, True),
    ],
)
def test_the_checker_knows_what_can_be_passed(ops: list[int], passable: bool) -> None:
    assert levels.level_is_passable(tiles_of(ops)) is passable


def test_the_checker_knows_a_wall_that_is_too_high() -> None:
    tiles = tiles_of([Op.FLAT] * 10)
    tiles[levels.HOME_ROW - 3 : levels.HOME_ROW, 6] = levels.BLOCK
    assert levels.level_is_passable(tiles)
    tiles[levels.HOME_ROW - 4, 6] = levels.BLOCK
    assert not levels.level_is_passable(tiles)


def test_the_checker_takes_a_start_and_refuses_a_deadly_one() -> None:
    tiles = tiles_of([Op.FLAT] * 3 + [Op.PIT] * 6 + [Op.FLAT] * 6)
    assert levels.level_is_passable(tiles, (11 * 8, 0))
    assert not levels.level_is_passable(tiles, (6 * 8, 0))


def test_what_may_follow_is_what_levels_are_drawn_from() -> None:
    """Each op of many levels, after the level before it, beside the context and the rule of `_attempt` itself."""
    flags = 0
    for seed in range(60):
        drawn = levels._attempt(np.random.default_rng(seed).random(levels.LONGEST - 3).tolist())
        if drawn is None:
            continue
        before = [int(levels.Op.FLAT)] * 30 + [int(levels.Op.FLAG)]
        ground = levels.HOME_ROW
        context = (int(levels.Op.FLAT),) * levels.CONTEXT
        for at, op in enumerate(drawn):
            told = levels.may_follow([*before, *drawn[:at]][-29:], ground)
            if at < 3:
                assert told == {levels.Op.FLAT: 1.0}
                continue
            expected = dict(levels.choices(context, ground))
            if levels.Op.FLAG in expected and at + 1 < levels.SHORTEST:
                expected[levels.Op.FLAT] = expected.get(levels.Op.FLAT, 0.0) + expected.pop(levels.Op.FLAG)
            assert told == pytest.approx(expected) and op in told
            flags += levels.Op.FLAG in told
            ground += levels._RISE.get(levels.Op(op), 0)
            context = (*context[1:], op)
    assert flags > 50


def test_levels_stay_what_they_are() -> None:
    """Else the world's version must be raised."""
    assert crc32(b"".join(levels.level(seed) for seed in range(40))) == 4155463466


def test_a_level_is_of_one_split_alone() -> None:
    for index, seeds in enumerate(SPLITS.values()):
        assert all(crc32(levels.level(seed)) % len(SPLITS) == index for seed in seeds[:40])


def test_levels_are_seldom_drawn_again() -> None:
    """Else the odds of one rune after the other would not be those that levels are made of."""
    rng = np.random.default_rng(5)
    drawn = [levels._attempt(rng.random(levels.LONGEST - 3).tolist()) for _ in range(400)]
    assert sum(ops is None for ops in drawn) <= 8


def test_levels_gone_astray_lead_where_no_others_do_and_home() -> None:
    rows, against, flags_off_home, total = set(), 0, 0, 0
    for seed in range(60):
        ops = levels.level(seed, astray=True)
        assert ops != levels.level(seed)
        past, ground = [int(Op.FLAT)] * 30 + [int(Op.FLAG)], levels.HOME_ROW
        for op in ops:
            told = levels.may_follow(past[-29:], ground)  # must tell something after whatever came
            assert sum(told.values()) == pytest.approx(1)
            against += op not in told
            flags_off_home += op == levels.Op.FLAG and ground != levels.HOME_ROW
            ground += levels._RISE.get(levels.Op(op), 0)
            rows.add(ground)
            past.append(op)
        total += len(ops)
        flags = [at for at, op in enumerate(ops) if op == levels.Op.FLAG]
        assert ground == levels.HOME_ROW and flags[-1] == len(ops) - 1
        assert all(b - a >= levels.SHORTEST for a, b in pairwise([-1, *flags])), "one flag on the screen at a time"
        assert levels.level_is_passable(tiles_of([*ops, *[Op.FLAT] * 4]), (8, levels.HOME_ROW * 8 - levels.BODY_HEIGHT))
    assert min(rows) == levels.ASTRAY_ROWS[0] and max(rows) == levels.ASTRAY_ROWS[1]
    assert 0.03 < against / total < 0.12 and flags_off_home > 5
