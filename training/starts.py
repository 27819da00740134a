"""Start frames: the moments from which players begin. Owns how they are found in a simulated world; refuses training
seeds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.policies import make_policy
from training.worlds.registry import make_world

SETTLE_TICKS = 8  # a start's context must hold no rare event either
WANDER_TICKS = 240  # a start lies at most so far into an episode


@dataclass(frozen=True)
class Starts:
    """S contexts of C frames: frames uint8 [S,C,H,W], actions int64 [S,C-1], copy seeds int64 [S]."""

    frames: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.int64]
    seeds: npt.NDArray[np.int64]


def find_starts(world_name: str, count: int, context: int, split: str, seed: int) -> Starts:
    """Play `count` copies on `split`'s levels; each gives its first calm context after a random while."""
    if split == "train":
        raise ValueError("start frames must not come from training levels")
    world = make_world(world_name, count, split)
    rng = np.random.default_rng([seed, 7])
    policy = make_policy("noisy_expert", rng)
    frame, _ = world.reset(seed=seed)
    wanted = rng.integers(context, WANDER_TICKS, count)
    frames: list[npt.NDArray[np.uint8]] = [frame]
    actions: list[npt.NDArray[np.int64]] = []
    calm_for = np.zeros(count, np.int64)
    found: dict[int, tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]] = {}
    for tick in range(20 * WANDER_TICKS):
        action = policy.act(world)
        frame, *_ = world.step(action)
        frames, actions = [*frames, frame][-context:], [*actions, action][-(context - 1) :]
        calm_for = np.where(world.calm, calm_for + 1, 0)
        for copy in np.flatnonzero((calm_for >= context + SETTLE_TICKS) & (tick >= wanted)):
            if int(copy) not in found:
                clip = np.stack([picture[copy] for picture in frames])
                found[int(copy)] = clip, np.array([entry[copy] for entry in actions], np.int64)
        if len(found) == count:
            break
    kept = sorted(found)
    return Starts(
        np.stack([found[copy][0] for copy in kept]),
        np.stack([found[copy][1] for copy in kept]),
        seed + np.array(kept, np.int64),
    )
