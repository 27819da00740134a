"""A start made of any picture. Owns fitting it to a world, encoding it and saying how far it is from what the network
knows; refuses to read files (app/play/picture_file.py) and to begin a session.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.backends.base import Backend
from engine.checkpoint import Checkpoint, verify_file
from engine.decoder import decode
from engine.start import PictureStart
from models.manifest import Manifest

FAR = 0.95  # share of exact pixels below which a picture is far from what a world knows; its own come out at 0.999
NEAR = 0.995
_COLOURS_AT_ONCE = 4096

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class EncodedPicture:
    """`asked` is the picture in the world's own form, `start` what the network makes of it: its pixels are the
    reconstruction. `psnr_db` compares them in `palette`'s colours (infinite where they are equal), `exact` is the
    share of pixels that came out as asked, `fit_db` how well the world's size and colours can show the picture."""

    asked: Pixels
    palette: str | None
    start: PictureStart
    psnr_db: float
    exact: float
    fit_db: float

    @property
    def verdict(self) -> str:
        """What that means, in a line."""
        if self.exact >= NEAR:
            return "the network knows pictures like this one"
        if self.exact >= FAR:
            return "close to what the network knows; some details are lost"
        return "far from what the network knows: expect it to dream up something else"

    @property
    def error(self) -> str:
        """The reconstruction error in a line."""
        share = min(99.9, 100 * self.exact) if self.exact < 1 else 100
        return f"{share:.1f} % of pixels kept, {show_db(self.psnr_db)}"


def show_db(decibels: float) -> str:
    """A PSNR as a person reads it."""
    return f"{decibels:.1f} dB" if np.isfinite(decibels) else "no error"


def encode_picture(rgb: Pixels, checkpoint: Checkpoint, backend: Backend) -> EncodedPicture:
    """A start from a picture uint8 [h,w,3] of any size. Raises BadInput where the world's graphs can't do it."""
    manifest = checkpoint.manifest
    wanted = resize(rgb, manifest.height, manifest.width)
    asked, palette = to_world(wanted, manifest)
    verify_file(checkpoint.folder, manifest.graphs.encoder, manifest)  # it is loaded late
    tokens = backend.encode(asked)
    start = PictureStart(tokens, decode(checkpoint, tokens))
    shown, meant = colours(start.pixels, manifest, palette), colours(asked, manifest, palette)
    exact = float((shown == meant).all(-1).mean())
    return EncodedPicture(asked, palette, start, psnr(shown, meant), exact, psnr(meant, wanted))


def resize(rgb: Pixels, height: int, width: int) -> Pixels:
    """The middle of a picture uint8 [h,w,3] with the shape height : width, averaged over areas to that size. A picture
    of whole enlarged pixels comes out exactly."""
    high, wide = rgb.shape[:2]
    cut_high, cut_wide = min(high, max(1, wide * height // width)), min(wide, max(1, high * width // height))
    top, left = (high - cut_high) // 2, (wide - cut_wide) // 2
    cut = rgb[top : top + cut_high, left : left + cut_wide]
    small = _average(_average(cut, height).swapaxes(0, 1), width).swapaxes(0, 1)
    return np.clip(np.round(small), 0, 255).astype(np.uint8)


def to_world(rgb: Pixels, manifest: Manifest) -> tuple[Pixels, str | None]:
    """A picture uint8 [H,W,3] in a world's form: RGB, or indices into the palette that shows it best, and its name."""
    if manifest.pixels == "rgb":
        return rgb, None
    seen, places = np.unique(rgb.reshape(-1, 3), axis=0, return_inverse=True)
    counts = np.bincount(places.ravel(), minlength=len(seen))
    limit = min(len(palette) for palette in manifest.palettes.values())  # an index must exist in every palette
    found: list[tuple[float, str, Pixels]] = []
    for name, palette in manifest.palettes.items():
        nearest, distance = _nearest(seen, np.array(palette[:limit]))
        found.append((float((distance * counts).sum()), name, nearest))
    _, name, nearest = min(found, key=lambda entry: entry[0])
    return nearest[places.ravel()].reshape(rgb.shape[:2]), name


def colours(pixels: Pixels, manifest: Manifest, palette: str | None) -> Pixels:
    """Pixels of a world as RGB uint8 [H,W,3]."""
    return pixels if palette is None else np.array(manifest.palettes[palette], np.uint8)[pixels]


def psnr(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio in dB of two RGB pictures; infinite where they are equal."""
    error = float(np.mean((one.astype(np.float64) - other) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def _average(values: npt.NDArray[Any], count: int) -> npt.NDArray[np.float64]:
    """The first axis averaged to `count` equal stretches, parts of a row counting in part. A stretch at a time, so that
    a large photo isn't held in a wide type."""
    rows = len(values)
    averaged = np.empty((count, *values.shape[1:]))
    for number in range(count):
        begin, end = number * rows / count, (number + 1) * rows / count
        first, last = int(begin), min(rows, ceil(end))
        weights = np.ones(last - first)
        weights[0] -= begin - first
        weights[-1] -= last - end
        averaged[number] = np.tensordot(weights, values[first:last], 1) / weights.sum()
    return averaged


def _nearest(seen: Pixels, palette: npt.NDArray[np.int64]) -> tuple[Pixels, npt.NDArray[np.int64]]:
    """For colours uint8 [N,3] the index of the nearest palette entry and its squared distance."""
    indices, distances = [], []
    for at in range(0, len(seen), _COLOURS_AT_ONCE):
        squared = ((seen[at : at + _COLOURS_AT_ONCE, None].astype(np.int64) - palette) ** 2).sum(-1)
        indices.append(squared.argmin(1).astype(np.uint8))
        distances.append(squared.min(1))
    return np.concatenate(indices), np.concatenate(distances)
