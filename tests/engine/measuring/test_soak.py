"""A short soak of real sessions: everything is done at least once, nothing differs, and what breaks is counted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.backends.base import StepOutput
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.measuring.soak import Soak, SoakFigures


@pytest.fixture
def quick(make_world: Any) -> Checkpoint:
    """The predictable world at many ticks a second, so that much happens in a short leg."""
    return load_checkpoint(make_world(tick_rate=240))


def test_a_short_soak_finds_nothing(quick: Checkpoint, tmp_path: Path) -> None:
    told: list[int] = []

    def tell(figures: SoakFigures) -> None:
        told.append(figures.legs)

    soak = Soak([quick, quick], lambda world: OnnxBackend(world, threads=1), tmp_path / "soak", 1, leg_seconds=1.5)
    figures = soak.run(0.0, tell)
    assert figures.problems == [] and figures.digest_mismatches == 0
    assert told == [1, 2] and figures.legs == 2
    assert figures.frames > 20 and figures.frames_verified > 20 and figures.recordings >= 2
    assert figures.branches == 2 and figures.rewinds + figures.saves + figures.resets + figures.pauses > 0
    assert 0 <= figures.under_40_ms <= figures.under_100_ms <= figures.intervals
    assert figures.memory_drift is None and figures.memory_last is not None
    assert not [path for path in (tmp_path / "soak").rglob("*") if path.is_file()], "what was recorded is cleared away"


def test_a_long_leg_forgets_nothing(quick: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What begins another past, a reset or a load, would keep a timeline from ever filling up."""
    monkeypatch.setattr("engine.measuring.soak.LONG_SOAK", 0.0)
    monkeypatch.setattr("engine.measuring.soak.LONG_LEG_SECONDS", 3.0)
    soak = Soak([quick], lambda world: OnnxBackend(world, threads=1), tmp_path / "soak", 1, leg_seconds=0.1)
    figures = soak.run(0.0, lambda figures: None)
    assert figures.problems == [] and figures.digest_mismatches == 0
    assert (figures.resets, figures.loads, figures.recordings) == (0, 0, 1)
    assert figures.frames > 300 and figures.rewinds + figures.saves + figures.pauses > 0


class Faulty:
    """A backend that fails, or whose tokens waver, at every 47th step."""

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


def test_a_backend_that_raises_is_counted_and_the_soak_goes_on(quick: Checkpoint, tmp_path: Path) -> None:
    def make(world: Checkpoint) -> Faulty:
        return Faulty(OnnxBackend(world, threads=1), raises=True)

    figures = Soak([quick, quick], make, tmp_path / "soak", 1, leg_seconds=0.5).run(0.0, lambda figures: None)  # type: ignore[arg-type,return-value]
    assert figures.legs == 2 and any("the card fell off the bus" in line for line in figures.problems)


def test_a_backend_that_wavers_is_found(quick: Checkpoint, tmp_path: Path) -> None:
    def make(world: Checkpoint) -> Faulty:
        return Faulty(OnnxBackend(world, threads=1), raises=False)

    figures = Soak([quick], make, tmp_path / "soak", 1, leg_seconds=0.5).run(0.0, lambda figures: None)  # type: ignore[arg-type,return-value]
    assert figures.digest_mismatches > 0
