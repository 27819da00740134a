"""How held keys become one Action."""

from __future__ import annotations

from pathlib import Path

import pygame
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.keys.keymap import COMMAND_KEYS, Command, Keymap, command_codes, key_code, shown_key
from models.actions import Action
from models.manifest import BadInput, Manifest, read_manifest

LEFT, RIGHT, UP, DOWN, SPACE = pygame.K_LEFT, pygame.K_RIGHT, pygame.K_UP, pygame.K_DOWN, pygame.K_SPACE


@pytest.fixture(scope="module")
def hills(worlds: Path) -> Manifest:
    return read_manifest(worlds / "hills")


@pytest.fixture(scope="module")
def boxes(worlds: Path) -> Manifest:
    return read_manifest(worlds / "boxes")


def held(manifest: Manifest, *codes: int) -> Action:
    keymap = Keymap(manifest)
    for code in codes:
        assert keymap.press(code)
    return keymap.action


def test_single_keys_and_chords(hills: Manifest) -> None:
    assert held(hills) is Action.NOOP
    assert held(hills, LEFT) is Action.LEFT
    assert held(hills, pygame.K_a) is Action.LEFT
    assert held(hills, SPACE, LEFT) is Action.LEFT_JUMP
    assert held(hills, RIGHT, SPACE) is Action.RIGHT_JUMP


def test_of_opposite_keys_the_last_pressed_counts_until_it_is_released(hills: Manifest) -> None:
    keymap = Keymap(hills)
    keymap.press(LEFT)
    keymap.press(RIGHT)
    assert keymap.action is Action.RIGHT
    keymap.press(SPACE)
    assert keymap.action is Action.RIGHT_JUMP
    keymap.release(RIGHT)
    assert keymap.action is Action.LEFT_JUMP


def test_keys_that_a_world_cannot_take_together_yield_to_the_newest(boxes: Manifest) -> None:
    assert held(boxes, LEFT, UP) is Action.UP
    assert held(boxes, UP, LEFT) is Action.LEFT
    keymap = Keymap(boxes)
    assert not keymap.press(SPACE)
    assert keymap.action is Action.NOOP


def test_two_keys_of_one_button_both_have_to_go(hills: Manifest) -> None:
    keymap = Keymap(hills)
    keymap.press(LEFT)
    keymap.press(pygame.K_a)
    keymap.release(LEFT)
    assert keymap.action is Action.LEFT
    keymap.release_all()
    assert keymap.action is Action.NOOP
    assert not keymap.release(LEFT)


@given(st.lists(st.tuples(st.sampled_from([LEFT, RIGHT, SPACE, pygame.K_a, pygame.K_d]), st.booleans()), max_size=40))
def test_any_order_of_keys_gives_a_known_action_of_held_buttons(
    hills: Manifest, events: list[tuple[int, bool]]
) -> None:
    keymap, down = Keymap(hills), set[int]()
    buttons = {LEFT: "left", pygame.K_a: "left", RIGHT: "right", pygame.K_d: "right", SPACE: "jump"}
    for code, pressed in events:
        (keymap.press if pressed else keymap.release)(code)
        (down.add if pressed else down.discard)(code)
        assert keymap.action in [entry.action for entry in hills.actions]
        assert keymap.action.buttons <= {buttons[code] for code in down}
        assert ("jump" in keymap.action.buttons) == (SPACE in down)


def test_the_players_own_keys_replace_the_manifests(hills: Manifest) -> None:
    keymap = Keymap(hills, {Action.JUMP: ("z",)})
    assert not keymap.press(SPACE)
    assert keymap.press(pygame.K_z)
    assert keymap.action is Action.JUMP


def test_unknown_key_names_are_bad_input(hills: Manifest) -> None:
    with pytest.raises(BadInput, match=r"^hills: keys\.jump: expected a pygame key name"):
        Keymap(hills, {Action.JUMP: ("no such key",)})


def test_every_command_has_a_key_of_its_own() -> None:
    codes = command_codes(COMMAND_KEYS)
    assert set(codes.values()) == set(Command)
    assert pygame.K_DELETE not in codes
    with pytest.raises(BadInput, match="expected a free key"):
        command_codes({Command.PAUSE: ("p",), Command.SPEED: ("p",)})


@pytest.mark.parametrize(
    ("name", "shown"), [("left", "←"), ("space", "Space"), ("a", "A"), ("f1", "F1"), ("tab", "Tab")]
)
def test_key_names_as_they_are_read(name: str, shown: str) -> None:
    assert key_code(name, "here")
    assert shown_key(name) == shown
