"""A toy world, small enough to read at a glance: it shows what the base class asks for."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
from accelerate import Accelerator

from models.actions import Action
from training.data.collect import collect
from training.preset import Preset, load_preset
from training.run import Run
from training.worlds import registry
from training.worlds.base import SPLITS, Frames, SimulatedWorld, Snapshot

STEPS = np.array([[0, 0], [-2, 0], [2, 0], [0, -2], [0, 2]])  # (x, y) for each action


class ToyWorld(SimulatedWorld):
    """A square that the keys move; hitting a wall is an event, so is being in the top left corner."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy"
    version: ClassVar[int] = 3
    actions: ClassVar[tuple[Action, ...]] = (Action.NOOP, Action.LEFT, Action.RIGHT, Action.UP, Action.DOWN)
    default_keys: ClassVar[dict[Action, tuple[str, ...]]] = {}
    palettes: ClassVar[dict[str, list[tuple[int, int, int]]]] = {"grey": [(i * 16, i * 16, i * 16) for i in range(16)]}
    event_names: ClassVar[tuple[str, ...]] = ("hit", "corner")
    scripts: ClassVar[dict[str, list[tuple[Action, int]]]] = {"loop": [(Action.RIGHT, 3), (Action.LEFT, 2)]}

    @property
    def current_level_seeds(self) -> npt.NDArray[np.int64]:
        return self.level_seed

    def _reset_copies(self, seeds: npt.NDArray[np.int64]) -> None:
        self.level_seed = self.level_seeds.start + seeds % len(SPLITS[self.split])
        self.place = np.stack([self.level_seed % 60, self.level_seed // 60 % 60], axis=1) * 2
        self.colour = (1 + self.level_seed % 15).astype(np.uint8)

    def _advance(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
        wanted = self.place + STEPS[actions]
        self.place = np.clip(wanted, 0, 120)
        hit = (wanted != self.place).any(axis=1)
        corner = (self.place == 0).all(axis=1)
        return (hit * self.event_bit("hit") + corner * self.event_bit("corner")).astype(np.uint32)

    @property
    def stuck(self) -> npt.NDArray[np.bool_]:
        """Where the square is against the right wall."""
        return np.asarray(self.place[:, 0] == 120)

    def suggest(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Towards the top left corner."""
        return np.where(self.place[:, 0] > 0, 1, 3)

    def render_frames(self) -> Frames:
        """uint8 [N,128,128]."""
        frames = np.zeros((self.num_envs, 128, 128), np.uint8)
        for copy, (x, y) in enumerate(self.place):
            frames[copy, y : y + 8, x : x + 8] = self.colour[copy]
        return frames

    def snapshot(self) -> Snapshot:
        """The whole state."""
        return {"place": self.place.copy(), "colour": self.colour.copy(), "level_seed": self.level_seed.copy()}

    def restore(self, snapshot: Snapshot) -> None:
        """Back to a snapshot."""
        self.place, self.colour = snapshot["place"].copy(), snapshot["colour"].copy()
        self.level_seed = snapshot["level_seed"].copy()


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> type[ToyWorld]:
    """The toy world, known to the registry by its name."""
    monkeypatch.setitem(registry.WORLDS, "toy", lambda: ToyWorld)
    return ToyWorld


def carrying(preset: Any) -> Any:
    """The preset with a choice of carried shifts, as the bundled worlds have."""
    return preset.model_copy(update={"dynamics": preset.dynamics.model_copy(update={"carried": ((0, 4), (4, 0))})})


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, Any]:
    """A sealed puzzle of tiny networks, these, and their preset."""
    return sealed(tmp_path_factory.mktemp("worlds") / "shipped")


def sealed(folder: Path, **shape: Any) -> tuple[Path, Any, Any]:
    """Seal a puzzle of tiny networks, whose dynamics model has that shape besides, into a folder: that, the networks
    and their preset. No weight is zero or one, as after learning, but for one layer's bias, which the exporter leaves
    out."""
    import torch

    from models.dynamics import DynamicsModel
    from models.manifest import Provenance
    from models.tokenizer import Tokenizer
    from training.dynamics_stage import dynamics_config
    from training.export import Sampling
    from training.preset import load_preset
    from training.run import PICTURE
    from training.seal import Networks, seal
    from training.starts import find_starts
    from training.tokenizer_stage import tokenizer_config
    from training.worlds.puzzle import PuzzleWorld

    torch.manual_seed(1)
    preset = carrying(load_preset("tiny", "puzzle"))
    preset = preset.model_copy(update={"dynamics": preset.dynamics.model_copy(update=shape)})
    tokenizer = Tokenizer(tokenizer_config(preset, PICTURE))
    tokenizer.book.random_(0, 16)
    dynamics = DynamicsModel(dynamics_config(preset, tokenizer, len(PuzzleWorld.actions)))
    dynamics.show(tokenizer.book)
    for parameter in (*tokenizer.parameters(), *dynamics.parameters()):
        torch.nn.init.normal_(parameter, std=0.1)
    torch.nn.init.zeros_(dynamics.down[1].bias)
    networks = Networks(tokenizer.eval(), dynamics.eval(), Sampling(min_p=0.2, shared_noise=True))
    provenance = Provenance(
        preset="tiny", device="cpu", seed=0, frames=9, steps={"dynamics": 7}, hours={}, world_version=1, created="-"
    )
    seal(networks, PuzzleWorld, find_starts("puzzle", 2, 4, "choose", 5), provenance, folder, parity_steps=1)
    return folder, networks, preset


@pytest.fixture(autouse=True)
def _no_accelerator_yet() -> Iterator[None]:
    """accelerate keeps one state a process, which refuses the precision of the next run."""
    yield
    if state := sys.modules.get("accelerate.state"):
        state.AcceleratorState._reset_state(True)


@pytest.fixture(scope="session")
def begun_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of the puzzle whose tokenizer and dynamics model have been trained for a step or two."""
    folder = tmp_path_factory.mktemp("begun")
    collect("puzzle", 512, folder / "data", num_envs=4, episode_ticks=128)
    preset = load_preset("tiny", "puzzle").model_dump()
    preset["tokenizer"]["codebook_pictures"] = 2
    for stage in ("tokenizer", "dynamics", "teacher", "student"):
        preset[stage]["stage"] |= {"steps": 2, "batch": 2}
    run = Run("puzzle", "tiny", Preset.model_validate(preset), folder)
    accelerator = Accelerator(cpu=True)
    run.train_tokenizer(accelerator)
    run.train_dynamics(accelerator)
    return run


@pytest.fixture
def fresh_run(begun_run: Run, tmp_path: Path) -> Run:
    """A copy of that run, to go on from."""
    folder = tmp_path / "run"
    shutil.copytree(begun_run.folder, folder)
    return replace(begun_run, folder=folder)
