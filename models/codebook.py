"""Vector quantisation with a codebook of real patches. Owns nearest-code search and how the codes are chosen. Needs
torch.

A patch is projected at random to few dimensions, where squared distances are nearly those between the patches
themselves (Johnson & Lindenstrauss 1984), and named by the nearest code. Codes are projections of patches that occur,
so whatever is in the codebook is told apart exactly. Vector quantisation: Gray 1984; van den Oord et al., "Neural
Discrete Representation Learning", 2017.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Codebook(nn.Module):
    """Shapes: B batch, P patches, F numbers of a patch, D projected dimensions, K codes."""

    projection: Tensor
    codes: Tensor

    def __init__(self, features: int, dimensions: int, size: int) -> None:
        super().__init__()
        self.size = size
        self.dimensions = dimensions
        self.register_buffer("projection", torch.randn(features, dimensions) / dimensions**0.5)
        self.register_buffer("codes", torch.randn(size, dimensions))

    def forward(self, patches: Tensor) -> Tensor:
        """patches float [B,P,F] → tokens int64 [B,P]: the nearest codes."""
        places = patches @ self.projection
        return (places @ self.codes.T - 0.5 * self.codes.square().sum(1)).argmax(-1)

    @torch.no_grad()
    def fill(self, patches: Tensor, counts: Tensor) -> Tensor:
        """Choose the codes. patches float [N,F], all different, with how often each was met, int [N]. Returns which
        patch became which code: int64, of K or, where there are fewer patches, of N.

        Greedily, each next code is the patch for which count times squared distance to the codes chosen so far is the
        largest: frequent patches get a code of their own, rare ones only if none of the others comes close.
        """
        places = patches @ self.projection
        weights = counts.to(places.dtype)
        distance = torch.full_like(weights, torch.inf)
        at = int(weights.argmax())
        chosen: list[int] = []
        for row in range(self.size):
            self.codes[row] = places[at]
            chosen.append(at)
            distance = torch.minimum(distance, (places - places[at]).square().sum(1))
            at = int((weights * distance).argmax())
            if distance[at] <= 0:
                # Every patch has its code: the rest of the book stays where nothing will ever be nearest.
                self.codes[row + 1 :] = 1e4
                break
        return torch.tensor(chosen)
