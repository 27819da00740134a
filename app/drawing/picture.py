"""A frame's pixels as a surface. Owns themes (a theme is only a palette) and scaling; refuses where it is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pygame

from app.play.calm import Calm
from models.manifest import BadInput, Manifest

Pixels = npt.NDArray[np.uint8]


def theme_names(manifest: Manifest) -> list[str]:
    """A palette world's palettes; none for an RGB world."""
    return list(manifest.palettes) if manifest.pixels == "palette" else []


def find_theme(manifest: Manifest, name: str | None) -> str | None:
    """The theme by name, the first for None. Raises BadInput listing the known ones."""
    known = theme_names(manifest)
    if name is None:
        return known[0] if known else None
    if name not in known:
        raise BadInput(f"theme: expected one of {', '.join(known) or 'none'} for {manifest.name}, got {name!r}")
    return name


def find_theme_or_first(manifest: Manifest, name: str | None) -> str | None:
    """The theme by name, the first where there is none of that name."""
    return name if name in theme_names(manifest) else find_theme(manifest, None)


class Picture:
    """Converts and scales the newest frame of one world."""

    def __init__(self, manifest: Manifest, theme: str | None) -> None:
        self.manifest = manifest
        self.size = (manifest.width, manifest.height)
        self._indexed = pygame.Surface(self.size, depth=8) if manifest.pixels == "palette" else None
        self._plain = pygame.Surface(self.size).convert()
        self._shown = self._plain
        self._calm: Calm | None = None
        self.theme = theme
        self.set_theme(theme)

    def set_theme(self, theme: str | None) -> None:
        """Use another palette, from the next `load` on."""
        self.theme = theme
        if self._indexed is not None and theme is not None:
            colours = self.manifest.palettes[theme]
            table: list[Any] = [*colours, *[(0, 0, 0)] * (256 - len(colours))]  # one entry for every byte
            self._indexed.set_palette(table)

    def load(self, pixels: Pixels) -> None:
        """Take a frame: uint8 [H,W] palette indices or [H,W,3] RGB."""
        if self._indexed is not None:
            pygame.surfarray.blit_array(self._indexed, pixels.T)
            self._plain.blit(self._indexed, (0, 0))
        else:
            pygame.surfarray.blit_array(self._plain, pixels.swapaxes(0, 1))
        self._shown = self._plain if self._calm is None else self._calm.soften(self._plain)

    def piece(self, pixels: Pixels) -> pygame.Surface:
        """A piece of a frame, of any size, in the theme's colours."""
        if self._indexed is None:
            return pygame.surfarray.make_surface(pixels.swapaxes(0, 1))
        surface = pygame.Surface((pixels.shape[1], pixels.shape[0]), depth=8)
        surface.set_palette(self._indexed.get_palette())
        pygame.surfarray.blit_array(surface, pixels.T)
        return surface.convert()

    def set_calm(self, calm: bool) -> None:
        """Whether a picture that would flash fades instead, from the next `load` on."""
        if calm is not (self._calm is not None):
            self._calm = Calm(self.size) if calm else None

    def draw(self, target: pygame.Surface, rect: pygame.Rect) -> None:
        """Scale into `rect`, which is an integer multiple of the size, without smoothing."""
        if target.get_rect().contains(rect):
            pygame.transform.scale(self._shown, rect.size, target.subsurface(rect))
        else:  # a window smaller than the picture
            target.blit(pygame.transform.scale(self._shown, rect.size), rect)

    def centred(self, area: pygame.Rect, pixel: int) -> pygame.Rect:
        """Where the picture lies in the middle of `area` at `pixel` screen pixels a game pixel."""
        rect = pygame.Rect(0, 0, self.size[0] * pixel, self.size[1] * pixel)
        rect.center = area.center
        return rect
