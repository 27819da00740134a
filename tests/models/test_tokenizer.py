from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from models.tokenizer import Tokenizer, TokenizerConfig
from training.data.batches import Batch
from training.tokenizer_stage import fill_codebook

SMALL = {"height": 32, "width": 48, "codebook": 64, "dimensions": 24, "decoder_channels": 16, "decoder_blocks": 1}

NO_ACTIONS, NO_EVENTS = np.zeros((4, 0), np.int64), np.zeros((4, 0), np.uint32)


def _frames(pixels: Literal["palette", "rgb"]) -> torch.Tensor:
    shape = (4, 32, 48) if pixels == "palette" else (4, 32, 48, 3)
    return torch.randint(0, 16 if pixels == "palette" else 256, shape, dtype=torch.uint8)


@pytest.mark.parametrize("pixels", ["palette", "rgb"])
def test_patches_and_frames_are_inverse(pixels: Literal["palette", "rgb"]) -> None:
    tokenizer = Tokenizer(TokenizerConfig(pixels=pixels, **SMALL))
    frames = _frames(pixels)
    patches = tokenizer.patches(frames)
    assert patches.shape[:3] == (4, 24, 64)
    assert torch.equal(patches[0, 1, :8].flatten(), frames[0, 0, 8:16].flatten())
    assert torch.equal(tokenizer.frames(patches), frames)


@pytest.mark.parametrize("pixels", ["palette", "rgb"])
def test_it_learns_a_few_pictures(pixels: Literal["palette", "rgb"]) -> None:
    torch.manual_seed(0)
    tokenizer = Tokenizer(replace(TokenizerConfig(pixels=pixels, **SMALL), codebook=2))
    # Four flat pictures with a block each: what a tokenizer must be able to tell apart within seconds.
    frames = torch.zeros_like(_frames(pixels))
    for index in range(4):
        frames[index] = index * 3
        frames[index, 8:24, 8 * index : 8 * index + 16] = 12
    # Too few codes for all of them, so that there is something to learn.
    fill_codebook(tokenizer, iter([Batch(frames.unsqueeze(1).numpy(), NO_ACTIONS, NO_EVENTS)]), 4)
    optimizer = torch.optim.Adam(tokenizer.parameters(), 3e-3)
    first, _ = tokenizer.loss(frames, frames.roll(1, 0), 4.0)
    for _ in range(60):
        loss, _ = tokenizer.loss(frames, frames.roll(1, 0), 4.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.6 * float(first.detach())
    tokens = tokenizer.encode(frames)
    assert tokens.shape == (4, tokenizer.tokens)
    assert int(tokens.max()) < tokenizer.config.codebook
    assert tokenizer.decode(tokens).shape == frames.shape


def test_a_token_depends_on_its_own_patch_alone() -> None:
    tokenizer = Tokenizer(TokenizerConfig(**SMALL))
    frames = _frames("palette")[:1]
    other = frames.clone()
    other[0, :8, :8] = (other[0, :8, :8] + 5) % 16
    assert torch.equal(tokenizer.encode(frames)[0, 1:], tokenizer.encode(other)[0, 1:])
