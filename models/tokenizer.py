"""The tokenizer: one frame to P tokens and back, each frame on its own. Needs torch. Refuses time and actions.

A token names one patch of the picture and nothing beside it, so what stands still keeps its tokens whatever moves
around it. The decoder begins with the patch that a code was made of, and sees the neighbours: where the codebook had
to merge patches that look alike, their surroundings tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.codebook import Codebook
from models.layers import ChannelNorm, ResidualBlock
from models.patches import cut, join


@dataclass(frozen=True)
class TokenizerConfig:
    """height, width and patch in pixels; `colours` counts palette classes and is unused for rgb."""

    pixels: Literal["palette", "rgb"] = "palette"
    height: int = 128
    width: int = 128
    colours: int = 16
    patch: int = 8
    codebook: int = 1024
    dimensions: int = 96
    decoder_channels: int = 32
    decoder_blocks: int = 1

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

    Frames are uint8: [B,H,W] palette indices or [B,H,W,3] rgb. `book` holds the patch of each code.
    """

    book: Tensor

    def __init__(self, config: TokenizerConfig) -> None:
        super().__init__()
        self.config = config
        narrow, numbers = config.decoder_channels, config.patch**2 * config.channels
        self.codebook = Codebook(numbers, config.dimensions, config.codebook)
        pixel = () if config.pixels == "palette" else (3,)
        self.register_buffer("book", torch.zeros(config.codebook, config.patch**2, *pixel, dtype=torch.uint8))
        self.lift = nn.Sequential(
            nn.Linear(config.dimensions, 4 * narrow), nn.GELU(approximate="tanh"), nn.Linear(4 * narrow, narrow)
        )
        self.own = nn.Parameter(torch.zeros(config.codebook, narrow))
        self.position = nn.Parameter(torch.zeros(1, narrow, *config.grid))
        self.decoder = nn.Sequential(
            *(ResidualBlock(narrow) for _ in range(config.decoder_blocks)), ChannelNorm(narrow)
        )
        self.head = nn.Sequential(
            nn.Linear(narrow, 2 * narrow),
            nn.GELU(approximate="tanh"),
            last := nn.Linear(2 * narrow, numbers),
        )
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        # How much the decoder would have to say against a code's own patch: 5 nats a pixel of a palette world.
        self.trust = nn.Parameter(torch.tensor(5.0 if config.pixels == "palette" else 1.0))

    @property
    def tokens(self) -> int:
        """P, tokens a frame."""
        return self.config.grid[0] * self.config.grid[1]

    def patches(self, frames: Tensor) -> Tensor:
        """Frames uint8 → uint8 [B,P,S] palette indices or [B,P,S,3]."""
        return cut(frames, self.config.patch)

    def frames(self, patches: Tensor) -> Tensor:
        """The inverse of `patches`."""
        return join(patches, self.config.grid)

    def channels(self, patches: Tensor) -> Tensor:
        """Patches uint8 → float [B,P,S,C]: one-hot classes of a palette world, values in [-1,1] of an rgb one."""
        if self.config.pixels == "palette":
            classes = torch.arange(self.config.colours, dtype=torch.uint8, device=patches.device)
            return (patches.unsqueeze(-1) == classes).float()
        return patches.float() / 127.5 - 1

    def encode(self, frames: Tensor) -> Tensor:
        """Frames uint8 → tokens int64 [B,P]."""
        tokens: Tensor = self.codebook(self.channels(self.patches(frames)).flatten(2))
        return tokens

    def lifted(self) -> Tensor:
        """What each code becomes before its neighbours are looked at: float [K,L]."""
        table: Tensor = self.lift(self.codebook.codes) + self.own
        return table

    def paint(self, tokens: Tensor, lifted: Tensor) -> Tensor:
        """tokens int64 [B,P] and `lifted` → logits float [B,P,S,C] of a palette world, else values in [-1,1]."""
        planes = F.embedding(tokens, lifted).transpose(1, 2).unflatten(2, self.config.grid) + self.position
        features = self.decoder(planes).flatten(2).transpose(1, 2)
        correction: Tensor = self.head(features).unflatten(2, (-1, self.config.channels))
        return correction + self.trust * self.channels(self.book[tokens])

    def to_patches(self, out: Tensor) -> Tensor:
        """What `paint` gave → patches uint8."""
        if self.config.pixels == "palette":
            return out.argmax(-1).to(torch.uint8)
        return ((out.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens int64 [B,P] → frames uint8."""
        return self.frames(self.to_patches(self.paint(tokens, self.lifted())))

    def loss(self, frames: Tensor, before: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """Frames uint8 and the frames a tick before them → (loss: cross-entropy in nats a pixel, or squared plus
        absolute error; exact share of pixels). Patches that changed in that tick count `weight` times: what moves is a
        small part of the picture and the whole of the game."""
        patches = self.patches(frames)
        changed = (patches != self.patches(before)).flatten(2).any(2)
        weights = torch.where(changed, weight, 1.0)
        with torch.no_grad():
            tokens = self.codebook(self.channels(patches).flatten(2))
        out = self.paint(tokens, self.lifted())
        exact = (self.to_patches(out.detach()) == patches).float().mean()
        if self.config.pixels == "palette":
            losses = F.cross_entropy(out.flatten(0, 2), patches.flatten().long(), reduction="none").view(
                *changed.shape, -1
            )
        else:
            error = out - self.channels(patches)
            losses = (error.square() + 0.1 * error.abs()).flatten(2)
        return (losses.mean(2) * weights).sum() / weights.sum(), exact
