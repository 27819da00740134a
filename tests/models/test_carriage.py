from __future__ import annotations

import pytest
import torch

from models.carriage import MOVER, OTHER, STILL, SURE, Carriage, Choice

PATCHES, SHIFTS = 4, 3


def _surely(index: int, of: int) -> torch.Tensor:
    logits = torch.full((of,), -20.0)
    logits[index] = 0.0
    return logits.log_softmax(-1)


def _carriage(mover: int, belongs: list[int], own: list[int]) -> Carriage:
    return Carriage(
        _surely(mover, SHIFTS)[None],
        torch.stack([_surely(kind, 3) for kind in belongs])[None],
        torch.stack([_surely(shift, SHIFTS) for shift in own])[None],
    )


def _evidence(fits: list[list[int]]) -> torch.Tensor:
    """For each patch the shifts that explain it; none is no evidence."""
    evidence = torch.zeros(1, len(fits), SHIFTS)
    for patch, shifts in enumerate(fits):
        if shifts:
            evidence[0, patch] = -SURE
            evidence[0, patch, shifts] = 0.0
    return evidence


def test_the_movers_patches_go_one_way_whatever_each_would_choose() -> None:
    carriage = _carriage(1, [MOVER, MOVER, OTHER, STILL], [0, 2, 2, 0])
    assert carriage.likeliest().tolist() == [[1, 1, 2, 1]]


def test_evidence_moves_the_mover_as_most_of_its_patches_went_and_others_their_own_way() -> None:
    carriage = _carriage(1, [MOVER, OTHER, MOVER, OTHER], [0, 0, 0, 2])
    evidence = _evidence([[2], [2], [0], []])
    assert carriage.likeliest(evidence).tolist() == [[2, 2, 0, 2]]


def test_evidence_that_leaves_the_mover_open_leaves_it_to_the_choice() -> None:
    carriage = _carriage(1, [MOVER] * 4, [0] * 4)
    assert carriage.likeliest(_evidence([[0, 1], [0, 1], [], []])).tolist() == [[1, 1, 1, 1]]


def test_nothing_is_misled_that_says_what_came() -> None:
    evidence = _evidence([[2], [2], [0], []])
    right = _carriage(2, [MOVER, MOVER, OTHER, STILL], [2, 2, 0, 1])
    assert right.misled(evidence).item() == pytest.approx(0, abs=1e-4)
    assert right.misled(torch.zeros_like(evidence)).item() > 30  # three patches were said to move


def test_a_wrong_shift_of_the_mover_is_misled_once() -> None:
    evidence = _evidence([[2], [2], [2], []])
    kinds, own = [MOVER] * 3 + [STILL], [2, 2, 2, 0]
    wrong, right = (_carriage(mover, kinds, own).misled(evidence).item() for mover in (1, 2))
    assert wrong - right == pytest.approx(20, abs=1)


def test_a_wrong_kind_and_a_wrong_way_are_misled() -> None:
    evidence = _evidence([[2], [2], [0], []])
    for carriage in (
        _carriage(2, [MOVER, STILL, OTHER, STILL], [2, 2, 0, 1]),
        _carriage(2, [MOVER, MOVER, OTHER, OTHER], [2, 2, 0, 1]),
        _carriage(2, [MOVER, MOVER, OTHER, STILL], [2, 2, 1, 1]),
    ):
        assert carriage.misled(evidence).item() > 15


def test_the_movers_patches_are_asked_all_at_once() -> None:
    """Two of three patches lean one way a little, the third leans another way as much: the two decide."""
    torch.manual_seed(0)
    choice = Choice(features=4, scene=2, fixed=1, carried=SHIFTS)
    with torch.no_grad():
        choice.own.weight.zero_()
        choice.own.weight[0, 0, 0, 0] = choice.own.weight[1, 1, 0, 0] = 1.0
        choice.belongs.weight[MOVER, 2, 0, 0] = 20.0
    features = torch.zeros(1, 4, 1, PATCHES)
    features[0, 2, 0, :3] = 1.0
    features[0, 0, 0, :2] = features[0, 1, 0, 2] = 1.0
    carriage = choice(features, torch.zeros(1, 2), torch.zeros(1, 2 * (1 + SHIFTS), 1, PATCHES))
    assert carriage.likeliest()[0, :3].tolist() == [0, 0, 0]
    assert carriage.own[0, 2].argmax() == 1


def test_at_first_everything_seems_still() -> None:
    choice = Choice(features=4, scene=2, fixed=1, carried=SHIFTS)
    carriage = choice(torch.randn(2, 4, 2, 2), torch.randn(2, 2), torch.zeros(2, 2 * (1 + SHIFTS), 2, 2))
    assert carriage.belongs.argmax(-1).eq(STILL).all()
