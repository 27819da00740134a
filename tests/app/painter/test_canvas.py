"""A painting in the making: pieces at any place, and taking them back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.painter import canvas as module
from app.painter.canvas import Canvas

PIECE = np.full((4, 4), 7, np.uint8)


def test_put_take_and_undo() -> None:
    canvas = Canvas(np.zeros((16, 16), np.uint8))
    assert canvas.put(PIECE, 2, 3) and canvas.changed
    assert not canvas.put(PIECE, 2, 3)
    assert (canvas.take(2, 3, 4) == PIECE).all()
    assert canvas.take(15, 15, 4).shape == (4, 4)
    assert canvas.undo() and not canvas.pixels.any()
    assert not canvas.undo()


@given(st.lists(st.tuples(st.integers(-9, 20), st.integers(-9, 20), st.integers(1, 9)), max_size=12))
def test_undo_leads_back_whatever_was_put_where(puts: list[tuple[int, int, int]]) -> None:
    before = np.arange(256, dtype=np.uint8).reshape(16, 16)
    canvas = Canvas(before)
    changes = sum(canvas.put(np.full((side, side), side, np.uint8), top, left) for top, left, side in puts)
    for _ in range(changes):
        assert canvas.undo()
    assert not canvas.undo() and (canvas.pixels == before).all()


def test_what_can_be_taken_back_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 64)
    canvas = Canvas(np.zeros((16, 16), np.uint8))
    for number in range(9):
        canvas.put(np.full((4, 4), number + 1, np.uint8), 0, 0)
    assert sum(canvas.undo() for _ in range(9)) == 4
