"""Small parts that menu, game and overlay share. Owns how colours, panels and key caps look; refuses to keep state."""

from __future__ import annotations

from functools import lru_cache

import pygame

from app.pixel_font import CAP_HEIGHT, Colour, render_text, text_width

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


@lru_cache(maxsize=32)
def panel(size: tuple[int, int], alpha: int = PANEL_ALPHA, border: Colour = FAINT, edge: int = 2) -> pygame.Surface:
    """A dark translucent box with clipped corners and a thin edge. Cached: treat as read-only."""
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


def draw_key_row(target: pygame.Surface, entries: list[tuple[str, str]], center: tuple[int, int], scale: int) -> None:
    """Key caps with their meanings in one centred row: `entries` are (key, meaning)."""
    widths = [keycap_size(key, scale)[0] + text_width(meaning, scale) + 4 * scale for key, meaning in entries]
    gap = 12 * scale
    x = center[0] - (sum(widths) + gap * (len(entries) - 1)) // 2
    for (key, meaning), width in zip(entries, widths, strict=True):
        cap = keycap(key, scale)
        target.blit(cap, (x, center[1] - cap.get_height() // 2))
        draw_text(target, meaning, (x + cap.get_width() + 4 * scale, center[1] - 4 * scale), DIM, scale)
        x += width + gap
