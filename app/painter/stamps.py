"""What a world can be painted with: pieces of the pictures that it ships, and empty boards made of them. Owns finding
them in any checkpoint's start frames; refuses to draw anything of its own.

Tiles are the patches that lie on the tokenizer's grid in many frames. Sprites lie anywhere: they are the windows that
come back, to the pixel, in more than one frame, have many colours, and whose edges have few.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint
from models.manifest import Manifest

SPRITES, TILES = 16, 32  # at most
TRIED = 4000  # windows looked at, the likeliest first
PLACES = 64  # of a window that are looked at
PIXELS = 400_000  # of all frames together that are searched
WIDTHS = 8  # a sprite is at most this part of the picture
EDGE = 1.5  # a colour at the edge counts this much against a window
_PRIMES = np.uint64(1099511628211), np.uint64(6364136223846793005)

Pixels = npt.NDArray[np.uint8]
_Wide = npt.NDArray[np.uint64]


def patch_side(manifest: Manifest) -> int:
    """Pixels of one token's patch where tokens lie on a square grid; else what divides the picture evenly."""
    side = isqrt(max(1, manifest.height * manifest.width // manifest.tokens))
    fits = manifest.height % side == 0 and manifest.width % side == 0
    return side if fits and 2 <= side <= min(manifest.height, manifest.width) // 2 else 8


def sprite_side(manifest: Manifest) -> int:
    """Pixels of a sprite's window: one patch or two."""
    side = patch_side(manifest)
    return 2 * side if 2 * side <= min(manifest.height, manifest.width) // WIDTHS else side


def find_stamps(checkpoint: Checkpoint) -> list[Pixels]:
    """Pieces uint8 [s,s] or [s,s,3], sprites first; no two are the same."""
    frames, manifest = checkpoint.start_pixels, checkpoint.manifest
    frames = frames[: max(1, PIXELS // (manifest.height * manifest.width))]
    side, patch = sprite_side(manifest), patch_side(manifest)
    tiles = _tiles(frames, patch)
    found = [*_sprites(frames, side), *tiles] if side > patch else tiles  # else what is on the grid is whole
    return list({(len(piece), piece.tobytes()): piece for piece in found}.values())


def boards(checkpoint: Checkpoint) -> list[tuple[str, Pixels]]:
    """What a painting can begin from: a blank and an empty board, then every start, each with its title.

    The blank one is the commonest patch everywhere. The empty one has at every place what most starts have there, or
    what is commonest in that row where they don't agree.
    """
    frames, side = checkpoint.start_pixels, patch_side(checkpoint.manifest)
    cells = _cells(frames, side)
    count, rows, columns = cells.shape[:3]
    flat = cells.reshape(count * rows * columns, -1)
    kinds, numbers = np.unique(flat, axis=0, return_inverse=True)
    numbers = numbers.reshape(count, rows, columns)
    blank = np.full((rows, columns), np.bincount(numbers.ravel()).argmax())
    empty = blank.copy()
    for row in range(rows):
        commonest = np.bincount(numbers[:, row].ravel()).argmax()
        for column in range(columns):
            votes = np.bincount(numbers[:, row, column])
            empty[row, column] = votes.argmax() if 2 * votes.max() >= count else commonest
    grids = (("blank", blank), ("empty", empty))
    made = [(title, _assemble(kinds[grid], cells.shape, frames.shape[1:3])) for title, grid in grids]
    return [*made, *((f"start {number}", frame.copy()) for number, frame in enumerate(frames))]


def _cells(frames: Pixels, side: int) -> Pixels:
    """Frames [S,H,W,…] as patches [S,H/s,W/s,s,s,…]."""
    count, height, width, *depth = frames.shape
    cut = frames[:, : height // side * side, : width // side * side]
    return cut.reshape(count, height // side, side, width // side, side, *depth).swapaxes(2, 3)


def _assemble(patches: Pixels, shape: tuple[int, ...], size: tuple[int, ...]) -> Pixels:
    """Flat patches [H/s,W/s,…] as a picture of `size` H, W; what no patch covers continues the edge."""
    _, rows, columns, side, _, *depth = shape
    grid = patches.reshape(rows, columns, side, side, *depth).swapaxes(1, 2)
    picture = grid.reshape(rows * side, columns * side, *depth)
    missing = [(0, size[0] - rows * side), (0, size[1] - columns * side), *((0, 0) for _ in depth)]
    return np.pad(picture, missing, "edge")


def _tiles(frames: Pixels, side: int) -> list[Pixels]:
    """The patches of the grid that the most frames have."""
    cells = _cells(frames, side)
    flat = cells.reshape(-1, *cells.shape[3:])
    kinds, first, numbers = np.unique(
        flat.reshape(len(flat), -1), axis=0, return_index=True, return_inverse=True
    )  # what the kinds are is in `first`
    frame_of = np.arange(len(flat)) // (cells.shape[1] * cells.shape[2])
    pairs = np.unique(numbers.ravel().astype(np.int64) * len(frames) + frame_of)
    in_frames = np.bincount(pairs // len(frames), minlength=len(kinds))
    return [flat[first[number]] for number in np.argsort(-in_frames, kind="stable")[:TILES]]


def _sprites(frames: Pixels, side: int) -> list[Pixels]:
    return [frames[f, y : y + side, x : x + side] for f, y, x in _sprite_places(_one_channel(frames), side)]


def _sprite_places(frames: _Wide, side: int) -> Iterator[tuple[int, int, int]]:
    """Frame, top and left of one window of each sprite, the likeliest first. Frames uint64 [S,H,W]."""
    hashes = _hash(frames, side)
    order = np.argsort(hashes.ravel(), kind="stable")
    ordered = hashes.ravel()[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[begins[1:], len(order)]
    score = _scores(frames, side).ravel()[order[begins]]
    frame_of = order // (hashes.shape[1] * hashes.shape[2])
    score[frame_of[begins] == frame_of[ends - 1]] = -1  # sorting was stable: all of them are in one frame
    taken = np.zeros(frames.shape, bool)
    found = 0
    for number in np.argsort(-score, kind="stable")[:TRIED]:
        if score[number] <= 0 or found == SPRITES:
            return
        places = np.stack(np.unravel_index(order[begins[number] : ends[number]][:PLACES], hashes.shape), 1)
        if any(taken[f, y : y + side, x : x + side].any() for f, y, x in places):
            continue
        for f, y, x in places:
            taken[f, y : y + side, x : x + side] = True
        found += 1
        yield int(places[0][0]), int(places[0][1]), int(places[0][2])


def _one_channel(frames: Pixels) -> _Wide:
    """Frames [S,H,W] or [S,H,W,3] as one number a pixel."""
    wide = frames.astype(np.uint64)
    if wide.ndim == 3:
        return wide
    return (wide[..., 0] << np.uint64(16)) | (wide[..., 1] << np.uint64(8)) | wide[..., 2]


def _hash(frames: _Wide, side: int) -> _Wide:
    """A number for every window uint64 [S,H-s+1,W-s+1]: equal windows have equal ones."""
    high, wide = frames.shape[1] - side + 1, frames.shape[2] - side + 1
    rows = np.zeros((*frames.shape[:2], wide), np.uint64)
    for column in range(side):
        rows = rows * _PRIMES[0] + frames[:, :, column : column + wide] + np.uint64(1)
    windows = np.zeros((len(frames), high, wide), np.uint64)
    for row in range(side):
        windows = windows * _PRIMES[1] + rows[:, row : row + high]
    return windows


def _scores(frames: _Wide, side: int) -> npt.NDArray[np.float32]:
    """How much every window looks like one whole thing: many colours inside, few at its left, right and upper edge."""
    bits = np.uint64(1) << (frames % np.uint64(64))
    inside = _all_colours(bits, side, side)
    sides = _all_colours(bits, side, 1)
    wide, high = inside.shape[2], inside.shape[1]
    edge = sides[:, :, :wide] | sides[:, :, side - 1 :] | _all_colours(bits, 1, side)[:, :high]
    score = _count(inside) - EDGE * _count(edge)
    score[_count(inside) < 3] = -1
    return score.astype(np.float32)


def _all_colours(bits: _Wide, high: int, wide: int) -> _Wide:
    """The colours in every window of a size, a bit each."""
    across = bits.shape[2] - wide + 1
    rows = np.zeros((*bits.shape[:2], across), np.uint64)
    for column in range(wide):
        rows |= bits[:, :, column : column + across]
    down = bits.shape[1] - high + 1
    windows = np.zeros((len(bits), down, across), np.uint64)
    for row in range(high):
        windows |= rows[:, row : row + down]
    return windows


def _count(bits: _Wide) -> npt.NDArray[np.float32]:
    """Bits that are set."""
    bytes_of = np.ascontiguousarray(bits).view(np.uint8).reshape(*bits.shape, 8)
    table = np.array([number.bit_count() for number in range(256)], np.uint8)
    counted: npt.NDArray[np.float32] = table[bytes_of].sum(-1).astype(np.float32)
    return counted
