import pytest
import torch

from models.dynamics import DynamicsConfig, DynamicsModel, likeliest, sample_tokens

SHIFTS = ((0, 0), (0, 2), (-3, 0))
CARRIED = ((2, 0), (0, 2))


def _config(fold: int = 2) -> DynamicsConfig:
    return DynamicsConfig(
        50, 4, (8, 8), 4, 5, SHIFTS, CARRIED, 24, 8, fold, token_channels=16, trunk_channels=24, blocks=4, hidden=16
    )


def _book() -> torch.Tensor:
    return torch.randint(0, 5, (50, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def _model(fold: int = 2) -> DynamicsModel:
    torch.manual_seed(0)
    model = DynamicsModel(_config(fold))
    model.show(_book())
    for parameter in model.parameters():  # also those that begin at zero
        torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


@pytest.mark.parametrize("fold", [1, 2])
def test_a_clip_at_once_equals_single_steps(fold: int) -> None:
    model = _model(fold)
    tokens, actions = torch.randint(0, 50, (2, 7, 64)), torch.randint(0, 4, (2, 7))
    with torch.no_grad():
        whole, end = model(tokens, actions, model.initial_state(2))
        state = model.initial_state(2)
        steps = []
        for t in range(7):
            logits, state = model(tokens[:, t : t + 1], actions[:, t : t + 1], state)
            steps.append(logits)
    assert torch.allclose(whole, torch.cat(steps, 1), atol=1e-4)
    for one, other in zip(end, state, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_the_future_does_not_reach_the_past() -> None:
    model = _model()
    tokens, actions = torch.randint(0, 50, (1, 6, 64)), torch.randint(0, 4, (1, 6))
    changed = tokens.clone()
    changed[:, 4:] = (changed[:, 4:] + 1) % 50
    with torch.no_grad():
        before, after = (model(x, actions, model.initial_state(1))[0] for x in (tokens, changed))
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.allclose(before[:, 4:], after[:, 4:])


def test_the_action_matters_and_is_remembered() -> None:
    model = _model()
    tokens = torch.randint(0, 50, (1, 3, 64))
    with torch.no_grad():
        one, other = (model(tokens, torch.tensor([[first, 0, 0]]), model.initial_state(1))[0] for first in (0, 1))
    assert not torch.allclose(one[:, 0], other[:, 0])
    assert not torch.allclose(one[:, 2], other[:, 2])


def test_before_it_has_learnt_anything_what_was_there_stays() -> None:
    model = DynamicsModel(_config())
    model.show(_book())
    tokens = torch.randint(0, 50, (1, 2, 64))
    with torch.no_grad():
        logits, _ = model(tokens, torch.zeros(1, 2, dtype=torch.int64), model.initial_state(1))
    assert (logits.argmax(-1) == tokens).float().mean() > 0.95


def test_a_picture_that_moved_is_explained_by_its_shift_alone() -> None:
    model = DynamicsModel(_config())
    # A band that each patch row shows, and the same band two pixels to the left: codes 0 to 7, and 8 to 15.
    band = torch.randint(1, 5, (4, 34), dtype=torch.uint8, generator=torch.Generator().manual_seed(2))
    book = torch.zeros(50, 16, dtype=torch.uint8)
    for column in range(8):
        book[column] = band[:, 4 * column : 4 * column + 4].flatten()
        book[8 + column] = band[:, 4 * column + 2 : 4 * column + 6].flatten()
    model.show(book)
    here = torch.arange(8).repeat(8).view(1, 1, 64)
    movement = model.compositor.movement(model.book[here[0]], model.book[here[0] + 8])
    same, exact, carried = movement.split([3, 3, 2], -1)
    inside = exact[0].view(8, 8, 3)[:, :7]  # what enters at the edge can't have come from anywhere
    assert inside[..., 1].eq(1).all()
    assert inside[..., [0, 2]].eq(0).all()
    assert (same >= exact).all()
    assert carried[0].view(8, 8, 2)[:, :7, 1].eq(1).all()


def test_a_grid_that_cannot_be_folded_is_refused() -> None:
    with pytest.raises(ValueError, match="fold"):
        DynamicsConfig(50, 4, grid=(7, 8))


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


def test_the_likeliest_of_many_codes_are_found_through_their_groups() -> None:
    logits = torch.randn(3, 5, 4096, generator=torch.Generator().manual_seed(0))
    values, codes = likeliest(logits, 16)
    expected = logits.topk(16, -1)
    assert torch.equal(values, expected.values)
    assert torch.equal(codes, expected.indices)
