"""The moon: the platformer where things weigh a third as much and look otherwise. Owns what differs from it, gravity
and pictures; refuses rules of its own.

It shows what adapting is for: play that a network knows, in a world that it has never seen.
"""

from __future__ import annotations

from typing import ClassVar

from training.worlds.moon_art import SCENERY
from training.worlds.platformer import Platformer
from training.worlds.platformer_art import Scenery
from training.worlds.platformer_levels import Gravity


class Moon(Platformer):
    """Speeds change a third as fast, so jumps last half as long again; levels are those that can be passed in this."""

    name: ClassVar[str] = "moon"
    title: ClassVar[str] = "Moonwood Run"
    description: ClassVar[str] = "The same runes, a third of the weight: leap over lava in sight of the planet."
    version: ClassVar[int] = 6
    scenery: ClassVar[Scenery] = SCENERY
    gravity: ClassVar[Gravity] = Gravity(
        course=(-4, -4, -4, -3, -3, -3, -2, -2, -2, -1, -1, -1, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 4),
        committed=2,
        released=6,
        stomp=3,
        death=3,
        falls=14,
        bumped=14,
    )
