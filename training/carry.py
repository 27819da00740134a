"""Weights of one dynamics model put into another that may know other codes, shifts or actions.

Owns which row or column of a weight stands for what; refuses to train. What both have is carried over by name. What the
target alone has stays as it begins where something is told of it, and is zero where something is made of it: so the
carried rest does what it did.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import product

import torch
from torch import Tensor

from models.actions import Action
from models.compositor import Shift, marks_within_a_byte
from models.dynamics import DynamicsModel
from models.layers import NUMBERS

Labels = list[Hashable]
TABLES = ("table.table", "compositor.table.table")
CARRIED = "carried"  # the place that a patch's own shift brings


@torch.no_grad()
def carry(
    source: DynamicsModel, target: DynamicsModel, known: Sequence[Action], wanted: Sequence[Action]
) -> DynamicsModel:
    """Put into `target`, which has its book already, what `source` has learnt; `known` and `wanted` are the actions
    that each goes by. Codes are the same where their patches are. Returns `target`."""
    mine, theirs = target.state_dict(), source.state_dict()
    here, there = _labels(target, wanted), _labels(source, known)
    other: set[str] = set()  # layers that begin afresh, so their biases do too
    for name, weight in mine.items():
        layer = name.rpartition(".")[0]
        if name not in theirs or name == "book" or name in TABLES or (name.endswith(".bias") and layer in other):
            continue
        found, labels = theirs[name], [there.get((name, axis)) for axis in range(weight.ndim)]
        pairs = [
            _matching(here.get((name, axis)), labels[axis], weight.shape[axis], found.shape[axis])
            for axis in range(weight.ndim)
        ]
        if any(pair is None for pair in pairs):
            other.add(layer)
            continue  # of another width: nothing in it has a counterpart
        into, out_of = zip(*(pair for pair in pairs if pair is not None), strict=True) if pairs else ((), ())
        if any(len(rows) < size for rows, size in zip(into[1:], weight.shape[1:], strict=True)):
            weight.zero_()
        weight[_grid(into)] = found[_grid(out_of)]
    classes = target.config.classes
    for name in TABLES:  # what a class is seen as; the bits behind that are the target's own
        mine[name].unflatten(0, (-1, classes))[..., :NUMBERS] = theirs[name][:classes, :NUMBERS]
    return target


def _grid(axes: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Indices of all combinations of some rows, some columns, …"""
    return tuple(axis.view(-1, *[1] * (len(axes) - 1 - number)) for number, axis in enumerate(axes))


def _matching(mine: Labels | None, theirs: Labels | None, size: int, other: int) -> tuple[Tensor, Tensor] | None:
    """Which entries of an axis become which; None where the axis has no labels and another length."""
    if mine is None or theirs is None:
        return (torch.arange(size), torch.arange(size)) if size == other else None
    assert (len(mine), len(theirs)) == (size, other)
    where = {label: place for place, label in reversed(list(enumerate(theirs)))}
    both = [(place, where[label]) for place, label in enumerate(mine) if label in where]
    into, out_of = torch.tensor(both, dtype=torch.long).view(-1, 2).unbind(1)
    return into, out_of


def _labels(model: DynamicsModel, actions: Sequence[Action]) -> dict[tuple[str, int], Labels]:
    """What the entries stand for, by parameter and axis, wherever that depends on codes, shifts or actions."""
    config = model.config
    fixed, carried, classes = config.shifts, config.carried, config.classes
    marks = list(fixed[: marks_within_a_byte(classes)])
    numbers: Labels = [*range(NUMBERS), *marks]
    moves: Labels = [
        (how, shift) for how in ("share", "sharp") for shift in (*_in_columns(fixed), *_in_columns(carried))
    ]
    places: Labels = [*fixed, *([CARRIED] if carried else [])]
    seen: Labels = list(product(range(4), places, numbers))
    shares: Labels = list(product(range(4), [*places, *range(classes)]))
    chosen: Labels = list(carried)
    alone: Labels = list(_in_columns(carried))
    choice = "compositor.choice"
    scene: Labels = [("scene", width, number) for width in [64 + 2 * config.trunk_channels] for number in range(width)]
    features: Labels = [("feature", number) for number in range(config.token_channels)]
    codes: Labels = [row.numpy().tobytes() for row in model.book]
    labels: dict[tuple[str, int], Labels] = {
        ("codes", 0): codes,
        ("action_embedding.weight", 0): list(actions),
        ("look.weight", 1): list(product(range(4), numbers)),
        ("motion.weight", 1): moves,
        ("compositor.seen_pixel.weight", 1): seen,
        ("compositor.seen_detail.weight", 1): seen,
        (f"{choice}.follow.weight", 1): alone,
        (f"{choice}.whole.0.weight", 1): [*scene, *alone],
        (f"{choice}.bent_moved.weight", 1): alone,
        (f"{choice}.mover.0.weight", 1): [*features, *alone, *scene],
    }
    for kind in ("weight", "bias"):
        labels[f"compositor.head.{kind}", 0] = shares
        for layer in ("own", "whole.2", "bend.1", "mover.2"):
            labels[f"{choice}.{layer}.{kind}", 0] = chosen
    labels[f"{choice}.follow.weight", 0] = chosen
    for axis, size in zip((2, 3), config.surroundings, strict=True):
        labels["surroundings.around.weight", axis] = [place - size // 2 for place in range(size)]
    if model.edge is not None:
        columns = range(-model.edge.columns, 0)  # from the right
        labels["edge.whole.weight", 1] = [
            *product(range(model.edge.narrow.out_channels), range(config.grid[0]), columns),
            *scene,
        ]
    return labels


def _in_columns(shifts: tuple[Shift, ...]) -> list[Shift]:
    """In the order in which the compositor compares them: column by column, as they are first named."""
    columns = list(dict.fromkeys(across for _, across in shifts))
    return sorted(shifts, key=lambda shift: columns.index(shift[1]))
