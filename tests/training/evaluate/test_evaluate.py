"""The whole of an evaluation on a real checkpoint without skill: bad figures, valid metrics."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.checkpoint import load_checkpoint
from models.manifest import BadInput
from training.evaluate.evaluate import evaluate, headline
from training.evaluate.extent import FULL, QUICK, Extent, extent_of
from training.evaluate.rollout import HORIZONS

SMALL = Extent(
    episodes=2,
    reconstructed=2,
    clips=2,
    one_step_ticks=2,
    moments=2,
    taught_clips=8,
    taught_steps=2,
    starts=2,
    frames=10,
    presses=8,
    long_runs=1,
    long_moves=4,
    boards=1,
    stable_runs=2,
    stable_frames=10,
)


def test_metrics_of_an_untrained_checkpoint(tiny_world: Path, tmp_path: Path) -> None:
    said: list[str] = []
    metrics = evaluate(tiny_world, SMALL, out=tmp_path / "seen", command="evaluate", worlds=2, progress=said.append)
    again = evaluate(tiny_world, SMALL, command="evaluate", worlds=1)
    for figures in (metrics, again):
        del figures["protocol"]["seconds"], figures["protocol"]["worlds_at_a_time"]
    assert metrics == again
    assert json.loads(json.dumps(metrics, allow_nan=False)) == metrics
    assert said[:4] == ["reconstruction", "one step", "rollout", "control"]
    assert said[4:] == ["inverse dynamics", "coherence", "stability", "rules", "levels"]
    assert metrics["rules"]["exact_board"] < 0.5 and metrics["levels"]["valid"] == 0.0
    assert metrics["stability"]["player_once"] < 0.5 and 0 <= metrics["control"]["f1"] <= 1
    assert metrics["reconstruction"]["psnr_db"] < 20
    assert metrics["one_step"]["changed_pixels"] < 0.5
    assert set(map(str, HORIZONS)) < set(metrics["rollout"])
    assert metrics["coherence"]["lost"] == 2 and metrics["coherence"]["simulator"]["lost"] == 0
    assert metrics["physics"]["landing"] is None and metrics["student"]["speedup"] is None
    assert metrics["protocol"]["checkpoint"] == load_checkpoint(tiny_world).manifest.digest
    assert metrics["protocol"]["level_seeds"] == [2_000_000, 3_000_000]
    shown = headline(metrics)
    assert shown["coherent_90"] is None and shown["psnr_db"] == metrics["reconstruction"]["psnr_db"]
    names = {path.name for path in (tmp_path / "seen").iterdir()}
    assert names == {
        *("rollouts.png", "rollouts.mp4", "rollout.svg", "starts.png", "starts.mp4", "coherence.svg"),
        *("long.mp4", "stability.svg"),
    }


def test_extents() -> None:
    assert extent_of() == FULL and extent_of(quick=True) == QUICK
    assert extent_of(frames=3000).frames == 3000
    assert FULL.reconstructed >= 2000 and FULL.episodes >= 40 and FULL.moments >= 100 and FULL.starts == 40
    assert extent_of(split="choose").split == "choose" and FULL.split == "report"
    with pytest.raises(BadInput, match="train: split: expected one of choose, report"):
        extent_of(split="train")
    for wrong in (0, -1, 10**9):
        with pytest.raises(BadInput, match="frames: expected 1 to"):
            extent_of(frames=wrong)


def test_a_folder_without_a_world_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="manifest"):
        evaluate(tmp_path, SMALL)
