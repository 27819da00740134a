"""Dreamt levels at their ends: what the simulator makes up can be played, what faulty worlds make up can't."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.evaluate.dreams import find_solved, measure_dreamt_boards, measure_dreamt_screens, screen_fault
from training.evaluate.footage import find_moments
from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels
from training.worlds.platformer import Platformer


def test_boards(perfect: Any, frozen: Any, blank: Any) -> None:
    solved = find_solved(4, 8)
    figures = measure_dreamt_boards(perfect("puzzle"), solved)
    assert figures["valid"] == figures["well_formed"] == figures["distinct"] == 1.0 and figures["boards"] == 4
    for fault in (frozen, blank):
        assert measure_dreamt_boards(fault("puzzle"), solved)["valid"] == 0.0


def test_screens(perfect: Any, frozen: Any, blank: Any) -> None:
    starts = find_moments("platformer", 2, 4)
    figures = measure_dreamt_screens(perfect("platformer"), starts, 200)
    assert figures["valid"] == 1.0 and figures["screens"] >= 2
    for fault in (frozen, blank):
        assert measure_dreamt_screens(fault("platformer"), starts, 20)["valid"] == 0.0


@pytest.fixture(scope="module")
def screen() -> np.ndarray[Any, Any]:
    """A screen of which half is new ground, at the frieze's phase 0."""
    world = Platformer(1, "report")
    world.reset(seed=5)
    rng = np.random.default_rng(0)
    frames = world.render_frames()
    while world.camera[0] < 60 or world.camera[0] % 8:
        frames, *_ = world.step(world.suggest(rng))
    picture: np.ndarray[Any, Any] = frames[0]
    return picture


def test_faults_of_a_screen(screen: np.ndarray[Any, Any]) -> None:
    assert screen_fault(screen) is None
    stray = screen.copy()
    stray[32:40, 64:72] = np.random.default_rng(0).integers(0, 16, (8, 8))
    assert screen_fault(stray) == "stray tile"
    wrong = screen.copy()
    wrong[40:48, 64:72] = art.BRICK  # a tile, but none that the rune before it said
    assert screen_fault(wrong) == "not as its rune said"
    mush = screen.copy()
    mush[120:] = np.random.default_rng(0).integers(0, 16, (8, 128))
    assert screen_fault(mush) == "frieze unreadable"


def test_a_rune_that_leads_out_of_the_screen_is_a_fault() -> None:
    def drawn(columns: list[bytes]) -> np.ndarray[Any, Any]:
        tiles = art.tile_set()[np.frombuffer(b"".join(columns), np.uint8).reshape(16, 16)]
        tiles = tiles.transpose(1, 2, 0, 3).reshape(128, 128)
        picture: np.ndarray[Any, Any] = np.where(tiles == art.CLEAR, art.SKY, tiles)
        return picture

    lowest = levels.columns_of([levels.Op.DOWN1, *[levels.Op.FLAT] * 15], 0)[1:]
    assert screen_fault(drawn(lowest)) is None
    lowest[8] = lowest[8][: levels.FRIEZE] + bytes([levels.RUNE + levels.Op.DOWN2])
    assert screen_fault(drawn(lowest)) == "not as its rune said"
