"""How things look: letters that fit, colours that can be told apart."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.look import ROOM, Look, look_of
from app.settings.schema import Colours, Settings


def test_the_settings_make_the_look() -> None:
    assert look_of(Settings()) == Look()
    safe = look_of(Settings(text_scale=2, calm=True, colours=Colours.SAFE))
    assert (safe.text_scale, safe.calm) == (2, True)
    assert safe.moving(5) == 0 and Look().moving(5) == 5
    assert len({safe.good, safe.warn, safe.bad}) == 3


# What eyes without one kind of cone see (Machado, Oliveira and Fernandes 2009, severity 1).
PROTAN = np.array([[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]])
DEUTAN = np.array([[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]])


@pytest.mark.parametrize("eyes", [PROTAN, DEUTAN])
def test_safe_colours_differ_for_eyes_that_lack_one_kind_of_cone(eyes: np.ndarray[tuple[int, ...], Any]) -> None:
    safe, plain = look_of(Settings(colours=Colours.SAFE)), Look()
    apart = [float(np.linalg.norm(eyes @ one - eyes @ other)) for one, other in combinations(_signs(safe), 2)]
    usual = [float(np.linalg.norm(eyes @ one - eyes @ other)) for one, other in combinations(_signs(plain), 2)]
    assert min(apart) > 80 and min(apart) > min(usual)


def _signs(look: Look) -> list[np.ndarray[tuple[int, ...], Any]]:
    return [np.array(colour) for colour in (look.good, look.warn, look.bad)]


@given(st.floats(0.5, 4), st.integers(1, 8), st.integers(40, 4000), st.integers(30, 3000))
def test_letters_never_take_the_whole_window(scale: float, plain: int, width: int, height: int) -> None:
    pixels = Look(text_scale=scale).text_pixels(plain, (width, height))
    assert 1 <= pixels <= max(plain, min(width // ROOM[0], height // ROOM[1]))
    assert Look().text_pixels(plain, (width, height)) == plain
