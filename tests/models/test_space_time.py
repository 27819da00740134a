import torch

from models.space_time import SpaceTimeBlock


def _block() -> SpaceTimeBlock:
    torch.manual_seed(0)
    block = SpaceTimeBlock(8, 4, 3, (4, 4))
    for parameter in block.parameters():  # also those that begin at zero
        torch.nn.init.normal_(parameter, std=0.5)
    return block.eval()


@torch.no_grad()
def test_a_position_is_seen_from_everywhere_in_its_frame_and_in_as_many_frames_as_the_cache_holds() -> None:
    block, action = _block(), torch.zeros(5, 4)
    clip = torch.randn(5, 8, 4, 4)
    changed = clip.clone()
    changed[1, :, 0, 0] += 1
    one, other = (block(x, action, torch.zeros(1, 2, 16, 4, 4), 1)[0] for x in (clip, changed))
    differs = (one - other).abs().amax(1) > 1e-6
    assert differs.any((1, 2)).tolist() == [False, True, True, True, False]
    assert differs[1].all()


@torch.no_grad()
def test_before_it_has_learnt_anything_a_block_adds_the_same_everywhere() -> None:
    x = torch.randn(2, 8, 4, 4)
    out, cache = SpaceTimeBlock(8, 4, 3, (4, 4))(x, torch.randn(2, 4), torch.zeros(2, 2, 16, 4, 4), 2)
    added = out - x
    assert torch.allclose(added, added[:1, :, :1, :1].expand_as(added), atol=1e-6)
    assert cache is not None and cache.shape == (2, 2, 16, 4, 4)
    assert not cache[:, 0].any() and cache[:, 1].any()
