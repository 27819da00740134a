"""The teacher's stage on a real small run."""

from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from models.teacher import TeacherModel
from training.data.batches import Windows
from training.dynamics_stage import load_dynamics
from training.run import PICTURE, Run
from training.stage import load_state
from training.teacher_stage import RestOfFrame, begin_as
from training.tokenizer_stage import load_tokenizer


@pytest.fixture
def objective(begun_run: Run) -> RestOfFrame:
    tokenizer = load_tokenizer(begun_run.preset, PICTURE, begun_run.folder)
    model = begin_as(load_dynamics(begun_run.preset, tokenizer, 5, begun_run.folder))
    return RestOfFrame(model, tokenizer, begun_run.preset, torch.device("cpu"))


def test_a_teacher_is_trained_and_loaded(fresh_run: Run) -> None:
    report = fresh_run.train_teacher(Accelerator(cpu=True))
    assert report.steps == 2
    _, teacher = fresh_run.teacher()
    saved = load_state(fresh_run.folder / "teacher.pt")["average"]
    assert all(torch.equal(value, saved[name]) for name, value in teacher.state_dict().items())
    assert saved["telling.detail.weight"].abs().sum() > 0


def test_nothing_some_and_nearly_all_is_told(objective: RestOfFrame) -> None:
    changed = torch.zeros(400, 256, dtype=torch.bool)
    changed[:, 100] = True
    known = objective._told(changed, torch.Generator().manual_seed(0))
    share = known.float().mean(1)
    assert 0.15 < float((share == 0).float().mean()) < 0.35
    far = torch.ones(256, dtype=torch.bool)
    far[[83, 84, 85, 99, 100, 101, 115, 116, 117]] = False
    assert 0.4 < float(known[:, far].all(1).float().mean()) < 0.6
    assert not known[:, ~far].all()


def test_only_what_is_not_told_counts(objective: RestOfFrame, begun_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = Windows(begun_run.folder / "data", window=6, batch_size=2).batch(0)
    lesson = objective.lesson(batch, torch.Generator().manual_seed(0), 0.0)

    def pixels(known: Tensor) -> float:
        monkeypatch.setattr(objective, "_told", lambda changed, generator: known)
        return float(objective.learn(lesson, torch.Generator().manual_seed(1))[1]["pixels"])

    nothing = torch.zeros(12, 256, dtype=torch.bool)
    half = nothing.clone()
    half[:, :128] = True
    assert pixels(~nothing) == 0
    assert 0 < pixels(half) < pixels(nothing)
    assert isinstance(objective.model, TeacherModel)
