"""The commands as a user meets them: a whole tiny run, and one line for each kind of bad input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.session import Session
from models.actions import Action
from training.cli import main
from training.preset import load_preset


def _call(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["dreamcade-train", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def _shorter(name: str) -> dict[str, Any]:
    """A preset of ours with the same networks but less data and a few steps: as little as every part runs with."""
    preset = load_preset(name, "puzzle").model_dump(mode="json")
    preset["data"] |= {"frames": 1024, "num_envs": 4, "episode_ticks": 128}
    preset["tokenizer"] |= {"codebook_pictures": 32}
    for stage, steps in (("tokenizer", 6), ("dynamics", 4)):
        preset[stage]["stage"] |= {"steps": steps, "batch": 2, "warmup_steps": 1}
    return preset


def test_a_tiny_run_makes_a_world_that_plays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run, out, preset = tmp_path / "run", tmp_path / "world", tmp_path / "short.yaml"
    preset.write_text(yaml.safe_dump(_shorter("tiny")), encoding="utf-8")
    arguments = ("run", "--world", "puzzle", "--preset", str(preset), "--run", str(run), "--out", str(out))
    assert _call(monkeypatch, *arguments) == 0
    checkpoint = load_checkpoint(out)
    assert checkpoint.manifest.provenance.steps == {"tokenizer": 6, "dynamics": 4}
    assert checkpoint.manifest.provenance.preset == "short" and checkpoint.manifest.provenance.frames >= 1024
    session = Session(checkpoint, OnnxBackend(checkpoint, threads=1))
    session.reset(0, rng_seed=1)
    frame = session.step(Action.RIGHT)
    assert frame.pixels.shape == (128, 128)
    # Everything is there: a second call only exports again, and makes the same world.
    assert _call(monkeypatch, *arguments) == 0
    assert load_checkpoint(out).manifest.digest == checkpoint.manifest.digest


def test_collect_writes_its_figures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    arguments = ("collect", "--world", "puzzle", "--frames", "600", "--out", str(tmp_path / "data"))
    assert _call(monkeypatch, *arguments, "--json", str(figures)) == 0
    assert json.loads(figures.read_text())["collect"]["frames"] >= 600


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("collect", "--world", "chess", "--frames", "10", "--out", "x"), "chess"),
        (("collect", "--world", "puzzle", "--frames", "-1", "--out", "x"), "--frames"),
        (("tokenizer", "--world", "puzzle", "--run", "x", "--preset", "huge"), "huge"),
        (("export", "--world", "puzzle", "--run", "nowhere", "--out", "x"), "tokenizer.pt"),
        (("tokenizer", "--world", "puzzle", "--run", "nowhere"), "nowhere"),
        (("bench", "--world", "platformer", "--device", "nonsense"), "--device: expected cpu or cuda"),
        (("bench", "--world", "platformer", "--device", "meta"), "--device: expected cpu or cuda"),
        (("parity", "--world", "puzzle", "--json", "nowhere/x"), "nowhere/x: --json: cannot be written"),
        (("ladder", "--out", "a-file"), "a-file: --out: expected a folder"),
        (("adapt", "--from", "chess", "--data", "x", "--run", "x", "--out", "x"), "chess: world: expected a known one"),
        (("adapt", "--from", "puzzle", "--data", "nowhere", "--run", "x", "--out", "x"), "nowhere/dataset.json: file"),
        (("compare", "--world", "moon", "--checkpoint", "puzzle"), "expected actions and pixels like those of moon"),
        (("base", "--data", "nowhere", "--run", "x", "--out", "x"), "--data: expected the data sets of two worlds"),
        (("frobnicate",), "frobnicate"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...],
    names: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("")
    assert _call(monkeypatch, *arguments) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]  # behind what is said of progress
    assert line.startswith("dreamcade-train: ")
    assert names in line


def test_a_preset_file_with_a_wrong_field_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    preset = tmp_path / "mine.yaml"
    preset.write_text("seed: 0\ndata: {frames: many}\n")
    assert _call(monkeypatch, "tokenizer", "--world", "puzzle", "--run", "x", "--preset", str(preset)) == 2
    line = capsys.readouterr().err
    assert "mine.yaml" in line
    assert "frames" in line
