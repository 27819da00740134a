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

from app.keys.gamepad import PAD_CODES, is_pad
from models.actions import Action
from models.manifest import BadInput, Manifest

OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}


class Command(StrEnum):
    """What a key can ask of the player besides the world's own actions."""

    PAUSE = "pause"
    STEP = "step"
    REWIND = "rewind"
    SAVE = "save"
    LOAD = "load"
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
    Command.PAUSE: ("p", "pad start"),
    Command.STEP: ("n", ".", "pad b"),
    Command.REWIND: ("backspace", "pad lb"),
    Command.SAVE: ("f5", "pad x"),
    Command.LOAD: ("f9", "pad y"),
    Command.SLOWER: ("-", "pad lt"),
    Command.FASTER: ("=", "pad rt"),
    Command.RECORD: ("r", "pad r3"),
    Command.RESET: ("f3", "pad l3"),
    Command.NEXT_WORLD: ("tab", "pad rb"),
    Command.THEME: ("t", "look left"),
    Command.SPEED: ("u", "look right"),
    Command.OVERLAY: ("f1", "look up"),
    Command.FULLSCREEN: ("f11", "pad guide"),
    Command.HELP: ("h", "look down"),
    Command.MENU: ("escape", "pad back"),
}

COMMAND_TITLES: Mapping[Command, str] = {
    Command.PAUSE: "Pause",
    Command.STEP: "One frame",
    Command.REWIND: "Rewind (hold)",
    Command.SAVE: "Save",
    Command.LOAD: "Load",
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

PAD_KEYS: Mapping[Action, tuple[str, ...]] = {
    Action.LEFT: ("pad left", "stick left"),
    Action.RIGHT: ("pad right", "stick right"),
    Action.UP: ("pad up", "stick up"),
    Action.DOWN: ("pad down", "stick down"),
    Action.JUMP: ("pad a",),
}

_SHOWN = {"left": "←", "right": "→", "up": "↑", "down": "↓", "return": "Enter ↵", "escape": "Esc", "backspace": "Back"}
_ARROWS = {"left": "←", "right": "→", "up": "↑", "down": "↓"}
_STICKS = {"pad": "pad", "stick": "stick", "look": "R stick"}
_SHOWN |= {
    name: f"{_STICKS[part]} {_ARROWS[way]}" if way in _ARROWS else way.upper() if len(way) < 3 else f"pad {way}"
    for name in PAD_CODES
    for part, _, way in [name.partition(" ")]
}


@lru_cache(maxsize=1)
def key_codes() -> dict[str, int]:
    """pygame's key code by its name ("left", "space", "a"); needs no open display."""
    constants = (value for name, value in vars(pygame).items() if name.startswith("K_"))
    return {name: code for code in constants if (name := pygame.key.name(code))}


def key_code(name: str, where: str) -> int:
    """The code of a key's or a gamepad input's name. Raises BadInput that begins with `where`."""
    name = name.lower()
    code = PAD_CODES.get(name) or key_codes().get(name)
    if code is None:
        raise BadInput(
            f"{where}: expected a pygame key name such as left, space or a, or a gamepad's such as pad a, got {name!r}"
        )
    return code


def chosen_keys(chosen: tuple[str, ...] | None, default: tuple[str, ...]) -> tuple[str, ...]:
    """What the player chose, else the default; choosing keys alone leaves the gamepad as it is, and the other way
    round. An empty choice is one: no key at all."""
    if not chosen:
        return default if chosen is None else ()
    kinds = {is_pad(name.lower()) for name in chosen}
    return (*chosen, *(name for name in default if is_pad(name) not in kinds))


def shown_key(name: str) -> str:
    """A key's name as a person reads it."""
    return _SHOWN.get(name, name.upper() if len(name) == 1 else name.capitalize())


def shown_keys(names: tuple[str, ...], pads: bool) -> tuple[str, ...]:
    """The keys' names as a person reads them, with a gamepad's first where there is a gamepad."""
    keys = [name for name in names if not is_pad(name.lower())]
    first = [name for name in names if is_pad(name.lower())][: 1 if pads else 0]
    return tuple(shown_key(name) for name in (*keys, *first))


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
    keys = {
        entry.action: chosen_keys(chosen.get(entry.action), (*entry.keys, *PAD_KEYS.get(entry.action, ())))
        for entry in manifest.actions
        if entry.action is not Action.NOOP
    }
    return {action: names for action, names in keys.items() if names}


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
