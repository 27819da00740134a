"""The teacher's stage: learn the rest of the next frame from a part of it. Owns what is told; contexts and losses are
those of the dynamics model, from whose weights it begins."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from models.dynamics import DynamicsModel, Prediction
from models.patches import cut
from models.teacher import TeacherModel, Told
from models.tokenizer import Tokenizer
from training.data.batches import Feed
from training.dynamics_stage import Lesson, NextFrame, dynamics_config, load_dynamics, pixel_classes
from training.preset import Preset, TeacherPreset
from training.stage import Stage, StageReport, load_weights

NAME = "teacher"


class RestOfFrame(NextFrame):
    """Log-likelihood of the patches that aren't told (masked modelling: see the teacher), from contexts as corrupted
    as a drifting student's are."""

    outer: tuple[str, ...] = (*NextFrame.outer, "telling")

    def __init__(self, model: TeacherModel, tokenizer: Tokenizer, preset: Preset, device: torch.device) -> None:
        super().__init__(model, tokenizer, preset.dynamics, device)
        self.telling: TeacherPreset = preset.teacher

    def predict(
        self, lesson: Lesson, evidence: Tensor, told: Tensor, generator: torch.Generator
    ) -> tuple[Prediction, Tensor | None]:
        """The model's answer, told some patches; the others count. `evidence` and `told` as in the dynamics stage."""
        assert isinstance(self.model, TeacherModel)
        patches = cut(lesson.target != lesson.context.flatten(0, 1), self.model.config.patch).any(2)
        known = self._told(patches, generator)
        state = self.model.initial_state(len(lesson.context), self.device)
        prediction, _ = self.model.predict(
            lesson.context, lesson.actions, state, Told(lesson.target, known), evidence * (told | known.unsqueeze(-1))
        )
        return prediction, ~known

    def _told(self, changed: Tensor, generator: torch.Generator) -> Tensor:
        """Which patches are told, bool [N,P]; `changed` bool [N,P] aren't as in the frame before."""
        frames, patches = changed.shape
        kind, share = torch.rand(2, frames, 1, generator=generator).to(self.device)
        lucky = torch.rand(frames, patches, generator=generator).to(self.device) < share
        assert isinstance(self.model, TeacherModel)
        near = F.max_pool2d(changed.float().unflatten(1, self.model.config.grid), 3, 1, 1).flatten(1) > 0
        focused = lucky | ~near
        known = torch.where(kind < self.telling.blind + self.telling.focused, focused, lucky)
        return known.logical_and(kind >= self.telling.blind)


def train_teacher(
    preset: Preset,
    tokenizer: Tokenizer,
    actions: int,
    feed: Feed,
    folder: Path,
    accelerator: Accelerator,
) -> tuple[TeacherModel, StageReport]:
    """Train, or go on training, the teacher of the run in `folder`. Returns its averaged weights."""
    torch.manual_seed(preset.seed + 2)
    model = begin_as(load_dynamics(preset, tokenizer, actions, folder)).to(accelerator.device)
    objective = RestOfFrame(model, tokenizer.to(accelerator.device), preset, accelerator.device)
    stage = Stage(NAME, objective, feed, preset.teacher.stage, folder, preset.seed, accelerator)
    report = stage.run()
    assert isinstance(stage.average, TeacherModel)
    return stage.average, report


def begin_as(dynamics: DynamicsModel) -> TeacherModel:
    """A teacher that says what this model says."""
    model = TeacherModel(dynamics.config)
    model.load_state_dict(dynamics.state_dict(), strict=False)  # what is told is its own
    return model


def load_teacher(preset: Preset, tokenizer: Tokenizer, actions: int, folder: Path) -> TeacherModel:
    """The averaged weights that a run's teacher has reached. Raises BadInput."""
    model = TeacherModel(dynamics_config(preset, tokenizer, actions))
    model.show(pixel_classes(tokenizer))
    load_weights(model, folder / f"{NAME}.pt")
    return model.eval()
