"""A whole run, from nothing to a checkpoint folder that can be played. Read it as the list of what happens.

Owns the order of the stages and the run folder's layout: data/, a checkpoint a stage (tokenizer.pt,
dynamics.pt, chance.pt, teacher.pt, student.pt), curves/, world/. Every
part goes on from where an earlier, stopped run left it. Refuses figures: they are the preset's.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from accelerate import Accelerator

from models.manifest import Manifest, Provenance, read_manifest
from models.teacher import TeacherModel
from models.tokenizer import Tokenizer
from training.chance_stage import NAME as CHANCE
from training.chance_stage import load_chance, train_chance
from training.data.batches import Feed, Windows
from training.data.collect import collect
from training.data.dataset import read_card, shard_paths
from training.dynamics_stage import NAME as DYNAMICS
from training.dynamics_stage import load_dynamics, train_dynamics
from training.export import Sampling
from training.precision import make_accelerator
from training.preset import Preset
from training.progress import progress_line
from training.seal import Networks, seal
from training.stage import StageReport, read_spent
from training.starts import find_starts
from training.student_stage import NAME as STUDENT
from training.student_stage import train_student
from training.teacher_stage import NAME as TEACHER
from training.teacher_stage import load_teacher, train_teacher
from training.tokenizer_stage import load_tokenizer, train_tokenizer
from training.worlds.base import FRAME_SIZE
from training.worlds.registry import world_class

PICTURE = (FRAME_SIZE, FRAME_SIZE)
START_SEED = 1_234  # of the copies that start frames are taken from


@dataclass(frozen=True)
class Run:
    """One world's run in one folder, by one preset."""

    world: str
    preset_name: str
    preset: Preset
    folder: Path

    def collect(self) -> None:
        """Simulate the training data that is still missing."""
        data = self.preset.data
        with progress_line("collect") as line:
            report = collect(
                self.world,
                data.frames,
                self.folder / "data",
                seed=self.preset.seed,
                num_envs=data.num_envs,
                episode_ticks=data.episode_ticks,
                progress=lambda report: line.update(report.frames / report.target, report.note),
                processes=os.cpu_count() or 1,
            )
        if not report.complete:
            raise KeyboardInterrupt  # collecting ends quietly on an interrupt; a run must not go on with less data

    def train_tokenizer(self, accelerator: Accelerator) -> StageReport:
        """Pictures to tokens and back."""
        stage = self.preset.tokenizer.stage
        feed = self._feed(window=stage.window, batch=stage.batch, accelerator=accelerator)
        return train_tokenizer(self.preset, PICTURE, feed, self.folder, accelerator)[1]

    def train_dynamics(self, accelerator: Accelerator) -> StageReport:
        """Tokens and actions to the next tokens."""
        stage = self.preset.dynamics.stage
        feed = self._feed(window=stage.window, batch=stage.batch, accelerator=accelerator)
        tokenizer = load_tokenizer(self.preset, PICTURE, self.folder)
        return train_dynamics(self.preset, tokenizer, self._actions, feed, self.folder, accelerator)[1]

    def train_chance(self, accelerator: Accelerator) -> StageReport | None:
        """A world's own odds to what it may bring; None where it doesn't know them, or the dynamics model has no layer
        for them."""
        if not (self.preset.dynamics.tells_odds and world_class(self.world).knows_chances):
            return None
        tokenizer = load_tokenizer(self.preset, PICTURE, self.folder)
        model = load_dynamics(self.preset, tokenizer, self._actions, self.folder)
        return train_chance(self.preset, self.world, model, self.folder, accelerator)

    def train_teacher(self, accelerator: Accelerator) -> StageReport:
        """Tokens, actions and a part of the next tokens to the rest of them; begins as the dynamics model."""
        stage = self.preset.teacher.stage
        feed = self._feed(window=stage.window, batch=stage.batch, accelerator=accelerator)
        tokenizer = load_tokenizer(self.preset, PICTURE, self.folder)
        return train_teacher(self.preset, tokenizer, self._actions, feed, self.folder, accelerator)[1]

    def train_student(self, accelerator: Accelerator) -> StageReport:
        """What the teacher says in several passes to one; begins as the dynamics model."""
        stage = self.preset.student.stage
        feed = self._feed(window=stage.window, batch=stage.batch, accelerator=accelerator)
        tokenizer, teacher = self.teacher()
        return train_student(self.preset, tokenizer, teacher, self._actions, feed, self.folder, accelerator)[1]

    def teacher(self) -> tuple[Tokenizer, TeacherModel]:
        """The run's teacher so far, with its tokenizer: averaged weights."""
        tokenizer = load_tokenizer(self.preset, PICTURE, self.folder)
        return tokenizer, load_teacher(self.preset, tokenizer, self._actions, self.folder)

    def networks(self, stage: str = DYNAMICS) -> Networks:
        """What the run has trained so far, its dynamics model or its student: averaged weights."""
        tokenizer = load_tokenizer(self.preset, PICTURE, self.folder)
        dynamics = load_dynamics(self.preset, tokenizer, self._actions, self.folder, stage)
        if stage == DYNAMICS:
            load_chance(dynamics, self.preset, self.world, self.folder)
        return Networks(tokenizer, dynamics, Sampling.of(self.preset.export))

    def export(self, out: Path, stage: str | None = None) -> Manifest:
        """Graphs, start frames and manifest of what is trained so far, into `out`: of the preset's `ships`, or of
        `stage`."""
        ships = stage or self.preset.export.ships
        world = world_class(self.world)
        export, data = self.preset.export, self.folder / "data"
        starts = find_starts(self.world, export.starts, export.context, "choose", START_SEED)
        chance = (CHANCE,) if ships == DYNAMICS and self._knows_odds() else ()
        stages = ("tokenizer", DYNAMICS, *chance, *((TEACHER, STUDENT) if ships == STUDENT else ()))
        spent = {name: read_spent(self.folder / f"{name}.pt") for name in stages}
        provenance = Provenance(
            preset=Path(self.preset_name).stem,
            device=spent[DYNAMICS].device,
            seed=self.preset.seed,
            frames=read_card(data).shard_frames * len(shard_paths(data)),
            steps={name: report.steps for name, report in spent.items()},
            hours={name: round(report.hours, 3) for name, report in spent.items()},
            world_version=world.version,
            created=datetime.now(UTC).date().isoformat(),
        )
        return seal(self.networks(ships), world, starts, provenance, out, export.half_states)

    def _knows_odds(self) -> bool:
        """Whether the dynamics model as it is has been through the chance stage."""
        tokenizer = load_tokenizer(self.preset, PICTURE, self.folder)
        model = load_dynamics(self.preset, tokenizer, self._actions, self.folder)
        return load_chance(model, self.preset, self.world, self.folder)

    @property
    def _actions(self) -> int:
        return len(world_class(self.world).actions)

    def _feed(self, window: int, batch: int, accelerator: Accelerator) -> Feed:
        windows = Windows(
            self.folder / "data",
            window=window,
            batch_size=batch,
            seed=self.preset.seed,
            rare_share=self.preset.data.rare_share,
            rarity=self.preset.data.rarity,
            early=self.preset.data.early,
            rank=accelerator.process_index,
            world_size=accelerator.num_processes,
            version=world_class(self.world).version,
        )
        return windows.prefetch


def run(this: Run, out: Path) -> Manifest:
    """simulate → tokenizer → dynamics → chance → export, check and seal into `out`; teacher → student in place of
    chance, where it is the student that ships."""
    accelerator = make_accelerator(this.preset.precision)
    with accelerator.main_process_first():
        this.collect()
    this.train_tokenizer(accelerator)
    this.train_dynamics(accelerator)
    if this.preset.export.ships == STUDENT:
        this.train_teacher(accelerator)
        this.train_student(accelerator)
    else:
        with accelerator.main_process_first():
            this.train_chance(accelerator)
    with accelerator.main_process_first():
        return this.export(out) if accelerator.is_main_process else read_manifest(out)
