"""The moon: the platformer where things weigh half as much and look otherwise. Owns what differs from it, gravity and
pictures; refuses rules of its own.

It shows what adapting is for: play that a network knows, in a world that it has never seen.
"""

from __future__ import annotations

from typing import ClassVar

from training.worlds.moon_art import SCENERY
from training.worlds.platformer import Platformer
from training.worlds.platformer_art import Scenery
from training.worlds.platformer_levels import Gravity


class Moon(Platformer):
    """Speeds count half pixels, so a body gains half as much a tick; levels are those that can be passed in this."""

    name: ClassVar[str] = "moon"
    title: ClassVar[str] = "Moonwood Run"
    description: ClassVar[str] = "The same runes, half the weight: leap over lava in sight of the planet."
    version: ClassVar[int] = 1
    scenery: ClassVar[Scenery] = SCENERY
    gravity: ClassVar[Gravity] = Gravity(parts=2, jump=-12, released=-5, fall=10, stomp=-8, death=-9)
