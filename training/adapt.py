"""A shipped world adapted to other episodes. Read `train` as the list of what happens.

Owns what of a checkpoint goes on in its successor, and the run folder's layout: source.json, tokenizer.pt, dynamics.pt,
curves/. Every part goes on from where an earlier, stopped run left it. Refuses figures: they are the preset's.

Codes are chosen anew, from the new pictures alone. The dynamics model sees pictures, not codes, so all that it has
learnt is kept, but for what it knew of codes that are gone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from engine.atomic import write_atomically
from engine.checkpoint import load_checkpoint
from models.actions import Action
from models.dynamics import DynamicsModel
from models.manifest import BadInput, Manifest, Provenance, read_manifest
from models.tokenizer import Tokenizer
from training.carry import carry
from training.data.batches import Feed, Windows
from training.data.dataset import DataSetCard, read_card
from training.data.fitting import Fitting
from training.data.recording import POLICY
from training.dynamics_stage import NextFrame, dynamics_config, load_dynamics, pixel_classes
from training.export import Sampling
from training.precision import make_accelerator
from training.preset import DataPreset, Preset, StagePreset, load_preset
from training.seal import Identity, Networks, check_replaceable, seal
from training.shipped_weights import read_networks
from training.stage import Stage, StageReport, read_spent
from training.starts import Starts, find_starts
from training.tokenizer_stage import Reconstruction, fill_codebook, load_tokenizer, tokenizer_config
from training.worlds.registry import WORLDS, world_class

SOURCE_NAME = "source.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # that a manifest may have
START_SEED = 1_234  # of the copies, or windows, that start frames are taken from


@dataclass(frozen=True)
class Adopted:
    """What the manifest says of a world that no simulator knows."""

    name: str
    title: str
    description: str
    genre: str
    palettes: dict[str, list[tuple[int, int, int]]]
    tick_rate: int
    actions: tuple[Action, ...]
    default_keys: dict[Action, tuple[str, ...]]
    scripts: dict[str, list[tuple[Action, int]]]


@dataclass(frozen=True)
class Adaptation:
    """The checkpoint folder `source`, made by the preset of that name, to be adapted to the data sets `data` in the run
    folder `folder`; `minutes` in all, the preset's where None. Its parts raise BadInput."""

    source: Path
    data: Sequence[Path]
    preset_name: str
    folder: Path
    minutes: float | None = None
    self_generated: bool = False

    @cached_property
    def manifest(self) -> Manifest:
        """The source's."""
        return load_checkpoint(self.source).manifest

    @cached_property
    def card(self) -> DataSetCard:
        """The data's."""
        return self._windows(1, 1, 0).card

    @cached_property
    def identity(self) -> Identity:
        """The simulated world that the data is of; of another game, its name and whatever else the source has."""
        if self.card.world in WORLDS:
            return world_class(self.card.world)
        if not NAME.fullmatch(self.card.world):
            raise BadInput(
                f"{self.data[0]}: world: expected a name of small letters, digits, - and _, found {self.card.world}"
            )
        source = self.manifest
        return Adopted(
            name=self.card.world,
            title=self.card.world[:60],
            description=f"Adapted from {source.title}.",
            genre=source.genre,
            palettes=source.palettes,
            tick_rate=source.tick_rate,
            actions=tuple(entry.action for entry in source.actions),
            default_keys={entry.action: entry.keys for entry in source.actions},
            scripts=source.scripts,
        )

    @cached_property
    def preset(self) -> Preset:
        """The new world's; of a game that no preset knows, the source's."""
        world = self.card.world if self.card.world in WORLDS else self.manifest.name
        preset = load_preset(self.preset_name, world)
        mine, minutes = preset.adapt, self.minutes or preset.adapt.minutes
        tokenizer = preset.tokenizer.stage.model_copy(update={"minutes": minutes * mine.tokenizer_share})
        stage = preset.dynamics.stage
        dynamics = stage.model_copy(
            update={
                "minutes": minutes * (1 - mine.tokenizer_share),
                "learning_rate": stage.learning_rate * mine.rate,
                "muon_rate": stage.muon_rate * mine.rate,
            }
        )
        return preset.model_copy(
            update={
                "tokenizer": preset.tokenizer.model_copy(update={"stage": tokenizer}),
                "dynamics": preset.dynamics.model_copy(update={"stage": dynamics}),
            }
        )

    @cached_property
    def fitting(self) -> Fitting:
        """From the data to the new world."""
        palettes = list(self.manifest.palettes.values())
        shape = self.manifest.picture_shape
        return Fitting.of(self.card, self.identity.actions, shape, palettes[0] if palettes else None)

    def begin(self) -> Networks:
        """The source's networks, and a note in the run folder that it is these which are adapted there."""
        networks = read_networks(self.source, self.manifest, load_preset(self.preset_name, self.manifest.name))
        path, digest = self.folder / SOURCE_NAME, self.manifest.digest
        self.folder.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            write_atomically(path, json.dumps({"source": digest}).encode())
        if digest not in path.read_text(encoding="utf-8"):
            raise BadInput(f"{path}: source: expected {digest}, the run was begun with another checkpoint")
        return networks

    def feed(self, stage: StagePreset, accelerator: Accelerator) -> Feed:
        """Batches of the new world for a stage."""
        rank, processes = accelerator.process_index, accelerator.num_processes
        windows = self._windows(stage.window, stage.batch, self.preset.seed, self.preset.data, rank, processes)
        return self.fitting.feed(windows.prefetch)

    def starts(self) -> Starts:
        """From the simulator, on levels that nothing was trained on; of a game without one, from its episodes."""
        count, context = self.preset.export.starts, self.preset.export.context
        if self.card.world in WORLDS:
            return find_starts(self.card.world, count, context, "choose", START_SEED)
        batch = self.fitting(self._windows(context - 1, count, START_SEED).batch(0))
        return Starts(batch.frames, batch.actions, np.zeros(count, np.int64))

    def provenance(self) -> Provenance:
        """What was spent, on the source too."""
        source = self.manifest
        spent = {stage: read_spent(self.folder / f"{stage}.pt") for stage in ("tokenizer", "dynamics")}
        before = source.provenance
        return Provenance(
            preset=f"{Path(self.preset_name).stem}, adapted from {source.name} {source.digest}",
            device=spent["dynamics"].device,
            seed=self.preset.seed,
            frames=self._windows(1, 1, 0).frames,
            steps={f"{source.name} {stage}": steps for stage, steps in before.steps.items()}
            | {stage: report.steps for stage, report in spent.items()},
            hours={f"{source.name} {stage}": hours for stage, hours in before.hours.items()}
            | {stage: round(report.hours, 3) for stage, report in spent.items()},
            world_version=self.card.version,
            created=datetime.now(UTC).date().isoformat(),
        )

    def _windows(
        self,
        window: int,
        batch: int,
        seed: int,
        over: DataPreset | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> Windows:
        card = read_card(self.data[0])
        name, known = card.world, card.event_names  # none of an imported game
        version = world_class(name).version if name in WORLDS else None
        windows = Windows(
            self.data,
            window,
            batch,
            seed=seed,
            rare_share=over.rare_share if over else 0.0,
            rarity={event: rarity for event, rarity in over.rarity.items() if event in known} if over else {},
            early=[event for event in over.early if event in known] if over else (),
            rank=rank,
            world_size=world_size,
            version=version,
        )
        for folder, card in zip(self.data, windows.cards, strict=True):
            # Of simulated data the flag says nothing.
            if card.policy == POLICY and card.self_generated and not self.self_generated:
                raise BadInput(
                    f"{folder}: self_generated: expected a game's episodes, found a neural world's own "
                    "(--self-generated takes them)"
                )
        return windows


def adapt(this: Adaptation, out: Path) -> Manifest:
    """train → start frames → export, check and seal into `out`. Raises BadInput."""
    check_replaceable(out)
    accelerator = make_accelerator(this.preset.precision)
    networks = train(this, accelerator)
    half_states = this.preset.export.half_states
    with accelerator.main_process_first():
        if accelerator.is_main_process:
            return seal(networks, this.identity, this.starts(), this.provenance(), out, half_states)
        return read_manifest(out)


def train(this: Adaptation, accelerator: Accelerator) -> Networks:
    """read → codes and tokenizer → dynamics; averaged weights. Raises BadInput."""
    preset, actions = this.preset, this.identity.actions
    source = this.begin()
    adapt_tokenizer(preset, source.tokenizer, this.feed(preset.tokenizer.stage, accelerator), this.folder, accelerator)
    tokenizer = load_tokenizer(preset, this.manifest.picture_shape, this.folder)
    known = [entry.action for entry in this.manifest.actions]
    feed = this.feed(preset.dynamics.stage, accelerator)
    adapt_dynamics(preset, tokenizer, source.dynamics, (known, actions), feed, this.folder, accelerator)
    tokenizer = tokenizer.cpu()
    dynamics = load_dynamics(preset, tokenizer, len(actions), this.folder)
    return Networks(tokenizer, dynamics, Sampling.of(preset.export))


def adapt_tokenizer(
    preset: Preset, source: Tokenizer, feed: Feed, folder: Path, accelerator: Accelerator
) -> StageReport:
    """Train the tokenizer for the pictures of `feed`, beginning as `source` was left, or where the run in `folder`
    was."""
    torch.manual_seed(preset.seed)
    config = source.config
    shape = (config.height, config.width) if config.pixels == "palette" else (config.height, config.width, 3)
    model = Tokenizer(tokenizer_config(preset, shape))
    if not (folder / "tokenizer.pt").is_file():
        _take_over(source, model, feed, preset.tokenizer.codebook_pictures)
    model.to(accelerator.device)
    objective = Reconstruction(model, preset.tokenizer.changed_weight, accelerator.device)
    return Stage("tokenizer", objective, feed, preset.tokenizer.stage, folder, preset.seed, accelerator).run()


@torch.no_grad()
def _take_over(source: Tokenizer, model: Tokenizer, feed: Feed, pictures: int) -> None:
    """Give `model` the codes of `feed` and, of `source`, what isn't of single codes, and what is of those that stay."""
    mine = model.state_dict()
    for name, weight in source.state_dict().items():
        # The first layer of the lift leads to zeros there, so it may be any: it is this one's, by its seed.
        if not name.startswith(("codebook.codes", "own", "book", "lift.0.")) and weight.shape == mine[name].shape:
            mine[name].copy_(weight)
    batches = feed(0)
    fill_codebook(model, batches, pictures)
    rows = {patch.numpy().tobytes(): row for row, patch in enumerate(source.book)}
    for row, patch in enumerate(model.book):
        if (known := rows.get(patch.numpy().tobytes())) is not None:
            model.own[row] = source.own[known]


def adapt_dynamics(
    preset: Preset,
    tokenizer: Tokenizer,
    source: DynamicsModel,
    actions: tuple[Sequence[Action], Sequence[Action]],
    feed: Feed,
    folder: Path,
    accelerator: Accelerator,
) -> StageReport:
    """Train the dynamics model for the new tokens, beginning as `source` was left, or where the run in `folder` was.
    `actions` are those that the source knows and those of the new world."""
    torch.manual_seed(preset.seed + 1)
    known, wanted = actions
    model = DynamicsModel(dynamics_config(preset, tokenizer, len(wanted)))
    model.show(pixel_classes(tokenizer).cpu())
    carry(source, model, known, wanted).to(accelerator.device)
    objective = NextFrame(model, tokenizer.to(accelerator.device), preset.dynamics, accelerator.device)
    return Stage("dynamics", objective, feed, preset.dynamics.stage, folder, preset.seed, accelerator).run()
