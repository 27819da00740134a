"""Small parts that menu, game and overlay share. Owns how colours, panels and key caps look; refuses to keep state."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import pygame

from app.drawing.pixel_font import CAP_HEIGHT, Colour, fit_text, render_text, text_width, wrap_text

BACKGROUND: Colour = (13, 11, 26)
INK: Colour = (236, 234, 250)
DIM: Colour = (146, 142, 184)
FAINT: Colour = (62, 57, 98)
PINK: Colour = (255, 94, 168)
CYAN: Colour = (96, 222, 236)
YELLOW: Colour = (255, 212, 108)
GREEN: Colour = (128, 232, 148)
RED: Colour = (255, 84, 92)
PANEL_ALPHA = 216
KEY_GAP = 12  # font pixels between two keys of a row
KEY_STEP = 18  # from one row of keys to the next

KeyRow = Sequence[tuple[str, str]]


@lru_cache(maxsize=32)
def panel(size: tuple[int, int], alpha: int = PANEL_ALPHA, border: Colour = FAINT, edge: int = 2) -> pygame.Surface:
    """A dark translucent box with clipped corners and a thin edge. Cached: treat as read-only."""
    size = max(1, size[0]), max(1, size[1])  # a window may be smaller than what stands around it
    surface = pygame.Surface(size, pygame.SRCALPHA)
    surface.fill((*BACKGROUND, alpha))
    pygame.draw.rect(surface, (*border, min(255, alpha + 30)), surface.get_rect(), edge)
    width, height = size
    for corner in ((0, 0), (width - edge, 0), (0, height - edge), (width - edge, height - edge)):
        surface.fill((0, 0, 0, 0), (*corner, edge, edge))
    return surface


def draw_text(
    target: pygame.Surface, text: str, place: tuple[int, int], colour: Colour, scale: int, align: str = "left"
) -> int:
    """Draw a line whose capitals' top is at `place`; `align` says which part of it `place` is. Returns its width."""
    width = text_width(text, scale)
    x = place[0] - {"left": 0, "center": width // 2, "right": width}[align]
    target.blit(render_text(text, colour, scale), (x, place[1]))
    return width


def keycap_size(text: str, scale: int) -> tuple[int, int]:
    """Size of a key cap in screen pixels."""
    return max(text_width(text, scale) + 8 * scale, (CAP_HEIGHT + 6) * scale), (CAP_HEIGHT + 8) * scale


@lru_cache(maxsize=256)
def keycap(text: str, scale: int, colour: Colour = INK) -> pygame.Surface:
    """A key as on a keyboard. Cached: treat as read-only."""
    size = keycap_size(text, scale)
    surface = pygame.Surface(size, pygame.SRCALPHA)
    width, height = size
    lip = 2 * scale
    pygame.draw.rect(surface, FAINT, (0, 0, width, height), border_radius=2 * scale)
    pygame.draw.rect(
        surface, (44, 40, 74), (scale, scale, width - 2 * scale, height - lip - scale), border_radius=scale
    )
    x = (width - text_width(text, scale)) // 2
    surface.blit(render_text(text, colour, scale), (x, 3 * scale))
    return surface


def fitting_scale(size: tuple[int, int], room: tuple[int, int], scale: int) -> int:
    """The largest scale up to `scale` at which something of `size` font pixels fits into `room`; 1 at least."""
    return max(1, min(scale, room[0] // size[0], room[1] // size[1]))


def fit_message(text: str, width: int, scale: int, most: int) -> tuple[list[str], int]:
    """A message in up to `most` lines that fit `width`, and their scale: down to half the scale rather than cut off."""
    least = (scale + 1) // 2
    for smaller in range(scale, least - 1, -1):
        lines = wrap_text(text, width, smaller)
        if len(lines) <= most and all(text_width(line, smaller) <= width for line in lines):
            return lines, smaller
    lines = wrap_text(text, width, least)
    lines = [*lines[: most - 1], " ".join(lines[most - 1 :])]
    return [fit_text(line, width, least) for line in lines if line], least


def _row_width(entries: KeyRow, scale: int) -> int:
    widths = [keycap_size(key, scale)[0] + text_width(meaning, scale) + 4 * scale for key, meaning in entries]
    return sum(widths) + KEY_GAP * scale * (len(entries) - 1)


def break_key_row(entries: KeyRow, width: int, scale: int) -> tuple[list[KeyRow], int]:
    """Key caps in as many rows as it takes to fit `width`, two at most; then they are drawn smaller. Returns the rows
    and the scale."""
    for smaller in range(scale, 0, -1):
        if _row_width(entries, smaller) <= width:
            return [entries], smaller
        for cut in range(-(-len(entries) // 2), len(entries)):
            rows = [entries[:cut], entries[cut:]]
            if all(_row_width(row, smaller) <= width for row in rows):
                return rows, smaller
    return [entries], 1


def key_row_height(entries: KeyRow, width: int, scale: int) -> int:
    """Screen pixels from the centre of the lowest row of key caps to the top of the highest."""
    rows, smaller = break_key_row(entries, width, scale)
    return ((len(rows) - 1) * KEY_STEP + (CAP_HEIGHT + 8) // 2) * smaller


def draw_key_row(
    target: pygame.Surface, entries: KeyRow, center: tuple[int, int], scale: int, width: int | None = None
) -> list[pygame.Rect]:
    """Key caps with their meanings, centred: `entries` are (key, meaning). Where they don't fit `width` (the whole
    target's without one), a second row stands above. Returns where each entry lies."""
    room = (target.get_width() if width is None else width) - 8 * scale
    rows, scale = break_key_row(entries, room, scale)
    places: list[pygame.Rect] = []
    for number, row in enumerate(rows):
        y = center[1] - (len(rows) - 1 - number) * KEY_STEP * scale
        x = center[0] - _row_width(row, scale) // 2
        for key, meaning in row:
            cap = keycap(key, scale)
            place = cap.get_rect(midleft=(x, y))
            target.blit(cap, place)
            place.width += draw_text(target, meaning, (place.right + 4 * scale, y - 4 * scale), DIM, scale) + 4 * scale
            places.append(place)
            x = place.right + KEY_GAP * scale
    return places
