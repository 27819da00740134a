import torch
from torch import nn

from training.muon import Muon, orthogonalise, orthogonalise_all, split_parameters


def test_an_update_has_all_its_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((16, 64), (64, 16)):
        values = torch.linalg.svdvals(orthogonalise(torch.randn(shape)))
        assert 0.6 < float(values.min()) <= float(values.max()) < 1.3


def test_together_they_are_as_each_would_be_alone() -> None:
    torch.manual_seed(0)
    alone = [torch.randn(shape) for shape in ((16, 64), (64, 16), (8, 8), (3, 40))]
    for matrix, together in zip(alone, orthogonalise_all(alone), strict=True):
        stretched = orthogonalise(matrix) * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        assert together.shape == matrix.shape
        torch.testing.assert_close(together, stretched, atol=1e-4, rtol=0)


def test_it_finds_the_minimum_of_a_badly_scaled_problem() -> None:
    torch.manual_seed(0)
    scales = torch.logspace(0, 2, 8)
    weight = nn.Parameter(torch.zeros(8, 8))
    goal = torch.randn(8, 8)
    optimizer = Muon([weight], lr=0.05)
    first = None
    for step in range(600):
        optimizer.param_groups[0]["lr"] = 0.05 * (1 - step / 600)
        loss = ((weight - goal) * scales).square().mean()
        first = first or float(loss.detach())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.01 * first


def test_gains_biases_and_named_parts_stay_outside() -> None:
    module = nn.ModuleDict({"inner": nn.Conv2d(4, 8, 3), "head": nn.Linear(8, 5)})
    inner, outer = split_parameters(module, ("head",))
    assert [tuple(p.shape) for p in inner] == [(8, 4, 3, 3)]
    assert sorted(tuple(p.shape) for p in outer) == [(5,), (5, 8), (8,)]
