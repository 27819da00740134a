"""A short soak of real sessions: everything is done at least once, nothing differs, and what breaks is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.backends.base import StepOutput
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint
from engine.soak import Soak, SoakFigures


def test_a_short_soak_finds_nothing(checkpoint: Checkpoint, tmp_path: Path) -> None:
    told: list[int] = []

    def tell(figures: SoakFigures) -> None:
        told.append(figures.legs)

    soak = Soak([checkpoint, checkpoint], lambda world: OnnxBackend(world, threads=1), tmp_path, 1, leg_seconds=6)
    figures = soak.run(0.0, tell)
    assert figures.problems == [] and figures.digest_mismatches == 0
    assert told == [1, 2] and figures.legs == 2
    assert figures.frames > 100 and figures.frames_verified > 100 and figures.recordings >= 2
    assert figures.branches == 2 and figures.rewinds + figures.saves + figures.resets + figures.pauses > 0
    assert 0 < figures.under_40_ms <= figures.under_100_ms <= figures.intervals
    assert figures.memory_drift is None and figures.memory_last is not None
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "what was recorded is cleared away"


class Faulty:
    """A backend that fails, or whose tokens waver, at every 50th step."""

    def __init__(self, real: OnnxBackend, raises: bool) -> None:
        self._real, self._raises, self._steps = real, raises, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def step(self, tokens: npt.NDArray[np.int64], action: int, noise: npt.NDArray[np.float32]) -> StepOutput:
        self._steps += 1
        out = self._real.step(tokens, action, noise)
        if self._steps % 47:
            return out
        if self._raises:
            raise RuntimeError("the card fell off the bus")
        return StepOutput((out.tokens + 1) % 8, out.picture, out.entropy)


def test_a_backend_that_raises_is_counted_and_the_soak_goes_on(checkpoint: Checkpoint, tmp_path: Path) -> None:
    def make(world: Checkpoint) -> Faulty:
        return Faulty(OnnxBackend(world, threads=1), raises=True)

    figures = Soak([checkpoint, checkpoint], make, tmp_path, 1, leg_seconds=2).run(0.0, lambda figures: None)  # type: ignore[arg-type,return-value]
    assert figures.legs == 2 and any("the card fell off the bus" in line for line in figures.problems)


def test_a_backend_that_wavers_is_found(checkpoint: Checkpoint, tmp_path: Path) -> None:
    def make(world: Checkpoint) -> Faulty:
        return Faulty(OnnxBackend(world, threads=1), raises=False)

    figures = Soak([checkpoint], make, tmp_path, 1, leg_seconds=2).run(0.0, lambda figures: None)  # type: ignore[arg-type,return-value]
    assert figures.digest_mismatches > 0
