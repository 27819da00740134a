"""Which pixels are made wrong, how often and from where."""

from __future__ import annotations

import torch
from torch import Tensor

from models.patches import cut
from training.corruption import corrupt


def _corrupted(pictures: Tensor, moving: Tensor, share: float = 0.3) -> Tensor:
    return corrupt(pictures, moving, share, torch.Generator().manual_seed(0))


def _still(pictures: Tensor) -> Tensor:
    return torch.zeros(*pictures.shape[:2], 256, dtype=torch.bool)


def test_what_goes_its_own_way_is_hit_most() -> None:
    pictures = torch.arange(128, dtype=torch.uint8).expand(200, 6, 128, 128) % 16  # any shift across shows
    moving = _still(pictures)
    moving[:, :, 100] = True
    wrong = _corrupted(pictures, moving) != pictures
    hit = cut(wrong.flatten(0, 1), 8).any(2).float().mean(0)
    assert hit[100] > 4 * hit.median() > 0
    untouched = float((~wrong.flatten(2).any(2)).float().mean())
    assert 0.3 < untouched < 0.8


def test_what_has_just_changed_is_hit_more_than_the_rest() -> None:
    pictures = torch.arange(128, dtype=torch.uint8).expand(200, 6, 128, 128) % 16
    pictures = pictures.clone()
    pictures[:, 1::2, 40:48, 40:48] += 1
    wrong = _corrupted(pictures, _still(pictures))[:, 1:] != pictures[:, 1:]
    hit = cut(wrong.flatten(0, 1), 8).any(2).float().mean(0)
    assert hit[5 * 16 + 5] > 4 * hit.median() > 0


def test_wrong_pixels_are_the_batchs_own_and_half_of_them_were_wrong_from_the_first_frame_on() -> None:
    pictures = torch.randint(1, 16, (40, 6, 128, 128), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    corrupted = _corrupted(pictures, _still(pictures))
    assert corrupted.shape == pictures.shape and corrupted.dtype == torch.uint8 and bool((corrupted > 0).all())
    wrong = (corrupted != pictures).flatten(2).any(2)
    assert float(wrong[:, 0].float().mean()) > 1.5 * float(wrong[:, -1].float().mean()) > 0


def test_nothing_is_corrupted_in_place_or_without_a_share() -> None:
    pictures = torch.randint(0, 16, (2, 3, 128, 128), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    before = pictures.clone()
    assert torch.equal(_corrupted(pictures, _still(pictures), 0.0), pictures)
    assert not torch.equal(_corrupted(pictures, _still(pictures), 1.0), pictures)
    assert torch.equal(pictures, before)
