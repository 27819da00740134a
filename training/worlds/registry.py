"""The simulated worlds by name. Owns the list; refuses to import a world before it is asked for.

A new world is one new file and one loader here.
"""

from __future__ import annotations

from collections.abc import Callable

from models.manifest import BadInput
from training.worlds.base import SPLITS, SimulatedWorld


def _platformer() -> type[SimulatedWorld]:
    from training.worlds.platformer import Platformer

    return Platformer


def _moon() -> type[SimulatedWorld]:
    from training.worlds.moon import Moon

    return Moon


def _puzzle() -> type[SimulatedWorld]:
    from training.worlds.puzzle import PuzzleWorld

    return PuzzleWorld


WORLDS: dict[str, Callable[[], type[SimulatedWorld]]] = {
    "platformer": _platformer,
    "puzzle": _puzzle,
    "moon": _moon,
}


def world_class(name: str) -> type[SimulatedWorld]:
    """The class of a named world. Raises BadInput on an unknown name."""
    if name not in WORLDS:
        raise BadInput(f"{name}: world: expected one of {', '.join(sorted(WORLDS))}")
    return WORLDS[name]()


def make_world(name: str, num_envs: int, split: str = "train") -> SimulatedWorld:
    """`num_envs` copies of a named world on the level seeds of `split`, not yet reset. Raises BadInput."""
    if split not in SPLITS:
        raise BadInput(f"{split}: split: expected one of {', '.join(SPLITS)}")
    if num_envs < 1:
        raise BadInput(f"{num_envs}: num_envs: expected at least 1")
    return world_class(name)(num_envs, split)
