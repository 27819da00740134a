"""How sure a figure is. Owns 95 % intervals over clips and starts; refuses to take frames of a clip as independent."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
DRAWS = 1000
_Z = 1.959964  # of a two-sided 95 % interval


def bootstrap(sums: Floats, figure: Callable[[Floats], Floats], seed: int = 0) -> tuple[float, float] | None:
    """95 % percentile bootstrap. `sums` [clips,K] are each clip's own sums; `figure` turns pooled sums [...,K] into
    figures [...]. None with fewer than two clips."""
    clips = len(sums)
    if clips < 2:
        return None
    weights = np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), DRAWS)
    low, high = np.percentile(figure(weights @ sums), [2.5, 97.5])
    return float(low), float(high)


def wilson(successes: int, trials: int) -> tuple[float, float] | None:
    """Wilson's 95 % interval of a share; unlike a bootstrap it stays honest where all or none succeeded."""
    if trials == 0:
        return None
    share = successes / trials
    spread = _Z * sqrt(share * (1 - share) / trials + _Z**2 / (4 * trials**2))
    middle = share + _Z**2 / (2 * trials)
    scale = 1 + _Z**2 / trials
    return max(0.0, (middle - spread) / scale), min(1.0, (middle + spread) / scale)
