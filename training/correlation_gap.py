"""The correlation gap: what one pass loses by deciding each patch without knowing the others.

Owns that measure: a teacher's nats for true frames, all patches at once against K passes, each of which knows what came
before it. Where the gap is small, a student of one pass can say all that its teacher knows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.patches import by_rows, join
from models.teacher import TeacherModel, Told, patch_nats
from training.evaluate.footage import Clip
from training.evaluate.interval import bootstrap

PASSES = (1, 2, 4, 8)
SEEN = 3  # frames of a clip before speeds are known


@torch.no_grad()
def measure_gap(
    teacher: TeacherModel,
    clips: Sequence[Clip],
    passes: Sequence[int] = PASSES,
    progress: Callable[[float], None] = lambda share: None,
) -> dict[str, Any]:
    """Nats a frame in so many passes, and the share of one pass's that the most passes save, with 95 % intervals over
    clips."""
    sums = []
    for number, clip in enumerate(clips):
        frames = torch.from_numpy(np.concatenate([clip.moment.frames, clip.frames]))[None]
        actions = torch.from_numpy(np.concatenate([clip.moment.actions, clip.actions]))[None]
        sums.append([_nats(teacher, frames, actions, count) for count in passes])
        progress((number + 1) / len(clips))
    each = np.array(sums)
    mean = each.mean(0)
    spread = bootstrap(each, lambda pooled: 1 - pooled[..., -1] / pooled[..., 0])
    return {
        "clips": len(clips),
        "nats_a_frame": {str(count): round(float(value), 3) for count, value in zip(passes, mean, strict=True)},
        "gap_nats": round(float(mean[0] - mean[-1]), 3),
        "gap_share": round(float(1 - mean[-1] / mean[0]), 4),
        "intervals": {"gap_share": spread},
    }


def _nats(teacher: TeacherModel, frames: Tensor, actions: Tensor, passes: int) -> float:
    """A clip's mean nats a frame, uint8 [1,T+1,H,W], int64 [1,T]. What is decided when, is chosen without looking."""
    context, target = frames[:, :-1], frames[0, 1:]
    config, state = teacher.config, teacher.initial_state(1)
    told = Told(target, torch.zeros(len(target), config.tokens, dtype=torch.bool))
    nats = torch.zeros(len(target))
    for index in range(passes):
        prediction, _ = teacher.predict(context, actions, state, told)
        likeliest = join(by_rows(prediction.composition.mixture().argmax(-1)), config.grid).to(torch.uint8)
        settled = teacher.settles(prediction, likeliest, told.known, passes - index)
        nats += (patch_nats(prediction, target, config.patch) * (settled & ~told.known)).sum(1)
        told = Told(target, settled)
    return float(nats[SEEN:].mean())
