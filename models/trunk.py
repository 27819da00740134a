"""Blocks that a dynamics model's trunk is built of. Owns how what is known spreads over picture and time; refuses what
goes in and comes out.

Each sees a picture and, in a ring of fixed shape, what it kept of the last ones: so a step costs the same for ever.
Shapes: N = B·T frames, D channels, h/fold × w/fold positions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import ChannelNorm


class ConvolutionBlock(nn.Module):
    """Spatial 3×3, FiLM by the action and by what the whole picture holds, each column's mean added, optionally a
    causal temporal convolution; added to the input. The ring is float [B, taps-1, memory, ·, ·], oldest first.

    FiLM: Perez et al. 2018. Pooled context: Hu et al., "Squeeze-and-Excitation Networks", 2018.
    """

    def __init__(self, channels: int, action_channels: int, taps: int) -> None:
        super().__init__()
        self.taps = taps
        self.memory = channels if taps > 1 else 0
        self.norm = ChannelNorm(channels)
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1)
        self.column = nn.Conv2d(channels, channels, 1, bias=False)
        self.film = nn.Linear(action_channels + 2 * channels, 2 * channels)
        self.temporal = nn.Conv2d(taps * channels, channels, 1) if taps > 1 else None
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, action: Tensor, ring: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """x float [N,D,·,·], action features [N,A] → (x, the ring after the last frame)."""
        seen = self.norm(x)
        whole = torch.cat([action, seen.mean((2, 3)), seen.amax((2, 3))], 1)
        scale, shift = self.film(whole)[..., None, None].chunk(2, 1)
        h = self.spatial(seen) + self.column(seen.mean(2, keepdim=True))
        h = F.gelu(h * (1 + scale) + shift, approximate="tanh")
        if self.temporal is not None:
            assert ring is not None
            time = torch.cat([ring, h.unflatten(0, (batch, -1))], 1)
            frames = time.shape[1] - self.taps + 1
            views = [time[:, tap : tap + frames] for tap in range(self.taps)]
            h = h + F.gelu(self.temporal(torch.cat(views, 2).flatten(0, 1)), approximate="tanh")
            ring = time[:, frames:]
        return x + self.out(h), ring


class AttentionBlock(nn.Module):
    """Every position attends to its whole picture, then to itself in the last `taps` ones, whose keys and values the
    ring keeps, then works on what it has, FiLM by the action and by what the whole picture holds; each added to the
    input. The ring is float [B, taps-1, memory, ·, ·], oldest first.

    A space-time transformer: Xu et al., "Spatial-Temporal Transformer Networks", 2020, as in Bruce et al., "Genie",
    2024.
    """

    def __init__(self, channels: int, action_channels: int, taps: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.memory = 2 * channels if taps > 1 else 0
        if channels % heads:
            raise ValueError(f"trunk_channels: expected a multiple of {heads}, got {channels}")
        self.norm = ChannelNorm(channels)
        self.space = nn.Conv2d(channels, 3 * channels, 1)
        self.space_out = nn.Conv2d(channels, channels, 1)
        self.time = _Past(channels, taps, heads) if taps > 1 else None
        self.own_norm = ChannelNorm(channels)
        self.film = nn.Linear(action_channels + 2 * channels, 2 * channels)
        self.own = nn.Conv2d(channels, channels, 1)
        self.wide = nn.Conv2d(channels, 2 * channels, 1)
        self.out = nn.Conv2d(2 * channels, channels, 1)
        for weight in (self.space_out.weight, self.out.weight, self.film.weight, self.film.bias):
            nn.init.zeros_(weight)

    def forward(self, x: Tensor, action: Tensor, ring: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """x float [N,D,·,·], action features [N,A] → (x, the ring after the last frame)."""
        x = x + self.space_out(self._across_space(self.space(self.norm(x))))
        if self.time is not None:
            assert ring is not None
            x, ring = self.time(x, ring, batch)
        seen = self.own_norm(x)
        whole = torch.cat([action, seen.mean((2, 3)), seen.amax((2, 3))], 1)
        scale, shift = self.film(whole)[..., None, None].chunk(2, 1)
        h = self.wide(self.own(seen) * (1 + scale) + shift)
        return x + self.out(F.gelu(h, approximate="tanh")), ring

    def _across_space(self, projected: Tensor) -> Tensor:
        """Queries, keys and values float [N,3·D,·,·] → [N,D,·,·]."""
        query, key, value = projected.flatten(2).unflatten(1, (3, self.heads, -1)).unbind(1)
        nearness = (query.transpose(2, 3) @ key) * query.shape[2] ** -0.5
        seen: Tensor = (value @ nearness.softmax(-1).transpose(2, 3)).flatten(1, 2)
        return seen.view(*seen.shape[:2], *projected.shape[2:])


class _Past(nn.Module):
    """Every position's attention to itself in the last pictures, added to the input."""

    def __init__(self, channels: int, taps: int, heads: int) -> None:
        super().__init__()
        self.taps, self.heads = taps, heads
        self.norm = ChannelNorm(channels)
        self.asked = nn.Conv2d(channels, channels, 1)
        self.kept = nn.Conv2d(channels, 2 * channels, 1)
        # Four axes, as a graph keeps it by name; of five, no stage could lay the channels innermost.
        self.ago = nn.Parameter(torch.zeros(1, taps * 2 * channels, 1, 1))
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, ring: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """x float [N,D,·,·] and the keys and values of the frames before, [B,taps-1,2·D,·,·] → (x, the ring)."""
        seen = self.norm(x)
        time = torch.cat([ring, self.kept(seen).unflatten(0, (batch, -1))], 1)
        frames = time.shape[1] - self.taps + 1
        views = torch.stack([time[:, tap : tap + frames] for tap in range(self.taps)], 2).flatten(0, 1)
        key, value = (views.flatten(1, 2) + self.ago).unflatten(1, (self.taps, 2, self.heads, -1)).unbind(2)
        asked = self.asked(seen).unflatten(1, (self.heads, -1)).unsqueeze(1)
        nearness = (asked * key).sum(3, keepdim=True) * key.shape[3] ** -0.5
        out: Tensor = self.out((nearness.softmax(1) * value).sum(1).flatten(1, 2))
        return x + out, time[:, frames:]


class ColumnBlock(nn.Module):
    """Each column of the trunk looked at as a whole, added to the input: where a world comes in column by column, what
    a place will hold may be written at the other end of its column. One side of an MLP-Mixer: Tolstikhin et al. 2021.
    """

    def __init__(self, channels: int, narrow: int, rows: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.narrow = nn.Conv2d(channels, narrow, 1)
        self.whole = nn.Linear(narrow * rows, narrow * rows)
        self.out = nn.Linear(narrow * rows, channels * rows)
        self.shape = (channels, rows)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x float [N,D,·,·] → the same shape."""
        columns = self.narrow(self.norm(x)).permute(0, 3, 1, 2).flatten(2)
        out = self.out(F.gelu(self.whole(columns), approximate="tanh"))
        added: Tensor = out.unflatten(-1, self.shape).permute(0, 2, 3, 1)
        return x + added
