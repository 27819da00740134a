"""A base of two worlds: their batches take turns, and what comes of it can be adapted to either."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.checkpoint import load_checkpoint
from models.actions import Action
from models.manifest import BadInput
from training.adapt import Adaptation, train
from training.base import BASE, BaseRun, in_turn, train_base
from training.data.batches import Batch
from training.data.collect import collect
from training.precision import make_accelerator
from training.preset import load_preset
from training.worlds.platformer import Platformer
from training.worlds.puzzle import PuzzleWorld


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A little play of both worlds."""
    folders = [tmp_path_factory.mktemp(world) for world in ("platformer", "puzzle")]
    for world, folder in zip(("platformer", "puzzle"), folders, strict=True):
        collect(world, 512, folder, num_envs=1, episode_ticks=512)
    return folders


@pytest.fixture(scope="module")
def preset(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A few steps of tiny networks; each world with shifts of its own, the base with all of them."""
    short = load_preset("tiny", "puzzle").model_dump(mode="json")
    short["tokenizer"] |= {"codebook_pictures": 8}
    for stage in ("tokenizer", "dynamics"):
        short[stage]["stage"] |= {"steps": 4, "batch": 2, "warmup_steps": 1}
    short["export"] |= {"starts": 2}
    short["worlds"] = {
        BASE: {"dynamics": {"shifts": [[0, 0], [0, 1]], "carried": [[1, 0], [0, 4]]}},
        "platformer": {"dynamics": {"shifts": [[0, 0], [0, 1]], "carried": [[1, 0]]}},
        "puzzle": {
            "data": {"rare_share": 1.0, "rarity": {name: float(name == "due") for name in PuzzleWorld.event_names}},
            "dynamics": {"shifts": [[0, 0]], "carried": [[0, 4]]},
        },
    }
    path = tmp_path_factory.mktemp("presets") / "short.yaml"
    path.write_text(yaml.safe_dump(short), encoding="utf-8")
    return str(path)


def _numbered(name: int) -> object:
    def feed(first: int) -> Iterator[Batch]:
        while True:
            yield Batch(np.zeros((1, 1, 1, 1), np.uint8), np.array([[name, first]]), np.zeros((1, 2), np.uint32))
            first += 1

    return feed


@pytest.mark.parametrize("first", [0, 1, 5])
def test_feeds_take_turns_from_any_step_on(first: int) -> None:
    mixed = in_turn([_numbered(0), _numbered(1)])  # type: ignore[list-item]
    whole = [tuple(batch.actions[0].tolist()) for batch in islice(mixed(0), 12)]
    assert whole[:4] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert [tuple(batch.actions[0].tolist()) for batch in islice(mixed(first), 6)] == whole[first : first + 6]


def test_batches_know_all_actions_and_are_of_one_world_each(data: list[Path], preset: str, tmp_path: Path) -> None:
    this = BaseRun(data, preset, load_preset(preset, BASE), tmp_path)
    batches = this.feed(this.preset.dynamics.stage, make_accelerator("no"))(0)
    for world in (Platformer, PuzzleWorld, Platformer):
        numbers = {list(Action).index(action) for action in world.actions}
        assert set(np.unique(next(batches).actions).tolist()) <= numbers
    batches.close()  # type: ignore[attr-defined]


def test_batches_are_drawn_as_each_worlds_entry_says(data: list[Path], preset: str, tmp_path: Path) -> None:
    this = BaseRun(data, preset, load_preset(preset, BASE), tmp_path)
    batches = this.feed(this.preset.dynamics.stage, make_accelerator("no"))(0)
    due = np.uint32(PuzzleWorld(1).event_bit("due"))
    for _ in range(6):
        next(batches)
        assert (next(batches).events & due).any(1).all()
    batches.close()  # type: ignore[attr-defined]


def test_a_world_is_adapted_from_a_base(data: list[Path], preset: str, tmp_path: Path) -> None:
    manifest = train_base(BaseRun(data, preset, load_preset(preset, BASE), tmp_path / "base"), tmp_path / "from")
    assert (manifest.name, [entry.action for entry in manifest.actions]) == (BASE, list(Action))
    assert load_checkpoint(tmp_path / "from").starts == 2
    this = Adaptation(tmp_path / "from", [data[1]], preset, tmp_path / "run")
    networks = train(this, make_accelerator("no"))
    assert this.identity is PuzzleWorld and networks.dynamics.config.actions == len(PuzzleWorld.actions)
    assert networks.dynamics.config.carried == ((0, 4),)
    assert set(this.provenance().steps) == {"base tokenizer", "base dynamics", "tokenizer", "dynamics"}


def test_one_world_is_no_base(data: list[Path], preset: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--data: expected the data sets of two worlds"):
        train_base(BaseRun(data[:1], preset, load_preset(preset, BASE), tmp_path), tmp_path / "out")
