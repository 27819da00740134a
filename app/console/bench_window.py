"""The real window under the bench. Owns pressing keys through the event queue; refuses to judge what comes out.

A key goes the whole way of a player's: an event in the queue, polled, mapped, taken by the loop, drawn, flipped. Its
time is when it should have come, so waiting in the queue counts too.
"""

from __future__ import annotations

import pygame

from app.drawing.window import Window
from app.keys.keymap import COMMAND_KEYS, Keymap, check_keys, command_codes, key_code
from app.menu.shelf import Shelf
from app.play.options import PlayOptions
from app.play.player import Player
from app.play.round import Exchanges, Round
from app.settings.schema import Settings
from engine.measuring.bench import Stage
from models.actions import Action


class BenchWindow:
    """A window with the figures on, driven by the bench; to be used in a `with`."""

    def __init__(self) -> None:
        self._window = Window(instead="bench without --window")
        self._shelf = Shelf([])

    def __enter__(self) -> BenchWindow:
        return self

    def __exit__(self, *problem: object) -> None:
        self._shelf.close()
        self._window.close()

    def drive(self, stage: Stage) -> float | None:
        """Show a running loop until it has made its frames, pressing the keys that are due. When the first flip was."""
        check_keys(stage.manifest, {}, command_codes(COMMAND_KEYS))
        options = PlayOptions(measured=True)
        player = Player(self._window, self._shelf, Settings(overlay=True), options, stage.clock)
        exchanges = Exchanges(stage.loop, stage.actions, stage.frames, stage.telemetry)
        player.round = Round(exchanges, None)
        held: set[int] = set()
        while not stage.finished and player.outcome is None:
            for action, when in stage.presses.due(stage.clock()):
                held = press(player.round.keymap, action, held, when)
            player.turn()
        if player.outcome is not None and stage.loop.error is None:
            raise KeyboardInterrupt  # the player left: half a run is no figure
        return player.first_frame_at


def press(keymap: Keymap, action: Action, held: set[int], when: float) -> set[int]:
    """Queue the key events that lead from the `held` key codes to `action`; returns the codes held then."""
    wanted = keys_for(keymap, action)
    for code in sorted(held - wanted):
        pygame.event.post(pygame.event.Event(pygame.KEYUP, key=code, pressed_at=when))
    for code in sorted(wanted - held):
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code, pressed_at=when))
    return wanted


def keys_for(keymap: Keymap, action: Action) -> set[int]:
    """The first key of every button of `action`; a world without keys for one goes without it."""
    single = {next(iter(known.buttons)): names[0] for known, names in keymap.keys.items() if len(known.buttons) == 1}
    return {key_code(single[button], "keys") for button in action.buttons if button in single}
