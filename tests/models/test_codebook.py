import torch

from models.codebook import Codebook


def _patches(count: int) -> torch.Tensor:
    """Different random one-hot patches, float [count,64·4]."""
    kinds = torch.unique(torch.randint(0, 4, (4 * count, 64)), dim=0)[:count]
    return torch.nn.functional.one_hot(kinds, 4).flatten(1).float()


def test_patches_that_fit_are_told_apart() -> None:
    torch.manual_seed(0)
    patches = _patches(40)
    book = Codebook(256, 32, 50)
    book.fill(patches, torch.arange(1, 41))
    tokens = book(patches.unsqueeze(0))[0]
    assert len(set(tokens.tolist())) == 40
    assert torch.equal(book(patches.flip(0).unsqueeze(0))[0], tokens.flip(0))


def test_frequent_patches_come_first_and_others_go_to_a_near_one() -> None:
    torch.manual_seed(1)
    patches = _patches(30)
    near = patches[:1].clone()
    near[0, :4] = near[0, :4].roll(1)  # one pixel of another class
    book = Codebook(256, 64, 30)
    book.fill(torch.cat([patches, near]), torch.tensor([100] * 30 + [1]))
    tokens = book(torch.cat([patches, near]).unsqueeze(0))[0]
    assert len(set(tokens[:30].tolist())) == 30
    assert tokens[30] == tokens[0]
