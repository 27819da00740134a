from dataclasses import replace
from typing import Any

import pytest
import torch

from models.dynamics import DynamicsConfig, DynamicsModel, likeliest, sample_tokens
from models.patches import by_twos, cut, join

SHIFTS = ((0, 0), (0, 2), (-3, 0))
CARRIED = ((2, 0), (0, 2))


def _config(**shape: Any) -> DynamicsConfig:
    small = DynamicsConfig(
        50,
        4,
        (8, 8),
        4,
        5,
        SHIFTS,
        CARRIED,
        match=24,
        pixel_channels=8,
        detail_channels=8,
        token_channels=16,
        trunk_channels=24,
    )
    return replace(small, **shape)


def _model(**shape: Any) -> DynamicsModel:
    torch.manual_seed(0)
    model = DynamicsModel(_config(**shape))
    model.show(torch.randint(0, 5, (50, 16), dtype=torch.uint8))
    for parameter in model.parameters():  # also those that begin at zero
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def _clip(batch: int, ticks: int) -> torch.Tensor:
    return torch.randint(0, 5, (batch, ticks, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("trunk", ["convolution", "attention"])
@pytest.mark.parametrize(("fold", "column_channels"), [(1, 0), (2, 0), (2, 6)])
def test_a_clip_at_once_equals_single_steps(fold: int, column_channels: int, trunk: str) -> None:
    model = _model(fold=fold, column_channels=column_channels, trunk=trunk)
    pictures, actions = _clip(2, 7), torch.randint(0, 4, (2, 7))
    with torch.no_grad():
        prediction, end = model(pictures, actions, model.initial_state(2))
        state = model.initial_state(2)
        steps = []
        for t in range(7):
            step, state = model(pictures[:, t : t + 1], actions[:, t : t + 1], state)
            steps.append(step.composition.mixture())
    whole = prediction.composition.mixture().unflatten(0, (2, 7))
    assert torch.allclose(whole, torch.stack(steps, 1), atol=1e-4)
    for one, other in zip(end, state, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_future_does_not_reach_the_past() -> None:
    model = _model()
    pictures, actions = _clip(1, 6), torch.randint(0, 4, (1, 6))
    changed = pictures.clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % 5
    with torch.no_grad():
        before, after = (
            model(clip, actions, model.initial_state(1))[0].composition.mixture() for clip in (pictures, changed)
        )
    assert torch.allclose(before[:4], after[:4], atol=1e-6)
    assert not torch.allclose(before[4:], after[4:], atol=1e-3)


def test_the_action_matters_and_is_remembered() -> None:
    model = _model()
    pictures = _clip(1, 3)
    with torch.no_grad():
        one, other = (
            model(pictures, torch.tensor([[first, 0, 0]]), model.initial_state(1))[0].features for first in (0, 1)
        )
    assert not torch.allclose(one[0], other[0])
    assert not torch.allclose(one[2], other[2])


def test_a_column_is_seen_whole_and_no_other() -> None:
    block = _model(column_channels=6).columns
    assert block is not None
    seen = torch.randn(1, 24, 4, 4, generator=torch.Generator().manual_seed(1))
    other = seen.clone()
    other[0, :, 3, 1] += 1.0
    with torch.no_grad():
        moved = (block(seen) - block(other)).abs().amax(1)[0] > 1e-4
    assert moved[:, 1].all() and not moved[:, [0, 2, 3]].any()


def test_what_comes_in_at_the_edge_is_named_by_the_last_columns_and_bends_nothing_else() -> None:
    model, plain = _model(edge_columns=3), _model()
    plain.load_state_dict({name: value for name, value in model.state_dict().items() if not name.startswith("edge")})
    pictures, actions = _clip(2, 3), torch.randint(0, 4, (2, 3))
    one, other = (each(pictures, actions, each.initial_state(2))[0] for each in (model, plain))
    differs = ((one.features - other.features).abs().amax((0, 2)) > 1e-4).unflatten(0, (8, 8))
    assert differs[:, -1].all() and not differs[:, :-1].any()
    assert torch.equal(one.composition.mixture(), other.composition.mixture())
    assert model.edge is not None
    fine = torch.randn(2, 16, 8, 8, requires_grad=True)
    model.edge(fine, torch.zeros(2, 64 + 2 * 24)).sum().backward()
    assert fine.grad is None and all(part.grad is not None for part in model.edge.parameters())


def test_a_place_is_named_by_its_surroundings_and_they_bend_nothing() -> None:
    model, plain = _model(surroundings=(3, 1)), _model()
    own = {name: value for name, value in model.state_dict().items() if not name.startswith("surroundings")}
    plain.load_state_dict(own)
    pictures, actions = _clip(2, 3), torch.randint(0, 4, (2, 3))
    one, other = (each(pictures, actions, each.initial_state(2))[0] for each in (model, plain))
    assert ((one.features - other.features).abs().amax((0, 2)) > 1e-4).all()
    assert torch.equal(one.composition.mixture(), other.composition.mixture())
    layer = model.surroundings
    assert layer is not None and model.odds is layer
    fine, scene = torch.randn(2, 16, 8, 8, requires_grad=True), torch.zeros(2, 64 + 2 * 24)
    layer(fine, scene).sum().backward()
    assert fine.grad is None and all(part.grad is not None for part in layer.parameters())
    changed = fine.detach().clone()
    changed[:, :, 4, 4] += 1.0  # in the trunk position (2, 2)
    moved = ((layer(changed, scene) - layer(fine, scene)).abs().amax((0, 1)) > 1e-5).nonzero()
    assert {(row, column) for row, column in moved.tolist()} == {
        (row, column) for row in range(2, 8) for column in (4, 5)
    }


@pytest.mark.parametrize("wrong", [{"surroundings": (2, 3)}, {"surroundings": (3, 3), "edge_columns": 2}])
def test_surroundings_have_a_middle_and_no_twin(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="surroundings: expected odd numbers, and edge_columns 0"):
        _config(**wrong)


def test_before_it_has_learnt_anything_what_was_there_stays() -> None:
    torch.manual_seed(0)
    model = DynamicsModel(_config())
    book = torch.randint(0, 5, (50, 16), dtype=torch.uint8)
    model.show(book)
    tokens = torch.randint(0, 50, (1, 64))
    picture = join(book[tokens], (8, 8))
    with torch.no_grad():
        prediction, _ = model(picture[:, None], torch.zeros(1, 1, dtype=torch.int64), model.initial_state(1))
        drawn, shown, _ = model.draw(prediction, torch.full((1, 64), 0.5), 0.5)
    assert torch.equal(shown, picture)
    assert (drawn == tokens).float().mean() > 0.95


def test_what_is_drawn_settles_only_what_was_open() -> None:
    model = _model()
    picture = _clip(1, 1)[0]
    certain = torch.nn.functional.one_hot(by_twos(cut(picture, 4)).long(), 5).float()
    tokens = torch.randint(0, 50, (1, 64))
    assert torch.equal(model.paint(certain, tokens), picture)
    assert torch.equal(model.paint(torch.full_like(certain, 0.2), tokens), join(model.book[tokens], (8, 8)))


@pytest.mark.parametrize(("grid", "patch", "field"), [((7, 8), 8, "fold"), ((8, 8), 6, "patch")])
def test_a_grid_that_cannot_be_folded_is_refused(grid: tuple[int, int], patch: int, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        DynamicsConfig(50, 4, grid=grid, patch=patch)


def test_what_is_beyond_doubt_has_an_entropy_of_zero() -> None:
    """Also where the exporter drops small numbers that keep a logarithm finite."""
    _, entropy = sample_tokens(torch.tensor([[500.0, *[0.0] * 7]]), torch.tensor([0.5]), 0.1)
    assert float(entropy[0]) == 0.0


def test_sampling_follows_the_probabilities() -> None:
    logits = torch.tensor([0.5, 0.3, 0.2]).log().expand(30000, 3)
    noise = (torch.arange(30000) + 0.5) / 30000
    tokens, entropy = sample_tokens(logits, noise, 0.0)
    shares = torch.bincount(tokens, minlength=3) / 30000
    assert torch.allclose(shares, torch.tensor([0.5, 0.3, 0.2]), atol=1e-3)
    assert float(entropy[0]) == pytest.approx(1.0297, abs=1e-3)


def test_unlikely_codes_are_never_drawn() -> None:
    logits = torch.tensor([0.9, 0.06, 0.04]).log().expand(1000, 3)
    tokens, _ = sample_tokens(logits, torch.linspace(0, 0.999999, 1000), 0.1)
    assert set(tokens.tolist()) == {0}


def test_outside_the_rows_that_are_named_nothing_is_drawn() -> None:
    model = _model()
    with torch.no_grad():
        model.opinion.bias[-1] = 6.0  # sure of nothing
        prediction, _ = model(_clip(1, 1), torch.zeros(1, 1, dtype=torch.int64), model.initial_state(1))
        noise = torch.rand(1, 64, generator=torch.Generator().manual_seed(3))
        likeliest_of_all = model.draw(prediction, noise, 1.0)[0]
        everywhere, _, doubt = model.draw(prediction, noise, 0.0)
        drawn, _, entropy = model.draw(prediction, noise, 0.0, rows=(2,))
    row = slice(16, 24)
    assert torch.equal(drawn[:, row], everywhere[:, row]) and torch.equal(entropy[:, row], doubt[:, row])
    rest = torch.ones(64, dtype=torch.bool)
    rest[row] = False
    assert torch.equal(drawn[:, rest], likeliest_of_all[:, rest]) and not torch.equal(
        drawn[:, rest], everywhere[:, rest]
    )
    assert (entropy[:, rest] == 0).all() and (doubt > 0).all()


def test_as_many_codes_can_be_drawn_as_are_asked_for() -> None:
    logits = torch.tensor([*[2.0] * 12, *[-20.0] * 8]).expand(1000, -1)
    noise = torch.linspace(0, 0.999999, 1000)
    assert len(sample_tokens(logits, noise, 0.1)[0].unique()) == 8
    assert len(sample_tokens(logits, noise, 0.1, candidates=16)[0].unique()) == 12


def test_the_likeliest_of_many_codes_are_found_through_their_groups() -> None:
    logits = torch.randn(3, 5, 4096, generator=torch.Generator().manual_seed(0))
    values, codes = likeliest(logits, 16)
    expected = logits.topk(16, -1)
    assert torch.equal(values, expected.values)
    assert torch.equal(codes, expected.indices)
