"""How the painter looks: the board, the piece over it, the pieces to choose from. Owns drawing and where things lie;
refuses keys and pixels (painter).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pygame

from app.drawing.picture import Picture
from app.drawing.pixel_font import LINE, fit_text, text_width
from app.drawing.widgets import (
    BACKGROUND,
    CYAN,
    DIM,
    FAINT,
    INK,
    YELLOW,
    draw_key_row,
    draw_text,
    key_row_height,
    panel,
)

HEAD = 24  # font pixels
GAP = 8
BOARD_SHARE = 0.64  # of the window's width that the board takes at most
LARGEST = 4  # screen pixels a game pixel and a font pixel of a piece in the list
HINTS = {
    "stamp": ("Space", "A"),
    "next piece": ("Tab", "RB"),
    "take": ("C", "Y"),
    "undo": ("Z", "X"),
    "fine": ("F", "LT"),
    "other board": ("B", "RT"),
    "keep": ("S", "R3"),
    "play": ("P", "Start"),
    "menu": ("Esc", "B"),
}

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class View:
    """What is to be seen. `cursor`: top and left of the piece in game pixels; `chosen`: its place among `stamps`, None
    where it was taken from the board."""

    title: str
    board: str
    pixels: Pixels
    piece: Pixels | None
    cursor: tuple[int, int]
    side: int
    stamps: Sequence[Pixels]
    chosen: int | None
    message: str
    pads: bool
    fine: bool


@dataclass(frozen=True)
class Places:
    """Where things lie on the screen, for the mouse: the board, pieces by number, deeds by name."""

    canvas: pygame.Rect = field(default_factory=lambda: pygame.Rect(0, 0, 0, 0))
    stamps: dict[int, pygame.Rect] = field(default_factory=dict)
    deeds: dict[str, pygame.Rect] = field(default_factory=dict)


def draw_painter(target: pygame.Surface, scale: int, view: View, picture: Picture) -> Places:
    """The whole window. Returns where things lie. `picture` is loaded with what is drawn."""
    width, height = target.get_size()
    draw_text(target, view.title, (width // 2, 4 * scale), YELLOW, scale, "center")
    words = view.message or f"{view.board} · {'single pixels' if view.fine else 'whole patches'}"
    words = fit_text(words, width - 12 * scale, scale)
    draw_text(target, words, (width // 2, 14 * scale), CYAN if view.message else DIM, scale, "center")
    hints = [(keys[1 if view.pads else 0], deed) for deed, keys in HINTS.items()]
    center = width // 2, height - 9 * scale
    rects = draw_key_row(target, hints, center, scale)
    bottom = center[1] - key_row_height(hints, width - 8 * scale, scale) - 4 * scale
    area = pygame.Rect(GAP * scale, HEAD * scale, width - 2 * GAP * scale, bottom - HEAD * scale)
    canvas = _draw_board(target, area, view, picture, scale)
    left = canvas.right + GAP * scale
    stamps = _draw_stamps(target, pygame.Rect(left, area.top, area.right - left, area.height), view, picture, scale)
    return Places(canvas, stamps, dict(zip(HINTS, rects, strict=True)))


def _draw_board(target: pygame.Surface, area: pygame.Rect, view: View, picture: Picture, scale: int) -> pygame.Rect:
    """The board with the piece lying over it, not yet put down."""
    wide, high = picture.size
    pixel = max(1, min(int(area.width * BOARD_SHARE) // wide, area.height // high))
    place = pygame.Rect(area.left, area.top + (area.height - high * pixel) // 2, wide * pixel, high * pixel)
    shown = view.pixels
    top, left = view.cursor
    if view.piece is not None:
        shown = shown.copy()
        there = shown[top : top + view.side, left : left + view.side]
        there[:] = view.piece[: there.shape[0], : there.shape[1]]
    picture.load(shown)
    picture.draw(target, place)
    edge = max(1, scale // 2)
    pygame.draw.rect(target, FAINT, place.inflate(2 * scale, 2 * scale), scale)
    cursor = pygame.Rect(place.left + left * pixel, place.top + top * pixel, view.side * pixel, view.side * pixel)
    pygame.draw.rect(target, BACKGROUND, cursor.inflate(4 * edge, 4 * edge), edge)  # seen on light and on dark
    pygame.draw.rect(target, INK, cursor.inflate(2 * edge, 2 * edge), edge)
    return place


def _draw_stamps(
    target: pygame.Surface, area: pygame.Rect, view: View, picture: Picture, scale: int
) -> dict[int, pygame.Rect]:
    """The pieces in a grid, as large as they all fit; the chosen one is framed and marked."""
    target.blit(panel(area.size, edge=scale), area)
    if not view.stamps:
        draw_text(target, "looking for pieces…", area.center, DIM, scale, "center")
        return {}
    title = "from the board" if view.chosen is None else f"piece {view.chosen + 1} of {len(view.stamps)}"
    place = (area.left + 6 * scale, area.top + 5 * scale)
    draw_text(target, title, place, INK, scale)
    mouse = "click · wheel · right: take"
    if text_width(title + mouse, scale) + 24 * scale < area.width:
        draw_text(target, mouse, (area.right - 6 * scale, place[1]), DIM, scale, "right")
    grid = pygame.Rect(0, 0, area.width - 8 * scale, area.height - (LINE + 10) * scale)
    grid.bottomleft = (area.left + 4 * scale, area.bottom - 4 * scale)
    largest = max(len(piece) for piece in view.stamps)
    pixel, columns, cell = _cells(len(view.stamps), largest, grid.size, scale)
    found: dict[int, pygame.Rect] = {}
    for number, piece in enumerate(view.stamps):
        row, column = divmod(number, columns)
        rect = pygame.Rect(grid.left + column * cell, grid.top + row * cell, cell, cell)
        if rect.bottom > area.bottom:
            break
        surface = picture.piece(piece)
        shown = pygame.transform.scale_by(surface, max(1, largest * pixel // len(piece)))
        target.blit(shown, shown.get_rect(center=rect.center))
        if number == view.chosen:
            pygame.draw.rect(target, YELLOW, rect, 2 * scale)
        found[number] = rect
    return found


def _cells(count: int, side: int, room: tuple[int, int], scale: int) -> tuple[int, int, int]:
    """Screen pixels a game pixel, columns, and a cell's side, as large as all pieces fit."""
    for pixel in range(LARGEST * scale, 0, -1):
        cell = side * pixel + 5 * scale
        columns = max(1, room[0] // cell)
        if -(-count // columns) * cell <= room[1] and cell <= room[0]:
            return pixel, columns, cell
    return 1, max(1, room[0] // (side + 2)), side + 2
