"""Finite scalar quantisation. Owns the codebook's geometry; refuses to know what is quantised. Needs torch.

Source: Mentzer et al., "Finite Scalar Quantization: VQ-VAE Made Simple", 2023.
"""

from __future__ import annotations

from math import atanh, prod

import torch
from torch import Tensor, nn


class FiniteScalarQuantizer(nn.Module):
    """Rounds each of D channels to one of `levels[d]` values; a token is the mixed-radix number of the digits.

    Shapes: B batch, P positions, D = len(levels), K = prod(levels) codebook size.
    """

    levels: Tensor
    radix: Tensor
    extent: Tensor
    offset: Tensor
    shift: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        if not levels or min(levels) < 2:
            raise ValueError(f"levels must all be at least 2, got {levels}")
        self.codebook_size = prod(levels)
        self.channels = len(levels)
        extents = [(level - 1) * 1.001 / 2 for level in levels]
        offsets = [0.5 if level % 2 == 0 else 0.0 for level in levels]
        shifts = [atanh(offset / extent) for offset, extent in zip(offsets, extents, strict=True)]
        for name, values in {"extent": extents, "offset": offsets, "shift": shifts}.items():
            self.register_buffer(name, torch.tensor(values), persistent=False)
        radix = [prod(levels[:i]) for i in range(len(levels))]
        for name, integers in {"levels": list(levels), "radix": radix}.items():
            self.register_buffer(name, torch.tensor(integers), persistent=False)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """z float [B,P,D] → (quantised values in [-1,1] with straight-through gradient, tokens int64 [B,P])."""
        bounded = torch.tanh(z + self.shift) * self.extent - self.offset
        rounded = bounded + (bounded.round() - bounded).detach()
        digits = (rounded.detach() + self.levels // 2).round().long()
        return rounded / (self.levels // 2), (digits * self.radix).sum(-1)

    def values(self, tokens: Tensor) -> Tensor:
        """tokens int64 [B,P] → the quantised values float [B,P,D] that `forward` gave for them."""
        digits = (tokens.unsqueeze(-1) // self.radix) % self.levels
        middle = self.levels // 2
        return (digits - middle).to(self.extent.dtype) / middle
