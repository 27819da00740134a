"""Closed loop with recorded actions. Owns how far the model stays with the truth, by horizon; refuses other judgements.

Chance and new content part the two in time without either being wrong: beside the whole frame stands the known region,
and what of it has changed since the last true frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from training.evaluate.fidelity import Colours, Floats, psnr_db
from training.evaluate.footage import CONTEXT, Clip, Pictures
from training.evaluate.interval import bootstrap
from training.evaluate.known import sight_of
from training.evaluate.neural_world import Playable, each

HORIZONS = (1, 4, 10, 16, 32, 64)
LEAST_KNOWN = 0.25  # of the frame; a clip with less is dropped at that horizon
_ERROR, _COPY, _PIXELS, _KNOWN_ERROR, _KNOWN_COPY, _KNOWN, _CHANGED_ERROR, _CHANGED_COPY, _CHANGED, _SSIM, _CLIPS = (
    range(11)
)


def roll_out(playable: Playable, clip: Clip, rng_seed: int, ticks: int) -> Pictures:
    """The frames uint8 [ticks,H,W] that the model makes of the clip's moment and actions."""
    playable.begin(clip.moment, rng_seed)
    return np.stack([playable.step(int(action)) for action in clip.actions[:ticks]])


def measure_rollout(
    playable: Playable, world_name: str, colours: Colours, clips: Sequence[Clip]
) -> tuple[dict[str, Any], list[Pictures]]:
    """Figures by horizon, and the frames that were made, clip by clip."""
    made = each(playable, lambda world, number, clip: roll_out(world, clip, number, HORIZONS[-1]), clips)
    sums = np.stack([_one_clip(world_name, colours, clip, got) for clip, got in zip(clips, made, strict=True)])
    figures = {str(horizon): _at_horizon(sums[:, number]) for number, horizon in enumerate(HORIZONS)}
    lively = sum(sight_of(world_name).lively(clip.notes) for clip in clips)
    return {**figures, "context": CONTEXT, "lively_clips": lively}, made


def _one_clip(world_name: str, colours: Colours, clip: Clip, made: Pictures) -> Floats:
    """Sums [horizons,11]; zeros where the clip is dropped."""
    sums: Floats = np.zeros((len(HORIZONS), 11))
    last = clip.moment.frames[-1]
    for row, horizon in zip(sums, HORIZONS, strict=True):
        got, true = made[horizon - 1], clip.frames[horizon - 1]
        known = sight_of(world_name).known(clip.notes[0], clip.notes[horizon])
        if known.mean() < LEAST_KNOWN:
            continue
        changed = known & (true != last)
        error, copy = colours.squared_error(got, true), colours.squared_error(last, true)
        row[:] = (
            *(error.sum(), copy.sum(), true.size),
            *(error[known].sum(), copy[known].sum(), known.sum()),
            *(error[changed].sum(), copy[changed].sum(), changed.sum()),
            *(colours.ssim(got, true), 1),
        )
    return sums


def _at_horizon(sums: Floats) -> dict[str, Any]:
    pooled, kept = sums.sum(0), sums[sums[:, _CLIPS] > 0]
    clips = len(kept)

    def pooled_psnr(error: int, pixels: int) -> float | None:
        return float(psnr_db(pooled[error], pooled[pixels])) if pooled[pixels] else None

    return {
        "psnr_db": pooled_psnr(_ERROR, _PIXELS),
        "psnr_known_db": pooled_psnr(_KNOWN_ERROR, _KNOWN),
        "psnr_changed_db": pooled_psnr(_CHANGED_ERROR, _CHANGED),
        "ssim": float(pooled[_SSIM] / clips) if clips else None,
        "copy_last_psnr_db": pooled_psnr(_COPY, _PIXELS),
        "copy_last_psnr_known_db": pooled_psnr(_KNOWN_COPY, _KNOWN),
        "copy_last_psnr_changed_db": pooled_psnr(_CHANGED_COPY, _CHANGED),
        "clips": clips,
        "dropped": len(sums) - clips,
        "intervals": {
            "psnr_db": bootstrap(kept, lambda s: psnr_db(s[..., _ERROR], s[..., _PIXELS])),
            "psnr_known_db": bootstrap(kept, lambda s: psnr_db(s[..., _KNOWN_ERROR], s[..., _KNOWN])),
        },
    }
