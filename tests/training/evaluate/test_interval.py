"""Intervals: known cases, and that they shrink with more clips."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.interval import Floats, bootstrap, wilson


def share(sums: Floats) -> Floats:
    return sums[..., 0] / sums[..., 1]


def test_bootstrap_needs_clips_that_differ() -> None:
    assert bootstrap(np.ones((1, 2)), share) is None
    assert bootstrap(np.tile([3.0, 4.0], (5, 1)), share) == (0.75, 0.75)


def test_bootstrap_holds_the_truth_and_shrinks() -> None:
    rng = np.random.default_rng(1)
    widths = []
    for clips in (10, 400):
        sums = np.stack([rng.binomial(50, 0.3, clips), np.full(clips, 50)], axis=1).astype(float)
        interval = bootstrap(sums, share)
        assert interval is not None
        assert interval[0] <= share(sums.sum(0)) <= interval[1]
        widths.append(interval[1] - interval[0])
    assert widths[1] < widths[0] / 3


def test_bootstrap_repeats() -> None:
    sums = np.random.default_rng(2).random((20, 2))
    assert bootstrap(sums, share) == bootstrap(sums, share)


def test_wilson_is_honest_at_the_ends() -> None:
    assert wilson(0, 0) is None
    assert wilson(40, 40) == pytest.approx((0.9124, 1.0), abs=1e-4)
    assert wilson(0, 40) == pytest.approx((0.0, 0.0876), abs=1e-4)
    assert wilson(20, 40) == pytest.approx((0.3520, 0.6480), abs=1e-4)
