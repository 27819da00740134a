import torch

from models.patches import by_rows, by_twos, cut, join, quads


def test_patches_are_read_row_by_row() -> None:
    frames = torch.arange(2 * 8 * 12).view(2, 8, 12)
    patches = cut(frames, 4)
    assert patches.shape == (2, 6, 16)
    assert torch.equal(patches[1, 4].view(4, 4), frames[1, 4:, 4:8])
    assert torch.equal(join(patches, (2, 3)), frames)


def test_colours_go_along() -> None:
    frames = torch.randint(0, 256, (1, 8, 8, 3))
    patches = cut(frames, 4)
    assert torch.equal(patches[0, 3].view(4, 4, 3), frames[0, 4:, 4:])
    assert torch.equal(join(patches, (2, 2)), frames)


def test_pixels_by_twos_are_those_of_the_quads() -> None:
    frames = torch.arange(2 * 16 * 24).view(2, 16, 24)
    patches = cut(frames, 8)
    assert torch.equal(by_twos(patches), quads(frames, 8).flatten(3).flatten(1, 2))
    assert by_twos(patches)[0, 0, :4].tolist() == [0, 1, 24, 25]
    assert torch.equal(by_rows(by_twos(patches)), patches)
