"""Every key on one page over the game, or on as many as large letters take. Owns their layout and look; refuses to know
which keys there are (hud) and when they show.
"""

from __future__ import annotations

from collections.abc import Sequence

import pygame

from app.drawing.pixel_font import LINE
from app.drawing.widgets import INK, YELLOW, draw_key_row, draw_text, fitting_scale, keycap, keycap_size, panel

COLUMN = 170  # font pixels
STEP = LINE + 5  # from one row to the next
HEAD, MARGIN, FOOT = 24, 6, 26  # FOOT only under one of several pages
FEWEST = 3  # rows of a page

Row = tuple[tuple[str, ...], str]  # shown keys, meaning
Page = list[list[Row]]  # its columns


def help_scale(window: tuple[int, int], scale: int) -> int:
    """The scale wished for, unless not even a few rows would fit."""
    return fitting_scale((COLUMN, HEAD + FEWEST * STEP + FOOT), window, scale)


def help_pages(rows: Sequence[Row], window: tuple[int, int], scale: int) -> list[Page]:
    """Rows in two columns where there is room for them, on as few pages as possible."""
    columns = 2 if window[0] >= 2 * COLUMN * scale else 1
    even = -(-len(rows) // columns)
    if even * STEP + HEAD + MARGIN <= window[1] // scale:
        return [[list(rows[first : first + even]) for first in range(0, len(rows), even)]]
    most = max(FEWEST, (window[1] // scale - HEAD - FOOT) // STEP)
    high = -(-len(rows) // (-(-len(rows) // (most * columns)) * columns))  # no page nearly empty
    filled = [list(rows[first : first + high]) for first in range(0, len(rows), high)]
    return [filled[first : first + columns] for first in range(0, len(filled), columns)]


def draw_help(target: pygame.Surface, title: str, pages: list[Page], number: int, key: str, scale: int) -> None:
    """Page `number` of `pages` in the middle of the window; `key` turns them."""
    columns, several = pages[number], len(pages) > 1
    height = STEP * max(len(column) for page in pages for column in page) + HEAD + (FOOT if several else MARGIN)
    box = pygame.Rect(0, 0, COLUMN * len(pages[0]) * scale, height * scale)
    box.center = target.get_rect().center
    target.blit(panel(box.size, 240, edge=scale), box)
    head = f"{title}  {number + 1} of {len(pages)}" if several else title
    draw_text(target, head, (box.centerx, box.top + 8 * scale), YELLOW, scale, "center")
    for place, column in enumerate(columns):
        _draw_column(target, column, (box.left + COLUMN * place * scale, box.top + HEAD * scale), scale)
    if several:
        meaning = "next page" if number + 1 < len(pages) else "close"
        draw_key_row(target, [(key, meaning)], (box.centerx, box.bottom - 13 * scale), scale, box.width)


def _draw_column(target: pygame.Surface, rows: list[Row], place: tuple[int, int], scale: int) -> None:
    """Key caps at the left, what they mean at the right, from `place` down."""
    left, y = place
    for keys, meaning in rows:
        x = left + 80 * scale
        draw_text(target, meaning, (x, y + 4 * scale), INK, scale)
        x -= 6 * scale
        for key in reversed(keys):
            x -= keycap_size(key, scale)[0]
            target.blit(keycap(key, scale), (x, y))
            x -= 3 * scale
        y += STEP * scale
