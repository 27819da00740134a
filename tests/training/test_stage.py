"""The loop, on the real objectives and a real small data set."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from models.dynamics import DynamicsModel
from models.manifest import BadInput
from training.data.batches import Batch, Windows
from training.data.collect import collect
from training.muon import Muon
from training.preset import Preset, load_preset
from training.run import PICTURE, Run
from training.stage import StageReport, load_state, read_spent


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a little puzzle data in it."""
    folder = tmp_path_factory.mktemp("run")
    collect("puzzle", 512, folder / "data", num_envs=4, episode_ticks=128)
    return folder


def _preset(tokenizer_steps: int, dynamics_steps: int, decay: float = 0.0) -> Preset:
    preset = load_preset("tiny", "puzzle")
    tokenizer, dynamics = preset.tokenizer, preset.dynamics
    small = {"decay_share": decay, "batch": 2}
    tokenizer = tokenizer.model_copy(
        update={
            "stage": tokenizer.stage.model_copy(update={"steps": tokenizer_steps, **small}),
            "codebook_pictures": 2,
        }
    )
    dynamics = dynamics.model_copy(
        update={"stage": dynamics.stage.model_copy(update={"steps": dynamics_steps, **small}), "own_after": 0.0}
    )
    return preset.model_copy(update={"tokenizer": tokenizer, "dynamics": dynamics})


def _run(data: Path, folder: Path, preset: Preset) -> Run:
    folder.mkdir(exist_ok=True)
    link = folder / "data"
    if not link.exists():
        shutil.copytree(data / "data", link)
    return Run("puzzle", "tiny", preset, folder)


def _same(one: Path, other: Path, part: str) -> bool:
    first, second = load_state(one)[part], load_state(other)[part]
    return all(torch.equal(first[key], second[key]) for key in first)


def _one_batch(windows: Windows, start_step: int = 0) -> Iterator[Batch]:
    """One batch, then the key that stops a run."""
    yield windows.batch(start_step)
    raise KeyboardInterrupt


def test_a_stage_that_was_stopped_goes_on_exactly(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accelerator = Accelerator(cpu=True)
    whole = _run(data, tmp_path / "whole", _preset(4, 4))
    whole.train_tokenizer(accelerator)
    assert whole.train_dynamics(accelerator) == StageReport(4, pytest.approx(0, abs=1), "cpu")
    part = _run(data, tmp_path / "parts", _preset(4, 4))
    for stage in (part.train_tokenizer, part.train_dynamics):
        with monkeypatch.context() as patch:
            patch.setattr(Windows, "prefetch", _one_batch)
            for _ in range(2):
                with pytest.raises(KeyboardInterrupt):
                    stage(accelerator)
        stage(accelerator)
    for name in ("tokenizer.pt", "dynamics.pt"):
        for what in ("model", "average"):
            assert _same(whole.folder / name, part.folder / name, what), (name, what)
    assert read_spent(part.folder / "dynamics.pt").steps == 4


def test_a_raised_budget_goes_on_from_before_the_decay(data: Path, tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    _run(data, tmp_path / "run", _preset(4, 1, decay=0.5)).train_tokenizer(accelerator)
    assert load_state(tmp_path / "run" / "tokenizer.stable.pt")["step"] == 2
    longer = _run(data, tmp_path / "run", _preset(8, 1, decay=0.5))
    longer.train_tokenizer(accelerator)
    fresh = _run(data, tmp_path / "fresh", _preset(8, 1, decay=0.5))
    fresh.train_tokenizer(accelerator)
    assert _same(longer.folder / "tokenizer.pt", fresh.folder / "tokenizer.pt", "model")


def test_a_checkpoint_tells_every_device_it_was_trained_on(data: Path, tmp_path: Path) -> None:
    _run(data, tmp_path / "run", _preset(2, 1)).train_tokenizer(Accelerator(cpu=True))
    path = tmp_path / "run" / "tokenizer.pt"
    torch.save({**load_state(path), "device": "NVIDIA H200"}, path)
    for steps in (3, 4):
        report = _run(data, tmp_path / "run", _preset(steps, 1)).train_tokenizer(Accelerator(cpu=True))
        assert report.device == read_spent(path).device == "NVIDIA H200, cpu"


def test_a_stage_is_compiled_where_the_preset_says_so(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled: list[torch.nn.Module] = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module, **_: compiled.append(module))
    preset = _preset(1, 1)
    run = _run(data, tmp_path / "run", preset)
    run.train_tokenizer(Accelerator(cpu=True))
    assert not compiled
    stage = preset.dynamics.stage.model_copy(update={"compiled": True})
    preset = preset.model_copy(update={"dynamics": preset.dynamics.model_copy(update={"stage": stage})})
    _run(data, tmp_path / "run", preset).train_dynamics(Accelerator(cpu=True))
    assert [type(module) for module in compiled] == [DynamicsModel]


def test_training_lowers_the_loss_and_the_average_follows(data: Path, tmp_path: Path) -> None:
    run = _run(data, tmp_path / "run", _preset(25, 1))
    run.train_tokenizer(Accelerator(cpu=True))
    from training.tokenizer_stage import load_tokenizer

    tokenizer = load_tokenizer(run.preset, PICTURE, run.folder)
    frames = torch.from_numpy(Windows(run.folder / "data", 1, 8, seed=9).batch(0).frames)
    untrained = _run(data, tmp_path / "none", _preset(1, 1))
    untrained.train_tokenizer(Accelerator(cpu=True))
    first = load_tokenizer(untrained.preset, PICTURE, untrained.folder)
    with torch.no_grad():
        after, before = (net.loss(frames[:, 1], frames[:, 0], 1.0)[0] for net in (tokenizer, first))
    assert float(after) < 0.7 * float(before)


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.pt"
    path.write_bytes(b"not a checkpoint")
    with pytest.raises(BadInput, match=r"tokenizer\.pt: checkpoint"):
        load_state(path)


def test_an_interrupt_in_the_middle_of_a_step_waits_for_its_end(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accelerator = Accelerator(cpu=True)
    whole, part = (_run(data, tmp_path / name, _preset(3, 1)) for name in ("whole", "part"))
    whole.train_tokenizer(accelerator)
    update = Muon._update
    with monkeypatch.context() as patch:

        def press(optimizer: Muon, *arguments: object) -> None:
            os.kill(os.getpid(), signal.SIGINT)  # AdamW has stepped, Muon has not
            update(optimizer, *arguments)  # type: ignore[arg-type]

        patch.setattr(Muon, "_update", press)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
        try:
            with pytest.raises(KeyboardInterrupt):
                part.train_tokenizer(accelerator)
        finally:
            signal.signal(signal.SIGINT, before)
    assert read_spent(part.folder / "tokenizer.pt").steps == 1
    part.train_tokenizer(accelerator)
    assert _same(whole.folder / "tokenizer.pt", part.folder / "tokenizer.pt", "model")


def test_long_gradients_are_shortened(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    norms: list[float] = []
    step = Muon.step

    def watched(self: Muon, closure: None = None) -> None:
        gradients = [p.grad for group in self.param_groups for p in group["params"] if p.grad is not None]
        norms.append(float(torch.stack([gradient.norm() for gradient in gradients]).norm()))
        step(self, closure)

    monkeypatch.setattr(Muon, "step", watched)
    for clip in (None, 1e-3):
        preset = _preset(2, 0)
        stage = preset.tokenizer.stage.model_copy(update={"clip": clip})
        preset = preset.model_copy(update={"tokenizer": preset.tokenizer.model_copy(update={"stage": stage})})
        _run(data, tmp_path / f"clip-{clip}", preset).train_tokenizer(Accelerator(cpu=True))
    assert max(norms[2:]) <= 1.001e-3 < max(norms[:2])
