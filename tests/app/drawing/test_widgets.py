"""Rows of keys: in the width that there is."""

from __future__ import annotations

import pygame
import pytest

from app.drawing.pixel_font import text_width
from app.drawing.widgets import break_key_row, draw_key_row, fit_message, fitting_scale, key_row_height, panel
from app.drawing.window import Window

ENTRIES = [("Enter", "play"), ("L", "recordings"), ("S", "settings"), ("Esc", "quit")]


def test_a_row_breaks_in_two_before_it_shrinks() -> None:
    assert break_key_row(ENTRIES, 1000, 2) == ([ENTRIES], 2)
    assert break_key_row(ENTRIES, 330, 2) == ([ENTRIES[:2], ENTRIES[2:]], 2)
    assert break_key_row(ENTRIES, 170, 2) == ([ENTRIES[:2], ENTRIES[2:]], 1)
    assert break_key_row(ENTRIES, 5, 3) == ([ENTRIES], 1)
    assert key_row_height(ENTRIES, 330, 2) > key_row_height(ENTRIES, 1000, 2)


@pytest.mark.parametrize("width", [640, 330, 170])
def test_every_entry_lies_inside_and_apart(window: Window, width: int) -> None:
    places = draw_key_row(window.surface, ENTRIES, (320, 400), 2, width)
    assert len(places) == len(ENTRIES)
    room = pygame.Rect(320 - width // 2, 0, width, 480)
    assert all(room.contains(place) for place in places)
    assert all(not one.colliderect(other) for n, one in enumerate(places) for other in places[n + 1 :])


def test_scales_and_panels_of_any_size() -> None:
    assert fitting_scale((100, 50), (350, 1000), 8) == 3 and fitting_scale((100, 50), (10, 10), 8) == 1
    assert panel((-4, 0)).get_size() == (1, 1)


def test_a_message_breaks_then_shrinks_by_half_at_most_and_is_cut_only_then() -> None:
    text = "the picture can't be shown"
    assert fit_message(text, 1000, 2, 1) == ([text], 2)
    assert fit_message(text, text_width("the picture can't", 2), 2, 2) == (["the picture can't", "be shown"], 2)
    assert fit_message(text, text_width(text) + 4, 2, 1) == ([text], 1)
    for most in (1, 3):
        lines, scale = fit_message("/a/path/without/any/end/" * 9 + f" {text}" * 9, 300, 5, most)
        assert scale == 3 and len(lines) == most and lines[-1].startswith("…")
        assert all(text_width(line, scale) <= 300 for line in lines)
