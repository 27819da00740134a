"""How the learning rate goes: warm-up, stable, decay. Owns the curve; refuses to count steps or look at clocks.

Source: Hu et al., "MiniCPM", 2024. The stable part has no end in sight, so a stage that ended can go on from its last
stable state.
"""

from __future__ import annotations


def warmup_stable_decay(progress: float, step: int, warmup_steps: int, decay_share: float) -> float:
    """Factor on the learning rate in [0,1]. `progress` in [0,1] is the share of the stage's budget that is spent."""
    warm = min(1.0, (step + 1) / max(1, warmup_steps))
    left = 1.0 - min(1.0, progress)
    decay = min(1.0, left / decay_share) if decay_share > 0 else 1.0
    return warm * decay
