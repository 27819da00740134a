"""The noise of a frame: pinned, uniform, its own."""

from __future__ import annotations

import numpy as np

from engine.noise import frame_noise

PINNED = "709a5f3f2c38583fb82fe03d9e8b223f"


def test_pinned_for_ever() -> None:
    """Recordings live by these numbers: if this fails, every old session stops replaying."""
    assert frame_noise(7, 1, 4).tobytes().hex() == PINNED
    assert frame_noise((1 << 63) - 1, (1 << 40), 2).dtype == np.float32


def test_frames_and_seeds_never_share_numbers() -> None:
    draws = [frame_noise(seed, index, 256) for seed in (0, 1) for index in range(40)]
    assert len({draw.tobytes() for draw in draws}) == 80
    flat = np.concatenate(draws)
    assert len(np.unique(flat)) > 0.99 * len(flat)


def test_more_tokens_begin_with_the_same() -> None:
    assert np.array_equal(frame_noise(3, 9, 256)[:64], frame_noise(3, 9, 64))


def test_uniform_and_below_one() -> None:
    flat = np.concatenate([frame_noise(5, index, 256) for index in range(200)])
    assert flat.min() >= 0 and flat.max() < 1
    assert np.abs(np.histogram(flat, 10, (0, 1))[0] / len(flat) - 0.1).max() < 0.01
