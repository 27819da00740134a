"""What a soak is judged by, and the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import main
from app.console.soak import missed_targets, shares
from engine.backends.base import BackendFailed
from engine.measuring.soak import SoakFigures


def good() -> SoakFigures:
    """Figures that meet every target."""
    return SoakFigures(
        seconds=3600, frames=90_000, intervals=10_000, under_100_ms=9_995, under_40_ms=9_950, longest_interval=0.2,
        memory_settled=200.0, memory_last=210.0, memory_most=230.0, longest_rewind=0.4, frames_verified=100_000,
    )  # fmt: skip


def test_good_figures_miss_nothing() -> None:
    assert missed_targets(good()) == []
    assert shares(good()) == {"share_under_100_ms": 0.9995, "share_under_40_ms": 0.995}


@pytest.mark.parametrize(
    ("field", "value", "line"),
    [
        ("under_100_ms", 9_980, "frames under 100 ms: 99.80 %"),
        ("under_40_ms", 9_800, "frames under 40 ms: 98.00 %"),
        ("memory_last", 221.0, "memory drift: 21.0 MB"),
        ("longest_rewind", 0.61, "rewind to play: 0.61 s"),
        ("digest_mismatches", 1, "digest mismatches: 1"),
        ("problems", ["hills: RuntimeError: no"], "problems: 1"),
    ],
)
def test_each_target_can_be_missed(field: str, value: object, line: str) -> None:
    figures = good()
    setattr(figures, field, value)
    (missed,) = missed_targets(figures)
    assert missed.startswith(line)


def test_what_was_not_measured_is_no_miss() -> None:
    figures = SoakFigures()
    assert missed_targets(figures) == [] and shares(figures)["share_under_40_ms"] is None


def test_the_command_soaks_and_writes_its_figures(
    worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("engine.measuring.soak.LEG_SECONDS", 1.0)
    report = tmp_path / "soak.json"
    with pytest.raises(SystemExit) as exit_:
        main(["soak", "--minutes", "0.01", "--world", str(worlds / "hills"), "--json", str(report)])
    document = json.loads(report.read_text())
    assert document["digest_mismatches"] == 0 and document["problems"] == [] and document["legs"] >= 1
    assert exit_.value.code == (1 if document["missed"] else None) or exit_.value.code == 0
    assert "digest mismatches" in capfd.readouterr().out


def test_why_the_cpu_plays_is_told(
    worlds: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise BackendFailed("the driver is too old")

    monkeypatch.setattr("engine.backends.choice._look_for_card", lambda: None)
    monkeypatch.setattr("engine.backends.choice.open_tensorrt", refuse)
    monkeypatch.setattr("engine.measuring.soak.LEG_SECONDS", 0.2)
    with pytest.raises(SystemExit):
        main(["soak", "--minutes", "0", "--world", str(worlds / "hills"), "--backend", "tensorrt"])
    assert "hills: no TensorRT: the driver is too old; the CPU plays" in capfd.readouterr().err
