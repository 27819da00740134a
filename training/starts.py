"""Start frames: the moments from which players begin. Owns how they are found in a simulated world; refuses training
seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.manifest import BadInput
from training.policies import make_policy
from training.worlds.registry import make_world

SETTLE_TICKS = 8  # a start's context must hold no rare event either
SPARE_COPIES = 16
WANDER_TICKS = 240  # a start lies at most so far into an episode


@dataclass(frozen=True)
class Starts:
    """S contexts of C frames: frames uint8 [S,C,H,W], actions int64 [S,C-1], and the seeds of the levels they are in,
    int64 [S]."""

    frames: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.int64]
    level_seeds: npt.NDArray[np.int64]


def find_starts(world_name: str, count: int, context: int, split: str, seed: int) -> Starts:
    """Play copies on `split`'s levels; each gives its first calm context after a random while.

    Some may get stuck and never be calm again, so there are more copies than are wanted. Raises BadInput where even
    those don't suffice.
    """
    if split == "train":
        raise ValueError("start frames must not come from training levels")
    copies = count + SPARE_COPIES
    world = make_world(world_name, copies, split)
    rng = np.random.default_rng([seed, 7])
    policy = make_policy("noisy_expert", rng)
    frame, _ = world.reset(seed=seed)
    wanted = rng.integers(context, WANDER_TICKS, copies)
    frames: list[npt.NDArray[np.uint8]] = [frame]
    actions: list[npt.NDArray[np.int64]] = []
    calm_for = np.zeros(copies, np.int64)
    found: dict[int, tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64], int]] = {}
    for tick in range(20 * WANDER_TICKS):
        action = policy.act(world)
        frame, *_ = world.step(action)
        frames, actions = [*frames, frame][-context:], [*actions, action][-(context - 1) :]
        calm_for = np.where(world.calm, calm_for + 1, 0)
        for copy in np.flatnonzero((calm_for >= context + SETTLE_TICKS) & (tick >= wanted)):
            if int(copy) not in found:
                clip = np.stack([picture[copy] for picture in frames])
                keys = np.array([entry[copy] for entry in actions], np.int64)
                found[int(copy)] = clip, keys, int(world.current_level_seeds[copy])
        if len(found) >= count:
            break
    else:
        raise BadInput(f"{world_name}: start frames: expected {count} calm moments, found {len(found)}")
    clips, keys_of, level_seeds = zip(*(found[copy] for copy in sorted(found)[:count]), strict=True)
    return Starts(np.stack(clips), np.stack(keys_of), np.array(level_seeds, np.int64))
