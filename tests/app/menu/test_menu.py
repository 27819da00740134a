"""The menu: choosing by keys, and that every world's picture is on the screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pygame
import pytest

from app.drawing.notice import DROP_ELSEWHERE
from app.drawing.window import Window
from app.keys.keymap import command_codes
from app.menu.menu import Menu
from app.menu.shelf import Shelf
from app.settings.schema import Settings
from engine.backends.wish import BackendWish

Tap = Callable[..., None]


@pytest.fixture
def menu(window: Window, shelf: Shelf, settings: Settings) -> Menu:
    return Menu(window, shelf, settings, command_codes(settings.command_keys))


def test_arrows_choose_and_enter_plays(menu: Menu, tap: Tap) -> None:
    tap(pygame.K_RIGHT)
    tap(pygame.K_RETURN)
    assert menu.run() == "hills"
    tap(pygame.K_LEFT)
    tap(pygame.K_LEFT)
    tap(pygame.K_RIGHT)
    tap(pygame.K_SPACE)
    assert menu.run() == "boxes"


def test_escape_and_closing_leave(menu: Menu, tap: Tap) -> None:
    tap(pygame.K_ESCAPE)
    assert menu.run() is None
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert menu.run() is None


def test_each_world_shows_a_picture_of_itself(menu: Menu, window: Window, shelf: Shelf) -> None:
    menu.draw()
    seen = {tuple(colour) for colour in np.unique(pygame.surfarray.array3d(window.surface).reshape(-1, 3), axis=0)}
    for name in shelf.names:
        checkpoint = shelf.checkpoint(name)
        colours = checkpoint.manifest.palettes["day"]
        assert {tuple(colours[index]) for index in np.unique(checkpoint.start_pixels[0])} <= seen


def test_the_chosen_world_plays_itself(menu: Menu, shelf: Shelf) -> None:
    end = time.monotonic() + 60
    while menu._demo._round is None or menu._demo._round.newest.index < 5:
        assert time.monotonic() < end
        menu._follow()
        menu.draw()
    loop = menu._demo._round.loop
    menu.selected = 1
    while menu._demo._round is None or menu._demo._round.name != "hills":
        assert time.monotonic() < end
        menu._follow()
        menu.draw()
    assert not loop.running
    menu._demo.end()


@pytest.mark.parametrize("size", [(320, 240), (40, 30), (1920, 1080)])
def test_any_size_draws(menu: Menu, size: tuple[int, int]) -> None:
    pygame.display.set_mode(size, pygame.RESIZABLE)
    menu.say("/a/very/long/path/to/a/file/that/does/not/fit/into/the/window/step.onnx: sha256: expected another one")
    menu.draw()


def test_four_worlds_turn_round_the_chosen_one(
    window: Window, settings: Settings, make_world: Callable[..., Path]
) -> None:
    shelf = Shelf([make_world(name) for name in ("east", "north", "south", "west")], BackendWish(threads=1))
    menu = Menu(window, shelf, settings, {})
    for chosen in range(4):
        menu.selected = chosen
        menu.draw()
        assert (menu._first_shown(3) + 1) % 4 == chosen
    shelf.close()


def test_an_empty_shelf_says_so(window: Window, settings: Settings, tap: Tap) -> None:
    shelf = Shelf([])
    menu = Menu(window, shelf, settings, command_codes(settings.command_keys))
    menu.draw()
    tap(pygame.K_RETURN)
    tap(pygame.K_RIGHT)
    tap(pygame.K_ESCAPE)
    assert menu.run() is None


@pytest.mark.parametrize("size", [(640, 480), (1280, 800)])
def test_a_message_covers_nothing_of_the_cards(
    window: Window, shelf: Shelf, settings: Settings, size: tuple[int, int]
) -> None:
    pygame.display.set_mode(size, pygame.RESIZABLE)
    large = settings.model_copy(update={"text_scale": 3.0, "calm": True})
    menu = Menu(window, shelf, large, {}, lambda: 0.0)
    menu.draw()
    before = pygame.surfarray.array3d(window.surface)
    menu.say("settings.yaml:3: text_scal: unknown field; text_scale is meant, perhaps")
    menu.draw()
    changed = np.flatnonzero((pygame.surfarray.array3d(window.surface) != before).any(axis=(0, 2)))
    assert len(changed) > 0 and changed[-1] < size[1] // 3


def test_a_picture_dropped_here_is_answered(menu: Menu) -> None:
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file="/a.png"))
    menu.poll()
    assert menu._notice.line == DROP_ELSEWHERE
