"""The tokenizer: one frame to P tokens and back, each frame on its own. Needs torch. Refuses time and actions.

A token describes one patch of the picture and the encoder looks at nothing else, so what stands still keeps its tokens
whatever moves beside it. The decoder is the larger half and sees the neighbours: where a small codebook has to merge
patches that look alike, their surroundings tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import ChannelNorm, ResidualBlock
from models.quantizer import FiniteScalarQuantizer


@dataclass(frozen=True)
class TokenizerConfig:
    """height, width and patch in pixels; `colours` counts palette classes and is unused for rgb."""

    pixels: Literal["palette", "rgb"] = "palette"
    height: int = 128
    width: int = 128
    colours: int = 16
    patch: int = 8
    levels: tuple[int, ...] = (8, 5, 5, 5)
    encoder_channels: int = 256
    decoder_channels: int = 96
    decoder_blocks: int = 2

    @property
    def grid(self) -> tuple[int, int]:
        """Tokens down and across."""
        return self.height // self.patch, self.width // self.patch

    @property
    def channels(self) -> int:
        """Channels of a pixel: classes of a palette world, 3 of an rgb one."""
        return self.colours if self.pixels == "palette" else 3


class Tokenizer(nn.Module):
    """Shapes: B batch, H, W pixels, h, w token grid, P = h·w tokens, K codebook, C pixel channels.

    Frames are uint8: [B,H,W] palette indices or [B,H,W,3] rgb.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizer = FiniteScalarQuantizer(config.levels)
        wide, narrow, patch = config.encoder_channels, config.decoder_channels, config.patch
        self.patches = nn.Conv2d(config.channels, wide, patch, stride=patch)
        self.encoder = nn.Sequential(
            nn.GELU(approximate="tanh"),
            nn.Conv2d(wide, wide, 1),
            nn.GELU(approximate="tanh"),
            nn.Conv2d(wide, self.quantizer.channels, 1),
        )
        self.lift = nn.Sequential(
            nn.Conv2d(self.quantizer.channels, wide, 1),
            nn.GELU(approximate="tanh"),
            nn.Conv2d(wide, narrow, 1),
        )
        self.position = nn.Parameter(torch.zeros(1, narrow, *config.grid))
        self.decoder = nn.Sequential(*(ResidualBlock(narrow) for _ in range(config.decoder_blocks)))
        self.head = nn.Sequential(
            ChannelNorm(narrow),
            nn.Conv2d(narrow, 2 * narrow, 1),
            nn.GELU(approximate="tanh"),
            nn.Conv2d(2 * narrow, config.channels * patch * patch, 1),
            nn.PixelShuffle(patch),
        )

    @property
    def tokens(self) -> int:
        """P, tokens a frame."""
        return self.config.grid[0] * self.config.grid[1]

    def planes(self, frames: Tensor) -> Tensor:
        """Frames uint8 → float [B,C,H,W]: one-hot classes of a palette world, values in [-1,1] of an rgb one."""
        if self.config.pixels == "palette":
            return F.one_hot(frames.long(), self.config.colours).permute(0, 3, 1, 2).float()
        return frames.permute(0, 3, 1, 2).float() / 127.5 - 1

    def quantize(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames uint8 → (quantised values float [B,D,h,w], tokens int64 [B,P])."""
        values, tokens = self.quantizer(self.encoder(self.patches(self.planes(frames))))
        return values, tokens.flatten(1)

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 → tokens int64 [B,P]."""
        return self.quantize(frames)[1]

    def decode_values(self, values: Tensor) -> Tensor:
        """Quantised values float [B,D,h,w] → logits [B,C,H,W] of a palette world, pixel values in [-1,1] of an rgb one."""
        out: Tensor = self.head(self.decoder(self.lift(values) + self.position))
        return out

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [B,P] → frames uint8."""
        out = self.decode_values(self.quantizer.values(tokens.unflatten(1, self.config.grid)))
        return self.to_frames(out)

    def to_frames(self, out: Tensor) -> Tensor:
        """What `decode_values` gave → frames uint8."""
        if self.config.pixels == "palette":
            return out.argmax(1).to(torch.uint8)
        return ((out.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)

    def loss(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames uint8 → (mean loss: cross-entropy in nats a pixel, or squared plus absolute error; exact share of pixels)."""
        values, _ = self.quantize(frames)
        out = self.decode_values(values)
        exact = (self.to_frames(out.detach()) == frames).float().mean()
        if self.config.pixels == "palette":
            return F.cross_entropy(out, frames.long()), exact
        target = self.planes(frames)
        return F.mse_loss(out, target) + 0.1 * F.l1_loss(out, target), exact
