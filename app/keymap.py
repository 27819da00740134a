"""From held keys to the one Action of now. Owns key names, commands' keys, how keys combine; refuses events and time.

How keys combine: the newest press wins. Of two opposite keys (left and right, up and down) the one pressed last
counts, and the other again when it is released. Keys that the world can't take together (up and left in a puzzle) also
yield to the newest.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache

import pygame

from models.actions import Action
from models.manifest import BadInput, Manifest

OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}


class Command(StrEnum):
    """What a key can ask of the player besides the world's own actions."""

    PAUSE = "pause"
    STEP = "step"
    REWIND = "rewind"
    SLOWER = "slower"
    FASTER = "faster"
    RECORD = "record"
    RESET = "reset"
    NEXT_WORLD = "next world"
    THEME = "theme"
    SPEED = "speed"
    OVERLAY = "overlay"
    FULLSCREEN = "fullscreen"
    HELP = "help"
    MENU = "menu"


COMMAND_KEYS: Mapping[Command, tuple[str, ...]] = {
    Command.PAUSE: ("p",),
    Command.STEP: ("n", "."),
    Command.REWIND: ("backspace",),
    Command.SLOWER: ("-",),
    Command.FASTER: ("=",),
    Command.RECORD: ("r",),
    Command.RESET: ("f3",),
    Command.NEXT_WORLD: ("tab",),
    Command.THEME: ("t",),
    Command.SPEED: ("u",),
    Command.OVERLAY: ("f1",),
    Command.FULLSCREEN: ("f11",),
    Command.HELP: ("h",),
    Command.MENU: ("escape",),
}

COMMAND_TITLES: Mapping[Command, str] = {
    Command.PAUSE: "Pause",
    Command.STEP: "One frame",
    Command.REWIND: "Rewind (hold)",
    Command.SLOWER: "Slower",
    Command.FASTER: "Faster",
    Command.RECORD: "Record",
    Command.RESET: "New start",
    Command.NEXT_WORLD: "Next world",
    Command.THEME: "Colours",
    Command.SPEED: "Speed cap",
    Command.OVERLAY: "Figures",
    Command.FULLSCREEN: "Full screen",
    Command.HELP: "Keys",
    Command.MENU: "Menu",
}

_SHOWN = {"left": "←", "right": "→", "up": "↑", "down": "↓", "return": "Enter ↵", "escape": "Esc", "backspace": "Back"}


@lru_cache(maxsize=1)
def key_codes() -> dict[str, int]:
    """pygame's key code by its name ("left", "space", "a"); needs no open display."""
    constants = (value for name, value in vars(pygame).items() if name.startswith("K_"))
    return {name: code for code in constants if (name := pygame.key.name(code))}


def key_code(name: str, where: str) -> int:
    """The code of a key's name. Raises BadInput that begins with `where`."""
    try:
        return key_codes()[name.lower()]
    except KeyError:
        raise BadInput(f"{where}: expected a pygame key name such as left, space or a, got {name!r}") from None


def shown_key(name: str) -> str:
    """A key's name as a person reads it."""
    return _SHOWN.get(name, name.upper() if len(name) == 1 else name.capitalize())


def command_codes(keys: Mapping[Command, tuple[str, ...]]) -> dict[int, Command]:
    """Command by key code. Raises BadInput for an unknown key or one that two commands share."""
    codes: dict[int, Command] = {}
    for command, names in keys.items():
        for name in names:
            code = key_code(name, f"commands.{command}")
            if codes.setdefault(code, command) is not command:
                raise BadInput(f"commands.{command}: expected a free key, but {name!r} is {codes[code]}")
    return codes


def world_keys(manifest: Manifest, chosen: Mapping[Action, tuple[str, ...]]) -> dict[Action, tuple[str, ...]]:
    """Key names by action, noop left out: the player's choice, else the manifest's default."""
    return {
        entry.action: tuple(chosen.get(entry.action, entry.keys))
        for entry in manifest.actions
        if entry.action is not Action.NOOP and chosen.get(entry.action, entry.keys)
    }


def check_keys(manifest: Manifest, chosen: Mapping[Action, tuple[str, ...]], commands: Mapping[int, Command]) -> None:
    """Raise BadInput where a key of the world isn't one that pygame knows, or is a command's, which would win."""
    for action, names in world_keys(manifest, chosen).items():
        where = f"{manifest.name}: keys.{action}"
        for name in names:
            if (code := key_code(name, where)) in commands:
                raise BadInput(f"{where}: expected a free key, but {name!r} is {commands[code]}")


class Keymap:
    """The held keys of one world and the Action that they make."""

    def __init__(self, manifest: Manifest, chosen: Mapping[Action, tuple[str, ...]] | None = None) -> None:
        self.keys = world_keys(manifest, chosen or {})
        self._known = [entry.action for entry in manifest.actions]
        self._buttons = {
            key_code(name, f"{manifest.name}: keys.{action}"): tuple(sorted(action.buttons))
            for action, names in self.keys.items()
            for name in names
        }
        self._held: list[int] = []  # oldest first

    def press(self, code: int) -> bool:
        """Hold a key. True when it is one of this world's."""
        if code not in self._buttons:
            return False
        if code not in self._held:
            self._held.append(code)
        return True

    def release(self, code: int) -> bool:
        """Let a key go. True when it was held."""
        if code not in self._held:
            return False
        self._held.remove(code)
        return True

    def release_all(self) -> None:
        """Let every key go: the window lost focus, so releases would be missed."""
        self._held.clear()

    @property
    def action(self) -> Action:
        """The Action of the keys held now: the largest that the newest keys make together."""
        chosen: set[str] = set()
        for code in reversed(self._held):
            for button in self._buttons[code]:
                if OPPOSITE.get(button) not in chosen and self._fits(chosen | {button}):
                    chosen.add(button)
        whole = [action for action in self._known if action.buttons <= chosen]
        return max(whole, key=lambda action: len(action.buttons))

    def _fits(self, buttons: set[str]) -> bool:
        return any(buttons <= action.buttons for action in self._known)
