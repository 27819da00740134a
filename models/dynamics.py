"""The dynamics model: the tokens of a frame and an action to all tokens of the next frame, in one pass. Needs torch.

A convolutional trunk on a folded token grid, with causal temporal convolutions whose past inputs are the whole state: a
ring of fixed shape for each of them, so a step costs the same for ever and exports to plain operators. One forward
pass over a clip (training) and repeated single steps (play) compute the same thing.

One-pass prediction of the next frame from true tokens: "block teacher forcing", Dedieu et al., "Improving Transformer
World Models for Data-Efficient RL", 2025. FiLM: Perez et al. 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.layers import ChannelNorm, ResidualBlock


@dataclass(frozen=True)
class DynamicsConfig:
    """`fold`: a trunk position stands for fold×fold tokens. `taps`: frames that a temporal convolution sees, itself
    included. `temporal_every`: which blocks have one."""

    codebook: int
    actions: int
    grid: tuple[int, int] = (16, 16)
    fold: int = 2
    token_channels: int = 64
    trunk_channels: int = 160
    blocks: int = 8
    taps: int = 3
    temporal_every: int = 2
    fine_blocks: int = 2

    def __post_init__(self) -> None:
        if any(size % self.fold for size in self.grid):
            raise ValueError(f"fold: expected a divisor of the token grid {self.grid}, got {self.fold}")


class TrunkBlock(nn.Module):
    """Spatial 3×3, FiLM by the action, optionally a causal temporal convolution, added to the input.

    Shapes: N = B·T frames, D channels, h/fold × w/fold positions; the ring is float [B, taps-1, D, ·, ·], oldest first.
    """

    def __init__(self, channels: int, action_channels: int, taps: int) -> None:
        super().__init__()
        self.taps = taps
        self.norm = ChannelNorm(channels)
        self.spatial = nn.Conv2d(channels, channels, 3, padding=1)
        self.film = nn.Linear(action_channels, 2 * channels)
        self.temporal = nn.Conv2d(taps * channels, channels, 1) if taps > 1 else None
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, action: Tensor, ring: Tensor | None, batch: int) -> tuple[Tensor, Tensor | None]:
        """x float [N,D,·,·], action features [N,A] → (x, the ring after the last frame)."""
        scale, shift = self.film(action)[..., None, None].chunk(2, 1)
        h = F.gelu(self.spatial(self.norm(x)) * (1 + scale) + shift, approximate="tanh")
        if self.temporal is not None:
            assert ring is not None
            time = torch.cat([ring, h.unflatten(0, (batch, -1))], 1)
            frames = time.shape[1] - self.taps + 1
            views = [time[:, tap : tap + frames] for tap in range(self.taps)]
            h = h + F.gelu(self.temporal(torch.cat(views, 2).flatten(0, 1)), approximate="tanh")
            ring = time[:, frames:]
        return x + self.out(h), ring


class DynamicsModel(nn.Module):
    """Shapes: B batch, T time, P = h·w tokens, K codebook. State: one ring a temporal block, zeros before the first
    frame."""

    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__()
        self.config = config
        fine, trunk = config.token_channels, config.trunk_channels
        self.embedding = nn.Embedding(config.codebook, fine)
        self.position = nn.Parameter(torch.zeros(1, fine, *config.grid))
        self.action_embedding = nn.Embedding(config.actions, 64)
        self.stem = ResidualBlock(fine)
        cells = config.fold**2
        self.down = nn.Sequential(nn.PixelUnshuffle(config.fold), nn.Conv2d(cells * fine, trunk, 1))
        self.trunk = nn.ModuleList(
            TrunkBlock(trunk, 64, config.taps if index % config.temporal_every == 0 else 1)
            for index in range(config.blocks)
        )
        self.up = nn.Sequential(ChannelNorm(trunk), nn.Conv2d(trunk, cells * fine, 1), nn.PixelShuffle(config.fold))
        self.fine = nn.Sequential(*(ResidualBlock(fine) for _ in range(config.fine_blocks)))
        self.head = nn.Sequential(ChannelNorm(fine), nn.Conv2d(fine, config.codebook + 1, 1))

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Shape of each ring."""
        config = self.config
        height, width = (size // config.fold for size in config.grid)
        size = (batch, config.taps - 1, config.trunk_channels, height, width)
        return [size for block in self.trunk if isinstance(block, TrunkBlock) and block.temporal is not None]

    def initial_state(self, batch: int, device: torch.device | None = None) -> list[Tensor]:
        """The state before the first frame: zeros."""
        return [torch.zeros(shape, device=device) for shape in self.state_shapes(batch)]

    def forward(self, tokens: Tensor, actions: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """tokens int64 [B,T,P] and the actions int64 [B,T] taken at them → logits float [B,T,P,K] of the frames
        after, state."""
        batch = tokens.shape[0]
        flat = tokens.flatten(0, 1)
        x = self.embedding(flat).transpose(1, 2).unflatten(2, self.config.grid)
        fine = self.stem(x + self.position)
        action = self.action_embedding(actions.flatten())
        h = self.down(fine)
        rings = iter(state)
        rolled: list[Tensor] = []
        for block in self.trunk:
            assert isinstance(block, TrunkBlock)
            h, ring = block(h, action, next(rings) if block.temporal is not None else None, batch)
            if ring is not None:
                rolled.append(ring)
        out = self.head(self.fine(fine + self.up(h))).flatten(2).transpose(1, 2)
        # The extra channel is a gate that raises the token which is there now: most of a frame stays as it was.
        logits, keep = out[..., :-1], out[..., -1:]
        here = torch.arange(self.config.codebook, device=tokens.device) == flat.unsqueeze(-1)
        logits = logits + here * keep
        return logits.unflatten(0, (batch, -1)), rolled


CANDIDATES = 16  # codes that a draw chooses among: the likeliest


def sample_tokens(logits: Tensor, noise: Tensor, min_p: float) -> tuple[Tensor, Tensor]:
    """Draw each token by inverse CDF from one uniform number, among the likeliest codes.

    logits float [...,K], noise float [...] in [0,1). Codes less likely than `min_p` times the likeliest are dropped
    (min-p: Nguyen et al. 2024), so what is certain can't flicker. Returns tokens int64 [...] and the entropy of the
    candidates, float [...] in nats.
    """
    values, codes = logits.topk(min(CANDIDATES, logits.shape[-1]), -1)
    probabilities = values.softmax(-1)
    entropy = -(probabilities * (probabilities + 1e-9).log()).sum(-1)
    kept = torch.where(probabilities >= min_p * probabilities[..., :1], probabilities, 0.0)
    cumulative = kept.cumsum(-1)
    place = (cumulative <= noise.unsqueeze(-1) * cumulative[..., -1:]).sum(-1, keepdim=True)
    place = place.clamp(max=codes.shape[-1] - 1)
    return codes.gather(-1, place).squeeze(-1), entropy
