"""One network for several worlds: a base, from which each can be adapted. Read `train_base` as what happens.

Owns the mix of the worlds' episodes, and the run folder's layout: tokenizer.pt, dynamics.pt, curves/. Refuses figures:
the preset's, whose entry `base` has the union of the worlds' shifts. The base knows every action; each batch is of one
world, and they take turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from models.actions import Action
from models.manifest import BadInput, Manifest, Provenance, read_manifest
from training.adapt import START_SEED, Adopted
from training.data.batches import Batch, Feed, Windows, close
from training.data.dataset import read_card
from training.data.fitting import Fitting
from training.dynamics_stage import load_dynamics, train_dynamics
from training.export import Sampling
from training.precision import make_accelerator
from training.preset import Preset, StagePreset, load_preset
from training.run import PICTURE
from training.seal import Networks, check_replaceable, seal
from training.stage import read_spent
from training.starts import Starts, find_starts
from training.tokenizer_stage import load_tokenizer, train_tokenizer
from training.worlds.base import SimulatedWorld
from training.worlds.registry import world_class

BASE = "base"  # its name, and its entry in a preset


@dataclass(frozen=True)
class BaseRun:
    """A base trained in `folder` on the data sets `data`, one a simulated world, by a preset."""

    data: Sequence[Path]
    preset_name: str
    preset: Preset
    folder: Path

    def worlds(self) -> list[type[SimulatedWorld]]:
        """Those that the data is of. Raises BadInput."""
        return [world_class(read_card(folder).world) for folder in self.data]

    def feed(self, stage: StagePreset, accelerator: Accelerator) -> Feed:
        """Batches for a stage, of each world in turn, drawn as its own entry in the preset says. Raises BadInput."""
        worlds = self.worlds()
        drawn = [load_preset(self.preset_name, world.name).data for world in worlds]
        sets = [
            Windows(
                folder,
                stage.window,
                stage.batch,
                seed=self.preset.seed,
                rare_share=data.rare_share,
                rarity=data.rarity,
                early=data.early,
                rank=accelerator.process_index,
                world_size=accelerator.num_processes,
                version=world.version,
            )
            for folder, world, data in zip(self.data, worlds, drawn, strict=True)
        ]
        return in_turn([Fitting.of(one.card, tuple(Action), PICTURE, None).feed(one.prefetch) for one in sets])

    def starts(self) -> Starts:
        """As many of each world as of any other. Raises BadInput."""
        export, worlds = self.preset.export, self.worlds()
        each = -(-export.starts // len(worlds))
        found = [find_starts(world.name, each, export.context, "choose", START_SEED) for world in worlds]
        numbers = [np.array([list(Action).index(action) for action in world.actions]) for world in worlds]
        return Starts(
            np.concatenate([one.frames for one in found]),
            np.concatenate([number[one.actions] for one, number in zip(found, numbers, strict=True)]),
            np.concatenate([one.level_seeds for one in found]),
        )

    def provenance(self) -> Provenance:
        """What was spent."""
        spent = {stage: read_spent(self.folder / f"{stage}.pt") for stage in ("tokenizer", "dynamics")}
        return Provenance(
            preset=Path(self.preset_name).stem,
            device=spent["dynamics"].device,
            seed=self.preset.seed,
            frames=sum(Windows(folder, 1, 1).frames for folder in self.data),
            steps={stage: report.steps for stage, report in spent.items()},
            hours={stage: round(report.hours, 3) for stage, report in spent.items()},
            world_version=0,
            created=datetime.now(UTC).date().isoformat(),
        )


def train_base(this: BaseRun, out: Path) -> Manifest:
    """tokenizer → dynamics → export, check and seal into `out`. Raises BadInput."""
    check_replaceable(out)
    if len(this.data) < 2:
        raise BadInput(f"{len(this.data)}: --data: expected the data sets of two worlds or more")
    preset = this.preset
    accelerator = make_accelerator(preset.precision)
    train_tokenizer(preset, PICTURE, this.feed(preset.tokenizer.stage, accelerator), this.folder, accelerator)
    tokenizer = load_tokenizer(preset, PICTURE, this.folder)
    feed = this.feed(preset.dynamics.stage, accelerator)
    train_dynamics(preset, tokenizer, len(Action), feed, this.folder, accelerator)
    dynamics = load_dynamics(preset, tokenizer.cpu(), len(Action), this.folder)
    networks = Networks(tokenizer, dynamics, Sampling.of(preset.export))
    identity, half_states = identity_of(this.worlds()), preset.export.half_states
    with accelerator.main_process_first():
        if accelerator.is_main_process:
            return seal(networks, identity, this.starts(), this.provenance(), out, half_states)
        return read_manifest(out)


def in_turn(feeds: Sequence[Feed]) -> Feed:
    """Batch n is the next of the feeds' number n modulo their count, from whichever batch it is begun at."""

    def mixed(first: int) -> Iterator[Batch]:
        count = len(feeds)
        batches = [feed((first + count - 1 - number) // count) for number, feed in enumerate(feeds)]
        try:
            step = first
            while True:
                yield next(batches[step % count])
                step += 1
        finally:
            for each in batches:
                close(each)

    return mixed


def identity_of(worlds: Sequence[type[SimulatedWorld]]) -> Adopted:
    """What the manifest says of a base of these worlds: keys of all of them, colours of the first."""
    keys = {
        action: tuple(dict.fromkeys(key for w in worlds for key in w.default_keys.get(action, ()))) for action in Action
    }
    titles = " and ".join(world.title for world in worlds)
    return Adopted(
        name=BASE,
        title="Base",
        description=f"One network for {titles}, to adapt worlds from.",
        genre=BASE,
        palettes=worlds[0].palettes,
        tick_rate=worlds[0].tick_rate,
        actions=tuple(Action),
        default_keys=keys,
        scripts={},
    )
