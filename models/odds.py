"""Layers that tell what chance may bring. Owns what the chance stage trains; refuses all else of the dynamics model.

What follows what in a world's grammar weighs little beside pixels, so it is read from features that it can't bend, by
weights that serve nothing else.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import ChannelNorm


class EdgeBlock(nn.Module):
    """What may come in at the right edge: the last columns of patches looked at as a whole, to be added to what is
    known of the last one's where they are named.

    Shapes: C channels, h×w patches, of which W columns are looked at, N pictures, Q features of the whole.
    """

    def __init__(self, channels: int, columns: int, rows: int, scene: int, narrow: int = 16, hidden: int = 128) -> None:
        super().__init__()
        self.columns = columns
        self.norm = ChannelNorm(channels)
        self.narrow = nn.Conv2d(channels, narrow, 1)
        self.whole = nn.Linear(narrow * rows * columns + scene, hidden)
        self.out = nn.Linear(hidden, channels * rows)
        self.shape = (channels, rows, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, fine: Tensor, scene: Tensor) -> Tensor:
        """fine float [N,C,h,w], scene float [N,Q] → float [N,C,h,w], zeros but in the last column."""
        edge = self.narrow(self.norm(fine.detach()[..., -self.columns :])).flatten(1)
        seen = self.whole(torch.cat([edge, scene.detach()], 1))
        out: Tensor = self.out(F.gelu(seen, approximate="tanh")).unflatten(-1, self.shape)
        return F.pad(out, (fine.shape[-1] - 1, 0))


class SurroundingsBlock(nn.Module):
    """What chance may bring at any place, told by what lies around it: to be added to what is known of the patches
    where they are named. The twin of `EdgeBlock` for worlds that are drawn one place after the other.

    Shapes: C channels, h×w patches in trunk positions of F×F, N pictures, Q features of the whole.
    """

    def __init__(
        self,
        channels: int,
        fold: int,
        size: tuple[int, int],
        columns: int,
        scene: int,
        narrow: int = 32,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.norm = ChannelNorm(channels)
        self.narrow = nn.Sequential(nn.PixelUnshuffle(fold), nn.Conv2d(fold**2 * channels, narrow, 1))
        self.around = nn.Conv2d(narrow, hidden, size, padding=(size[0] // 2, size[1] // 2))
        self.scene = nn.Linear(scene, hidden)
        self.mix = nn.Conv2d(hidden, hidden, 1)
        self.out = nn.Conv2d(hidden, fold**2 * channels, 1, bias=False)
        self.apart = nn.PixelShuffle(fold)
        nn.init.zeros_(self.out.weight)

    def forward(self, fine: Tensor, scene: Tensor) -> Tensor:
        """fine float [N,C,h,w], scene float [N,Q] → float [N,C,h,w]."""
        seen = F.gelu(self.narrow(self.norm(fine.detach())), approximate="tanh")
        around = self.around(seen) + self.scene(scene.detach())[..., None, None]
        mixed = self.mix(F.gelu(around, approximate="tanh"))
        out: Tensor = self.apart(self.out(F.gelu(mixed, approximate="tanh")))
        return out
