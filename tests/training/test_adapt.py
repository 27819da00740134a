"""A tiny world adapted: what goes on, what is new, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.session import Session
from models.actions import Action
from models.manifest import BadInput, read_manifest
from training.adapt import SOURCE_NAME, Adaptation, adapt, train
from training.data.batches import Batch
from training.data.collect import collect
from training.data.dataset import DataSetCard, shard_path, write_card
from training.data.episode import Episode
from training.data.shards import pack_episode, write_shard
from training.precision import make_accelerator
from training.preset import Preset, load_preset
from training.seal import Networks
from training.stage import Stage, load_state

Shipped = tuple[Path, Networks, Preset]


@pytest.fixture(scope="module")
def preset(shipped: Shipped, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shipped one, with as little as every part runs with."""
    short = shipped[2].model_dump(mode="json")
    short["tokenizer"] |= {"codebook_pictures": 16}
    for stage in ("tokenizer", "dynamics"):
        short[stage]["stage"] |= {"steps": 4, "batch": 2, "warmup_steps": 1}
    short["export"] |= {"starts": 2}
    path = tmp_path_factory.mktemp("presets") / "short.yaml"
    path.write_text(yaml.safe_dump(short), encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little play of the puzzle."""
    folder = tmp_path_factory.mktemp("data")
    collect("puzzle", 256, folder, num_envs=2, episode_ticks=128)
    return folder


def _recorded(folder: Path, actions: tuple[Action, ...], self_generated: bool = False, world: str = "blocks") -> Path:
    """An RGB recording of a game that no simulator knows: a bright square on the ground, which goes right."""
    ticks = 64
    frames = np.zeros((ticks + 1, 128, 128, 3), np.uint8)
    for tick in range(ticks + 1):
        frames[tick, 56:64, tick : tick + 8] = 255
    names = tuple(action.value for action in Action)
    card = DataSetCard(
        world=world,
        version=0,
        split="train",
        seed=0,
        policy="recorded",
        copies=1,
        episode_ticks=ticks,
        segment_ticks=ticks,
        frames=ticks,
        actions=names,
        event_names=(),
        picture_shape=(128, 128, 3),
        self_generated=self_generated,
    )
    pressed = np.resize([names.index(action) for action in actions], ticks).astype(np.uint8)
    episode = Episode(
        frames, pressed, np.zeros(ticks, np.uint32), world, 0, "train", 0, "recorded", None, self_generated
    )
    write_card(folder, card)
    write_shard(shard_path(folder, 0), pack_episode(episode, world, ()))
    return folder


def test_an_adapted_world_plays_and_goes_on_from_its_source(
    shipped: Shipped, data: Path, preset: str, tmp_path: Path
) -> None:
    this = Adaptation(shipped[0], [data], preset, tmp_path / "run")
    manifest = adapt(this, tmp_path / "world")
    assert manifest.name == "puzzle" and manifest.provenance.frames == 256
    assert manifest.provenance.steps == {"puzzle dynamics": 7, "tokenizer": 4, "dynamics": 4}
    assert read_manifest(shipped[0]).digest in manifest.provenance.preset
    source = this.begin()
    trained = load_state(tmp_path / "run" / "dynamics.pt")["model"]
    for name in ("trunk.0.spatial.weight", "projection"):
        change = (trained[name] - source.dynamics.state_dict()[name]).norm() / source.dynamics.state_dict()[name].norm()
        assert change < 0.5, name
    assert torch.equal(trained["projection"], source.dynamics.projection)
    assert not torch.equal(trained["book"], source.dynamics.book)  # its codes were random patches
    checkpoint = load_checkpoint(tmp_path / "world")
    session = Session(checkpoint, OnnxBackend(checkpoint, threads=1))
    session.reset(0, rng_seed=1)
    assert session.step(Action.RIGHT).pixels.shape == (128, 128)


def test_a_stopped_adaptation_goes_on_exactly(
    shipped: Shipped, data: Path, preset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(Adaptation(shipped[0], [data], preset, tmp_path / "whole"), make_accelerator("no"))
    forward, steps = Stage._one_step, []

    def stop(self: Stage, batch: Batch) -> dict[str, torch.Tensor]:
        if len(steps) == 6:  # in the midst of the second stage
            raise KeyboardInterrupt
        steps.append(batch)
        return forward(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Stage, "_one_step", stop)
        with pytest.raises(KeyboardInterrupt):
            train(Adaptation(shipped[0], [data], preset, tmp_path / "parts"), make_accelerator("no"))
    assert load_state(tmp_path / "parts" / "dynamics.pt")["step"] == 2
    again = train(Adaptation(shipped[0], [data], preset, tmp_path / "parts"), make_accelerator("no"))
    for one, other in ((whole.tokenizer, again.tokenizer), (whole.dynamics, again.dynamics)):
        for name, weight in one.state_dict().items():
            assert torch.equal(other.state_dict()[name], weight), name


def test_a_run_keeps_to_its_source(shipped: Shipped, data: Path, preset: str, tmp_path: Path) -> None:
    (tmp_path / SOURCE_NAME).write_text('{"source": "0123456789abcdef"}')
    with pytest.raises(BadInput, match=r"source\.json: source: expected"):
        train(Adaptation(shipped[0], [data], preset, tmp_path), make_accelerator("no"))


def test_another_game_is_otherwise_like_the_world_adapted_from(shipped: Shipped, preset: str, tmp_path: Path) -> None:
    recording = _recorded(tmp_path / "data", (Action.RIGHT, Action.UP))
    this = Adaptation(shipped[0], [recording], preset, tmp_path / "run")
    source, networks = read_manifest(shipped[0]), train(this, make_accelerator("no"))
    assert (this.identity.name, networks.tokenizer.config.pixels) == ("blocks", "palette")
    assert this.identity.actions == tuple(entry.action for entry in source.actions)
    assert (this.identity.palettes, this.identity.scripts) == (source.palettes, source.scripts)
    starts = this.starts()
    assert starts.frames.shape == (2, 4, 128, 128) and starts.actions.shape == (2, 3)
    colours = np.array(next(iter(source.palettes.values())))[np.unique(starts.frames)]
    assert len(colours) == 2 and colours.sum(1).min() < 200 and colours.sum(1).max() > 700  # dark and white


def test_what_a_neural_world_made_is_left_out_unless_asked_for(shipped: Shipped, preset: str, tmp_path: Path) -> None:
    recording = _recorded(tmp_path / "data", (Action.RIGHT,), self_generated=True)
    with pytest.raises(BadInput, match="self_generated: expected a game's episodes"):
        train(Adaptation(shipped[0], [recording], preset, tmp_path / "run"), make_accelerator("no"))
    asked = Adaptation(shipped[0], [recording], preset, tmp_path / "run", self_generated=True)
    assert asked.card.self_generated


def test_an_action_that_the_world_lacks_is_refused(shipped: Shipped, preset: str, tmp_path: Path) -> None:
    recording = _recorded(tmp_path / "data", (Action.JUMP,))
    with pytest.raises(BadInput, match=r"blocks: actions: .*found jump"):
        train(Adaptation(shipped[0], [recording], preset, tmp_path / "run"), make_accelerator("no"))


def test_a_name_that_no_manifest_can_have_is_refused_before_anything_is_trained(
    shipped: Shipped, preset: str, tmp_path: Path
) -> None:
    recording = _recorded(tmp_path / "data", (Action.RIGHT,), world="My Blocks")
    with pytest.raises(BadInput, match=r"data: world: expected a name of small letters.*found My Blocks"):
        train(Adaptation(shipped[0], [recording], preset, tmp_path / "run"), make_accelerator("no"))
    assert not (tmp_path / "run").exists()


def test_the_budget_is_shared_and_the_rates_are_lower(shipped: Shipped, data: Path, tmp_path: Path) -> None:
    this = Adaptation(shipped[0], [data], "tiny", tmp_path, minutes=10.0)
    usual = load_preset("tiny", "puzzle")
    assert this.preset.tokenizer.stage.minutes == 1.0 and this.preset.dynamics.stage.minutes == 9.0
    assert this.preset.dynamics.stage.learning_rate == usual.dynamics.stage.learning_rate * usual.adapt.rate
    feed = this.feed(this.preset.dynamics.stage, make_accelerator("no"))
    batches = feed(0)
    assert next(batches).frames.shape[:2] == (4, 7)
