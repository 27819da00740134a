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
    """Shapes: B batch, H, W pixels, P = h·w tokens, S = patch² pixels of a patch, K codebook, C pixel channels.

    Frames are uint8: [B,H,W] palette indices or [B,H,W,3] rgb.
    """

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        self.quantizer = FiniteScalarQuantizer(config.levels)
        wide, narrow, pixels = config.encoder_channels, config.decoder_channels, config.patch**2
        self.encoder = nn.Sequential(
            nn.Linear(pixels * config.channels, wide),
            nn.GELU(approximate="tanh"),
            nn.Linear(wide, wide),
            nn.GELU(approximate="tanh"),
            nn.Linear(wide, self.quantizer.channels),
        )
        self.lift = nn.Sequential(
            nn.Linear(self.quantizer.channels, wide),
            nn.GELU(approximate="tanh"),
            nn.Linear(wide, narrow),
        )
        self.position = nn.Parameter(torch.zeros(1, narrow, *config.grid))
        self.decoder = nn.Sequential(*(ResidualBlock(narrow) for _ in range(config.decoder_blocks)), ChannelNorm(narrow))
        self.head = nn.Sequential(
            nn.Linear(narrow, 2 * narrow),
            nn.GELU(approximate="tanh"),
            nn.Linear(2 * narrow, pixels * config.channels),
        )

    @property
    def tokens(self) -> int:
        """P, tokens a frame."""
        return self.config.grid[0] * self.config.grid[1]

    def patches(self, frames: Tensor) -> Tensor:
        """Frames uint8 → uint8 [B,P,S] palette indices or [B,P,S,3]."""
        height, width = self.config.grid
        size = self.config.patch
        cut = frames.unflatten(1, (height, size)).unflatten(3, (width, size)).transpose(2, 3)
        return cut.flatten(3, 4).flatten(1, 2)

    def frames(self, patches: Tensor) -> Tensor:
        """The inverse of `patches`."""
        height, width = self.config.grid
        size = self.config.patch
        cut = patches.unflatten(1, (height, width)).unflatten(3, (size, size)).transpose(2, 3)
        return cut.flatten(3, 4).flatten(1, 2)

    def channels(self, patches: Tensor) -> Tensor:
        """Patches uint8 → float [B,P,S,C]: one-hot classes of a palette world, values in [-1,1] of an rgb one."""
        if self.config.pixels == "palette":
            classes = torch.arange(self.config.colours, dtype=torch.uint8, device=patches.device)
            return (patches.unsqueeze(-1) == classes).float()
        return patches.float() / 127.5 - 1

    def quantize(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Patches uint8 → (quantised values float [B,P,D], tokens int64 [B,P])."""
        values, tokens = self.quantizer(self.encoder(self.channels(patches).flatten(2)))
        return values, tokens

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 → tokens int64 [B,P]."""
        return self.quantize(self.patches(frames))[1]

    def paint(self, lifted: Tensor) -> Tensor:
        """What `lift` made of each token, float [B,P,L] → logits [B,P,S,C] of a palette world, else values in [-1,1]."""
        planes = lifted.transpose(1, 2).unflatten(2, self.config.grid) + self.position
        features = self.decoder(planes).flatten(2).transpose(1, 2)
        out: Tensor = self.head(features).unflatten(2, (-1, self.config.channels))
        return out

    def to_patches(self, out: Tensor) -> Tensor:
        """What `paint` gave → patches uint8."""
        if self.config.pixels == "palette":
            return out.argmax(-1).to(torch.uint8)
        return ((out.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [B,P] → frames uint8."""
        return self.frames(self.to_patches(self.paint(self.lift(self.quantizer.values(tokens)))))

    def loss(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames uint8 → (mean loss: cross-entropy in nats a pixel, or squared plus absolute error; exact share of pixels)."""
        patches = self.patches(frames)
        values, _ = self.quantize(patches)
        out = self.paint(self.lift(values))
        exact = (self.to_patches(out.detach()) == patches).float().mean()
        if self.config.pixels == "palette":
            return F.cross_entropy(out.flatten(0, 2), patches.flatten().long()), exact
        target = self.channels(patches)
        return F.mse_loss(out, target) + 0.1 * F.l1_loss(out, target), exact
