"""Carried weights do in their new order what they did in the old one."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from models.actions import Action
from models.dynamics import DynamicsConfig, DynamicsModel
from training.carry import carry

CONFIG = DynamicsConfig(
    codebook=12,
    actions=3,
    grid=(4, 4),
    shifts=((0, 0), (0, 1), (0, 2)),
    carried=((0, 3), (0, -1), (1, 0), (2, -1), (1, -1)),
    match=8,
    learnt=4,
    pixel_channels=8,
    detail_channels=8,
    token_channels=8,
    trunk_channels=8,
    blocks=2,
)
ACTIONS = (Action.NOOP, Action.LEFT, Action.JUMP)


def _model(config: DynamicsConfig, seed: int, book: Tensor | None = None) -> DynamicsModel:
    torch.manual_seed(seed)
    model = DynamicsModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.show(torch.randint(0, 16, model.book.shape, dtype=torch.uint8) if book is None else book)
    return model


@torch.no_grad()
def _answers(model: DynamicsModel, actions: list[int]) -> tuple[Tensor, Tensor]:
    """Pixels and names that it gives for some pictures."""
    pictures = torch.randint(0, 16, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(5))
    pictures[:, 1, :, 1:] = pictures[:, 0, :, :-1]  # something has moved
    prediction, _ = model(pictures, torch.tensor([actions]), model.initial_state(1))
    mixture = prediction.composition.mixture()
    return mixture, model.logits(prediction.features, mixture)


def test_another_order_of_shifts_actions_and_codes_changes_nothing() -> None:
    source = _model(CONFIG, 0)
    config = replace(CONFIG, shifts=((0, 0), (0, 2), (0, 1)), carried=tuple(reversed(CONFIG.carried)))
    order = torch.randperm(CONFIG.codebook)
    target = carry(source, _model(config, 1, source.book[order]), ACTIONS, tuple(reversed(ACTIONS)))
    mixture, logits = _answers(source, [0, 1, 2])
    again, renamed = _answers(target, [2, 1, 0])
    assert torch.allclose(again, mixture, atol=1e-5)
    assert torch.allclose(renamed, logits[..., order], atol=1e-4)


def test_what_is_new_is_not_listened_to() -> None:
    source = _model(CONFIG, 0)
    config = replace(CONFIG, actions=4, codebook=16, carried=(*CONFIG.carried, (7, 7)))
    book = torch.cat([source.book, torch.full((4, 64), 3, dtype=torch.uint8)])
    target = carry(source, _model(config, 1, book), ACTIONS, (*ACTIONS, Action.UP))
    assert not target.motion.weight[:, [8, 17]].any()  # of the new shift, the last in its column
    assert target.motion.weight[:, :8].all()
    assert torch.equal(target.codes[:12], source.codes)
    assert torch.equal(target.action_embedding.weight[:3], source.action_embedding.weight)
    assert torch.equal(target.projection, source.projection)


def test_of_a_union_a_part_is_taken() -> None:
    source = _model(CONFIG, 0)
    config = replace(CONFIG, actions=2, shifts=((0, 0),), carried=((0, -1), (0, 3)))
    target = carry(source, _model(config, 1), ACTIONS, (Action.NOOP, Action.JUMP))
    assert target.compositor.choice is not None and source.compositor.choice is not None
    assert torch.equal(target.compositor.choice.own.bias, source.compositor.choice.own.bias[[1, 0]])
    places, whole = 2 + 16, 4 + 16
    assert torch.equal(
        target.compositor.head.bias.view(4, places)[:, [0, 1]], source.compositor.head.bias.view(4, whole)[:, [0, 3]]
    )
    assert torch.equal(target.table.table[:16, :6], source.table.table[:16, :6])


def test_layers_of_another_width_begin_afresh() -> None:
    source = _model(CONFIG, 0)
    fresh = _model(replace(CONFIG, trunk_channels=12), 1)
    before = {name: weight.clone() for name, weight in fresh.state_dict().items()}
    carry(source, fresh, ACTIONS, ACTIONS)
    assert torch.equal(fresh.state_dict()["down.1.weight"], before["down.1.weight"])
    assert torch.equal(fresh.down[1].bias, before["down.1.bias"])
    assert torch.equal(fresh.look.weight, source.look.weight)


def test_columns_at_the_edge_are_the_same_from_the_right() -> None:
    source = _model(replace(CONFIG, edge_columns=2), 0)
    wider = carry(source, _model(replace(CONFIG, edge_columns=3), 1, source.book), ACTIONS, ACTIONS)
    for before, after in zip(_answers(source, [0, 1, 2]), _answers(wider, [0, 1, 2]), strict=True):
        assert torch.allclose(before, after, atol=1e-4)


def test_surroundings_are_the_same_from_the_middle() -> None:
    source = _model(replace(CONFIG, surroundings=(1, 3)), 0)
    wider = carry(source, _model(replace(CONFIG, surroundings=(3, 3)), 1, source.book), ACTIONS, ACTIONS)
    for before, after in zip(_answers(source, [0, 1, 2]), _answers(wider, [0, 1, 2]), strict=True):
        assert torch.allclose(before, after, atol=1e-4)
