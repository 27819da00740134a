import torch

from models.compositor import Compositor

SHIFTS = ((0, 0), (0, 1), (-2, 0))
CARRIED = ((3, 0), (0, -1), (-1, 2))


def _patches(picture: torch.Tensor) -> torch.Tensor:
    """[H,W] → [1,P,S] of 4×4 patches."""
    rows, columns = (size // 4 for size in picture.shape)
    return picture.view(rows, 4, columns, 4).transpose(1, 2).reshape(1, rows * columns, 16)


def _compositor() -> Compositor:
    torch.manual_seed(0)
    compositor = Compositor(6, 8, (2, 3), 4, 5, SHIFTS, CARRIED)
    for parameter in compositor.parameters():
        torch.nn.init.normal_(parameter)
    return compositor


def test_a_shift_looks_where_it_says_and_stops_at_the_edge() -> None:
    picture = torch.randint(0, 5, (8, 12), dtype=torch.uint8)
    moved = _compositor().move(_patches(picture))
    right = torch.cat([picture[:, 1:], picture[:, -1:]], 1)
    down = torch.cat([picture[:1], picture[:1], picture[:-2]])
    for index, expected in enumerate((picture, right, down)):
        assert torch.equal(moved[:, :, index], _patches(expected))


def test_each_patch_is_carried_by_the_shift_of_its_choice() -> None:
    compositor = _compositor()
    classes = _patches(torch.randint(0, 5, (8, 12), dtype=torch.uint8))
    choice = torch.tensor([[0, 1, 2, 2, 1, 0]])
    every = compositor.look(classes, CARRIED)
    carried = compositor.carry(classes, choice)
    for patch in range(6):
        assert torch.equal(carried[0, patch], every[0, patch, choice[0, patch]])


def test_a_certain_choice_is_as_likely_as_the_mixture_says() -> None:
    compositor = _compositor()
    assert compositor.choice is not None
    with torch.no_grad():
        compositor.choice.weight *= 1e3  # so that nothing but the likeliest shift counts
    classes = torch.randint(0, 5, (2, 6, 16), dtype=torch.uint8)
    composed = compositor(torch.randn(12, 6), classes)
    mixture = composed.mixture()
    assert torch.allclose(mixture.sum(-1), torch.ones(12, 16), atol=1e-5)
    wanted = torch.randint(0, 5, (12, 16), dtype=torch.uint8)
    expected = mixture.gather(-1, wanted.long().unsqueeze(-1)).squeeze(-1)
    assert torch.allclose(compositor.likelihood(composed, classes, wanted)[0], expected, atol=1e-4)


def test_some_patches_are_those_of_all() -> None:
    composed = _compositor()(torch.randn(6, 6), torch.randint(0, 5, (1, 6, 16), dtype=torch.uint8))
    some = torch.tensor([4, 1])
    assert torch.equal(composed[some].mixture(), composed.mixture()[some])


def test_at_first_what_was_there_stays() -> None:
    classes = torch.randint(0, 5, (1, 6, 16), dtype=torch.uint8)
    composed = Compositor(6, 8, (2, 3), 4, 5, SHIFTS, CARRIED)(torch.randn(6, 6), classes)
    assert torch.equal(composed.mixture().argmax(-1).to(torch.uint8), classes[0])
