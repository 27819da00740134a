"""What a student has kept of its teacher, measure by measure. Owns the comparison of two worlds' metrics; refuses to
measure.

Retention is (student − copy-last) / (teacher − copy-last); shares of mistakes are negated first. The worst measure
counts, and none does where the teacher isn't better than the control that was trained on data alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Metrics = Mapping[str, Any]

# Measures by their path, with the path of what copying the last frame gets or that number itself.
MEASURES: dict[str, str | float] = {
    "one_step.changed_pixels": 0.0,
    "rollout.10.psnr_known_db": "rollout.10.copy_last_psnr_known_db",
    "rollout.32.psnr_known_db": "rollout.32.copy_last_psnr_known_db",
    "control.counterfactual": "control.chance",
    "coherence.coherent_300": 0.0,
    "physics.within_2px_16": "physics.copy_last.within_2px_16",
    "physics.landing": 0.0,
    "physics.outcomes": 0.0,
    "physics.lost": 1.0,
    "rules.exact_board": 0.0,
    "rules.conserved_500": 0.0,
    "levels.valid": 0.0,
    "stability.player_once": 0.0,
    "stability.tile_l1": 2.0,
}
NEGATED = ("physics.lost", "stability.tile_l1")
GAP = 1e-9  # a teacher that is no better than copying shows nothing
# Where a teacher must beat the control.
TEN_FRAMES, STABLE = "rollout.10.psnr_known_db", "stability.player_once"


def compare(
    student: Metrics, teacher: Metrics, control: Metrics | None = None, speedup: float | None = None
) -> dict[str, Any]:
    """The `student` section of the metrics. `control`: metrics of the model trained on data alone; without it whether
    the teacher is worth anything isn't known. `speedup`: the student's speed as a multiple of the teacher's."""
    kept = {path: value for path in MEASURES if (value := _retention(path, student, teacher)) is not None}
    beaten = None if control is None else _beats(teacher, control)
    worst = min(kept, key=lambda path: kept[path]) if kept and beaten is not False else None
    return {
        "similarity": None if worst is None else max(0.0, kept[worst]),
        "retention": None if worst is None else kept[worst],
        "worst": worst,
        "by_measure": kept,
        "teacher_beats_control": beaten,
        "speedup": speedup,
    }


def _retention(path: str, student: Metrics, teacher: Metrics) -> float | None:
    mine, theirs, base = _at(student, path), _at(teacher, path), MEASURES[path]
    copied = _at(student, base) if isinstance(base, str) else base
    if mine is None or theirs is None or copied is None:
        return None
    sign = -1 if path in NEGATED else 1
    gap = sign * (theirs - copied)
    return sign * (mine - copied) / gap if gap > GAP else None


def _beats(teacher: Metrics, control: Metrics) -> bool | None:
    """Whether the teacher is better at ten frames and in long runs; None where either isn't measured."""
    pairs = [(_at(teacher, path), _at(control, path)) for path in (TEN_FRAMES, STABLE)]
    if any(mine is None or other is None for mine, other in pairs):
        return None
    return all(mine > other for mine, other in pairs if mine is not None and other is not None)


def _at(metrics: Metrics, path: str) -> float | None:
    value: Any = metrics
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
