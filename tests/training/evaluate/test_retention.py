"""Retention by hand-made metrics."""

from __future__ import annotations

from typing import Any

import pytest

from training.evaluate.retention import compare


def metrics(ten: float, lost: float, once: float = 0.9) -> dict[str, Any]:
    return {
        "rollout": {"10": {"psnr_known_db": ten, "copy_last_psnr_known_db": 20.0}},
        "physics": {"lost": lost, "within_2px_16": None},
        "stability": {"player_once": once},
    }


def test_the_worst_measure_counts() -> None:
    found = compare(metrics(38.0, 0.1), metrics(40.0, 0.0), metrics(30.0, 0.5, 0.5), speedup=6.0)
    assert found["by_measure"] == pytest.approx(
        {"rollout.10.psnr_known_db": 0.9, "physics.lost": 0.9, "stability.player_once": 1.0}
    )
    assert found["retention"] == found["similarity"] == pytest.approx(0.9)
    assert found["teacher_beats_control"] is True and found["speedup"] == 6.0


def test_a_teacher_that_does_not_beat_the_control_proves_nothing() -> None:
    found = compare(metrics(38.0, 0.1), metrics(40.0, 0.0), metrics(40.0, 0.0))
    assert found["teacher_beats_control"] is False and found["retention"] is found["similarity"] is None


def test_without_a_control_or_a_measure_nothing_is_made_up() -> None:
    found = compare(metrics(38.0, 0.1), {}, None)
    assert found["by_measure"] == {} and found["retention"] is None and found["teacher_beats_control"] is None
    no_better = compare(metrics(38.0, 0.1), metrics(20.0, 0.0), {})
    assert "rollout.10.psnr_known_db" not in no_better["by_measure"]


def test_a_student_worse_than_copying_has_no_similarity() -> None:
    found = compare(metrics(18.0, 0.0), metrics(40.0, 0.0))
    assert found["retention"] == pytest.approx(-0.1) and found["similarity"] == 0.0
