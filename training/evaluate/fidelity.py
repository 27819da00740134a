"""How far pictures are from the truth. Owns PSNR, SSIM and the colours for both; refuses to know what is shown."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

PALETTE = "contrast"  # colours far apart, so that a wrong index can't hide
CEILING_DB = 100.0  # stands for no error at all, whose PSNR has no number
_WINDOW = 7  # pixels, SSIM's


class Colours:
    """A palette as a measure: index pictures are compared as the RGB that they stand for."""

    def __init__(self, palette: Sequence[tuple[int, int, int]]) -> None:
        self.rgb = np.array(palette, np.float64)
        self._squared = ((self.rgb[:, None] - self.rgb[None]) ** 2).sum(-1)
        self._grey = self.rgb @ np.array([0.299, 0.587, 0.114])

    def squared_error(self, got: Pictures, true: Pictures) -> Floats:
        """Squared error float64 [...,H,W], summed over the three channels, of index pictures uint8 [...,H,W]."""
        error: Floats = self._squared[got, true]
        return error

    def ssim(self, got: Pictures, true: Pictures) -> float:
        """Structural similarity of two index pictures uint8 [H,W] in grey: means over 7×7 windows and the constants of
        Wang, Bovik, Sheikh and Simoncelli, "Image quality assessment: from error visibility to structural similarity",
        IEEE Transactions on Image Processing 13(4), 2004."""
        a, b = self._grey[got], self._grey[true]
        mean_a, mean_b = _window_means(a), _window_means(b)
        var_a, var_b = _window_means(a * a) - mean_a**2, _window_means(b * b) - mean_b**2
        shared = _window_means(a * b) - mean_a * mean_b
        light, texture = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        top = (2 * mean_a * mean_b + light) * (2 * shared + texture)
        return float((top / ((mean_a**2 + mean_b**2 + light) * (var_a + var_b + texture))).mean())


def _window_means(values: Floats) -> Floats:
    """Means of all 7×7 windows that lie inside [H,W]."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    w = _WINDOW
    means: Floats = (sums[w:, w:] - sums[:-w, w:] - sums[w:, :-w] + sums[:-w, :-w]) / w**2
    return means


def psnr_db(squared_error: Floats, pixels: Floats) -> Floats:
    """PSNR in dB of pooled sums: squared error over three channels, and the pixels that it was summed over."""
    mean = np.asarray(squared_error, np.float64) / np.maximum(np.asarray(pixels, np.float64) * 3, 1)
    db: Floats = 10 * np.log10(255.0**2 / np.maximum(mean, 255.0**2 * 10 ** (-CEILING_DB / 10)))
    return db
