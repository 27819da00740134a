"""The projection: its arithmetic and its table."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from engine.checkpoint import Checkpoint, bundled_worlds
from engine.measuring.projection import (
    CARDS,
    GIB,
    LAUNCH_SECONDS,
    card_seconds,
    find_card_cost,
    find_rates,
    frame_seconds,
    method_error,
    project,
    projections,
)
from models.manifest import BadInput, CardCost, Cost, Manifest, read_manifest

RTX_3060 = next(card for card in CARDS if card.name == "RTX 3060")


def _cost(**changes: int) -> CardCost:
    return CardCost(**({"half_operations": 10**9, "float_operations": 0, "bytes": 10**7, "kernels": 100} | changes))


def test_the_longer_of_work_and_traffic_and_the_launches() -> None:
    work = frame_seconds(_cost(bytes=0, kernels=0), 1e12, 1e11, 1e12)
    traffic = frame_seconds(_cost(half_operations=0, kernels=0), 1e12, 1e11, 1e9)
    assert work == pytest.approx(1e-3 / 0.35) and traffic == pytest.approx(1e-2 / 0.7)
    assert frame_seconds(_cost(kernels=0), 1e12, 1e11, 1e9) == traffic
    assert frame_seconds(_cost(), 1e12, 1e11, 1e9) == pytest.approx(traffic + 100 * LAUNCH_SECONDS)


def test_what_stays_float32_takes_the_cards_float32_rate() -> None:
    half = card_seconds(_cost(bytes=0, kernels=0), RTX_3060)
    single = card_seconds(_cost(half_operations=0, float_operations=10**9, bytes=0, kernels=0), RTX_3060)
    assert single / half == pytest.approx(RTX_3060.half_teraflops / RTX_3060.teraflops)


@pytest.mark.parametrize("folder", bundled_worlds(), ids=lambda folder: folder.name)
def test_a_shipped_world_is_counted_as_a_card_runs_it(folder: Path) -> None:
    manifest = read_manifest(folder)
    cost = find_card_cost(folder, manifest)
    assert cost.half_operations + cost.float_operations == manifest.cost.operations
    assert 0.1 < cost.float_operations / manifest.cost.operations < 0.5
    (row,) = projections(folder)
    assert row["fits"] and row["reaches"] == {"30": True, "60": True}


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA GeForce RTX 3060", "RTX 3060"),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", None),
        ("NVIDIA GeForce RTX 4090 D", None),
        ("NVIDIA H100 PCIe", None),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA GeForce RTX 3060 Ti", None),
        ("NVIDIA GeForce RTX 4070 SUPER", None),
        ("CPU AMD EPYC", None),
        ("", None),
    ],
)
def test_cards_are_found_by_their_own_names(device: str, name: str | None) -> None:
    found = find_rates(device)
    assert (None if found is None else found.name) == name


def test_without_the_graphs_package_there_is_one_line(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "engine.measuring.graph_cost", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(BadInput, match="projection: expected the onnx package"):
        projections(checkpoint.folder)


def test_a_verdict_needs_both_pace_and_memory(checkpoint: Checkpoint) -> None:
    def manifest(parameters: int) -> Manifest:
        cost = Cost(operations=10**9, bytes=10**7, parameters=parameters, kernels=100)
        return checkpoint.manifest.model_copy(update={"cost": cost})

    small = project(manifest(10**6), _cost(), RTX_3060)
    assert small.fits and small.fps == pytest.approx(1000 / small.frame_ms) and small.limit_mb == 8 * 1024
    assert small.reaches == {"30": True, "60": True}
    slow = project(manifest(10**6), _cost(half_operations=2 * 10**11), RTX_3060)
    assert slow.fits and 30 < slow.fps < 60 and slow.reaches == {"30": True, "60": False}
    large = project(manifest(10**10), _cost(), RTX_3060)
    assert not large.fits and large.fps > 60 and large.reaches == {"30": False, "60": False}
    assert not project(manifest(10**6), _cost(), RTX_3060, limit=GIB // 4).fits
    assert project(manifest(10**6), _cost(), RTX_3060, limit=40 * GIB).limit_mb == 12 * 1024  # what the card has


def test_the_error_says_how_much_was_promised_too_much() -> None:
    assert method_error(150.0, 100.0) == pytest.approx(0.5)
    assert method_error(50.0, None) is None and method_error(50.0, 0.0) is None
