"""Choosing keys and gamepad buttons. Owns what a captured press changes in the settings and which presses are taken;
refuses events and drawing (settings).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from app.keys.gamepad import PAD_CODES, is_pad
from app.keys.keymap import COMMAND_KEYS, COMMAND_TITLES, Command, key_code, key_codes, shown_key, world_keys
from app.settings.schema import Settings
from models.actions import Action
from models.manifest import Manifest


@lru_cache(maxsize=1)
def _names() -> dict[int, str]:
    return {code: name for name, code in (key_codes() | PAD_CODES).items()}


def key_name(code: int) -> str | None:
    """The name of a key's or a gamepad input's code; None for one that has none that settings can say."""
    return _names().get(code)


def keys_of(settings: Settings, entry: Command | Action, manifest: Manifest | None) -> tuple[str, ...]:
    """The keys and buttons that a command or an action of a world has now."""
    if isinstance(entry, Command):
        return settings.command_keys[entry]
    assert manifest is not None, "an action is some world's"
    return world_keys(manifest, settings.keys.get(manifest.name, {})).get(entry, ())


def taken_by(
    settings: Settings, code: int, entry: Command | Action, manifest: Manifest | None, worlds: Sequence[Manifest]
) -> str | None:
    """Who has a key already, in words; None where it is free for `entry`. A command's key is no world's, and a world's
    key may be another world's too."""
    for command, names in settings.command_keys.items():
        if command is not entry and _has(names, code):
            return f"is {COMMAND_TITLES[command].lower()!r}"
    for world in worlds if manifest is None else [manifest]:
        for action, names in world_keys(world, settings.keys.get(world.name, {})).items():
            if action is not entry and _has(names, code):
                return f"is '{action}' in {world.title}"
    return None


def with_key(settings: Settings, entry: Command | Action, manifest: Manifest | None, name: str) -> dict[str, Any]:
    """The change that gives `entry` a key in place of its keys, or a button in place of its buttons."""
    others = [other for other in keys_of(settings, entry, manifest) if is_pad(other) is not is_pad(name)]
    return _change(settings, entry, manifest, (name, *others))


def without_choice(settings: Settings, entry: Command | Action, manifest: Manifest | None) -> dict[str, Any]:
    """The change that lets `entry` have the keys again that it came with."""
    return _change(settings, entry, manifest, None)


def _has(names: Sequence[str], code: int) -> bool:
    return any(key_code(name, "") == code for name in names)


def _change(
    settings: Settings, entry: Command | Action, manifest: Manifest | None, names: tuple[str, ...] | None
) -> dict[str, Any]:
    if isinstance(entry, Command):
        wanted = names if names is None or set(names) != set(COMMAND_KEYS[entry]) else None
        return {"commands": _put(settings.commands, entry, wanted)}
    assert manifest is not None, "an action is some world's"
    chosen = _put(settings.keys.get(manifest.name, {}), entry, names)
    return {"keys": {world: keys for world, keys in settings.keys.items() if world != manifest.name} | (
        {manifest.name: chosen} if chosen else {}
    )}  # fmt: skip


def _put(chosen: Mapping[Any, Any], entry: Command | Action, names: tuple[str, ...] | None) -> dict[Any, Any]:
    rest = {other: keys for other, keys in chosen.items() if other is not entry}
    return rest if names is None else rest | {entry: names}


def shown_pair(names: Sequence[str]) -> tuple[str, str]:
    """Keys, and a gamepad's buttons, as a person reads them."""
    keys = [shown_key(name) for name in names if not is_pad(name)]
    buttons = [shown_key(name) for name in names if is_pad(name)]
    return "  ".join(keys) or "—", "  ".join(buttons) or "—"
