"""Players without hands. Owns autoplayers, which see pictures only; refuses anything that a person couldn't see."""

from __future__ import annotations

from itertools import cycle
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.mailbox import ActionMailbox
from engine.session import Session
from models.actions import Action
from models.manifest import BadInput, Manifest

STICKY_TICKS = (4, 30)  # how long a sticky player holds an action
AUTOPLAYERS = ("random", "sticky", "script")


class Autoplayer(Protocol):
    """Chooses an action from what is on the screen. The same one can play the neural and the simulated world."""

    def next_action(self, pixels: npt.NDArray[np.uint8]) -> Action:
        """The action for the frame uint8 [H,W] or [H,W,3] that is shown now."""


class RandomAutoplayer:
    """Any action, every tick."""

    def __init__(self, actions: list[Action], seed: int) -> None:
        self._actions = actions
        self._chance = np.random.default_rng(seed)

    def next_action(self, pixels: npt.NDArray[np.uint8]) -> Action:
        """A new action, whatever is shown."""
        return self._actions[int(self._chance.integers(len(self._actions)))]


class StickyAutoplayer:
    """Any action, held for a while, as a person holds keys."""

    def __init__(self, actions: list[Action], seed: int) -> None:
        self._actions = actions
        self._chance = np.random.default_rng(seed)
        self._held = Action.NOOP
        self._left = 0

    def next_action(self, pixels: npt.NDArray[np.uint8]) -> Action:
        """The held action, or a new one when its time is over."""
        if self._left == 0:
            self._held = self._actions[int(self._chance.integers(len(self._actions)))]
            self._left = int(self._chance.integers(*STICKY_TICKS))
        self._left -= 1
        return self._held


class ScriptAutoplayer:
    """A list of actions and ticks from the manifest, over and over: open loop, it never looks."""

    def __init__(self, script: list[tuple[Action, int]]) -> None:
        self._actions = (action for action, ticks in cycle(script) for _ in range(ticks))  # lazily: ticks may be many

    def next_action(self, pixels: npt.NDArray[np.uint8]) -> Action:
        """The script's next action."""
        return next(self._actions)


class AutoplayMailbox(ActionMailbox):
    """An autoplayer at the place of the keys: it looks at the newest picture whenever the loop takes an action."""

    def __init__(self, autoplayer: Autoplayer, session: Session) -> None:
        super().__init__()
        self._autoplayer = autoplayer
        self._session = session

    def take(self) -> tuple[Action, float | None]:
        """The autoplayer's action; no key is behind it."""
        return self._autoplayer.next_action(self._session.frame.pixels), None


def make_autoplayer(name: str, manifest: Manifest, seed: int) -> Autoplayer:
    """ "random", "sticky", "script" (the manifest's first) or "script:NAME". Raises BadInput."""
    kind, _, script = name.partition(":")
    actions = [entry.action for entry in manifest.actions]
    if kind not in AUTOPLAYERS or (script and kind != "script"):
        raise BadInput(f"{name}: autoplayer: expected one of random, sticky, script, script:NAME")
    if kind == "random":
        return RandomAutoplayer(actions, seed)
    if kind == "sticky":
        return StickyAutoplayer(actions, seed)
    choice = script or next(iter(manifest.scripts), "")
    steps = manifest.scripts.get(choice, [])
    if sum(max(0, ticks) for _, ticks in steps) == 0:
        known = ", ".join(manifest.scripts) or "it has none"
        raise BadInput(f"{name}: autoplayer: expected a script of world {manifest.name} ({known})")
    return ScriptAutoplayer(steps)
