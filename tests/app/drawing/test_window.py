"""Window sizes, scaling, and what happens without a display."""

from __future__ import annotations

import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.drawing.window import Window, find_display, fit_picture, planned_size
from models.manifest import BadInput


@given(st.integers(1, 4000), st.integers(1, 4000), st.integers(8, 300), st.integers(8, 300))
def test_pictures_scale_by_the_largest_fitting_integer(width: int, height: int, across: int, down: int) -> None:
    area = pygame.Rect(0, 0, width, height)
    place = fit_picture(area, (across, down))
    pixel = place.width // across
    assert place.size == (across * pixel, down * pixel)
    assert abs(place.centerx - area.centerx) <= 1
    assert pixel == 1 or area.contains(place)
    assert (pixel + 1) * across > width or (pixel + 1) * down > height


@pytest.mark.parametrize("desktop", [(1920, 1080), (1366, 768), (3840, 2160), (800, 600)])
def test_a_new_window_fits_the_desktop_with_a_whole_scale(desktop: tuple[int, int]) -> None:
    width, height = planned_size(desktop, None)
    assert width <= desktop[0]
    assert height <= desktop[1]
    assert height % 128 == 0


def test_the_settings_scale_decides() -> None:
    assert planned_size((1920, 1080), 4) == (768, 512)


def test_without_a_display_one_line_names_headless(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    with pytest.raises(BadInput, match=r"^display: .*--headless$"):
        find_display()


def test_a_driver_that_nobody_sees_counts_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_display() == "dummy"
    monkeypatch.setattr("pygame.display.get_driver", lambda: "offscreen")
    monkeypatch.delenv("SDL_VIDEODRIVER")
    monkeypatch.setenv("DISPLAY", ":77")
    with pytest.raises(BadInput, match="--headless"):
        find_display()


def test_an_impossible_driver_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame.display.quit()
    monkeypatch.setenv("SDL_VIDEODRIVER", "no-such-driver")
    with pytest.raises(BadInput, match=r"^display: .*--headless$"):
        Window()
