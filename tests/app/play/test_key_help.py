"""The help: every key once, whole, in whatever room there is."""

from __future__ import annotations

import numpy as np
import pygame
import pytest

from app.drawing.window import Window
from app.play.key_help import COLUMN, FOOT, HEAD, MARGIN, STEP, Row, draw_help, help_pages, help_scale

ROWS: list[Row] = [((str(number),), f"row {number}") for number in range(20)]


@pytest.mark.parametrize("size", [(320, 240), (640, 480), (1280, 800), (2560, 1440)])
@pytest.mark.parametrize("scale", [1, 2, 3, 5])
def test_every_row_is_on_a_page_once_and_inside_the_window(size: tuple[int, int], scale: int) -> None:
    scale = help_scale(size, scale)
    pages = help_pages(ROWS, size, scale)
    assert [row for page in pages for column in page for row in column] == ROWS
    foot = FOOT if len(pages) > 1 else MARGIN
    for page in pages:
        assert len(page) * COLUMN * scale <= size[0]
        assert (max(map(len, page)) * STEP + HEAD + foot) * scale <= size[1]


def test_large_letters_take_more_pages_rather_than_smaller_letters() -> None:
    assert help_scale((1280, 800), 5) == 5 and help_scale((640, 480), 2) == 2
    assert [len(help_pages(ROWS, (1280, 800), scale)) for scale in (2, 5)] == [1, 4]


def test_pages_say_which_they_are_and_that_there_are_more(window: Window) -> None:
    seen = set()
    pages = help_pages(ROWS, window.rect.size, 2)
    for number in range(len(pages)):
        window.surface.fill((200, 0, 200))
        draw_help(window.surface, "Hills", pages, number, "H", 2)
        seen.add(pygame.surfarray.array3d(window.surface).tobytes())
        edge = np.concatenate([pygame.surfarray.array3d(window.surface)[place].reshape(-1, 3) for place in (0, -1)])
        assert (edge == (200, 0, 200)).all()
    assert len(seen) == len(pages) == 2
