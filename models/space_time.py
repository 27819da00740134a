"""The trunk's other kind of block: attention in space and in time. Needs torch. Owns its cache's order;
refuses pictures.

A frame's positions look at each other, then each at itself in the frames before, whose keys and values are state: a
cache of fixed shape that moves on by one frame a step, so a step costs the same for ever. Slots from before the first
frame hold zeros, which say nothing and are looked at like any other.

Spatial before causal temporal attention: Xu et al., "Spatial-Temporal Transformer Networks for Traffic Flow
Forecasting", 2020, as in Bruce et al., "Genie", 2024. Bias by relative place: Liu et al., "Swin Transformer", 2021,
beginning as a slope of its own for each head: Press et al., "Train Short, Test Long", 2022. Norm of queries and keys:
Henry et al., "Query-Key Normalization for Transformers", 2020.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import ChannelNorm

HEADS = 4
WIDER = 3  # hidden channels of the last part, as a multiple of the block's


class SpatialAttention(nn.Module):
    """All positions of a frame look at each other. float [N,D,h,w] → what to add, of the same shape."""

    places: Tensor

    def __init__(self, channels: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.take = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        rows, columns = (torch.arange(1 - size, size) for size in grid)
        distance = torch.hypot(rows[:, None].float(), columns.float())
        slopes = 0.5 ** torch.arange(HEADS)
        self.bias = nn.Parameter(-slopes[:, None, None] * distance)
        row, column = torch.meshgrid(*(torch.arange(size) for size in grid), indexing="ij")
        down, across = (part.flatten()[None] - part.flatten()[:, None] for part in (row, column))
        places = (down + grid[0] - 1) * (2 * grid[1] - 1) + across + grid[1] - 1
        self.register_buffer("places", places, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.take(x).flatten(2).unflatten(1, (3, HEADS, -1)).unbind(1)
        query, key = unit(query, 2), unit(key, 2)
        logits = query.transpose(2, 3) @ key / query.shape[2] ** 0.5 + self.bias.flatten(1)[:, self.places]
        seen = value @ logits.softmax(-1).transpose(2, 3)
        out: Tensor = self.out(seen.flatten(1, 2).view_as(x))
        return out


class TemporalAttention(nn.Module):
    """Each position looks at itself in the newest `taps` frames. The cache, float [B,taps-1,2D,h,w], holds keys and
    values, oldest first."""

    def __init__(self, channels: int, taps: int) -> None:
        super().__init__()
        self.taps = taps
        self.take = nn.Conv2d(channels, 3 * channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        self.bias = nn.Parameter(torch.zeros(taps, HEADS, 1))

    def forward(self, x: Tensor, cache: Tensor) -> tuple[Tensor, Tensor]:
        """float [B·T,D,h,w] → (what to add, of the same shape; the cache after the last frame)."""
        batch, channels = cache.shape[0], x.shape[1]
        query, key, value = self.take(x).split(channels, 1)
        query, key = (unit(part.unflatten(1, (HEADS, -1)), 2) for part in (query, key))
        time = torch.cat([cache, torch.cat([key.flatten(1, 2), value], 1).unflatten(0, (batch, -1))], 1)
        frames = time.shape[1] - self.taps + 1
        views = torch.stack([time[:, tap : tap + frames] for tap in range(self.taps)], 2).flatten(0, 1)
        keys, values = views.unflatten(2, (2, HEADS, -1)).unbind(2)
        # One query meets few keys: a sum over channels is cheaper than a matrix product for each position.
        logits = (query.unsqueeze(1) * keys).sum(3, keepdim=True) / query.shape[2] ** 0.5 + self.bias[..., None, None]
        seen = (logits.softmax(1) * values).sum(1).flatten(1, 2)
        return self.out(seen), time[:, frames:]


class SpaceTimeBlock(nn.Module):
    """Spatial attention, optionally temporal attention, and a wider layer, each from a norm and added to the input; the
    first is modulated by the action, the last by the action and by what the whole picture holds.

    Shapes: N = B·T frames, D channels, h×w positions.
    """

    def __init__(self, channels: int, action_channels: int, taps: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.norms = nn.ModuleList(ChannelNorm(channels) for _ in range(3))
        self.pressed = nn.Linear(action_channels, 2 * channels)
        self.spatial = SpatialAttention(channels, grid)
        self.temporal = TemporalAttention(channels, taps) if taps > 1 else None
        self.film = nn.Linear(action_channels + 2 * channels, 2 * channels)
        self.widen = nn.Conv2d(channels, WIDER * channels, 1)
        self.out = nn.Conv2d(WIDER * channels, channels, 1)
        for modulation in (self.pressed, self.film):
            nn.init.zeros_(modulation.weight)
            nn.init.zeros_(modulation.bias)
        nn.init.zeros_(self.out.weight)

    def forward(self, x: Tensor, action: Tensor, ring: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """x float [N,D,h,w], action features [N,A], the cache of `batch` clips → (x, the cache after the last
        frame)."""
        x = x + self.spatial(modulated(self.norms[0](x), self.pressed(action)))
        if self.temporal is not None:
            assert ring is not None
            seen, ring = self.temporal(self.norms[1](x), ring)
            x = x + seen
        h = self.norms[2](x)
        whole = torch.cat([action, h.mean((2, 3)), h.amax((2, 3))], 1)
        h = F.gelu(self.widen(modulated(h, self.film(whole))), approximate="tanh")
        return x + self.out(h), ring


def modulated(x: Tensor, film: Tensor) -> Tensor:
    """x float [N,D,h,w], scaled and shifted by `film`, float [N,2D]."""
    scale, shift = film[..., None, None].chunk(2, 1)
    return x * (1 + scale) + shift


def unit(x: Tensor, dim: int) -> Tensor:
    """RMS norm along one dimension."""
    return x * torch.rsqrt(x.square().mean(dim, keepdim=True) + 1e-6)
