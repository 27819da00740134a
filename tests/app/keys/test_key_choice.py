"""Choosing keys: what a press changes, and whose it is already."""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest

from app.keys.gamepad import PAD_CODES
from app.keys.key_choice import key_name, keys_of, shown_pair, taken_by, with_key, without_choice
from app.keys.keymap import COMMAND_KEYS, Command
from app.settings.schema import Settings
from models.actions import Action
from models.manifest import Manifest, read_manifest


@pytest.fixture(scope="module")
def hills(worlds: Path) -> Manifest:
    return read_manifest(worlds / "hills")


def applied(settings: Settings, change: dict[str, object]) -> Settings:
    return Settings.model_validate(settings.model_dump() | change)


def test_a_key_replaces_keys_and_a_button_buttons(hills: Manifest) -> None:
    settings = applied(Settings(), with_key(Settings(), Action.LEFT, hills, "z"))
    assert keys_of(settings, Action.LEFT, hills) == ("z", "pad left", "stick left")
    settings = applied(settings, with_key(settings, Action.LEFT, hills, "pad lt"))
    assert keys_of(settings, Action.LEFT, hills) == ("pad lt", "z")
    assert keys_of(settings, Action.RIGHT, hills) == keys_of(Settings(), Action.RIGHT, hills)
    assert applied(settings, without_choice(settings, Action.LEFT, hills)) == Settings()


def test_commands_too_and_their_own_keys_leave_nothing_in_the_file() -> None:
    settings = applied(Settings(), with_key(Settings(), Command.PAUSE, None, "end"))
    assert settings.command_keys[Command.PAUSE] == ("end", "pad start")
    back = applied(settings, with_key(settings, Command.PAUSE, None, "p"))
    assert back == Settings() and back.command_keys == dict(COMMAND_KEYS)
    assert applied(settings, without_choice(settings, Command.PAUSE, None)) == Settings()


def test_whose_a_key_is(hills: Manifest) -> None:
    plain = Settings()
    assert taken_by(plain, pygame.K_TAB, Action.JUMP, hills, [hills]) == "is 'next world'"
    assert taken_by(plain, pygame.K_LEFT, Action.JUMP, hills, [hills]) == "is 'left' in Hills"
    assert taken_by(plain, pygame.K_SPACE, Command.PAUSE, None, [hills]) == "is 'jump' in Hills"
    assert taken_by(plain, pygame.K_SPACE, Action.JUMP, hills, [hills]) is None
    assert taken_by(plain, PAD_CODES["pad lt"], Action.JUMP, hills, [hills]) == "is 'slower'"
    assert taken_by(plain, pygame.K_z, Action.JUMP, hills, [hills]) is None


def test_names_lead_back_to_codes() -> None:
    assert key_name(pygame.K_LEFT) == "left" and key_name(PAD_CODES["look up"]) == "look up"
    assert key_name(1 << 29) is None
    assert shown_pair(("left", "a", "pad a")) == ("←  A", "A") and shown_pair(()) == ("—", "—")
