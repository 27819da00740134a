"""Pictures as grids of square patches, and back; patches as grids of 2×2 pixels. Owns these orders; refuses to know
what a pixel is. Needs torch."""

from __future__ import annotations

from torch import Tensor


def cut(frames: Tensor, patch: int) -> Tensor:
    """[B,H,W,...] → [B,P,S,...]: P patches row by row, each of S = patch² pixels row by row."""
    rows, columns = frames.shape[1] // patch, frames.shape[2] // patch
    tiles = frames.unflatten(2, (columns, patch)).unflatten(1, (rows, patch)).transpose(2, 3)
    patches: Tensor = tiles.flatten(3, 4).flatten(1, 2)
    return patches


def join(patches: Tensor, grid: tuple[int, int]) -> Tensor:
    """The inverse of `cut`: [B,P,S,...] → [B,H,W,...]; `grid` is patches down and across."""
    side = round(patches.shape[2] ** 0.5)
    tiles = patches.unflatten(2, (side, side)).unflatten(1, grid).transpose(2, 3)
    frames: Tensor = tiles.flatten(3, 4).flatten(1, 2)
    return frames


def quads(frames: Tensor, patch: int) -> Tensor:
    """[B,H,W] → [B,h,w,r,r,4], with r = patch/2: patches, in each of them 2×2 pixels, in each of these 4. A view of
    what `cut` with patches of 2 gives."""
    return of_quads(cut(frames, 2), (frames.shape[1] // patch, frames.shape[2] // patch))


def of_quads(pixels: Tensor, grid: tuple[int, int]) -> Tensor:
    """[B,Q,4,...], 2×2 pixels row by row → [B,h,w,r,r,4,...], nothing copied."""
    side = round((pixels.shape[1] / grid[0] / grid[1]) ** 0.5)
    patches: Tensor = pixels.unflatten(1, (grid[0], side, grid[1], side)).transpose(2, 3)
    return patches


def by_twos(patches: Tensor) -> Tensor:
    """[...,S] row by row, as `cut` has them → [...,S] in the order of `quads`."""
    half = round(patches.shape[-1] ** 0.5) // 2
    pixels: Tensor = patches.unflatten(-1, (half, 2, half, 2)).transpose(-3, -2)
    return pixels.flatten(-4)


def by_rows(patches: Tensor) -> Tensor:
    """The inverse of `by_twos`."""
    half = round(patches.shape[-1] ** 0.5) // 2
    pixels: Tensor = patches.unflatten(-1, (half, half, 2, 2)).transpose(-3, -2)
    return pixels.flatten(-4)
