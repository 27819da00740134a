import pytest
import torch

from models.carriage import SURE
from models.compositor import Composition, Compositor, marks_within_a_byte, shifted
from models.patches import by_twos, cut, quads

SHIFTS = ((0, 0), (0, 1), (-2, 0))
CARRIED = ((3, 0), (0, -1), (-1, 2))
GRID, PATCH, CLASSES = (2, 3), 4, 5
SIZE = (8, 12)


def _pictures(count: int = 1, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, CLASSES, (count, *SIZE), dtype=torch.uint8, generator=generator)


def _compositor(std: float = 0.5) -> Compositor:
    torch.manual_seed(0)
    compositor = Compositor(6, 8, 8, GRID, PATCH, CLASSES, SHIFTS, CARRIED, scene=3)
    for parameter in compositor.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return compositor


def _features(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 6, *GRID, generator=generator), torch.randn(count, 8, 2, 3, generator=generator)


def _composed(compositor: Compositor, pictures: torch.Tensor) -> Composition:
    """As if the picture before had been the same."""
    scene = torch.ones(len(pictures), 3)
    marked, movement = compositor.marked(pictures, pictures), compositor.movement(pictures, pictures)
    composed: Composition = compositor(*_features(len(pictures)), scene, marked, movement)
    return composed


def test_a_shift_looks_where_it_says_and_stops_at_the_edge() -> None:
    picture = _pictures()
    moved = _compositor().look(picture, SHIFTS)
    right = torch.cat([picture[:, :, 1:], picture[:, :, -1:]], 2)
    down = torch.cat([picture[:, :1], picture[:, :1], picture[:, :-2]], 1)
    for index, expected in enumerate((picture, right, down)):
        assert torch.equal(moved[..., index], expected)


def test_every_second_pixel_of_a_shifted_picture() -> None:
    picture = _pictures(2)
    every = torch.stack([shifted(picture, [down], -1)[:, 0] for down in (2, -1)], 1)
    assert torch.equal(shifted(picture, [2, -1], -1, step=2), every[:, :, ::2, ::2])


def test_each_patch_is_carried_by_the_shift_of_its_choice() -> None:
    compositor = _compositor()
    picture = _pictures()
    choice = torch.tensor([[0, 1, 2, 2, 1, 0]])
    every = cut(compositor.look(picture, CARRIED), PATCH)
    carried = cut(compositor.carry(picture, choice), PATCH)
    for patch in range(6):
        assert torch.equal(carried[0, patch], every[0, patch, :, choice[0, patch]])


def test_pixels_are_as_likely_as_the_mixture_says() -> None:
    composed = _composed(_compositor(), _pictures(2))
    mixture = composed.mixture()
    assert torch.allclose(mixture.sum(-1), torch.ones(2, 6, 16), atol=1e-5)
    wanted = _pictures(2, seed=3)
    expected = mixture.gather(-1, by_twos(cut(wanted, PATCH)).long().unsqueeze(-1)).squeeze(-1)
    assert torch.allclose(composed.likelihood(quads(wanted, PATCH)).flatten(3).flatten(1, 2), expected, atol=1e-4)


def test_some_patches_are_those_of_all() -> None:
    composed = _composed(_compositor(), _pictures(2))
    some = (torch.tensor([1, 0]), torch.tensor([1, 0]), torch.tensor([2, 1]))
    assert torch.equal(composed.mixture(some), composed.mixture().unflatten(1, GRID)[some])


def test_at_first_what_was_there_stays() -> None:
    torch.manual_seed(0)
    compositor = Compositor(6, 8, 8, GRID, PATCH, CLASSES, SHIFTS, CARRIED, scene=3)
    picture = _pictures()
    composed = _composed(compositor, picture)
    assert torch.equal(composed.mixture().argmax(-1), by_twos(cut(picture, PATCH)).long())


def test_a_picture_that_moved_is_explained_by_its_shift_alone() -> None:
    compositor = _compositor()
    before = _pictures(seed=5)
    after = compositor.look(before, ((0, 1),))[..., 0]
    share, sharp = compositor.movement(before, after).split(6, 1)
    order = [(0, 0), (-2, 0), (0, 1), (3, 0), (0, -1), (-1, 2)]  # fixed ones first, grouped by columns
    inside = share[0, :, :, :2]  # what enters at the edge can't have come from anywhere
    for index, shift in enumerate(order):
        assert bool(inside[index].eq(1).all()) == (shift == (0, 1))
    assert torch.equal(sharp, share**8)


def test_marks_say_which_fixed_shifts_a_pixel_agrees_with() -> None:
    compositor = _compositor()
    before = _pictures(seed=7)
    now = compositor.look(before, ((0, 1),))[..., 0]
    marked = compositor.marked(before, now)
    assert torch.equal(marked % CLASSES, now)
    for bit, moved in enumerate(compositor.look(before, SHIFTS).unbind(-1)):
        assert torch.equal((marked // CLASSES >> bit & 1).bool(), moved == now)


def test_a_composition_shows_classes_without_their_marks() -> None:
    compositor = _compositor()
    picture = _pictures()
    moved = _composed(compositor, picture).moved[..., :3]
    assert torch.equal(moved, quads(compositor.look(picture, SHIFTS), PATCH))


@pytest.mark.parametrize(("classes", "bits"), [(5, 5), (16, 4), (32, 3), (200, 0)])
def test_marks_fit_beside_the_classes_within_a_byte(classes: int, bits: int) -> None:
    assert marks_within_a_byte(classes) == bits
    many = Compositor(6, 8, 8, GRID, PATCH, classes, (*SHIFTS, (0, 2), (0, 3), (0, 4)), CARRIED, scene=3)
    picture = _pictures()
    assert torch.equal(many.marked(picture, picture) % classes, picture)


def test_only_patches_that_no_fixed_shift_explains_are_asked_for_a_carried_one() -> None:
    compositor = _compositor()
    before = _pictures(seed=7)
    for still in (before, compositor.look(before, ((0, 1),))[..., 0]):
        assert compositor.evidence(before, still).eq(0).all()
    evidence = compositor.evidence(before, compositor.look(before, (CARRIED[2],))[..., 0])
    assert evidence[0, 0].argmax() == 2 and evidence[0, 0, 2] == 0


def test_with_evidence_patches_are_carried_as_they_were() -> None:
    compositor = _compositor()
    before = _pictures(seed=7)
    scene, movement = torch.ones(1, 3), compositor.movement(before, before)
    evidence = torch.tensor([-SURE, -SURE, 0.0]).expand(1, 6, 3)
    told = compositor(*_features(1), scene, compositor.marked(before, before), movement, evidence)
    wanted = quads(compositor.look(before, (CARRIED[2],))[..., 0], PATCH)
    assert torch.equal(told.moved[..., -1], wanted)
    untold = _composed(compositor, before)
    assert told.carriage is not None and untold.carriage is not None
    assert torch.equal(told.carriage.own, untold.carriage.own)
