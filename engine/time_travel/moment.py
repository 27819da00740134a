"""A moment of a session: all that it takes to go on from it. Owns what that is; refuses files (save)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.backends.base import BackendInfo
from engine.frame import Frame
from engine.start import Start


@dataclass(frozen=True, eq=False)
class Moment:
    """`frame` is the newest one and `state` the model's behind it. `played` and `digests` are as in History, `ran_on`
    as in Session."""

    start: Start
    rng_seed: int
    frame: Frame
    state: dict[str, npt.NDArray[np.generic]]
    played: bytes
    digests: bytes
    ran_on: tuple[tuple[int, BackendInfo], ...]
