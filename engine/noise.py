"""The chance of a frame. Owns the counter-based noise; refuses any generator that has a memory."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def frame_noise(rng_seed: int, index: int, tokens: int) -> npt.NDArray[np.float32]:
    """Uniform noise float32 [tokens] in [0,1) of one frame, the same on every machine.

    Philox(key=rng_seed) with the frame's index in the counter's second word: the first word counts up within a frame,
    so frames never overlap. Raw bits are used, since only they are promised to stay the same across numpy versions.
    """
    bits = np.random.Philox(key=rng_seed, counter=[0, index, 0, 0]).random_raw(tokens)
    return (np.asarray(bits) >> np.uint64(40)).astype(np.float32) * np.float32(2.0**-24)
