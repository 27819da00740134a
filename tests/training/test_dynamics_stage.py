"""Contexts as the dynamics model's stage makes them, on a real small run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor

from models.dynamics import DynamicsModel
from models.patches import cut
from training.data.batches import Windows
from training.dynamics_stage import KNOWN, NextFrame, train_dynamics
from training.run import Run
from training.worlds.registry import world_class


@pytest.fixture
def objective(begun_run: Run) -> NextFrame:
    networks = begun_run.networks()
    return NextFrame(networks.dynamics, networks.tokenizer, begun_run.preset.dynamics, torch.device("cpu"))


@pytest.fixture
def clip(begun_run: Run) -> tuple[Tensor, Tensor]:
    batch = Windows(begun_run.folder / "data", window=6, batch_size=4).batch(0)
    return torch.from_numpy(batch.frames[:, :-1]), torch.from_numpy(batch.actions)


def test_a_rollout_keeps_movers_as_drawn_and_the_unknowable_as_recorded(
    objective: NextFrame, clip: tuple[Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.dynamics_stage.RESTART", 0.0)
    monkeypatch.setattr("training.dynamics_stage.LED", 1.0)
    true, actions = clip
    # Untrained, it expects that all stays: so wrong is what changes, and it is as sure of that as of the rest.
    moved = cut((true[:, 1:] != true[:, :-1]).flatten(0, 1), 8).any(2).unflatten(0, (4, 5))[:, KNOWN:].flatten(0, 1)
    busiest = int(moved.sum(0).argmax())
    evidence = torch.zeros(4, 6, 256, 4)
    evidence[:, :, busiest, 0] = -1.0

    def wrong(told: Tensor) -> Tensor:
        played = objective._own_rollout(true, true, actions, told, torch.Generator().manual_seed(0))
        assert torch.equal(played[:, : KNOWN + 1], true[:, : KNOWN + 1])
        return cut((played != true).flatten(0, 1), 8).any(2).any(0)

    monkeypatch.setattr("training.dynamics_stage.CERTAIN", 0.0)
    monkeypatch.setattr("training.dynamics_stage.MISLED", 1.0)
    assert not wrong(torch.zeros_like(evidence)).any()
    assert wrong(evidence)[busiest]
    monkeypatch.setattr("training.dynamics_stage.LED", 0.0)
    assert not wrong(evidence).any(), "what isn't led is as recorded where it is uncertain"
    monkeypatch.setattr("training.dynamics_stage.LED", 1.0)
    monkeypatch.setattr("training.dynamics_stage.MISLED", 0.5)
    assert not wrong(evidence).any(), "where so much is misjudged, the whole frame is as recorded"


def test_what_moves_is_there_twice_and_may_have_been_for_long(objective: NextFrame) -> None:
    pictures = torch.zeros(200, 6, 128, 128, dtype=torch.uint8)
    pictures[:, :, 64:80, 48:56] = 7  # a hero in the midst of nothing
    moving = torch.zeros(200, 6, 256, dtype=torch.bool)
    moving.view(200, 6, 16, 16)[:, :, 8:10, 6] = True
    corrupted = objective._corrupt(pictures, moving, torch.Generator().manual_seed(1))
    beside = (corrupted == 7).clone()
    beside[:, :, 60:84, 44:60] = False
    twice = beside.flatten(2).sum(2) >= 30  # most of one, not an edge
    assert 0.02 < twice.float().mean() < 0.3
    lasting = twice.all(1)
    assert lasting.any() and (twice.any(1) & ~lasting).any()


def test_what_enters_counts_as_often_as_it_is_told_to(objective: NextFrame, begun_run: Run) -> None:
    batch = Windows(begun_run.folder / "data", window=6, batch_size=4).batch(0)

    def loss(weight: float, edge_too: bool) -> float:
        objective.preset = objective.preset.model_copy(update={"entering_weight": weight})
        generator = torch.Generator().manual_seed(0)
        lesson = objective.lesson(batch, generator, progress=0.0)
        if edge_too:
            lesson.target[:, :, -8:] = (lesson.target[:, :, -8:] + 1) % 16
        with torch.no_grad():
            return float(objective.learn(lesson, generator)[0])

    costs = {weight: loss(weight, edge_too=True) - loss(weight, edge_too=False) for weight in (1.0, 3.0)}
    assert costs[3.0] == pytest.approx(3 * costs[1.0], rel=0.02)
    assert costs[1.0] > 0


def test_news_counts_as_often_as_it_is_told_to(objective: NextFrame) -> None:
    objective.preset = objective.preset.model_copy(update={"news_weight": 5.0, "entering_weight": 1.0})
    news = torch.zeros(2, 128, 128, dtype=torch.bool)
    news[1, 20, 9] = True
    counts = objective._counts(news)
    assert (counts[0] == 1).all() and counts[1].sum() == 256 + 4 and counts[1, 2 * 16 + 1] == 5


def test_news_is_what_the_picture_moved_as_a_whole_does_not_explain(objective: NextFrame) -> None:
    model = objective.model
    assert isinstance(model, DynamicsModel)
    scroll = next(across for down, across in model.compositor.shifts if across > 0 and not down)
    before = torch.randint(0, 16, (2, 128, 128), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    after = before.clone()
    after[1, :, :-scroll] = before[1, :, scroll:]
    after[1, :, -scroll:] = (before[1, :, -scroll:] + 1) % 16
    expected = torch.zeros(2, 128, 128, dtype=torch.bool)
    expected[1, :, -scroll:] = True
    after[:, 50:58, 60:70] = (after[:, 50:58, 60:70] + 1) % 16
    expected[:, 50:58, 60:70] = True
    news = objective.news(before, after)
    assert (news == expected)[:, :, :-scroll].all() and news[1, 50:58, 60:70].all() and not news[0, :50].any()


@pytest.mark.parametrize("trunk", ["convolution", "attention"])
def test_either_trunk_is_trained(begun_run: Run, trunk: str, tmp_path: Path) -> None:
    preset, tokenizer = begun_run.preset, begun_run.networks().tokenizer
    stage = preset.dynamics.stage.model_copy(update={"steps": 1})
    dynamics = preset.dynamics.model_copy(update={"trunk": trunk, "stage": stage})
    preset = preset.model_copy(update={"dynamics": dynamics})
    windows = Windows(begun_run.folder / "data", stage.window, stage.batch)
    model, report = train_dynamics(
        preset, tokenizer, len(world_class(begun_run.world).actions), windows.prefetch, tmp_path, Accelerator(cpu=True)
    )
    assert model.config.trunk == trunk and report.steps == 1
