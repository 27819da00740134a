"""One frame ahead of true context. Owns the share of pixels right; refuses closed loops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.evaluate.fidelity import Floats
from training.evaluate.footage import CONTEXT, Clip
from training.evaluate.interval import bootstrap
from training.evaluate.known import sight_of
from training.evaluate.neural_world import Playable, each

# Columns of a clip's sums
_RIGHT, _CHANGED, _EXACT, _COPIED, _PIXELS, _LEVEL_RIGHT, _LEVEL_CHANGED, _TOKENS, _FRAMES = range(9)


def measure_one_step(playable: Playable, world_name: str, clips: Sequence[Clip], ticks: int) -> dict[str, Any]:
    """Every frame of the first `ticks` of each clip is predicted from true frames alone: the context and all before it.

    Pixels count where they could be known from the frame before; those that change in truth are the measure, since
    copying the last frame gets all others. Frames of a level change are counted apart.
    """

    def predict(world: Playable, number: int, clip: Clip) -> Floats:
        return _one_clip(world, world_name, clip, number, ticks)

    sums = np.stack(each(playable, predict, clips))
    pooled = sums.sum(0)
    return {
        "changed_pixels": _share(pooled[_RIGHT], pooled[_CHANGED]),
        "exact_tokens": _share(pooled[_TOKENS], pooled[_FRAMES]),
        "all_pixels": _share(pooled[_EXACT], pooled[_PIXELS]),
        "copy_last": {"changed_pixels": 0.0, "all_pixels": _share(pooled[_COPIED], pooled[_PIXELS])},
        "level_change": {
            "changed_pixels": _share(pooled[_LEVEL_RIGHT], pooled[_LEVEL_CHANGED]),
            "pixels": int(pooled[_LEVEL_CHANGED]),
        },
        "frames": int(pooled[_FRAMES]),
        "clips": len(clips),
        "pixels": int(pooled[_CHANGED]),
        "context": CONTEXT,
        "intervals": {
            "changed_pixels": bootstrap(sums, lambda s: s[..., _RIGHT] / np.maximum(s[..., _CHANGED], 1)),
            "exact_tokens": bootstrap(sums, lambda s: s[..., _TOKENS] / np.maximum(s[..., _FRAMES], 1)),
        },
    }


def _one_clip(playable: Playable, world_name: str, clip: Clip, rng_seed: int, ticks: int) -> Floats:
    sight = sight_of(world_name)
    sums: Floats = np.zeros(9)
    playable.begin(clip.moment, rng_seed)
    last = clip.moment.frames[-1]
    for tick, true in enumerate(clip.frames[:ticks]):
        got = playable.step(int(clip.actions[tick]))
        sums[_TOKENS] += playable.observe(true)
        sums[_FRAMES] += 1
        known = sight.known(clip.notes[tick], clip.notes[tick + 1])
        changed, right = known & (true != last), known & (got == true)
        if sight.changes_level(clip.notes[tick + 1]):
            sums[[_LEVEL_RIGHT, _LEVEL_CHANGED]] += (right & changed).sum(), changed.sum()
        else:
            sums[[_RIGHT, _CHANGED]] += (right & changed).sum(), changed.sum()
            sums[[_EXACT, _COPIED, _PIXELS]] += right.sum(), (known & (true == last)).sum(), known.sum()
        last = true
    return sums


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
