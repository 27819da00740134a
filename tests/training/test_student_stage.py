"""The student's stage on a real small run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from models.manifest import BadInput
from training.data.batches import Batch, Windows
from training.dynamics_stage import Lesson, NextFrame
from training.preset import load_preset
from training.run import Run
from training.student_stage import Distillation


@pytest.fixture(scope="module")
def taught(begun_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy of that run with a teacher."""
    folder = tmp_path_factory.mktemp("taught") / "run"
    shutil.copytree(begun_run.folder, folder)
    run = replace(begun_run, folder=folder)
    run.train_teacher(Accelerator(cpu=True))
    return run


def _objective(run: Run, mode: str, own_share: float = 0.0) -> Distillation:
    student = run.preset.student.model_copy(update={"mode": mode, "own_share": own_share})
    preset = run.preset.model_copy(update={"student": student})
    tokenizer, teacher = run.teacher()
    return Distillation(run.networks().dynamics, teacher, tokenizer, preset, torch.device("cpu"))


def _batch(run: Run) -> Batch:
    return Windows(run.folder / "data", window=6, batch_size=2).batch(0)


@pytest.mark.parametrize(("mode", "from_teacher"), [("finetune", 0), ("hybrid", 10), ("distil", 20)])
def test_the_mode_says_where_lessons_come_from(
    taught: Run, mode: str, from_teacher: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(Distillation, "taught", lambda self, batch, generator: asked.append(True))
    monkeypatch.setattr(NextFrame, "lesson", lambda self, batch, generator, progress: asked.append(False))
    objective, generator = _objective(taught, mode), torch.Generator().manual_seed(0)
    for _ in range(20):
        objective.lesson(_batch(taught), generator, 0.5)
    assert abs(sum(asked) - from_teacher) <= (5 if mode == "hybrid" else 0)


def test_a_teachers_lesson_is_what_it_decides_and_how_surely(taught: Run) -> None:
    objective, batch = _objective(taught, "distil"), _batch(taught)
    lesson = objective.lesson(batch, torch.Generator().manual_seed(0), 0.5)
    assert lesson.target.shape == (12, 128, 128)
    assert lesson.beliefs is not None
    assert lesson.beliefs.shape == (12, 256, 64, 16)
    assert torch.allclose(lesson.beliefs.sum(-1), torch.ones(12, 256, 64), atol=1e-3)
    loss, _ = objective.learn(lesson, torch.Generator().manual_seed(1))
    loss.backward()
    gradient = objective.model.get_parameter("compositor.head.weight").grad
    assert gradient is not None and gradient.abs().sum() > 0
    (teacher,) = objective.teacher
    assert all(parameter.grad is None for parameter in teacher.parameters())


def test_nothing_is_lost_by_agreeing(taught: Run) -> None:
    objective, batch = _objective(taught, "distil"), _batch(taught)
    lesson = objective.lesson(batch, torch.Generator().manual_seed(0), 0.5)

    def loss(beliefs: torch.Tensor) -> float:
        asked = Lesson(lesson.context, lesson.actions, lesson.target, lesson.tokens, lesson.news, beliefs)
        return float(objective.learn(asked, torch.Generator().manual_seed(1))[1]["pixels"].detach())

    state = objective.model.initial_state(2)
    with torch.no_grad():
        mine = objective.model(lesson.context, lesson.actions, state)[0].composition.mixture()
    assert lesson.beliefs is not None
    assert loss(mine) < loss(mine.roll(1, -1))


def test_the_student_plays_on_its_own(taught: Run) -> None:
    objective, batch = _objective(taught, "distil", own_share=1.0), _batch(taught)
    context, actions = torch.from_numpy(batch.frames[:, :-1]), torch.from_numpy(batch.actions)
    with torch.no_grad():
        played = objective._played(context, actions, torch.Generator().manual_seed(0))
    assert torch.equal(played[:, :3], context[:, :3])
    assert not torch.equal(played[:, 3:], context[:, 3:])


def test_a_student_is_trained_and_shipped(fresh_run: Run, tmp_path: Path) -> None:
    accelerator = Accelerator(cpu=True)
    fresh_run.train_teacher(accelerator)
    assert fresh_run.train_student(accelerator).steps == 2
    manifest = fresh_run.export(tmp_path / "world", "student")
    assert set(manifest.provenance.steps) == {"tokenizer", "dynamics", "teacher", "student"}
    assert set(fresh_run.export(tmp_path / "other").provenance.steps) == {"tokenizer", "dynamics"}


def test_an_unknown_mode_is_one_line() -> None:
    with pytest.raises(BadInput, match=r"student\.mode"):
        load_preset("tiny", "puzzle", mode="guess")


def test_a_student_without_a_teacher_is_one_line(fresh_run: Run) -> None:
    with pytest.raises(BadInput, match=r"teacher\.pt: "):
        fresh_run.train_student(Accelerator(cpu=True))
