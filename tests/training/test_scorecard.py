"""Verdicts from real files of shipped worlds and from doctored ones."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from models.manifest import BadInput, read_manifest
from training.cli import main
from training.scorecard import Line, scorecard
from training.seal import attach_metrics


@pytest.fixture
def world(tiny_world: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    shutil.copytree(tiny_world, folder)
    return folder


def put(folder: Path, **sections: Any) -> None:
    """Give a checkpoint metrics with these sections."""
    manifest = read_manifest(folder)
    metrics = {"schema": 1, "protocol": {"checkpoint": manifest.digest, "command": "evaluate it"}, **sections}
    attach_metrics(folder, manifest, json.dumps(metrics).encode(), {})


def bench(path: Path, **figures: Any) -> Path:
    path.write_text(json.dumps({"schema": 1, "machine": {}, "results": [{"world": "puzzle", **figures}]}))
    return path


def find(lines: list[Line], name: str, kind: str = "gate") -> Line:
    return next(line for line in lines if line.name == name and line.kind == kind)


def test_what_was_not_measured_is_said_to_be_so(world: Path) -> None:
    lines, spent = scorecard([world])
    assert len(lines) > 20 and {line.verdict for line in lines} == {"not measured"}
    assert all(line.figure is None and line.shown == "–" for line in lines)
    speed = find(lines, "speed on an RTX 3060")
    assert "projection, not measured" in speed.note
    assert spent[0].price is None and spent[0].hours == {}


def test_metrics_are_judged_by_gate_and_target(world: Path) -> None:
    put(
        world,
        reconstruction={"psnr_db": 41.0, "exact_pixels": 0.99995},
        coherence={"coherent_300": 0.25},
        stability={"player_once": 1.0, "tile_l1": 0.1, "pace_ratios": {"moves": 1.5, "solved": None}},
        student={"similarity": 0.4},
    )
    lines, _ = scorecard([world])
    assert find(lines, "reconstruction").verdict == "met"
    assert find(lines, "reconstruction", "target").verdict == "missed"
    assert find(lines, "exact pixels", "target").verdict == "met"
    assert find(lines, "coherent for 10 seconds, most starts").verdict == "missed"
    assert find(lines, "student like its teacher").note == "plan B"
    paces = {line.name.split(":")[1].split()[0]: line.verdict for line in lines if "a minute" in line.name}
    assert paces == {"moves": "missed", "solved": "not measured"}
    assert find(lines, "long runs: tiles, L1 of the worst window", "target").verdict == "met"
    assert find(lines, "reconstruction").command == "evaluate it"


def test_metrics_of_other_weights_count_for_nothing(world: Path) -> None:
    put(world, reconstruction={"psnr_db": 41.0}, protocol={"checkpoint": "0" * 16, "command": "evaluate it"})
    assert find(scorecard([world])[0], "reconstruction").verdict == "not measured"


def test_bench_files_fill_speed_and_memory(world: Path, tmp_path: Path) -> None:
    laptop = bench(
        tmp_path / "laptop.json", device="CPU x", fps=99.0, rss_mb=150.0, on_time=0.97, key_to_screen_ms={"p99": 52.0}
    )
    lines, _ = scorecard([world], [laptop])
    assert find(lines, "memory in play").figure == pytest.approx(0.15)
    assert find(lines, "key to screen, p99").verdict == "met" and find(lines, "frames on time").verdict == "missed"
    assert find(lines, "speed on an RTX 3060").verdict == "not measured"
    card = bench(tmp_path / "card.json", device="NVIDIA GeForce RTX 3060", fps=7.0, vram_peak_mb=2000.0)
    line = find(scorecard([world], [laptop, card])[0], "speed on an RTX 3060")
    assert (line.figure, line.verdict, line.note) == (7.0, "missed", "tier 5: optimise further")
    assert "card.json" in line.command


@pytest.mark.parametrize("text", ["", "[]", "{", '{"results": 3}', '{"results": [4]}'])
def test_a_file_that_is_no_bench_is_named(world: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "bench.json").write_text(text)
    with pytest.raises(BadInput, match=r"bench\.json: (document|results): expected"):
        scorecard([world], [tmp_path / "bench.json"])


def test_strict_fails_where_something_is_missed(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def call(*options: str) -> int:
        monkeypatch.setattr(sys, "argv", ["dreamcade-train", "scorecard", "--world", str(world), *options])
        with pytest.raises(SystemExit) as caught:
            main()
        assert isinstance(caught.value.code, int)
        return caught.value.code

    assert call("--strict") == 0  # nothing was measured, so nothing is missed
    put(world, reconstruction={"psnr_db": 20.0})
    assert call() == 0 and call("--strict", "--hourly-price", "0.5", "--json", str(tmp_path / "card.json")) == 1
    assert "missed" in capsys.readouterr().out
    written = json.loads((tmp_path / "card.json").read_text())
    assert written["lines"][0]["verdict"] == "missed" and written["spent"][0]["price"] == 0.0
