"""Gamepads, of which any number may come and go. Owns their inputs' names and codes and turning events into presses;
refuses what they mean (keymap).

An input of a gamepad has a name and a code as a key has, so whatever takes a key takes it too. Sticks and triggers
count as buttons: pressed beyond half way, let go again a good bit before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pygame

PAD = 1 << 28  # beyond every key code without SDL's scan code bit, which is higher
PRESSED, RELEASED = 0.5, 0.35  # of an axis' way
_FULL = 32767.0

_BUTTONS = {
    pygame.CONTROLLER_BUTTON_A: "pad a",
    pygame.CONTROLLER_BUTTON_B: "pad b",
    pygame.CONTROLLER_BUTTON_X: "pad x",
    pygame.CONTROLLER_BUTTON_Y: "pad y",
    pygame.CONTROLLER_BUTTON_BACK: "pad back",
    pygame.CONTROLLER_BUTTON_GUIDE: "pad guide",
    pygame.CONTROLLER_BUTTON_START: "pad start",
    pygame.CONTROLLER_BUTTON_LEFTSTICK: "pad l3",
    pygame.CONTROLLER_BUTTON_RIGHTSTICK: "pad r3",
    pygame.CONTROLLER_BUTTON_LEFTSHOULDER: "pad lb",
    pygame.CONTROLLER_BUTTON_RIGHTSHOULDER: "pad rb",
    pygame.CONTROLLER_BUTTON_DPAD_UP: "pad up",
    pygame.CONTROLLER_BUTTON_DPAD_DOWN: "pad down",
    pygame.CONTROLLER_BUTTON_DPAD_LEFT: "pad left",
    pygame.CONTROLLER_BUTTON_DPAD_RIGHT: "pad right",
}
_AXES = {  # what lies at the negative and at the positive end
    pygame.CONTROLLER_AXIS_LEFTX: ("stick left", "stick right"),
    pygame.CONTROLLER_AXIS_LEFTY: ("stick up", "stick down"),
    pygame.CONTROLLER_AXIS_RIGHTX: ("look left", "look right"),
    pygame.CONTROLLER_AXIS_RIGHTY: ("look up", "look down"),
    pygame.CONTROLLER_AXIS_TRIGGERLEFT: (None, "pad lt"),
    pygame.CONTROLLER_AXIS_TRIGGERRIGHT: (None, "pad rt"),
}
_ENDS = [name for ends in _AXES.values() for name in ends if name is not None]
PAD_CODES = {name: PAD + number for number, name in enumerate([*_BUTTONS.values(), *_ENDS])}

_MENU_KEYS = {
    pygame.K_LEFT: ("pad left", "stick left"),
    pygame.K_RIGHT: ("pad right", "stick right"),
    pygame.K_UP: ("pad up", "stick up"),
    pygame.K_DOWN: ("pad down", "stick down"),
    pygame.K_RETURN: ("pad a", "pad start"),
    pygame.K_ESCAPE: ("pad b", "pad back"),
}
_SHOWN = {"Enter": "A", "Esc": "B", "Del": "X", "Back": "X"}  # what menus call their keys on a gamepad
_AS_KEY = {PAD_CODES[name]: key for key, names in _MENU_KEYS.items() for name in names}

Press = tuple[int, bool]  # a code, and whether it went down


def is_pad(name: str) -> bool:
    """Whether an input's name is a gamepad's."""
    return name in PAD_CODES


def menu_key(code: int) -> int:
    """The key that a gamepad's input stands for in menus; other codes are their own."""
    return _AS_KEY.get(code, code)


def shown_hints(hints: Iterable[tuple[str, str]], pads: bool) -> list[tuple[str, str]]:
    """A menu's (key, meaning), by the gamepad's buttons where there is a gamepad."""
    return [(_SHOWN.get(key, key) if pads else key, meaning) for key, meaning in hints]


class Gamepads:
    """All gamepads together: an input is down while any of them holds it."""

    def __init__(self) -> None:
        self._open: dict[int, object] = {}  # by instance: a gamepad tells only while its object lives
        self._held: dict[int, set[int]] = {}  # codes by instance

    @property
    def connected(self) -> bool:
        """Whether there is one."""
        return bool(self._open)

    def start(self) -> None:
        """Begin to listen; those that are there already come as events too."""
        from pygame._sdl2 import controller

        controller.init()

    def handle(self, event: pygame.event.Event) -> list[Press]:
        """What an event presses and lets go."""
        if event.type == pygame.CONTROLLERDEVICEADDED:
            self._add(event.device_index)
        elif event.type == pygame.CONTROLLERDEVICEREMOVED:
            self._open.pop(event.instance_id, None)
            held = self._held.pop(event.instance_id, set())
            return [(code, False) for code in sorted(held) if not self._is_held(code)]
        elif event.type in (pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERBUTTONUP) and event.button in _BUTTONS:
            code = PAD_CODES[_BUTTONS[event.button]]
            return list(self._set(event.instance_id, code, event.type == pygame.CONTROLLERBUTTONDOWN))
        elif event.type == pygame.CONTROLLERAXISMOTION and event.axis in _AXES:
            return self._move(event.instance_id, _AXES[event.axis], event.value / _FULL)
        return []

    def _add(self, device: int) -> None:
        from pygame._sdl2 import controller

        try:
            pad = controller.Controller(device)
            self._open[pad.as_joystick().get_instance_id()] = pad
        except pygame.error:
            return  # gone again before it could be opened

    def _move(self, instance: int, ends: tuple[str | None, str], value: float) -> list[Press]:
        presses: list[Press] = []
        for name, level in zip(ends, (-value, value), strict=True):
            if name is not None:
                code = PAD_CODES[name]
                down = level > (RELEASED if code in self._held.get(instance, ()) else PRESSED)
                presses += self._set(instance, code, down)
        return sorted(presses, key=lambda press: press[1])  # what is let go comes first

    def _set(self, instance: int, code: int, down: bool) -> Iterator[Press]:
        before = self._is_held(code)
        held = self._held.setdefault(instance, set())
        (held.add if down else held.discard)(code)
        if self._is_held(code) is not before:
            yield code, down

    def _is_held(self, code: int) -> bool:
        return any(code in held for held in self._held.values())
