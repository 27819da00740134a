"""Gamepads: events as SDL sends them, several at once, gone in mid-press; a whole visit without a keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pygame
import pytest

from app.arcade import run_arcade
from app.keys.gamepad import PAD_CODES, Gamepads, menu_key, shown_hints
from app.keys.keymap import COMMAND_KEYS, Command, Keymap, chosen_keys, command_codes, shown_keys
from app.play.options import PlayOptions
from app.play.player import Player
from app.settings.file import SettingsFile
from app.settings.reading import read_settings
from app.settings.schema import Settings
from engine.backends.wish import BackendWish
from engine.recordings.recording import read_session
from models.actions import Action
from models.manifest import read_manifest

Turns = Callable[..., None]
A, LEFT_STICK_X = pygame.CONTROLLER_BUTTON_A, pygame.CONTROLLER_AXIS_LEFTX


def button(number: int, down: bool = True, pad: int = 0) -> pygame.event.Event:
    """A gamepad's button event."""
    kind = pygame.CONTROLLERBUTTONDOWN if down else pygame.CONTROLLERBUTTONUP
    return pygame.event.Event(kind, button=number, instance_id=pad)


def axis(number: int, value: float, pad: int = 0) -> pygame.event.Event:
    """A stick or trigger that was moved to `value` of its way."""
    return pygame.event.Event(pygame.CONTROLLERAXISMOTION, axis=number, value=int(32767 * value), instance_id=pad)


def gone(pad: int = 0) -> pygame.event.Event:
    """A gamepad that was unplugged."""
    return pygame.event.Event(pygame.CONTROLLERDEVICEREMOVED, instance_id=pad)


def names(presses: list[tuple[int, bool]]) -> list[tuple[str, bool]]:
    """Presses by name."""
    known = {code: name for name, code in PAD_CODES.items()}
    return [(known[code], down) for code, down in presses]


def test_buttons_and_two_gamepads_as_one() -> None:
    pads = Gamepads()
    assert names(pads.handle(button(A))) == [("pad a", True)]
    assert pads.handle(button(A, pad=1)) == []
    assert pads.handle(button(A, down=False)) == []
    assert names(pads.handle(button(A, down=False, pad=1))) == [("pad a", False)]
    assert pads.handle(button(99)) == [] and pads.handle(pygame.event.Event(pygame.MOUSEMOTION)) == []


def test_a_stick_is_pressed_beyond_half_way_and_does_not_flutter() -> None:
    pads = Gamepads()
    moves = [0.2, 0.45, 0.6, 0.45, 0.55, 0.3, -1.0, 0.9, 0.0]
    told = [names(pads.handle(axis(LEFT_STICK_X, value))) for value in moves]
    right, left = "stick right", "stick left"
    assert told == [
        [], [], [(right, True)], [], [],
        [(right, False)], [(left, True)], [(left, False), (right, True)], [(right, False)],
    ]  # fmt: skip
    assert names(pads.handle(axis(pygame.CONTROLLER_AXIS_TRIGGERLEFT, 0.8))) == [("pad lt", True)]


def test_unplugged_it_lets_go() -> None:
    pads = Gamepads()
    pads.handle(button(A))
    pads.handle(axis(LEFT_STICK_X, 1.0))
    pads.handle(button(A, pad=1))
    assert names(pads.handle(gone())) == [("stick right", False)]
    assert names(pads.handle(gone(1))) == [("pad a", False)]
    assert pads.handle(gone(7)) == []


def test_every_command_and_direction_has_a_place_on_a_gamepad(worlds: Path) -> None:
    codes = command_codes(COMMAND_KEYS)
    assert {command for code, command in codes.items() if code in PAD_CODES.values()} == set(Command)
    keymap = Keymap(read_manifest(worlds / "hills"))
    for pressed, action in (("pad left", Action.LEFT), ("pad a", Action.LEFT_JUMP), ("stick right", Action.RIGHT_JUMP)):
        assert keymap.press(PAD_CODES[pressed])
        assert keymap.action is action
    keymap.release(PAD_CODES["stick right"])
    assert keymap.action is Action.LEFT_JUMP
    assert menu_key(PAD_CODES["stick up"]) == pygame.K_UP and menu_key(pygame.K_x) == pygame.K_x


def test_remapping_keys_leaves_the_gamepad_and_the_other_way_round(tmp_path: Path) -> None:
    assert chosen_keys(None, ("p", "pad start")) == ("p", "pad start")
    assert chosen_keys(("o",), ("p", "pad start")) == ("o", "pad start")
    assert chosen_keys(("pad l3",), ("p", "pad start")) == ("pad l3", "p")
    assert chosen_keys((), ("p", "pad start")) == ()
    path = tmp_path / "settings.yaml"
    path.write_text(
        "commands: {pause: [pad guide], fullscreen: [f11, look up], overlay: [pad start]}", encoding="utf-8"
    )
    keys = read_settings(path).settings.command_keys
    assert keys[Command.PAUSE] == ("pad guide", "p") and keys[Command.OVERLAY] == ("pad start", "f1")
    path.write_text("commands: {pause: [pad x]}", encoding="utf-8")
    assert "expected a free key, but 'pad x' is" in read_settings(path).problems[0]
    path.write_text("commands: {pause: [pad z]}", encoding="utf-8")
    assert "a gamepad's such as pad a, got 'pad z'" in read_settings(path).problems[0]


def test_only_who_has_a_gamepad_is_told_its_buttons() -> None:
    assert shown_keys(("left", "a", "pad left", "stick left"), pads=False) == ("←", "A")
    assert shown_keys(("left", "a", "pad left", "stick left"), pads=True) == ("←", "A", "pad ←")
    assert shown_keys(("pad lt",), pads=True) == ("LT",)


def test_unplugging_pauses_and_lets_go(player: Player, turns: Turns) -> None:
    player.enter("hills")
    turns(player, lambda: player.round is not None and player.round.newest.index >= 3)
    pygame.event.post(axis(LEFT_STICK_X, -1.0))
    turns(player, lambda: player.round.newest.action is Action.LEFT)
    pygame.event.post(gone())
    turns(player, lambda: player.round.loop.paused)
    assert player.hud.paused and player.round.actions.held is Action.NOOP


def test_a_whole_visit_by_gamepad_alone(worlds: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Menu, play, rewind, save, load, record, pause, next world, back to the menu, and out."""
    folders = [worlds / "boxes", worlds / "hills"]
    monkeypatch.setattr("app.arcade.known_worlds", lambda: folders)
    seen: list[str] = []
    script = _visit(seen)
    turn, poll = Player.turn, __import__("app.menu.menu", fromlist=["Menu"]).Menu.poll

    def next_step(player: Player | None) -> None:
        try:
            script.send(player)
        except StopIteration:
            pygame.event.post(pygame.event.Event(pygame.QUIT))

    def turning(self: Player) -> None:
        turn(self)
        next_step(self)

    def polling(self: object) -> None:
        poll(self)
        next_step(None)

    next(script)
    monkeypatch.setattr(Player, "turn", turning)
    monkeypatch.setattr("app.menu.menu.Menu.poll", polling)
    run_arcade(SettingsFile(None, settings), PlayOptions(), None, BackendWish(threads=1), False, pytest.fail)
    assert seen == ["menu", "hills", "walks", "rewound", "saved", "loaded", "recorded", "boxes", "menu again"]
    assert sum(1 for folder in settings.recordings.iterdir() if read_session(folder).frames > 3) == 1


def _visit(seen: list[str]):  # type: ignore[no-untyped-def]  # a coroutine between the events and the test
    """Posts events, and yields until what they lead to is there. What is sent is the player, None in the menu."""
    pad = pygame.CONTROLLER_BUTTON_DPAD_RIGHT

    def tap(number: int) -> None:
        pygame.event.post(button(number))
        pygame.event.post(button(number, down=False))

    def reach(done: Callable[[Player], object]):  # type: ignore[no-untyped-def]
        for _ in range(20_000):
            player = yield
            if player is not None and player.round is not None and done(player):
                return player
        raise AssertionError("never reached")

    yield
    seen.append("menu")
    tap(pad)
    tap(A)
    player = yield from reach(lambda p: p.round.newest.index > 10)
    seen.append(player.round.name)
    pygame.event.post(button(pad))
    yield from reach(lambda p: p.round.newest.action is Action.RIGHT)
    pygame.event.post(button(pad, down=False))
    seen.append("walks")
    yield from reach(lambda p: p.round.newest.index > 40)
    pygame.event.post(button(pygame.CONTROLLER_BUTTON_LEFTSHOULDER))
    yield from reach(lambda p: p.round.loop.rewinding is not None and p.round.newest.index < p.round.session.index - 5)
    pygame.event.post(button(pygame.CONTROLLER_BUTTON_LEFTSHOULDER, down=False))
    yield from reach(lambda p: p.round.loop.rewinding is None)
    seen.append("rewound")
    tap(pygame.CONTROLLER_BUTTON_X)
    yield from reach(lambda p: p.screen is not None)
    tap(pad)
    tap(A)
    yield from reach(lambda p: "saved: slot 2" in p.hud.message)
    seen.append("saved")
    tap(pygame.CONTROLLER_BUTTON_Y)
    yield from reach(lambda p: p.screen is not None)
    tap(A)
    yield from reach(lambda p: "loaded: slot 2" in p.hud.message)
    seen.append("loaded")
    tap(pygame.CONTROLLER_BUTTON_RIGHTSTICK)
    yield from reach(lambda p: p.round.recorder is not None and p.round.recorder.frames > 5)
    tap(pygame.CONTROLLER_BUTTON_RIGHTSTICK)
    yield from reach(lambda p: p.round.recorder is None)
    seen.append("recorded")
    tap(pygame.CONTROLLER_BUTTON_RIGHTSHOULDER)
    player = yield from reach(lambda p: p.round.name == "boxes")
    seen.append(player.round.name)
    tap(pygame.CONTROLLER_BUTTON_BACK)
    while (yield) is not None:
        continue
    seen.append("menu again")
    tap(pygame.CONTROLLER_BUTTON_B)
    yield


def test_hints_name_the_buttons_where_there_is_a_gamepad() -> None:
    hints = [("↑ ↓", "choose"), ("Del", "as it came"), ("Esc", "back")]
    assert shown_hints(hints, pads=False) == hints
    assert shown_hints(hints, pads=True) == [("↑ ↓", "choose"), ("X", "as it came"), ("B", "back")]
