"""What the settings screen lists. Owns the rows, their choices and what a step changes; refuses keys and drawing."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.drawing.picture import theme_names
from app.keys.keymap import COMMAND_TITLES, Command
from app.settings.schema import Colours, Settings, When, field_note
from engine.backends.wish import BackendName
from models.actions import Action
from models.manifest import Manifest

SIZES = (0.5, 1.0, 1.5, 2.0, 3.0)
MOST_THREADS = 64
MOST_SCALE = 12


@dataclass(frozen=True)
class ChoiceRow:
    """A field with a handful of values. `part`: the world, where the field has a value for each."""

    name: str
    title: str
    values: Sequence[Any]
    show: Callable[[Any], str]
    part: str | None = None

    def value(self, settings: Settings) -> Any:
        """The value now."""
        whole = getattr(settings, self.name)
        return whole.get(self.part, self.values[0]) if self.part is not None else whole

    def shown(self, settings: Settings) -> str:
        """The value now, for people."""
        return self.show(self.value(settings))

    def step(self, settings: Settings, way: int) -> dict[str, Any]:
        """The change that the next value in a direction is; a value written by hand leads to the nearest."""
        value = self.value(settings)
        place = self.values.index(value) + way if value in self.values else self._near(value, way)
        chosen = self.values[place % len(self.values)]
        if self.part is None:
            return {self.name: chosen}
        return {self.name: getattr(settings, self.name) | {self.part: chosen}}

    def _near(self, value: Any, way: int) -> int:
        numbers = [number for number in self.values if isinstance(number, int | float)]
        if not isinstance(value, int | float) or not numbers:
            return 0
        beyond = [number for number in numbers if (number - value) * way > 0]
        return self.values.index(min(beyond or numbers, key=lambda number: abs(number - value)))


@dataclass(frozen=True)
class TextRow:
    """A field that is typed: a folder."""

    name: str
    title: str
    part: None = None

    def shown(self, settings: Settings) -> str:
        """The value now, for people."""
        path, home = str(getattr(settings, self.name)), str(Path.home())
        return f"~{path.removeprefix(home)}" if path.startswith(home + os.sep) else path


@dataclass(frozen=True)
class KeysRow:
    """A page of keys: a world's, or the commands' where `manifest` is None."""

    name: str
    title: str
    manifest: Manifest | None = None

    @property
    def part(self) -> str | None:
        """The world whose keys they are."""
        return None if self.manifest is None else self.manifest.name

    def shown(self, settings: Settings) -> str:
        """Whether anything was chosen, for people."""
        if self.manifest is None:
            chosen: Mapping[Any, Any] = settings.commands
        else:
            chosen = settings.keys.get(self.manifest.name, {})
        return f"{len(chosen)} changed" if chosen else "as they came"


Row = ChoiceRow | TextRow | KeysRow


def setting_rows(manifests: Sequence[Manifest]) -> list[Row]:
    """Every field that is set in the app, those of worlds once for each."""
    rows: list[Row] = [
        _choice("text_scale", SIZES, lambda value: f"{value:g} ×"),
        _choice("colours", list(Colours), lambda value: "blue and orange" if value is Colours.SAFE else "as they came"),
        _choice("calm", (False, True), _on_off),
        _choice("overlay", (False, True), _on_off),
    ]
    for manifest in manifests:
        if len(names := theme_names(manifest)) > 1:
            rows.append(ChoiceRow("theme", f"Colours of {manifest.title}", names, str, manifest.name))
    rows.append(KeysRow("commands", "Keys of commands"))
    rows += [KeysRow("keys", f"Keys of {manifest.title}", manifest) for manifest in manifests]
    threads = (None, *range(1, min(MOST_THREADS, os.cpu_count() or 1) + 1))
    return [
        *rows,
        TextRow("recordings", field_note("recordings").title),
        TextRow("saves", field_note("saves").title),
        _choice("scale", (None, *range(1, MOST_SCALE + 1)), lambda value: "fits" if value is None else f"{value} ×"),
        _choice("fullscreen", (False, True), _on_off),
        _choice("backend", list(BackendName), str),
        _choice("threads", threads, lambda value: "as suits" if value is None else str(value)),
    ]


def when(row: Row) -> When:
    """When a change of a row takes effect."""
    return field_note(row.name).when


def key_entries(row: KeysRow) -> list[tuple[Command | Action, str]]:
    """What a page of keys lists: commands or a world's actions, with their titles."""
    if row.manifest is None:
        return [(command, COMMAND_TITLES[command]) for command in Command]
    actions = (entry.action for entry in row.manifest.actions)
    return [(action, str(action)) for action in actions if len(action.buttons) == 1]


def _choice(name: str, values: Sequence[Any], show: Callable[[Any], str]) -> ChoiceRow:
    return ChoiceRow(name, field_note(name).title, values, show)


def _on_off(value: bool) -> str:
    return "on" if value else "off"
