"""What lies behind menu and picture: a dithered night sky, stars, floor. Owns drawing it; refuses content."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pygame

from app.drawing.widgets import BACKGROUND

HORIZON = 0.68  # of the window's height
STARS = 70
FLOOR_LINES = 9
_GLOW = (58, 24, 84)
_RAY = (44, 26, 70)
_EDGE = (150, 52, 140)
_LINE = (70, 32, 92)
_BAYER = np.array([[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]]) / 16 - 0.47


@lru_cache(maxsize=4)
def _sky(size: tuple[int, int], pixel: int) -> pygame.Surface:
    """The still part for a window of `size`, drawn `pixel` screen pixels a dot."""
    width, height = max(1, -(-size[0] // pixel)), max(1, -(-size[1] // pixel))
    rows = np.linspace(0, 1, height)[:, None]
    glow = np.clip(1 - np.abs(rows - HORIZON) / 0.55, 0, 1) ** 2 * 10
    tiled = np.tile(_BAYER, (height // 4 + 1, width // 4 + 1))[:height, :width]
    shade = np.clip(np.round(glow + tiled), 0, 10) / 10
    low, high = np.array(BACKGROUND), np.array(_GLOW)
    colours = (low + (high - low) * shade[..., None]).astype(np.uint8)
    small = pygame.Surface((width, height))
    pygame.surfarray.blit_array(small, colours.swapaxes(0, 1))
    return pygame.transform.scale_by(small, pixel).convert()


@lru_cache(maxsize=4)
def _stars(size: tuple[int, int]) -> list[tuple[int, int, float, int]]:
    """Places, twinkle phases and brightness; the same sky every time."""
    random = np.random.default_rng(7)
    across, down = random.random(STARS), random.random(STARS) * HORIZON * 0.9
    phases, light = random.random(STARS) * 6.28, random.integers(70, 190, STARS)
    return [
        (int(x * size[0]), int(y * size[1]), float(phase), int(value))
        for x, y, phase, value in zip(across, down, phases, light, strict=True)
    ]


def draw_backdrop(target: pygame.Surface, pixel: int, seconds: float) -> None:
    """Fill `target`. `pixel`: screen pixels a dot; `seconds` moves stars and floor."""
    size = target.get_size()
    target.blit(_sky(size, pixel), (0, 0))
    for x, y, phase, light in _stars(size):
        value = int(light * (0.65 + 0.35 * np.sin(seconds * 1.7 + phase)))
        target.fill((value, value, min(255, value + 40)), (x, y, pixel, pixel))
    _draw_floor(target, pixel, seconds)


def _draw_floor(target: pygame.Surface, pixel: int, seconds: float) -> None:
    width, height = target.get_size()
    top = int(height * HORIZON)
    depth = height - top
    for number in range(-14, 15):
        near, far = width // 2 + number * width // 9, width // 2 + number * width // 40
        pygame.draw.line(target, _RAY, (far, top), (near, height), max(1, pixel // 2))
    for number in range(FLOOR_LINES):
        near_ness = ((number + seconds * 0.5 % 1) / FLOOR_LINES) ** 2
        y = top + int(depth * near_ness)
        target.fill(_LINE if near_ness > 0.05 else _RAY, (0, y, width, max(1, pixel // 2)))
    target.fill(_EDGE, (0, top, width, pixel))


@lru_cache(maxsize=2)
def surround(size: tuple[int, int], pixel: int) -> pygame.Surface:
    """What frames a picture that is being played: near black with a fine dotted grid. Cached: treat as read-only."""
    surface = pygame.Surface(size)
    surface.fill((9, 8, 18))
    step = 8 * pixel
    for y in range(step // 2, size[1], step):
        for x in range(step // 2, size[0], step):
            surface.fill((24, 21, 44), (x, y, pixel, pixel))
    return surface.convert()
