"""Pictures through tokens and back. Owns the tokenizer's figures; refuses dynamics."""

from __future__ import annotations

from typing import Any

import numpy as np

from training.evaluate.fidelity import Colours, Floats, psnr_db
from training.evaluate.footage import SPLIT
from training.evaluate.interval import bootstrap
from training.evaluate.neural_world import Playable
from training.policies import make_policy
from training.worlds.registry import make_world

EVERY = 12  # ticks between the frames that are taken of an episode


def measure_reconstruction(
    playable: Playable,
    world_name: str,
    colours: Colours,
    episodes: int,
    frames: int,
    seed: int,
    split: str = SPLIT,
) -> dict[str, Any]:
    """At least `frames` frames of `episodes` episodes of mixed play: pooled PSNR and the share of exact pixels."""
    world = make_world(world_name, episodes, split)
    policy = make_policy("mixture", np.random.default_rng([seed, 3]))
    shown, _ = world.reset(seed=seed)
    sums: Floats = np.zeros((episodes, 3))  # squared error, exact pixels, pixels
    taken = 0
    while taken < frames:
        for _ in range(EVERY):
            shown, *_ = world.step(policy.act(world))
        for copy, true in enumerate(shown):
            got = playable.reconstruct(true)
            sums[copy] += colours.squared_error(got, true).sum(), (got == true).sum(), true.size
            taken += 1
    pooled = sums.sum(0)
    return {
        "psnr_db": float(psnr_db(pooled[0], pooled[2])),
        "exact_pixels": float(pooled[1] / pooled[2]),
        "frames": taken,
        "episodes": episodes,
        "intervals": {
            "psnr_db": bootstrap(sums, lambda s: psnr_db(s[..., 0], s[..., 2])),
            "exact_pixels": bootstrap(sums, lambda s: s[..., 1] / s[..., 2]),
        },
    }
