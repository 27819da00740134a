"""Frames on a surface: every pixel is the palette's, at an integer scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pygame
import pytest

from app.drawing.picture import Picture, find_theme
from app.drawing.window import Window
from models.manifest import BadInput, Manifest, read_manifest


@pytest.fixture
def manifest(worlds: Path) -> Manifest:
    return read_manifest(worlds / "hills")


@pytest.mark.parametrize("scale", [1, 3, 8])
def test_palette_pixels_are_exact(window: Window, manifest: Manifest, scale: int) -> None:
    pixels = np.random.default_rng(1).integers(0, 8, (32, 32), dtype=np.uint8)
    picture = Picture(manifest, "night")
    picture.load(pixels)
    place = pygame.Rect(7, 11, 32 * scale, 32 * scale)
    picture.draw(window.surface, place)
    shown = pygame.surfarray.array3d(window.surface)[7 : 7 + 32 * scale, 11 : 11 + 32 * scale].swapaxes(0, 1)
    expected = np.array(manifest.palettes["night"], np.uint8)[pixels].repeat(scale, 0).repeat(scale, 1)
    assert np.array_equal(shown, expected)


def test_rgb_pixels_are_exact(window: Window, manifest: Manifest) -> None:
    rgb = manifest.model_copy(update={"pixels": "rgb", "palettes": {}})
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    picture = Picture(rgb, find_theme(rgb, None))
    picture.load(pixels)
    picture.draw(window.surface, pygame.Rect(0, 0, 64, 64))
    shown = pygame.surfarray.array3d(window.surface)[:64, :64].swapaxes(0, 1)
    assert np.array_equal(shown, pixels.repeat(2, 0).repeat(2, 1))


def test_an_index_beyond_the_palette_is_black(window: Window, manifest: Manifest) -> None:
    picture = Picture(manifest, "day")
    picture.load(np.full((32, 32), 255, np.uint8))
    picture.draw(window.surface, pygame.Rect(0, 0, 32, 32))
    assert window.surface.get_at((5, 5))[:3] == (0, 0, 0)


def test_an_unknown_theme_lists_the_known_ones(manifest: Manifest) -> None:
    assert find_theme(manifest, None) == "day"
    with pytest.raises(BadInput, match="expected one of day, night for hills, got 'noon'"):
        find_theme(manifest, "noon")
