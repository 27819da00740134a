"""The tokenizer's stage. Owns its objective; refuses time: frames are taken from windows one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor

from models.tokenizer import Tokenizer, TokenizerConfig
from training.data.batches import Batch, Feed
from training.preset import Preset
from training.stage import Objective, Stage, StageReport, load_weights

CANDIDATES = 40_000  # most frequent patches that may become codes


class Reconstruction(Objective):
    """Cross-entropy of each pixel's palette class (or squared error of its colours)."""

    outer = ("position", "own", "head.2", "trust")

    def __init__(self, model: Tokenizer, changed_weight: float, device: torch.device) -> None:
        super().__init__()
        self.model = model
        self.changed_weight = changed_weight
        self.device = device

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(self.model, Tokenizer)
        frames = torch.from_numpy(batch.frames).to(self.device)
        loss, exact = self.model.loss(frames[:, -1], frames[:, -2], self.changed_weight)
        return loss, {"exact_pixels": exact}


def tokenizer_config(preset: Preset, shape: tuple[int, ...]) -> TokenizerConfig:
    """The configuration for pictures of `shape`: (H,W) palette indices or (H,W,3) rgb."""
    mine = preset.tokenizer
    return TokenizerConfig(
        pixels="palette" if len(shape) == 2 else "rgb",
        height=shape[0],
        width=shape[1],
        patch=mine.patch,
        codebook=mine.codebook,
        dimensions=mine.dimensions,
        decoder_channels=mine.decoder_channels,
        decoder_blocks=mine.decoder_blocks,
    )


def train_tokenizer(
    preset: Preset,
    shape: tuple[int, ...],
    feed: Feed,
    folder: Path,
    accelerator: Accelerator,
) -> tuple[Tokenizer, StageReport]:
    """Train, or go on training, the tokenizer of the run in `folder`. Returns its averaged weights."""
    torch.manual_seed(preset.seed)
    model = Tokenizer(tokenizer_config(preset, shape)).to(accelerator.device)
    if not (folder / "tokenizer.pt").is_file():
        fill_codebook(model, feed(0), preset.tokenizer.codebook_pictures)
    objective = Reconstruction(model, preset.tokenizer.changed_weight, accelerator.device)
    stage = Stage("tokenizer", objective, feed, preset.tokenizer.stage, folder, preset.seed, accelerator)
    report = stage.run()
    assert isinstance(stage.average, Tokenizer)
    return stage.average, report


def fill_codebook(model: Tokenizer, batches: Iterator[Batch], pictures: int) -> None:
    """Count the different patches of the last frames of the first windows, and choose the model's codes among them."""
    met: Counter[bytes] = Counter()
    seen = 0
    while seen < pictures:
        patches = model.patches(torch.from_numpy(next(batches).frames[:, -1].copy())).flatten(0, 1)
        kinds, counts = np.unique(patches.flatten(1).numpy(), axis=0, return_counts=True)
        met.update({kind.tobytes(): int(count) for kind, count in zip(kinds, counts, strict=True)})
        seen += len(patches) // model.tokens
    common = met.most_common(CANDIDATES)
    kinds = np.stack([np.frombuffer(kind, np.uint8) for kind, _ in common])
    times = torch.tensor([count for _, count in common])
    shape = (1, len(kinds), -1) if model.config.pixels == "palette" else (1, len(kinds), model.config.patch**2, 3)
    numbers = model.channels(torch.from_numpy(kinds).view(shape)).flatten(2)[0]
    device = model.codebook.codes.device
    chosen = model.codebook.fill(numbers.to(device), times.to(device))
    model.book[: len(chosen)] = torch.from_numpy(kinds)[chosen].view(len(chosen), *model.book.shape[1:]).to(device)


def load_tokenizer(preset: Preset, shape: tuple[int, ...], folder: Path) -> Tokenizer:
    """The averaged weights that a run has reached. Raises BadInput."""
    model = Tokenizer(tokenizer_config(preset, shape))
    load_weights(model, folder / "tokenizer.pt")
    return model.eval()
