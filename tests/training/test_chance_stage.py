"""A world's odds come to be the network's: on a tiny one whose edge layer alone is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from models.manifest import BadInput
from training.chance_stage import gather, learn, nats
from training.data.collect import collect
from training.precision import make_accelerator
from training.preset import ChancePreset, Preset, load_preset
from training.run import Run
from training.shipped_weights import read_networks
from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels
from training.worlds.platformer import Platformer

FEW = ChancePreset(choices=100, certain=3.0, copies=8, epochs=30, batch=32, learning_rate=0.01)


@pytest.fixture(scope="module")
def this(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A few steps of a tiny platformer that looks back on eight columns at the edge."""
    folder = tmp_path_factory.mktemp("chances")
    preset = load_preset("tiny", "platformer")
    short = {"steps": 4, "batch": 2, "warmup_steps": 1}
    values = preset.model_dump()
    values["tokenizer"] |= {"codebook": 2048, "codebook_pictures": 256}
    values["dynamics"] |= {"edge_columns": 8}
    values["chance"] = FEW.model_dump()
    values["export"] |= {"chance_rows": (15,), "candidates": 16, "min_p": 0.05, "starts": 2}
    for stage in ("tokenizer", "dynamics"):
        values[stage]["stage"] |= short
    collect("platformer", 2048, folder / "data", num_envs=4, episode_ticks=512)
    run = Run("platformer", "tiny", Preset.model_validate(values), folder)
    run.train_tokenizer(make_accelerator("no"))
    run.train_dynamics(make_accelerator("no"))
    return run


def test_the_odds_are_learnt_by_the_edge_layer_alone(this: Run) -> None:
    model = this.networks().dynamics
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    draws = gather(model, Platformer, FEW, 0, make_accelerator("no"), lambda share, note: None)
    assert draws.odds.sum(1).allclose(torch.ones(len(draws)))
    left_open = int((draws.odds.count_nonzero(1) > 1).sum())
    assert FEW.choices <= left_open < FEW.choices + FEW.copies
    assert len(draws) - left_open == pytest.approx(FEW.certain * left_open, rel=0.2), "so many certain ones beside each"
    steps, untaught, taught = learn(model, draws, FEW, 0, lambda share, note: None)
    assert steps > 0 and untaught.choice and untaught.certain and taught.choice is not None
    assert taught.choice < 0.5 * untaught.choice
    assert taught.certain is not None and taught.certain < untaught.certain
    assert str(taught) == f"{taught.choice:.4f} where there is a choice, {taught.certain:.4f} where there is none"
    changed = {name for name, weight in model.state_dict().items() if not torch.equal(weight, before[name])}
    assert changed and all(name.startswith("edge.") for name in changed)


def test_choices_alone_can_be_kept(this: Run) -> None:
    model, few = this.networks().dynamics, FEW.model_copy(update={"choices": 32, "certain": 0.0, "epochs": 1})
    draws = gather(model, Platformer, few, 0, make_accelerator("no"), lambda share, note: None)
    assert (draws.odds.count_nonzero(1) > 1).all()
    _, _, taught = learn(model, draws, few, 0, lambda share, note: None)
    assert taught.certain is None and str(taught).endswith(", - where there is none")


def test_some_copies_go_astray(this: Run) -> None:
    told = []

    class Watched(Platformer):
        def go_astray(self, copies: npt.NDArray[np.bool_]) -> None:
            told.append(copies.tolist())
            super().go_astray(copies)

    few = FEW.model_copy(update={"choices": 32})
    gather(this.networks().dynamics, Watched, few, 0, make_accelerator("no"), lambda share, note: None)
    assert told == [[False, False, False, True] * 2]


def test_a_run_keeps_it_beside_the_network_that_it_was_learnt_for(this: Run, tmp_path: Path) -> None:
    untaught = this.networks().dynamics.edge
    report = this.train_chance(make_accelerator("no"))
    taught = this.networks().dynamics.edge
    assert report is not None and untaught is not None and taught is not None
    assert not torch.equal(taught.out.weight, untaught.out.weight)
    kept = (this.folder / "chance.pt").read_bytes()
    assert this.train_chance(make_accelerator("no")) == report
    assert (this.folder / "chance.pt").read_bytes() == kept, "it is learnt once"
    state = torch.load(this.folder / "dynamics.pt", weights_only=True)
    other = {name: weight + 1 if name == "position" else weight for name, weight in state["average"].items()}
    torch.save(state | {"average": other}, this.folder / "dynamics.pt")
    with pytest.raises(BadInput, match=r"chance\.pt: origin: expected the odds of this run's network"):
        this.export(tmp_path / "world")
    assert not (tmp_path / "world").exists()
    torch.save(state, this.folder / "dynamics.pt")


def test_it_ships_and_is_read_out_of_the_graph_again(this: Run, tmp_path: Path) -> None:
    this.train_chance(make_accelerator("no"))
    manifest = this.export(tmp_path / "world")
    assert manifest.provenance is not None and set(manifest.provenance.steps) == {"tokenizer", "dynamics", "chance"}
    read, made = (
        networks.dynamics.state_dict()
        for networks in (read_networks(tmp_path / "world", manifest, this.preset), this.networks())
    )
    assert any(name.startswith("edge.") for name in made)
    assert all(torch.allclose(read[name], made[name], atol=1e-6) for name in made)


def test_codes_that_look_alike_are_one_thing_that_may_come(this: Run) -> None:
    model = this.networks().dynamics
    draws = gather(model, Platformer, FEW, 0, make_accelerator("no"), lambda share, note: None)
    certain = draws.at((draws.odds.count_nonzero(1) == 1).nonzero()[:50, 0])
    assert (nats(model, certain, torch.arange(len(model.book))) > 0).all()
    alike = torch.zeros(len(model.book), dtype=torch.long)
    assert nats(model, certain, alike).abs().max() < 1e-4


@pytest.mark.parametrize("kept", [0, 1])
def test_a_codebook_without_what_may_come_is_told_of(this: Run, monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    """Be it all that it lacks, or the runes that stand for something and none that says that all goes on."""
    monkeypatch.setattr("training.chance_stage.PATIENCE", 20)
    model = this.networks().dynamics
    flat = torch.from_numpy(art.RUNES[levels.Op.FLAT][:, :2].copy()).flatten()
    says = model.book.unflatten(1, (8, 8))[:, :, 6:].flatten(1).eq(flat).all(1)
    model.show(torch.where(says[:, None] & bool(kept), model.book, 0))
    with pytest.raises(BadInput, match="codebook: expected codes of what may come in"):
        gather(model, Platformer, FEW, 0, make_accelerator("no"), lambda share, note: None)


def test_a_network_without_a_layer_for_them_has_no_such_stage(tmp_path: Path) -> None:
    assert Run("puzzle", "tiny", load_preset("tiny", "puzzle"), tmp_path).train_chance(make_accelerator("no")) is None
