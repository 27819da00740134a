"""Runs of stand-ins with and without a fault, judged from their pictures."""

from __future__ import annotations

from typing import Any

import pytest

from training.evaluate.coherence import measure_coherence
from training.evaluate.footage import Moment, find_moments
from training.evaluate.readers.base import LOST_AFTER, RunLog, Verdict


@pytest.fixture(scope="module")
def starts() -> dict[str, list[Moment]]:
    return {name: find_moments(name, 2, 40) for name in ("platformer", "puzzle")}


def test_the_truth_is_never_lost(world_name: str, starts: dict[str, list[Moment]], perfect: Any) -> None:
    figures = measure_coherence(perfect(world_name), world_name, starts[world_name], 90)
    assert figures["coherent_90"] == figures["simulator"]["coherent_90"] == 1.0
    assert figures["incoherent_frames"] == figures["simulator"]["incoherent_frames"] == {}
    assert figures["keys_obeyed"] == 1.0 and figures["keys_tried"] > 5
    assert (figures["median_frames"], figures["median_is_lower_bound"]) == (90, True)
    assert figures["coherent_300"] is None


def test_a_few_wrong_pixels_are_forgiven(world_name: str, starts: dict[str, list[Moment]], noisy: Any) -> None:
    assert measure_coherence(noisy(world_name), world_name, starts[world_name], 60)["lost"] == 0


def test_a_blank_world_is_lost_at_once(world_name: str, starts: dict[str, list[Moment]], blank: Any) -> None:
    figures = measure_coherence(blank(world_name), world_name, starts[world_name], 20)
    assert figures["lost"] == 2 and figures["median_frames"] == 1
    assert figures["simulator"]["lost"] == 0


@pytest.mark.parametrize("fault", ["frozen", "deaf"])
def test_keys_without_effect_are_noticed(
    world_name: str, starts: dict[str, list[Moment]], fault: str, request: pytest.FixtureRequest
) -> None:
    played = request.getfixturevalue(fault)(world_name)
    figures = measure_coherence(played, world_name, starts[world_name], 150)
    assert figures["lost"] > 0
    assert set(figures["lost_by"]) <= {"key not obeyed", "stuck between cells"}


def test_a_run_is_lost_after_six_bad_frames_in_a_row() -> None:
    bad, good = Verdict("player missing", 0), Verdict(None, 1, True)
    log = RunLog()
    for verdict in [good, *[bad] * LOST_AFTER, good, bad]:
        log.add(verdict)
    assert (log.lost_at, log.first_incoherent) == (None, 2)
    for _ in range(LOST_AFTER):
        log.add(bad)
    assert (log.lost_at, log.lost_by) == (LOST_AFTER + 3, "player missing")
    assert log.keys_tried == log.keys_obeyed == 2
