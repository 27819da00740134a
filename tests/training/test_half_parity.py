"""Half precision against float32, on untrained networks: the comparison itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.manifest import BadInput
from training.half_parity import HalfParity, check_half, measure_half


def test_a_real_world_is_compared(tiny_world: Path) -> None:
    shares: list[float] = []
    parity = measure_half(tiny_world, 20, threads=1, progress=shares.append)
    assert parity.frames == 20 and parity.world == "puzzle"
    assert 0.9 < parity.tokens <= 1 and shares[-1] == 1.0


def test_too_many_differences_are_refused(tiny_world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.half_parity.half_graph", lambda graph, name: graph)
    exact = check_half(tiny_world, 5)  # a graph against itself
    assert exact == HalfParity("puzzle", 5, 1.0, 1.0)
    monkeypatch.setattr("training.half_parity.LEAST_EQUAL", 1.1)
    with pytest.raises(BadInput, match="half precision: expected"):
        check_half(tiny_world, 5)
