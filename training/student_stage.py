"""The student's stage: distillation of the teacher's passes into one. Owns where a lesson comes from; losses are those
of the dynamics model, from whose weights the student begins."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from models.dynamics import DynamicsModel
from models.teacher import TeacherModel
from models.tokenizer import Tokenizer
from training.data.batches import Batch, Feed
from training.dynamics_stage import KNOWN, Lesson, NextFrame, load_dynamics
from training.preset import Preset
from training.stage import Stage, StageReport

NAME = "student"


class Distillation(NextFrame):
    """Lessons from data, as in the dynamics model's stage, or from a teacher, who says what follows on a context, with
    its doubts: so it can also be asked what follows on what the student has played, which was never recorded.

    Soft labels: Hinton et al. 2015. On-policy: Agarwal et al., "On-Policy Distillation of Language Models", 2024."""

    def __init__(
        self, model: DynamicsModel, teacher: TeacherModel, tokenizer: Tokenizer, preset: Preset, device: torch.device
    ) -> None:
        super().__init__(model, tokenizer, preset.dynamics, device)
        self.teacher = (teacher.eval(),)  # in a tuple: not a part that is trained or saved
        self.student, self.passes, self.export = preset.student, preset.teacher.passes, preset.export

    def lesson(self, batch: Batch, generator: torch.Generator, progress: float) -> Lesson:
        """From the teacher or from what was recorded, as the mode says."""
        from_data = {"distil": 0.0, "hybrid": 0.5, "finetune": 1.0}[self.student.mode]
        if torch.rand(1, generator=generator) < from_data:
            return super().lesson(batch, generator, progress)
        return self.taught(batch, generator)

    @torch.no_grad()
    def taught(self, batch: Batch, generator: torch.Generator) -> Lesson:
        """What the teacher says of a clip, recorded or played by the student."""
        (teacher,) = self.teacher
        frames = torch.from_numpy(batch.frames).to(self.device)
        actions = torch.from_numpy(batch.actions).to(self.device)
        tokens, named = self._named(frames)
        true = (named if frames.ndim == 5 else frames)[:, :-1]
        context = self._as_named(true, named[:, :-1], generator)
        if torch.rand(1, generator=generator) < self.student.own_share:
            context = self._played(context, actions, generator)
        still = torch.zeros(*true.shape[:2], tokens.shape[2], dtype=torch.bool, device=self.device)
        context = self._corrupt(context, still, generator)
        noise = torch.rand(actions.numel(), self.passes, generator=generator).to(self.device)
        decided, _ = teacher.decide(
            context, actions, teacher.initial_state(len(context), self.device), noise, self.export.min_p
        )
        news = self.news(context.flatten(0, 1), decided.picture)
        return Lesson(context, actions, decided.picture, decided.tokens, news, decided.beliefs)

    def _played(self, context: Tensor, actions: Tensor, generator: torch.Generator) -> Tensor:
        """The clips, uint8 [B,T,H,W], as the student plays them on from their first frames."""
        assert isinstance(self.model, DynamicsModel)
        state = self.model.initial_state(len(context), self.device)
        played = [context[:, 0]]
        for now in range(context.shape[1] - 1):
            prediction, state = self.model(played[-1][:, None], actions[:, now : now + 1], state)
            noise = torch.rand(len(context), 1, generator=generator).to(self.device)
            noise = noise.expand(-1, self.model.config.tokens)
            _, picture, _ = self.model.draw(
                prediction, noise, self.export.min_p, self.export.candidates, self.export.chance_rows
            )
            played.append(picture if now >= KNOWN else context[:, now + 1])
        return torch.stack(played, 1)


def train_student(
    preset: Preset,
    tokenizer: Tokenizer,
    teacher: TeacherModel,
    actions: int,
    feed: Feed,
    folder: Path,
    accelerator: Accelerator,
) -> tuple[DynamicsModel, StageReport]:
    """Train, or go on training, the student of the run in `folder`. Returns its averaged weights."""
    torch.manual_seed(preset.seed + 3)
    model = load_dynamics(preset, tokenizer, actions, folder).train().to(accelerator.device)
    parts = tokenizer.to(accelerator.device), teacher.to(accelerator.device)
    if preset.student.stage.compiled:
        teacher.compile(dynamic=False)
    objective = Distillation(model, parts[1], parts[0], preset, accelerator.device)
    stage = Stage(NAME, objective, feed, preset.student.stage, folder, preset.seed, accelerator)
    report = stage.run()
    assert isinstance(stage.average, DynamicsModel)
    return stage.average, report
