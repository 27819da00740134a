"""The font's glyphs and how text is set."""

from __future__ import annotations

import string

import numpy as np
import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing import pixel_font
from app.drawing.pixel_font import ROWS, clip_lines, fit_text, parse_font, render_text, text_mask, text_width, wrap_text


def test_every_printable_character_and_every_used_sign_has_its_own_glyph() -> None:
    glyphs = pixel_font._glyphs()
    wanted = set(string.printable) - set(string.whitespace) | set("←→↑↓≥≤—…·●µ□")
    assert wanted <= set(glyphs)
    shapes = {(glyph.shape, glyph.tobytes()) for character, glyph in glyphs.items() if character in wanted}
    assert len(shapes) == len(wanted)


@given(st.text(max_size=30))
def test_any_text_can_be_set(text: str) -> None:
    mask = text_mask(text)
    assert mask.shape[0] == ROWS
    assert text_width(text, 3) == 3 * mask.shape[1]


def test_ink_is_where_the_mask_says() -> None:
    surface = render_text("Ag", (10, 20, 30), 2)
    assert surface.get_size() == (text_width("Ag", 2), 2 * ROWS)
    plain = pygame.Surface(surface.get_size(), depth=32)
    plain.fill((1, 1, 1))
    plain.blit(surface, (0, 0))
    inked = np.all(pygame.surfarray.array3d(plain) == (10, 20, 30), axis=2).T[::2, ::2]
    assert np.array_equal(inked, text_mask("Ag") == 1)


def test_accents_fall_back_to_their_letter_and_strangers_to_a_box() -> None:
    assert np.array_equal(text_mask("é"), text_mask("e"))
    assert np.array_equal(text_mask("\u4e2d"), text_mask("□"))


@given(st.text(alphabet=string.ascii_letters + " ", max_size=80), st.integers(60, 300))
def test_wrapped_lines_keep_the_words_and_fit(text: str, width: int) -> None:
    lines = wrap_text(text, width)
    assert " ".join(lines).split() == text.split()
    assert all(text_width(line) <= width or " " not in line for line in lines)


@given(st.text(alphabet=string.printable, max_size=60), st.integers(10, 200))
def test_fitted_text_fits_and_keeps_its_end(text: str, width: int) -> None:
    fitted = fit_text(text, width)
    assert text_width(fitted) <= width
    assert fitted == text or text.endswith(fitted.removeprefix("…"))


def test_a_row_with_a_missing_cell_is_told() -> None:
    with pytest.raises(ValueError, match="one cell a character"):
        parse_font("= A B\n#.# ###\n###")


def test_lines_that_are_left_out_are_told_by_an_ellipsis() -> None:
    lines = wrap_text("run and jump through hills that never end", 60)
    assert len(lines) > 2 and clip_lines(lines, len(lines), 60) == lines and clip_lines(lines, 0, 60) == []
    clipped = clip_lines(lines, 2, 60)
    assert clipped[0] == lines[0] and clipped[1].endswith("…") and text_width(clipped[1]) <= 60
