"""The teacher: the dynamics model, told part of the next picture, so that it can decide the rest in several passes.
Needs torch. Refuses to be shipped: each pass costs a frame.

One pass decides all patches without knowing what the others become. Here the surest are decided first, and the next
pass knows them: so what belongs together comes out together. Its weights begin as those of a dynamics model, with which
it agrees as long as nothing is told.

Chang et al., "MaskGIT: Masked Generative Image Transformer", 2022.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.dynamics import DynamicsConfig, DynamicsModel, Glimpse, Prediction
from models.layers import PixelTable
from models.patches import cut, join, quads

SURE = -0.1  # log probability of a patch from which it is decided at once


@dataclass(frozen=True)
class Told:
    """Part of N next pictures: `picture` uint8 [N,H,W], of which the patches `known`, bool [N,P], are settled."""

    picture: Tensor
    known: Tensor


@dataclass(frozen=True)
class Decided:
    """N pictures as they came out, uint8 [N,H,W], their tokens int64 [N,P], and what was thought of each patch when it
    was decided: float [N,P,S,C], pixels by twos."""

    picture: Tensor
    tokens: Tensor
    beliefs: Tensor


class Telling(nn.Module):
    """What is told, as a glimpse. Says nothing before it is trained."""

    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__()
        self.unknown, self.patch, self.grid = config.classes, config.patch, config.grid
        height, width = config.grid[0] * config.patch, config.grid[1] * config.patch
        self.table = PixelTable(config.classes + 1, 0, (height // 2, width // 2))
        self.detail = nn.Conv2d(4 * self.table.numbers, config.detail_channels, 2, stride=2)
        self.pixels = nn.Conv2d(4 * self.table.numbers, config.pixel_channels, 1)
        for part in (self.detail, self.pixels):
            for parameter in part.parameters():
                nn.init.zeros_(parameter)

    def forward(self, told: Told) -> Glimpse:
        """N pictures → their glimpse."""
        open_ = join((~told.known).unsqueeze(-1).expand(-1, -1, self.patch**2), self.grid)
        seen = self.table(cut(told.picture.masked_fill(open_, self.unknown).unsqueeze(-1), 2))
        return Glimpse(self.detail(seen), self.pixels(seen))


class TeacherModel(DynamicsModel):
    """Shapes as in the dynamics model, N = B·T pictures."""

    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__(config)
        self.telling = Telling(config)

    def predict(
        self, pictures: Tensor, actions: Tensor, state: list[Tensor], told: Told, evidence: Tensor | None = None
    ) -> tuple[Prediction, list[Tensor]]:
        """As `forward`, knowing what is told. `evidence` float [N,P,D] is of the whole next pictures; without it, it is
        found for the patches that are told."""
        if evidence is None:
            evidence = self.compositor.evidence(pictures.flatten(0, 1), told.picture) * told.known.unsqueeze(-1)
        predicted: tuple[Prediction, list[Tensor]] = self(pictures, actions, state, evidence, self.telling(told))
        return predicted

    @torch.no_grad()
    def decide(
        self, pictures: Tensor, actions: Tensor, state: list[Tensor], noise: Tensor, min_p: float
    ) -> tuple[Decided, list[Tensor]]:
        """The next pictures in K passes, with noise float [N,K] in [0,1): one number a pass, shared by its patches.

        What is sure is decided in the pass in which it is; of the rest the surest, so that all are in the last."""
        now = pictures.flatten(0, 1)
        told = Told(now, torch.zeros(len(now), self.config.tokens, dtype=torch.bool, device=now.device))
        passes = noise.shape[1]
        tokens = beliefs = None
        for index in range(passes):
            prediction, rolled = self.predict(pictures, actions, state, told)
            drawn, picture, _ = self.draw(prediction, noise[:, index : index + 1].expand_as(told.known), min_p)
            settled = self.settles(prediction, picture, told.known, passes - index)
            belief = prediction.composition.mixture()
            tokens = drawn if tokens is None else torch.where(told.known, tokens, drawn)
            beliefs = belief if beliefs is None else torch.where(told.known[..., None, None], beliefs, belief)
            told = Told(self.put(told, picture), settled)
        assert tokens is not None and beliefs is not None
        return Decided(told.picture, tokens, beliefs), rolled

    def settles(self, prediction: Prediction, picture: Tensor, known: Tensor, left: int) -> Tensor:
        """Which patches of `picture`, uint8 [N,H,W], are settled now: bool [N,P]. Those that were `known`, those that
        are sure, and of the others the surest, a share of 1/`left`."""
        sureness = patch_nats(prediction, picture, self.config.patch).neg()
        settled = known | (sureness > SURE)
        rank = sureness.masked_fill(settled, -torch.inf).argsort(-1, descending=True).argsort(-1)
        others = (~settled).sum(-1, keepdim=True)
        return settled | (rank < (others / left).ceil())

    def put(self, told: Told, picture: Tensor) -> Tensor:
        """`picture`, uint8 [N,H,W], but for what was told already."""
        kept = told.known.unsqueeze(-1)
        patches = torch.where(kept, cut(told.picture, self.config.patch), cut(picture, self.config.patch))
        return join(patches, self.config.grid)


def patch_nats(prediction: Prediction, picture: Tensor, patch: int) -> Tensor:
    """How unlikely each patch of `picture`, uint8 [N,H,W], is taken for: float [N,P]."""
    likelihood = prediction.composition.likelihood(quads(picture, patch))
    return -(likelihood + 1e-6).log().sum((3, 4, 5)).flatten(1)
