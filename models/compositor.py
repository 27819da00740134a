"""The compositor: the next picture as pixels that moved and pixels that are new. Needs torch. Refuses time and actions.

For each pixel of a patch it weighs a few places in the picture before, from which the pixel may have come, against a
colour of its own. Some of those places lie at fixed shifts, zero among them: what stands still or scrolls. One more is
carried: each patch chooses its shift among many, for what moves on a course of its own. So what moves is moved and not
drawn anew. Masked pixel motions: Finn, Goodfellow & Levine, "Unsupervised Learning for Physical Interaction through
Video Prediction", 2016. Layers: Wang & Adelson, "Representing Moving Images with Layers", 1994.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Shift = tuple[int, int]
CARRIES = 0.7  # share of a patch's pixels that a shift has to explain to be asked for
SURE = 40.0  # nats between a shift that explains all of a patch and one that explains nothing
SHARPER = 8
COARSE = 2  # pixels between those that are compared for the carried shifts


@dataclass(frozen=True)
class Composition:
    """What the compositor says of N patches of S pixels.

    `moved` uint8 [N,M,S]: the classes that M places would bring, the carried one last. `share` float [N,S,M+1]: the
    probability of each place, a new colour last. `colour` float [N,S,C]: the new colour's. `choice` float [N,D]: the
    probability of each carried shift; `moved` follows the likeliest.
    """

    moved: Tensor
    share: Tensor
    colour: Tensor
    choice: Tensor

    def __getitem__(self, patches: Tensor) -> Composition:
        """Those of some patches alone."""
        return Composition(self.moved[patches], self.share[patches], self.colour[patches], self.choice[patches])

    def mixture(self) -> Tensor:
        """Probability of each class of each pixel: float [N,S,C]."""
        kinds = torch.eye(self.colour.shape[-1], device=self.colour.device, dtype=self.colour.dtype)
        mixture = self.share[..., -1:] * self.colour
        for index in range(self.moved.shape[1]):
            one_hot = F.embedding(self.moved[:, index].int(), kinds)
            mixture = mixture + self.share[..., index : index + 1] * one_hot
        return mixture


class Compositor(nn.Module):
    """Shapes: B pictures of P = h·w patches of S = patch² pixels, H×W in all, C classes, E features of a patch, M fixed
    `shifts`, D `carried` ones; N = B·P. A shift (rows, columns) names the place that is looked at, relative to the
    pixel; beyond the edge the edge itself."""

    def __init__(
        self,
        features: int,
        hidden: int,
        grid: tuple[int, int],
        patch: int,
        classes: int,
        shifts: tuple[Shift, ...],
        carried: tuple[Shift, ...] = (),
    ) -> None:
        super().__init__()
        self.grid, self.patch, self.shifts, self.carried = grid, patch, shifts, carried
        self.size = grid[0] * patch, grid[1] * patch
        pixels, places = patch**2, len(shifts) + bool(carried)
        self.hidden = nn.Linear(features, hidden)
        self.share = nn.Linear(hidden, pixels * (places + 1))
        self.colour = nn.Linear(hidden, pixels * classes)
        self.choice = nn.Linear(hidden, len(carried)) if carried else None
        for layer in (self.share, self.colour):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.share.bias.view(pixels, -1)[:, shifts.index((0, 0))] = 2.0  # most of a picture stays as it was
        rows = torch.arange(self.size[0]).view(-1, 1).expand(self.size)
        columns = torch.arange(self.size[1]).expand(self.size)
        for name, plane in (("rows", rows), ("columns", columns)):
            self.register_buffer(name, self.cut(plane[None])[0].clone(), persistent=False)
        self.register_buffer("reach", torch.tensor(carried).view(-1, 2), persistent=False)

    rows: Tensor
    columns: Tensor
    reach: Tensor

    def forward(self, features: Tensor, classes: Tensor) -> Composition:
        """features float [N,E], classes uint8 [B,P,S] of the picture before → N patches."""
        hidden = F.gelu(self.hidden(features), approximate="tanh")
        moved = self.move(classes)
        choice = hidden.new_zeros(len(hidden), 0)
        if self.choice is not None:
            choice = self.choice(hidden).softmax(-1)
            carried = self.carry(classes, choice.argmax(-1).view(classes.shape[:2]))
            moved = torch.cat([moved, carried.unsqueeze(2)], 2)
        pixels = classes.shape[-1]
        share = self.share(hidden).unflatten(1, (pixels, -1)).softmax(-1)
        colour = self.colour(hidden).unflatten(1, (pixels, -1)).softmax(-1)
        return Composition(moved.flatten(0, 1), share, colour, choice)

    def likelihood(self, composed: Composition, before: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Of `classes`, uint8 [N,S]: the probability of each pixel over all carried shifts, float [N,S], and how far
        from right the choices are, float [N] in nats. `before` uint8 [B,P,S] is what `composed` was made from.

        Pixel by pixel a new colour explains a carried one as well, so the choices would learn next to nothing. So they
        are also asked for as such: a patch that no fixed shift explains should choose the shift that explains most."""
        fixed = composed.moved[:, : len(self.shifts)] == classes.unsqueeze(1)
        total = (composed.share[..., : len(self.shifts)] * fixed.transpose(1, 2).float()).sum(-1)
        wrong = total.new_zeros(len(total))
        if self.carried:
            right = (self.look(before, self.carried).flatten(0, 1) == classes.unsqueeze(1)).float()
            total = total + composed.share[..., -2] * (composed.choice.unsqueeze(1) @ right).squeeze(1)
            explained = right.mean(-1)
            best = explained.amax(1)
            asked = (best > CARRIES) & (best > fixed.float().mean(-1).amax(1))
            weight = (SURE * (explained - best.unsqueeze(1))).exp()
            wrong = torch.where(asked, -((composed.choice * weight).sum(1) + 1e-6).log(), 0.0)
        new = composed.colour.gather(-1, classes.long().unsqueeze(-1)).squeeze(-1)
        return total + composed.share[..., -1] * new, wrong

    def movement(self, before: Tensor, now: Tensor) -> Tensor:
        """How well each shift of the picture before explains each patch of this one. uint8 [B,P,S] twice → float
        [B,P,2M+D]: of the fixed shifts the share of its pixels and whether that is all, of the carried ones the share
        of one in COARSE² pixels, to the power SHARPER. A cost volume: Sun et al., "PWC-Net", 2018."""
        same = (self.move(before) == now.unsqueeze(2)).float().mean(-1)
        seen = [same, (same == 1).float()]
        if self.carried:
            sparse = self.frames(now)[:, ::COARSE, ::COARSE]
            places = self.places(self.carried)[:, ::COARSE, ::COARSE]
            equal = _take(self.frames(before), places) == sparse.unsqueeze(1)
            # To a high power, so that a shift that explains all stands out from one that explains most.
            share = F.avg_pool2d(equal.float(), self.patch // COARSE).pow(SHARPER)
            seen.append(share.flatten(2).transpose(1, 2))
        return torch.cat(seen, -1)

    def move(self, classes: Tensor) -> Tensor:
        """classes uint8 [B,P,S] → the picture after each fixed shift, uint8 [B,P,M,S]."""
        return self.look(classes, self.shifts)

    def carry(self, classes: Tensor, choice: Tensor) -> Tensor:
        """classes uint8 [B,P,S], choice int64 [B,P] → each patch after the carried shift of its choice, uint8
        [B,P,S]."""
        down, across = self.reach[choice].unsqueeze(2).unbind(-1)
        rows = (self.rows + down).clamp(0, self.size[0] - 1)
        columns = (self.columns + across).clamp(0, self.size[1] - 1)
        places = (rows * self.size[1] + columns).flatten(1)
        return self.frames(classes).flatten(1).gather(1, places).view(classes.shape)

    def look(self, classes: Tensor, shifts: tuple[Shift, ...]) -> Tensor:
        """classes uint8 [B,P,S] → uint8 [B,P,len(shifts),S]."""
        return _take(self.frames(classes), self.cut(self.places(shifts)).transpose(0, 1))

    def places(self, shifts: tuple[Shift, ...]) -> Tensor:
        """Where in H·W each pixel would come from: int64 [len(shifts),H,W]."""
        height, width = self.size
        device = self.rows.device
        down, across = torch.tensor(shifts, device=device).unsqueeze(2).unbind(1)
        rows = (torch.arange(height, device=device) + down).clamp(0, height - 1)
        columns = (torch.arange(width, device=device) + across).clamp(0, width - 1)
        return rows.unsqueeze(2) * width + columns.unsqueeze(1)

    def cut(self, frames: Tensor) -> Tensor:
        """[B,H,W] → patches [B,P,S]."""
        tiles = frames.unflatten(2, (self.grid[1], self.patch)).unflatten(1, (self.grid[0], self.patch))
        patches: Tensor = tiles.transpose(2, 3).flatten(3).flatten(1, 2)
        return patches

    def frames(self, patches: Tensor) -> Tensor:
        """The inverse of `cut`."""
        tiles = patches.unflatten(2, (self.patch, self.patch)).unflatten(1, self.grid)
        frames: Tensor = tiles.transpose(2, 3).flatten(3).flatten(1, 2)
        return frames


def _take(frames: Tensor, places: Tensor) -> Tensor:
    """Pixels of [B,H,W] by their numbers in H·W, int64 of any shape → [B, that shape]. A plain Gather when exported."""
    taken: Tensor = frames.flatten(1).index_select(1, places.flatten()).unflatten(1, places.shape)
    return taken
