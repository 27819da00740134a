"""The settings screen: every field by keys, presses captured, conflicts told, the file kept in step."""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest
import yaml

from app.drawing.window import Window
from app.keys.gamepad import PAD_CODES, Gamepads
from app.keys.keymap import Command
from app.outcome import Outcome
from app.settings.file import SettingsFile
from app.settings.reading import read_settings
from app.settings.schema import Colours, Settings
from app.settings.screen import CAPTURE_SECONDS, SettingsScreen
from models.actions import Action
from models.manifest import read_manifest

UP, DOWN, LEFT, RIGHT, ENTER, ESCAPE = (
    pygame.K_UP, pygame.K_DOWN, pygame.K_LEFT, pygame.K_RIGHT, pygame.K_RETURN, pygame.K_ESCAPE
)  # fmt: skip


class Hand:
    """A clock that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def screen(window: Window, worlds: Path, tmp_path: Path, hand: Hand) -> SettingsScreen:
    manifests = [read_manifest(worlds / name) for name in ("boxes", "hills")]
    file = SettingsFile(tmp_path / "settings.yaml", Settings(), hand)
    return SettingsScreen(window, file, manifests, Gamepads(), hand)


def go_to(screen: SettingsScreen, name: str, part: str | None = None) -> None:
    place = next(n for n, row in enumerate(screen.rows) if (row.name, row.part) == (name, part))
    while screen.selected != place:
        screen._key(DOWN)


def press(screen: SettingsScreen, *codes: int) -> None:
    for code in codes:
        screen._key(code)
    screen.turn()


def test_fields_are_stepped_written_and_seen_at_once(screen: SettingsScreen, window: Window) -> None:
    press(screen, RIGHT)
    assert screen.file.current.text_scale == 1.5
    assert window.look.text_scale == 1.5
    press(screen, LEFT, DOWN, ENTER)
    assert screen.file.current.colours is Colours.SAFE
    assert screen.file.path is not None
    assert read_settings(screen.file.path).settings == screen.file.current
    press(screen, pygame.K_DELETE)
    assert screen.file.current == Settings()
    go_to(screen, "theme", "hills")
    press(screen, RIGHT)
    assert screen.file.current.theme == {"hills": "night"}
    press(screen, PAD_CODES["pad x"], ESCAPE)
    assert screen.file.current == Settings() and screen.outcome is Outcome.MENU


def test_a_key_and_a_button_are_captured(screen: SettingsScreen) -> None:
    go_to(screen, "keys", "hills")
    press(screen, ENTER, UP, ENTER, pygame.K_z)
    assert screen.file.current.keys["hills"][Action.JUMP] == ("z", "pad a")
    assert screen.message == "Jump: its key is Z now"
    press(screen, PAD_CODES["pad a"], PAD_CODES["pad l3"])
    assert "is 'new start'" in screen.message
    press(screen, PAD_CODES["pad a"], PAD_CODES["pad up"])
    assert screen.file.current.keys["hills"][Action.JUMP] == ("pad up", "z")
    press(screen, pygame.K_BACKSPACE)
    assert screen.file.current.keys == {}
    press(screen, PAD_CODES["pad b"])
    assert screen.page is None and screen.outcome is None


def test_conflicts_are_told_and_change_nothing(screen: SettingsScreen) -> None:
    go_to(screen, "commands")
    press(screen, ENTER, ENTER, pygame.K_TAB)
    assert screen.message == "Tab is 'next world': take another one, or change that first"
    press(screen, ENTER, pygame.K_SPACE)
    assert screen.message == "Space is 'jump' in Hills: take another one, or change that first"
    press(screen, ENTER, 1 << 29)
    assert "has no name" in screen.message
    press(screen, ENTER, ESCAPE)
    assert screen.file.current == Settings() and screen.page is not None
    press(screen, ENTER, pygame.K_END)
    assert screen.file.current.command_keys[Command.PAUSE][0] == "end"


def test_a_capture_that_nobody_answers_ends(screen: SettingsScreen, hand: Hand) -> None:
    go_to(screen, "commands")
    press(screen, ENTER, ENTER)
    assert screen.capture_until is not None
    hand.now += CAPTURE_SECONDS + 0.1
    screen.turn()
    assert screen.capture_until is None and "stay as they were" in screen.message


def test_a_folder_is_typed(screen: SettingsScreen, tmp_path: Path) -> None:
    go_to(screen, "recordings")
    press(screen, ENTER)
    assert screen.entry is not None
    screen.entry.text, screen.entry.cursor = "", 0
    pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text=str(tmp_path / "clips")))
    screen.turn()
    press(screen, ENTER)
    assert screen.file.current.recordings == tmp_path / "clips"
    press(screen, ENTER, ESCAPE)
    assert screen.entry is None and screen.outcome is None


def test_a_change_by_hand_shows_and_a_mistake_in_it_is_told(screen: SettingsScreen, hand: Hand) -> None:
    assert screen.file.path is not None
    screen.file.path.write_text(yaml.safe_dump({"calm": True, "scale": "big"}), encoding="utf-8")
    hand.now += 2
    screen.turn()
    assert screen.file.current == Settings(calm=True) and screen.window.look.calm
    assert "changed by hand" in screen.message
    assert "scale: expected a whole number" in screen.file.problems[0]
    press(screen, RIGHT)
    assert screen.message == "the file as it was is kept as settings.yaml.bak"


def test_what_cannot_be_written_is_told(screen: SettingsScreen, tmp_path: Path) -> None:
    (tmp_path / "blocked").write_bytes(b"")
    screen.file = SettingsFile(tmp_path / "blocked" / "settings.yaml", Settings())
    press(screen, RIGHT)
    assert "cannot be written" in screen.message and screen.file.current.text_scale == 1.5


@pytest.mark.parametrize("size", [(320, 240), (40, 30), (1920, 1080)])
def test_any_size_draws(screen: SettingsScreen, size: tuple[int, int]) -> None:
    pygame.display.set_mode(size, pygame.RESIZABLE)
    screen.file.problems = ("/a/long/path/settings.yaml:3: scale: expected a whole number, found " + "x" * 99,) * 3
    for _ in screen.rows:
        press(screen, DOWN)
    go_to(screen, "commands")
    press(screen, ENTER, UP, ENTER)
    press(screen, ESCAPE, ESCAPE)
    go_to(screen, "saves")
    press(screen, ENTER)


def test_closing_the_window_leaves_the_program(screen: SettingsScreen) -> None:
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert screen.run() is Outcome.QUIT
