"""Reduced flashing: what flashes fades, what moves is shown as it is."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pygame
import pytest

from app.drawing.window import Window
from app.play.calm import Calm


def surface(value: int | np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> pygame.Surface:
    made = pygame.Surface((64, 64))
    if isinstance(value, int):
        made.fill((value,) * 3)
    else:
        pygame.surfarray.blit_array(made, np.stack([value] * 3, -1))
    return made.convert()


def grey(shown: pygame.Surface) -> float:
    return float(pygame.surfarray.array3d(shown).mean())


@pytest.fixture
def calm(window: Window) -> Calm:
    return Calm((64, 64))


def test_a_strobe_becomes_a_glimmer(calm: Calm) -> None:
    calm.soften(surface(0))
    levels = [grey(calm.soften(surface(255 if number % 2 else 0))) for number in range(40)]
    assert max(abs(a - b) for a, b in pairwise(levels[20:])) < 70


def test_a_change_of_scene_arrives(calm: Calm) -> None:
    calm.soften(surface(0))
    assert grey(calm.soften(surface(255))) < 80
    for _ in range(20):
        shown = calm.soften(surface(255))
    assert grey(shown) > 225


def test_what_moves_is_shown_as_it_is(calm: Calm) -> None:
    random = np.random.default_rng(2)
    texture = random.integers(0, 255, (64, 64), dtype=np.uint8)
    calm.soften(surface(texture))
    for step in range(1, 9):
        moved = np.roll(texture, step, 0)
        assert (pygame.surfarray.array3d(calm.soften(surface(moved)))[..., 0] == moved).all()
