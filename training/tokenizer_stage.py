"""The tokenizer's stage. Owns its objective; refuses time: frames are taken from windows one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from models.tokenizer import Tokenizer, TokenizerConfig
from training.data.batches import Batch
from training.preset import Preset
from training.stage import Objective, Stage, StageReport, load_state


class Reconstruction(Objective):
    """Cross-entropy of each pixel's palette class (or squared error of its colours)."""

    outer = ("position", "encoder.0", "encoder.4", "lift.0", "head.2")

    def __init__(self, model: Tokenizer, device: torch.device) -> None:
        super().__init__()
        self.model = model
        self.device = device

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(self.model, Tokenizer)
        # The last frame of each window: windows overlap little, so a batch of windows is a batch of different pictures.
        frames = torch.from_numpy(batch.frames[:, -1].copy()).to(self.device)
        loss, exact = self.model.loss(frames)
        return loss, {"exact_pixels": exact}


def tokenizer_config(preset: Preset, shape: tuple[int, ...]) -> TokenizerConfig:
    """The configuration for pictures of `shape`: (H,W) palette indices or (H,W,3) rgb."""
    mine = preset.tokenizer
    return TokenizerConfig(
        pixels="palette" if len(shape) == 2 else "rgb",
        height=shape[0],
        width=shape[1],
        patch=mine.patch,
        levels=mine.levels,
        encoder_channels=mine.encoder_channels,
        decoder_channels=mine.decoder_channels,
        decoder_blocks=mine.decoder_blocks,
    )


def train_tokenizer(
    preset: Preset,
    shape: tuple[int, ...],
    feed: Callable[[int], Iterator[Batch]],
    folder: Path,
    accelerator: Accelerator,
) -> tuple[Tokenizer, StageReport]:
    """Train, or go on training, the tokenizer of the run in `folder`. Returns its averaged weights."""
    torch.manual_seed(preset.seed)
    model = Tokenizer(tokenizer_config(preset, shape)).to(accelerator.device)
    objective = Reconstruction(model, accelerator.device)
    stage = Stage("tokenizer", objective, feed, preset.tokenizer.stage, folder, preset.seed, accelerator)
    report = stage.run()
    assert isinstance(stage.average, Tokenizer)
    return stage.average, report


def load_tokenizer(preset: Preset, shape: tuple[int, ...], folder: Path) -> Tokenizer:
    """The averaged weights that a run has reached. Raises BadInput."""
    model = Tokenizer(tokenizer_config(preset, shape))
    model.load_state_dict(load_state(folder / "tokenizer.pt")["average"])
    return model.eval()
