"""Contexts made wrong on purpose, since those of play are. Owns which pixels and how; refuses models and losses.

All of a batch at once and on its device, so that a GPU isn't kept waiting for one rectangle after another.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CUTS = 3  # corrupted rectangles a frame, at most
ASIDE = 24  # pixels at most, each way, between a thing and where it is a second time
SMALLEST, LARGEST = 2, 16  # a rectangle's side in pixels, the largest left out


@dataclass(frozen=True)
class _Cuts:
    """C rectangles, int64 [C] each: `clip` and `tick` of their frame; from `first` on they are wrong; place and size;
    where their pixels come from: (`from_clip`, `from_tick`), the frame itself for -1, and so far down and across."""

    clip: Tensor
    tick: Tensor
    first: Tensor
    top: Tensor
    left: Tensor
    tall: Tensor
    wide: Tensor
    from_clip: Tensor
    from_tick: Tensor
    down: Tensor
    across: Tensor


def corrupt(pictures: Tensor, moving: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """About `share` of the frames uint8 [B,T,H,W] with a few rectangles that are wrong: shifted by a pixel or two, as a
    tick before, with what lies beside it, from another picture, or there a second time; most of them where something
    moves, or, as `moving` has it, bool [B,T,P], goes its own way. Half of them have been wrong since the clip began: so
    it is in play, where a hero who has come apart can't be mended by looking a few frames back."""
    ticks, height, width = pictures.shape[1:]
    draw = torch.rand(*pictures.shape[:2], CUTS, 11, generator=generator)
    some = (draw[..., 0] < share).int().cumprod(-1).bool()
    clip, tick, _ = (index.to(pictures.device) for index in some.nonzero(as_tuple=True))
    if not len(clip):
        return pictures.clone()
    cuts = _cuts(pictures, moving, clip, tick, draw[some].to(pictures.device))

    frames = torch.arange(ticks, device=pictures.device)
    cut, frame = ((frames >= cuts.first[:, None]) & (frames <= tick[:, None])).nonzero(as_tuple=True)
    side = torch.arange(LARGEST, device=pictures.device)
    row = cuts.top[cut, None, None] + side[:, None]
    column = cuts.left[cut, None, None] + side
    inside = (side[:, None] < cuts.tall[cut, None, None]) & (side < cuts.wide[cut, None, None])
    inside = inside & (row >= 0) & (row < height) & (column >= 0) & (column < width)

    def flat(of_clip: Tensor, of_frame: Tensor, row: Tensor, column: Tensor) -> Tensor:
        return (((of_clip * ticks + of_frame)[:, None, None] * height + row) * width + column)[inside]

    into = flat(clip[cut], frame, row, column)
    of_frame = torch.where(cuts.from_tick[cut] < 0, frame, cuts.from_tick[cut])
    down, across = cuts.down[cut, None, None], cuts.across[cut, None, None]
    out = flat(cuts.from_clip[cut], of_frame, (row - down) % height, (column - across) % width)
    # Where rectangles overlap, the later one is seen, on every device.
    number = cut[:, None, None].expand_as(inside)[inside]
    last = number.new_full((pictures.numel(),), -1).scatter_reduce_(0, into, number, "amax")
    seen = last[into] == number
    corrupted = pictures.flatten().clone()
    corrupted[into[seen]] = pictures.flatten()[out[seen]]
    return corrupted.view(pictures.shape)


def _cuts(pictures: Tensor, moving: Tensor, clip: Tensor, tick: Tensor, draw: Tensor) -> _Cuts:
    """A rectangle for each frame that `clip` and `tick`, int64 [C], name, by ten numbers each, float [C,11]."""
    clips, ticks, height, width = pictures.shape
    _, high, far, tall, wide, about, kind, one, two, three, since = draw.unbind(1)
    tall, wide = _below(LARGEST - SMALLEST, tall) + SMALLEST, _below(LARGEST - SMALLEST, wide) + SMALLEST
    row, column = _centres(pictures, moving, clip, tick, high, far, about, one)
    top, left = (row - tall // 2).clamp(min=0), (column - wide // 2).clamp(min=0)
    tall, wide = tall.minimum(height - top), wide.minimum(width - left)
    shifted, before = kind < 0.25, (kind >= 0.25) & (kind < 0.4) & (tick > 0)
    beside = ~shifted & ~before & (kind < 0.6)
    twice, other = (kind >= 0.6) & (kind < 0.8), kind >= 0.8
    none = torch.zeros_like(tick)
    down = torch.where(shifted, _below(5, one) - 2, none)
    down = torch.where(twice, ((2 * two - 1) * ASIDE).long(), down)
    across = torch.where(shifted, _below(5, two) - 2, none)
    across = torch.where(beside, (16 + one * (width - 32)).long(), across)
    across = torch.where(twice, ((2 * three - 1) * ASIDE).long(), across)
    # What is there a second time is beside itself; all else is where it was.
    top, left = top + torch.where(twice, down, none), left + torch.where(twice, across, none)
    across = torch.where(other, _below(width, about), across)
    from_tick = torch.where(before, tick - 1, none - 1)
    from_tick = torch.where(twice, tick, torch.where(other, _below(ticks, two), from_tick))
    from_clip = torch.where(other, _below(clips, one), clip)
    first = torch.where(since < 0.5, none, tick)
    return _Cuts(clip, tick, first, top, left, tall, wide, from_clip, from_tick, down, across)


def _centres(
    pictures: Tensor,
    moving: Tensor,
    clip: Tensor,
    tick: Tensor,
    high: Tensor,
    far: Tensor,
    about: Tensor,
    within: Tensor,
) -> tuple[Tensor, Tensor]:
    """Rows and columns of rectangles' middles, int64 [C]: in half of the cases in a patch that goes its own way, in
    half of the others at a pixel that has just changed, by numbers float [C] in [0,1)."""
    height, width = pictures.shape[2:]
    own, patches = _one_of(moving[clip, tick], high)
    patch = round((height * width / moving.shape[2]) ** 0.5)
    to_patch = (about < 0.5) & patches
    changed = pictures[clip, tick] != pictures[clip, (tick - 1).clamp(min=0)]
    pixel, pixels = _one_of(changed.flatten(1), high)
    to_pixel = ~to_patch & (about < 0.75) & pixels
    row = torch.where(to_pixel, pixel // width, _below(height, high))
    column = torch.where(to_pixel, pixel % width, _below(width, far))
    grid = width // patch
    row = torch.where(to_patch, own // grid * patch + _below(patch, far), row)
    column = torch.where(to_patch, own % grid * patch + _below(patch, within), column)
    return row, column


def _one_of(chosen: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Of each row of bool [C,N] the place of one that is true, int64 [C], by a number float [C] in [0,1); and whether
    there is one, bool [C]."""
    number = chosen.sum(1)
    wanted = (share * number).long()
    return (chosen.cumsum(1) > wanted[:, None]).int().argmax(1), number > 0


def _below(limit: int, share: Tensor) -> Tensor:
    """Whole numbers in [0,limit), int64 [C], by numbers float [C] in [0,1)."""
    return (share * limit).long()
