"""The projection: its arithmetic and its table."""

from __future__ import annotations

import pytest

from engine.checkpoint import Checkpoint
from engine.measuring.projection import (
    CARDS,
    LAUNCH_SECONDS,
    find_rates,
    frame_seconds,
    method_error,
    project,
    projections,
)
from models.manifest import Cost


def _cost(**changes: int) -> Cost:
    return Cost(**({"operations": 10**9, "bytes": 10**7, "parameters": 10**6, "kernels": 100} | changes))


def test_the_longer_of_work_and_traffic_and_the_launches() -> None:
    work = frame_seconds(_cost(bytes=0, kernels=0), 1e12, 1e12)
    traffic = frame_seconds(_cost(operations=0, kernels=0), 1e12, 1e9)
    assert work == pytest.approx(1e-3 / 0.35) and traffic == pytest.approx(0.5e-2 / 0.7)
    assert frame_seconds(_cost(kernels=0), 1e12, 1e9) == traffic
    assert frame_seconds(_cost(), 1e12, 1e9) == pytest.approx(traffic + 100 * LAUNCH_SECONDS)


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA GeForce RTX 3060", "RTX 3060"),
        ("NVIDIA GeForce RTX 3060 Laptop GPU", "RTX 3060"),
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


def test_a_world_without_counts_is_not_projected(checkpoint: Checkpoint) -> None:
    assert checkpoint.manifest.cost.kernels == 0 and projections(checkpoint.manifest) == []


def test_a_world_that_is_too_large_is_said_not_to_fit(checkpoint: Checkpoint) -> None:
    card = next(card for card in CARDS if card.name == "RTX 3060")
    small = project(checkpoint.manifest.model_copy(update={"cost": _cost()}), card)
    large = project(checkpoint.manifest.model_copy(update={"cost": _cost(parameters=10**10)}), card)
    assert small is not None and large is not None and small.fits and not large.fits
    assert small.fps == pytest.approx(1000 / small.frame_ms)


def test_the_error_says_how_much_was_promised_too_much() -> None:
    assert method_error(150.0, 100.0) == pytest.approx(0.5)
    assert method_error(50.0, None) is None and method_error(50.0, 0.0) is None
