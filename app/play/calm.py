"""A picture that doesn't flash. Owns telling a flash and fading it; refuses what is in the picture.

A flash is taken as in the usual guidelines: a quarter of the picture or more changes its brightness by a tenth or
more at once. Small areas are compared rather than pixels, so that what scrolls or walks is shown as it is.
"""

from __future__ import annotations

import numpy as np
import pygame

AREAS = 8  # a side
CHANGE = 0.1  # of full brightness
SHARE = 0.25  # of the areas
STEP = 56  # of 255: how much of a flashing picture is let through at once
_LUMA = np.array([0.2126, 0.7152, 0.0722]) / 255


class Calm:
    """Shows one picture after the other and fades between those that would flash."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._shown = pygame.Surface(size).convert()
        self._begun = False

    def soften(self, picture: pygame.Surface) -> pygame.Surface:
        """What to show for `picture`: itself, or a step towards it."""
        flashes = self._begun and self._flashes(picture)
        picture.set_alpha(STEP if flashes else 255)
        self._shown.blit(picture, (0, 0))
        picture.set_alpha(255)
        self._begun = True
        return self._shown

    def _flashes(self, picture: pygame.Surface) -> bool:
        change = np.abs(_brightness(picture) - _brightness(self._shown))
        return float((change >= CHANGE).mean()) >= SHARE


def _brightness(picture: pygame.Surface) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    small = pygame.transform.smoothscale(picture, (AREAS, AREAS))
    return pygame.surfarray.array3d(small) @ _LUMA
