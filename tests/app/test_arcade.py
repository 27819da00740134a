"""Menu, world and back, with a person's keys."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest

from app import arcade
from app.arcade import open_shelf, run_arcade
from app.library.screen import Library
from app.menu.menu import Menu, Place
from app.outcome import Outcome
from app.painter.screen import Deed, Painter
from app.play.options import PlayOptions
from app.play.player import Player
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from app.settings.screen import SettingsScreen
from engine.backends.wish import BackendWish
from models.actions import Action
from models.manifest import BadInput

Tap = Callable[..., None]
ONE = BackendWish(threads=1)


@pytest.fixture
def bundled(worlds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The two worlds, as if they shipped."""
    folders = [worlds / "boxes", worlds / "hills"]
    monkeypatch.setattr("app.arcade.known_worlds", lambda: folders)
    monkeypatch.setattr("engine.checkpoint.bundled_worlds", lambda: folders)
    return worlds


def test_the_named_world_comes_first_and_replaces_a_bundled_one(bundled: Path, make_world: Callable[..., Path]) -> None:
    shelf, name = open_shelf(None, ONE, Settings(), pytest.fail)
    assert (shelf.names, name) == (["boxes", "hills"], None)
    own = make_world("boxes")
    shelf, name = open_shelf(str(own), ONE, Settings(), pytest.fail)
    assert (shelf.names, name) == (["boxes", "hills"], "boxes")
    assert shelf.checkpoint("boxes").folder == own


def test_menu_world_menu_world_and_out(bundled: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    entered: list[str] = []
    menus = iter(["hills", "boxes", None])
    ends = iter([Outcome.MENU, Outcome.MENU])

    def play(self: Player, world: str) -> Outcome:
        entered.append(world)
        return next(ends)

    monkeypatch.setattr(Menu, "run", lambda self: next(menus))
    monkeypatch.setattr(Player, "run", play)
    run_arcade(SettingsFile(None, settings), PlayOptions(), None, ONE, False, pytest.fail)
    assert entered == ["hills", "boxes"]


def test_a_whole_visit_by_keys(bundled: Path, settings: Settings, tap: Tap, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    first_frame = threading.Event()
    show = Player.show

    def shown(self: Player, frame: object) -> None:
        show(self, frame)  # type: ignore[arg-type]  # passed on as it came
        assert self.round is not None
        if not first_frame.is_set():
            first_frame.set()
            seen.append(self.round.name)
            tap(pygame.K_ESCAPE)  # to the menu, and out of it
            tap(pygame.K_ESCAPE)

    monkeypatch.setattr(Player, "show", shown)
    opened = Menu.run

    def run(self: Menu) -> str | None:
        if not seen:
            tap(pygame.K_RIGHT)
            tap(pygame.K_RETURN)
        else:
            tap(pygame.K_ESCAPE)
        return opened(self)

    monkeypatch.setattr(Menu, "run", run)
    run_arcade(SettingsFile(None, settings), PlayOptions(), None, ONE, False, pytest.fail)
    assert seen == ["hills"]


def test_a_named_world_whose_graph_is_of_another_shape_is_bad_input(
    settings: Settings, make_world: Callable[..., Path], reseal: Callable[[Path], None]
) -> None:
    folder = make_world("wrong")
    (folder / "step.onnx").write_bytes((folder / "encoder.onnx").read_bytes())
    reseal(folder)
    with pytest.raises(BadInput, match=r"step\.onnx: input tokens"):
        run_arcade(SettingsFile(None, settings), PlayOptions(), str(folder), ONE, False, pytest.fail)


def test_a_world_that_breaks_is_told_in_the_menu(
    settings: Settings, make_world: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_world("brittle", breaks=True)
    said: list[str] = []
    monkeypatch.setattr(Menu, "say", lambda self, message: said.append(message))
    monkeypatch.setattr(Menu, "run", lambda self: None)
    run_arcade(SettingsFile(None, settings), PlayOptions(), str(folder), ONE, False, lambda line: None)
    (line,) = said
    assert line.startswith("brittle: ")
    with pytest.raises(BadInput, match=r"^brittle: "):  # nobody looks at a run that was to end by itself
        run_arcade(SettingsFile(None, settings), PlayOptions(frames=100), str(folder), ONE, False, lambda line: None)


@pytest.mark.parametrize(("key", "words"), [("nokey", "pygame key name"), ("tab", "is next world")])
def test_keys_that_cannot_be_played_with_are_told_before_a_window_opens(
    settings: Settings, make_world: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, key: str, words: str
) -> None:
    manifest = make_world("keys") / "manifest.yaml"
    manifest.write_text(manifest.read_text(encoding="utf-8").replace("- space", f"- {key}"), encoding="utf-8")
    monkeypatch.setattr(arcade, "Window", pytest.fail)
    with pytest.raises(BadInput, match=f"^keys: keys.jump: .*{words}"):
        run_arcade(SettingsFile(None, settings), PlayOptions(), str(manifest.parent), ONE, False, pytest.fail)
    chosen = {"keys": {Action.JUMP: ("space",)}}
    shelf, _ = open_shelf(str(manifest.parent), ONE, settings.model_copy(update={"keys": chosen}), pytest.fail)
    assert "keys" in shelf.names  # the player's own choice mends it


def test_options_are_checked_before_a_window_opens(
    bundled: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arcade, "Window", pytest.fail)
    for options in (PlayOptions(start=4), PlayOptions(theme="noon"), PlayOptions(autoplay="genius")):
        with pytest.raises(BadInput):
            run_arcade(SettingsFile(None, settings), options, "hills", ONE, False, pytest.fail)


@pytest.mark.parametrize("key", [None, pygame.K_l, pygame.K_p, pygame.K_s])
def test_a_display_lost_outside_play_is_one_line(
    bundled: Path, settings: Settings, tap: Tap, monkeypatch: pytest.MonkeyPatch, key: int | None
) -> None:
    screen = {None: Menu, pygame.K_l: Library, pygame.K_p: Painter, pygame.K_s: SettingsScreen}[key]
    run = screen.run

    def lost() -> None:
        raise pygame.error("video system not initialized")

    def losing(self: Any) -> Any:
        pygame.display.flip = lost
        pygame.key.stop_text_input = lost
        return run(self)

    monkeypatch.setattr(pygame.display, "flip", pygame.display.flip)
    monkeypatch.setattr(pygame.key, "stop_text_input", pygame.key.stop_text_input)
    monkeypatch.setattr(screen, "run", losing)
    if key is not None:
        monkeypatch.setattr(Menu, "poll", lambda self: self._key(key))
    with pytest.raises(BadInput, match=r"^display: .* lost \(video system not initialized\)$"):
        run_arcade(SettingsFile(None, settings), PlayOptions(), None, ONE, False, pytest.fail)


def test_a_save_that_failed_on_leaving_a_painted_game_is_told(
    bundled: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    said: list[str] = []
    menus = iter([Place.PAINTER, None])

    def choose(self: Menu) -> None:
        self.place = next(menus)

    def paint(self: Painter) -> Outcome:
        self.do(Deed.PLAY)
        return Outcome.MENU

    def play(self: Player, world: str) -> Outcome:
        self.recording_problems.append("slot 1: not saved (the game had ended)")
        return Outcome.MENU

    monkeypatch.setattr(Menu, "run", choose)
    monkeypatch.setattr(Menu, "say", lambda self, line: said.append(line))
    monkeypatch.setattr(Painter, "run", paint)
    monkeypatch.setattr(Player, "run", play)
    run_arcade(SettingsFile(None, settings), PlayOptions(), None, ONE, False, told.append)
    assert told == said == ["slot 1: not saved (the game had ended)"]
