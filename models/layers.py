"""Layers that both networks are built of. Owns normalisation and the residual block; refuses any notion of time or
tokens."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ChannelNorm(nn.Module):
    """RMS norm over the channels of each position (Zhang & Sennrich 2019). float [B,C,H,W] → the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6) * self.gain


class ResidualBlock(nn.Module):
    """norm → 3×3 → GELU → 3×3, added to the input. float [B,C,H,W] → the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = ChannelNorm(channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(F.gelu(self.first(self.norm(x)), approximate="tanh"))
        return x + out


class PixelBlock(nn.Module):
    """3×3 → ReLU → 1×1, added to the input: for large planes, where a norm would cost as much as a convolution. float
    [B,C,H,W] → the same shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.second(F.relu(self.first(x)))
        return x + out


NUMBERS = 6  # that a class is seen as


class PixelTable(nn.Module):
    """Pixels of `classes` classes, marked with `marks` bits, as features of 2×2 pixels: each class as a few fixed
    random numbers, then the bits. uint8 [B,Q,4,M] of M pictures as `cut` gives them by twos → float
    [B,4·M·numbers,h,w]."""

    table: Tensor

    def __init__(self, classes: int, marks: int, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.numbers = NUMBERS + marks
        bits = torch.arange(1 << marks).unsqueeze(1) >> torch.arange(marks) & 1
        known = torch.randn(classes, NUMBERS).repeat(1 << marks, 1)
        self.register_buffer("table", torch.cat([known, bits.repeat_interleave(classes, 0).float()], 1))

    def forward(self, marked: Tensor) -> Tensor:
        seen: Tensor = F.embedding(marked.int(), self.table).flatten(2).transpose(1, 2).unflatten(2, self.size)
        return seen
