"""The ladder: a rung is a checkpoint like any other, and says what it costs."""

from __future__ import annotations

from pathlib import Path

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.measuring.projection import projections
from engine.session import Session
from models.actions import Action
from training.ladder import RUNGS, Rung, build_ladder


def test_a_small_rung_plays_and_is_projected(tmp_path: Path) -> None:
    told: list[str] = []
    (manifest,) = build_ladder(tmp_path, [Rung(256, 16, 8, 2)], told.append)
    assert told[0].startswith("rung-256-16x2: ")
    checkpoint = load_checkpoint(tmp_path / "rung-256-16x2")
    assert checkpoint.manifest == manifest and (manifest.height, manifest.width) == (256, 256)
    assert manifest.cost.kernels > 10 and manifest.cost.operations > 0
    (row,) = projections(tmp_path / "rung-256-16x2")
    assert row["fits"]
    session = Session(checkpoint, OnnxBackend(checkpoint, 1))
    session.reset(0, 0)
    assert session.step(Action.RIGHT).pixels.shape == (256, 256)


def test_rungs_go_from_todays_size_to_hundreds_of_millions() -> None:
    names = [rung.name for rung in RUNGS]
    assert len(set(names)) == len(names) and {rung.side for rung in RUNGS} == {128, 256}
    assert RUNGS[0].trunk == 160 and 10 * RUNGS[-1].blocks * RUNGS[-1].trunk ** 2 > 2e8
