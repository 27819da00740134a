"""The player's settings: every field, its limits, what it means and when it takes effect. Owns that schema; refuses
files (reading, file) and screens (screen).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from platformdirs import user_config_path, user_data_path, user_videos_path
from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.keys.keymap import COMMAND_KEYS, Command, chosen_keys, command_codes, key_code, world_keys
from engine.backends.wish import BackendName
from models.actions import Action
from models.manifest import BadInput, Manifest

MENU_COMMANDS = (Command.FULLSCREEN, Command.MENU)  # they count in the menus too, also while a name is typed
MENU_KEYS = frozenset(
    {"left", "right", "up", "down", "return", "enter", "space", "tab", "delete", "backspace", "pad a"}
    | {f"{part} {way}" for part in ("pad", "stick") for way in ("left", "right", "up", "down")}
)

Keys = Annotated[tuple[Annotated[str, Field(min_length=1, max_length=20)], ...], Field(max_length=8)]


class When(StrEnum):
    """When a changed field takes effect."""

    LIVE = "live"
    SESSION = "next session"
    RESTART = "restart"


class Colours(StrEnum):
    """The colours in which the figures, marks and signs are drawn."""

    STANDARD = "standard"
    SAFE = "safe"


@dataclass(frozen=True)
class Note:
    """What stands beside a field: when it takes effect, its title, what it means, and what its value must be."""

    when: When
    title: str
    meaning: str
    expected: str


def default_settings_path() -> Path:
    """Where the settings file is looked for when none is named."""
    return user_config_path("dreamcade", appauthor=False) / "settings.yaml"


def default_recordings_path() -> Path:
    """Where recordings go when the settings don't say."""
    return user_videos_path() / "Dreamcade"


def default_saves_path() -> Path:
    """Where saved games go when the settings don't say."""
    return user_data_path("dreamcade", appauthor=False) / "saves"


class Settings(BaseModel):
    """`settings.yaml`; every field may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text_scale: Annotated[
        float,
        Field(strict=True, ge=0.5, le=4, allow_inf_nan=False),
        Note(When.LIVE, "Text size", "how large letters and signs are", "a number from 0.5 to 4"),
    ] = 1.0
    colours: Annotated[
        Colours,
        Note(
            When.LIVE,
            "Colours of signs",
            "safe: blue and orange in place of green and red, in figures and signs",
            "standard or safe",
        ),
    ] = Colours.STANDARD
    calm: Annotated[
        bool,
        Field(strict=True),
        Note(
            When.LIVE,
            "Reduced flashing",
            "nothing blinks, the backdrop stands still, and a picture that would flash fades instead",
            "true or false",
        ),
    ] = False
    overlay: Annotated[
        bool,
        Field(strict=True),
        Note(When.SESSION, "Figures from the start", "F1 turns them on and off in play", "true or false"),
    ] = False
    theme: Annotated[
        dict[str, str],
        Note(When.SESSION, "Colours of a world", "palette by world", "a palette's name by world, {puzzle: frost}"),
    ] = Field(default_factory=dict)
    keys: Annotated[
        dict[str, dict[Action, Keys]],
        Note(
            When.LIVE,
            "Keys of a world",
            "world, action, and its keys and gamepad buttons",
            "key names by world and action, {platformer: {jump: [space, pad a]}}",
        ),
    ] = Field(default_factory=dict)
    commands: Annotated[
        dict[Command, Keys],
        Note(
            When.LIVE,
            "Keys of commands",
            "command, and its keys and gamepad buttons",
            "key names by command, {pause: [p, pad start]}",
        ),
    ] = Field(default_factory=dict)
    recordings: Annotated[Path, Note(When.LIVE, "Recordings", "where recordings go", "a folder")] = Field(
        default_factory=default_recordings_path
    )
    saves: Annotated[Path, Note(When.LIVE, "Saves", "where saves and paintings go", "a folder")] = Field(
        default_factory=default_saves_path
    )
    scale: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=32)] | None,
        Note(
            When.RESTART,
            "Size of a new window",
            "screen pixels a game pixel; without one it fits the desktop",
            "a whole number from 1 to 32, or null",
        ),
    ] = None
    fullscreen: Annotated[
        bool, Field(strict=True), Note(When.RESTART, "Full screen from the start", "F11 changes it", "true or false")
    ] = False
    backend: Annotated[
        BackendName,
        Note(When.RESTART, "What runs the networks", "auto: the card where there is one", "auto, onnx or tensorrt"),
    ] = BackendName.AUTO
    threads: Annotated[
        Annotated[int, Field(strict=True, ge=1, le=64)] | None,
        Note(
            When.RESTART,
            "Threads of the networks",
            "without a number, what suits the machine",
            "a whole number from 1 to 64, or null",
        ),
    ] = None

    @field_validator("theme", "keys", "commands", mode="before")
    @classmethod
    def _nothing_chosen(cls, chosen: object) -> object:
        return {} if chosen is None else chosen  # a name with nothing below it

    @field_validator("recordings", "saves", mode="before")
    @classmethod
    def _named(cls, folder: object) -> object:
        if isinstance(folder, str) and not folder.strip():  # it would be whichever folder one happens to be in
            raise ValueError("expected a folder's name")
        return folder

    @field_validator("recordings", "saves")
    @classmethod
    def _folder(cls, folder: Path) -> Path:
        if "\0" in str(folder):
            raise ValueError("expected a folder's name")
        try:
            folder = folder.expanduser()
        except RuntimeError as error:
            raise ValueError(f"expected a folder, but the home of {folder.parts[0]} is not known") from error
        with contextlib.suppress(OSError):  # a name that no file can have: told where it is used
            if folder.is_file():
                raise ValueError("expected a folder, not a file")
        return folder

    @property
    def command_keys(self) -> dict[Command, tuple[str, ...]]:
        """Key names of every command, the player's choice first."""
        return {command: chosen_keys(self.commands.get(command), names) for command, names in COMMAND_KEYS.items()}


def field_note(name: str) -> Note:
    """What stands beside a field of `Settings`."""
    return next(entry for entry in Settings.model_fields[name].metadata if isinstance(entry, Note))


def key_problem(settings: Settings) -> tuple[tuple[str, ...], str] | None:
    """The first choice of keys that makes no sense: where it stands, and what was expected there. None: all do."""
    taken: dict[int, Command] = {}
    for command, names in settings.command_keys.items():
        place: tuple[str, ...] = ("commands", command.value)
        for name in names:
            try:
                code = key_code(name, "")
            except BadInput as error:
                return place, str(error).removeprefix(": ")
            if command in MENU_COMMANDS and (len(name) == 1 or name.lower() in MENU_KEYS):
                return place, f"expected a key that no menu needs, such as f12, found {name}"
            other = taken.setdefault(code, command)
            if other is not command:
                blamed = command if command in settings.commands else other
                rest = other if blamed is command else command
                return ("commands", blamed.value), f"expected a free key, but {name!r} is {rest}"
    if not settings.command_keys[Command.MENU]:
        return ("commands", Command.MENU.value), "expected at least one key: play couldn't be left without it"
    for world, chosen in settings.keys.items():
        used: dict[int, Action] = {}
        for action, names in chosen.items():
            place = ("keys", world, action.value)
            for name in names:
                try:
                    code = key_code(name, "")
                except BadInput as error:
                    return place, str(error).removeprefix(": ")
                if code in taken:
                    return place, f"expected a free key, but {name!r} is {taken[code]}"
                if used.setdefault(code, action) is not action:
                    return place, f"expected a free key, but {name!r} is {used[code]}"
    return None


def world_key_problem(settings: Settings, manifests: Iterable[Manifest]) -> tuple[tuple[str, ...], str] | None:
    """As `key_problem`, the first choice that takes a key which a world has by itself, or has for another action."""
    commands = command_codes(settings.command_keys)
    for manifest in manifests if settings.commands or settings.keys else ():
        chosen = settings.keys.get(manifest.name, {})
        used: dict[int, Action] = {}
        for action, names in world_keys(manifest, chosen).items():
            for name in names:
                try:
                    code = key_code(name, "")
                except BadInput:  # the world's own mistake, told where it is opened
                    continue
                command, other = commands.get(code), used.setdefault(code, action)
                if command is not None and command in settings.commands:
                    rest = f"{action} in {manifest.name}"
                    return ("commands", command.value), f"expected a free key, but {name!r} is {rest}"
                if command is not None and action in chosen:
                    return ("keys", manifest.name, action.value), f"expected a free key, but {name!r} is {command}"
                if other is not action and (action in chosen or other in chosen):
                    blamed, owner = (action, other) if action in chosen else (other, action)
                    return ("keys", manifest.name, blamed.value), f"expected a free key, but {name!r} is {owner}"
    return None
