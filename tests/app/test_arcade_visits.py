"""Whole visits, menu to settings to painter to play and out again: one by keyboard alone, one by gamepad alone."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pygame
import pytest

from app.arcade import run_arcade
from app.menu.menu import Menu
from app.painter.paintings import list_paintings, paintings_folder
from app.painter.screen import Painter
from app.play.options import PlayOptions
from app.play.picture_screen import PictureScreen
from app.play.player import Player
from app.settings.file import SettingsFile
from app.settings.reading import read_settings
from app.settings.schema import Settings
from app.settings.screen import SettingsScreen
from engine.backends.wish import BackendWish
from models.actions import Action

Steps = Generator[None, Any, None]
SCREENS = {Menu: "poll", SettingsScreen: "poll", Painter: "poll", Player: "turn"}
MOST_TURNS = 20_000


class Keyboard:
    """Presses by what they mean in the visit."""

    def __init__(self) -> None:
        self.codes = {
            "settings": pygame.K_s, "paint": pygame.K_p, "down": pygame.K_DOWN, "right": pygame.K_RIGHT,
            "up": pygame.K_UP, "take": pygame.K_RETURN, "back": pygame.K_ESCAPE, "wanted": pygame.K_z,
            "next": pygame.K_TAB, "undo": pygame.K_z, "go": pygame.K_p, "left": pygame.K_LEFT,
        }  # fmt: skip
        self.kinds = pygame.KEYDOWN, pygame.KEYUP
        self.name = "z"

    def send(self, meaning: str, down: bool) -> None:
        """Queue a press, or its end."""
        pygame.event.post(pygame.event.Event(self.kinds[not down], key=self.codes[meaning]))

    def tap(self, *meanings: str) -> None:
        """Press and let go, one after the other."""
        for meaning in meanings:
            self.send(meaning, True)
            self.send(meaning, False)


class Pad(Keyboard):
    """The same by a gamepad's buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = {
            "settings": pygame.CONTROLLER_BUTTON_START, "paint": pygame.CONTROLLER_BUTTON_Y,
            "down": pygame.CONTROLLER_BUTTON_DPAD_DOWN, "right": pygame.CONTROLLER_BUTTON_DPAD_RIGHT,
            "up": pygame.CONTROLLER_BUTTON_DPAD_UP, "left": pygame.CONTROLLER_BUTTON_DPAD_LEFT,
            "take": pygame.CONTROLLER_BUTTON_A, "back": pygame.CONTROLLER_BUTTON_B,
            "wanted": pygame.CONTROLLER_BUTTON_DPAD_UP, "next": pygame.CONTROLLER_BUTTON_RIGHTSHOULDER,
            "undo": pygame.CONTROLLER_BUTTON_X, "go": pygame.CONTROLLER_BUTTON_START,
            "leave": pygame.CONTROLLER_BUTTON_BACK,
        }  # fmt: skip
        self.kinds = pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERBUTTONUP
        self.name = "pad up"

    def send(self, meaning: str, down: bool) -> None:
        """Queue a press, or its end."""
        pygame.event.post(pygame.event.Event(self.kinds[not down], button=self.codes[meaning], instance_id=0))


def reach(kind: type, done: Callable[[Any], object]) -> Generator[None, Any, Any]:
    """Wait until a screen of a kind is there and something is so in it."""
    for _ in range(MOST_TURNS):
        screen = yield
        if isinstance(screen, kind) and done(screen):
            return screen
    raise AssertionError("never reached")


def visit(by: Keyboard, file: SettingsFile, seen: list[str]) -> Steps:
    """From the menu through everything. What is sent is the screen that took its turn."""
    yield
    by.tap("settings")
    screen = yield from reach(SettingsScreen, lambda s: True)
    by.tap("right", "down", "down", "right")
    yield from reach(SettingsScreen, lambda s: s.file.current.calm and s.file.current.text_scale == 1.5)
    seen.append("settings")
    page = next(n for n, row in enumerate(screen.rows) if (row.name, row.part) == ("keys", "hills"))
    by.tap(*["down"] * (page - screen.selected), "take", "up", "take")
    yield from reach(SettingsScreen, lambda s: s.capture_until is not None)
    by.tap("wanted")
    yield from reach(SettingsScreen, lambda s: by.name in s.file.current.keys.get("hills", {}).get(Action.JUMP, ()))
    seen.append("key chosen")
    by.tap("back", "back")
    yield from reach(Menu, lambda m: m.settings is file.current)
    by.tap("right", "paint")
    painter = yield from reach(Painter, lambda p: p.stamps)
    by.tap("left", "up", "next", "take", "undo", "next", "take")
    yield from reach(Painter, lambda p: p.canvas.changed)
    painted = painter.canvas.pixels.copy()
    seen.append("painted")
    by.tap("go")
    yield from reach(Player, lambda p: isinstance(p.screen, PictureScreen))
    by.tap("back")
    again = yield from reach(Painter, lambda p: True)
    assert again is painter and (again.canvas.pixels == painted).all()
    seen.append("not wanted: back to the painter")
    by.tap("go")
    yield from reach(Player, lambda p: isinstance(p.screen, PictureScreen))
    by.tap("take")
    player = yield from reach(Player, lambda p: p.round.newest.index > 5)
    assert (player.round.session.start.pixels == painted).all() and player.round.name == "hills"
    by.send("wanted", True)
    yield from reach(Player, lambda p: p.round.newest.action is Action.JUMP)
    by.send("wanted", False)
    seen.append("played with the chosen key")
    by.tap("leave" if isinstance(by, Pad) else "back")
    yield from reach(Menu, lambda m: True)
    by.tap("back")
    yield


@pytest.mark.parametrize("by", [Keyboard(), Pad()], ids=["keyboard", "gamepad"])
def test_menu_settings_painter_play(
    by: Keyboard, worlds: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.arcade.known_worlds", lambda: [worlds / "boxes", worlds / "hills"])
    file, seen = SettingsFile(tmp_path / "settings.yaml", settings), list[str]()
    script = visit(by, file, seen)
    next(script)
    for kind, name in SCREENS.items():
        monkeypatch.setattr(kind, name, _followed(getattr(kind, name), script))
    run_arcade(file, PlayOptions(), None, BackendWish(threads=1), False, pytest.fail)
    assert seen == [
        "settings", "key chosen", "painted", "not wanted: back to the painter", "played with the chosen key",
    ]  # fmt: skip
    assert len(list_paintings(paintings_folder(settings.saves, "hills"))) == 1
    assert read_settings(tmp_path / "settings.yaml").settings == file.current
    assert file.current.calm and by.name in file.current.keys["hills"][Action.JUMP]


def _followed(turn: Callable[[Any], None], script: Steps) -> Callable[[Any], None]:
    """A screen's turn, after which the visit goes on."""

    def turning(self: Any) -> None:
        turn(self)
        try:
            script.send(self)
        except StopIteration:
            pygame.event.post(pygame.event.Event(pygame.QUIT))

    return turning
