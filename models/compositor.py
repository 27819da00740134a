"""The compositor: the next picture as pixels that moved and pixels that are new. Needs torch. Refuses time and actions.

Each pixel weighs a few places in the picture before, from which it may have come, against every colour. Some of those
places lie at fixed shifts, zero among them: what stands still or scrolls. One more is carried, by a shift among many,
for what moves on a course of its own (see `carriage`). The moved pictures are looked at before the weights are given,
so that a moved sprite is mended where it changes and need not be drawn anew; and whatever is decided, is decided by
convolutions at the scale of pixels, so that what is learnt of a sprite holds wherever it stands. Beside its class each
pixel shows how it came there (`marked`), so that what has moved is told from what it moved over, whatever the colours.

Masked pixel motions: Finn, Goodfellow & Levine, "Unsupervised Learning for Physical Interaction through Video
Prediction", 2016. Motion compensation before refinement: Lu et al., "DVC: An End-to-end Deep Video Compression
Framework", 2019.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.carriage import SURE, Carriage, Choice
from models.layers import ChannelNorm, PixelBlock, PixelTable
from models.patches import cut, of_quads

Shift = tuple[int, int]
CARRIES = 0.6  # share of a patch's pixels that a shift has to explain to be asked for
GAINS = 0.1  # share that it has to explain beyond what a fixed shift does: textures repeat, a few pixels prove nothing
ASKED = 43  # patches a picture at most, of a batch together: each is compared with every shift
SHARPER = 8
COARSE = 2  # pixels between those that are compared for the carried shifts
STAYS = 3.0  # nats that a pixel is likelier to stay than to change, before anything is learnt


@dataclass(frozen=True)
class Composition:
    """What the compositor says of N pictures of P = h·w patches, pixels in the order of `quads`: U = h,w,r,r,4.

    `moved` uint8 [N,U,M]: the classes that M places would bring, the carried one last. `shares` float [N,U,M+C]: the
    probability of each place, then of each class as a new colour. `moved` follows the likeliest of `carriage`, which is
    None where nothing is carried.
    """

    moved: Tensor
    shares: Tensor
    carriage: Carriage | None

    def mixture(self, some: tuple[Tensor, Tensor, Tensor] | None = None) -> Tensor:
        """Probability of each class of each pixel, of all patches float [N,P,S,C], or of some that are named by
        picture, row and column, float [K,S,C]; the pixels of a patch by twos (`by_twos`)."""
        moved, shares = (part[some] if some is not None else part.flatten(1, 2) for part in (self.moved, self.shares))
        places = moved.shape[-1]
        mixture = shares[..., places:]
        kinds = torch.eye(mixture.shape[-1], device=mixture.device, dtype=mixture.dtype)
        for index in range(places):
            mixture = mixture + shares[..., index : index + 1] * F.embedding(moved[..., index].int(), kinds)
        return mixture.flatten(-4, -2)

    def likelihood(self, classes: Tensor) -> Tensor:
        """Probability of each pixel of `classes`, uint8 [N,U]: float [N,U]."""
        places = self.moved.shape[-1]
        moved, new = self.shares.split([places, self.shares.shape[-1] - places], -1)
        came = (moved * (self.moved == classes.unsqueeze(-1))).sum(-1)
        likelihood: Tensor = came + new.gather(-1, classes.long().unsqueeze(-1)).squeeze(-1)
        return likelihood


class Compositor(nn.Module):
    """Shapes: N pictures of H×W pixels in P = h·w patches, C classes, E features of a patch, F of a 4×4 block of
    pixels, M fixed `shifts`, D `carried` ones. A shift (rows, columns) names the place that is looked at, relative to
    the pixel; beyond the edge the edge itself."""

    reach: Tensor

    def __init__(
        self,
        features: int,
        detail: int,
        pixel: int,
        grid: tuple[int, int],
        patch: int,
        classes: int,
        shifts: tuple[Shift, ...],
        carried: tuple[Shift, ...] = (),
        blocks: int = 1,
        scene: int = 1,
    ) -> None:
        super().__init__()
        self.grid, self.patch, self.shifts, self.carried, self.classes = grid, patch, shifts, carried, classes
        self.size = grid[0] * patch, grid[1] * patch
        places = len(shifts) + bool(carried)
        self.choice = Choice(features, scene, len(shifts), len(carried)) if carried else None
        self.spread = nn.Sequential(nn.Conv2d(features, detail * (patch // 4) ** 2, 1), nn.PixelShuffle(patch // 4))
        self.marks = shifts[: marks_within_a_byte(classes)]
        self.table = PixelTable(classes, len(self.marks), (self.size[0] // 2, self.size[1] // 2))
        self.seen_pixel = nn.Conv2d(4 * places * self.table.numbers, pixel, 1)
        self.seen_detail = nn.Conv2d(4 * places * self.table.numbers, detail, 2, stride=2)
        self.detail = nn.Sequential(*(PixelBlock(detail) for _ in range(blocks)))
        self.widen = nn.Sequential(ChannelNorm(detail), nn.Conv2d(detail, 4 * pixel, 1), nn.PixelShuffle(2))
        self.pixels = nn.Sequential(*(PixelBlock(pixel) for _ in range(blocks)))
        self.head = nn.Linear(pixel, 4 * (places + classes))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        with torch.no_grad():
            self.head.bias.view(4, -1)[:, shifts.index((0, 0))] = STAYS
        self.register_buffer("reach", torch.tensor(carried).view(-1, 2), persistent=False)

    def forward(
        self,
        features: Tensor,
        detail: Tensor,
        scene: Tensor,
        marked: Tensor,
        movement: Tensor,
        evidence: Tensor | None = None,
        known: Tensor | None = None,
    ) -> Composition:
        """features float [N,E,h,w], detail float [N,F,H/4,W/4], what is known of the whole picture float [N,G], the
        picture before as `marked` uint8 [N,H,W] and its `movement` float [N,2(M+D),h,w]. `known`: features of 2×2
        pixels of what comes, as far as it has been decided, float [N,pixel,H/2,W/2].

        With `evidence` of what came, float [N,P,D], patches are carried as they were: so the pixels learn what follows
        from a shift, and need not make up for a wrong one."""
        moved = self.look(marked, self.shifts)
        carriage = None
        if self.choice is not None:
            carriage = self.choice(features, scene, movement)
            moved = torch.cat([moved, self.carry(marked, carriage.likeliest(evidence)).unsqueeze(-1)], -1)
        pixels = cut(moved, 2)
        seen = self.table(pixels)
        fine = self.widen(self.detail(detail + self.spread(features) + self.seen_detail(seen)))
        fine = fine + self.seen_pixel(seen)
        fine = self.pixels(fine if known is None else fine + known)
        weighed = self.head(fine.permute(0, 2, 3, 1).flatten(1, 2)).unflatten(-1, (4, -1))
        shares = weighed.float().softmax(-1)  # in half precision what is nearly certain would pull no more
        return Composition(of_quads(pixels % self.classes, self.grid), of_quads(shares, self.grid), carriage)

    @torch.no_grad()
    def evidence(self, before: Tensor, classes: Tensor) -> Tensor:
        """What the next picture says of the carried shifts: log likelihood up to a constant, float [N,P,D], of patches
        that no fixed shift explains and a carried one does; zero for all others. `before` and `classes` uint8 [N,H,W].

        Pixel by pixel a new colour explains a carried one as well, so from the pixels alone the choices would learn
        next to nothing."""
        fixed = self.look(before, self.shifts) == classes.unsqueeze(-1)
        share = cut(fixed, self.patch).float().mean(2).amax(-1)
        known = share.new_zeros(*share.shape, len(self.carried))
        picture, patch = torch.nonzero(share < 1 - GAINS, as_tuple=True)
        if not self.carried or not len(picture):
            return known
        each = slice(None, None, 1 + len(picture) // (ASKED * len(before)))
        picture, patch = picture[each], patch[each]
        places = cut(self.places(self.carried), self.patch).transpose(0, 1)[patch]  # [K,D,S]
        came = before.flatten(1)[picture[:, None, None], places]
        explained = (came == cut(classes, self.patch)[picture, patch].unsqueeze(1)).float().mean(-1)
        best = explained.amax(1, keepdim=True)
        asked = (best > CARRIES) & (best > share[picture, patch].unsqueeze(1) + GAINS)
        return known.index_put((picture, patch), torch.where(asked, SURE * (explained - best), 0.0))

    def marked(self, before: Tensor, now: Tensor) -> Tensor:
        """The classes of `now`, and which fixed shifts of `before` each pixel agrees with, of as many as there is room
        for: uint8 [N,H,W] twice → uint8 [N,H,W], the class plus C times one bit a shift."""
        marks = now.int()
        for bit, (down, across) in enumerate(self.marks):
            came = shifted(before, [down], across)[:, 0] == now
            marks = marks + came.int() * (self.classes << bit)
        return marks.to(torch.uint8)

    def movement(self, before: Tensor, now: Tensor) -> Tensor:
        """How well each shift of the picture before explains each patch of this one. uint8 [N,H,W] twice → float
        [N,2(M+D),h,w]: the share of one in COARSE² of its pixels, and that to the power SHARPER, so that a shift that
        explains all stands out from one that explains most. A cost volume: Sun et al., "PWC-Net", 2018."""
        equal = [
            shifted(before, rows, across, COARSE) == now[:, None, ::COARSE, ::COARSE]
            for shifts in (self.shifts, self.carried)
            for across, rows in _by_column(shifts).items()
        ]
        share = F.avg_pool2d(torch.cat(equal, 1).float(), self.patch // COARSE)
        return torch.cat([share, share.pow(SHARPER)], 1)

    def carry(self, classes: Tensor, choice: Tensor) -> Tensor:
        """classes uint8 [N,H,W], choice int64 [N,P] → each patch after the carried shift of its choice, uint8
        [N,H,W]."""
        shift = self.reach[choice].unflatten(1, self.grid)
        shift = shift.repeat_interleave(self.patch, 1).repeat_interleave(self.patch, 2)
        down, across = shift.unbind(-1)
        height, width = self.size
        rows = (torch.arange(height, device=classes.device).view(-1, 1) + down).clamp(0, height - 1)
        columns = (torch.arange(width, device=classes.device) + across).clamp(0, width - 1)
        return classes.flatten(1).gather(1, (rows * width + columns).flatten(1)).view(classes.shape)

    def look(self, classes: Tensor, shifts: tuple[Shift, ...]) -> Tensor:
        """classes uint8 [N,H,W] → the picture after each shift, uint8 [N,H,W,len(shifts)]."""
        return torch.stack([shifted(classes, [down], across)[:, 0] for down, across in shifts], -1)

    def places(self, shifts: tuple[Shift, ...]) -> Tensor:
        """Where in H·W each pixel would come from: int64 [len(shifts),H,W]."""
        height, width = self.size
        device = self.reach.device
        down, across = torch.tensor(shifts, device=device).unsqueeze(2).unbind(1)
        rows = (torch.arange(height, device=device) + down).clamp(0, height - 1)
        columns = (torch.arange(width, device=device) + across).clamp(0, width - 1)
        return rows.unsqueeze(2) * width + columns.unsqueeze(1)


def marks_within_a_byte(classes: int) -> int:
    """How many bits are left beside `classes` classes."""
    return (256 // classes).bit_length() - 1


def shifted(frames: Tensor, down: Sequence[int], across: int, step: int = 1) -> Tensor:
    """[N,H,W] → [N,len(down),H/step,W/step]: every `step`-th pixel of the picture after the shifts (d, across)."""
    height, width = frames.shape[1:]
    columns = (torch.arange(0, width, step, device=frames.device) + across).clamp(0, width - 1)
    rows = torch.arange(0, height, step, device=frames.device) + torch.tensor(down, device=frames.device).view(-1, 1)
    # Columns first: then each row is one stretch of memory.
    picked = frames.index_select(2, columns).index_select(1, rows.clamp(0, height - 1).flatten())
    taken: Tensor = picked.unflatten(1, (len(down), -1))
    return taken


def _by_column(shifts: tuple[Shift, ...]) -> dict[int, list[int]]:
    """Rows of the shifts, by their columns."""
    rows: dict[int, list[int]] = {}
    for down, across in shifts:
        rows.setdefault(across, []).append(down)
    return rows
