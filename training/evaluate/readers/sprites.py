"""Finding sprites in a picture that may be a little wrong. Owns matching with masks; refuses to know what is sought."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]
OUTSIDE = 254  # a pixel beyond the picture, or before what is sought: neither right nor wrong
PAD = 16  # pixels beyond each edge that a sprite's top left may lie at


@dataclass(frozen=True)
class Found:
    """Template `look` with its top left at (x, y); `wrong` is the share of its visible pixels that differ."""

    look: int
    x: int
    y: int
    wrong: float


class Sprites:
    """Pictures of one size of at most 16 pixels, uint8 [L,h,w], with a colour that is not drawn."""

    def __init__(self, looks: Pictures, clear: int, least_visible: int) -> None:
        """A match needs `least_visible` drawn pixels to be seen."""
        self.height, self.width = looks.shape[1:]
        self.drawn = looks != clear
        self._flat, self._flat_drawn = looks.reshape(len(looks), -1), self.drawn.reshape(len(looks), -1)
        self._drawn_pixels = self._flat_drawn.sum(1)
        self._least_visible = least_visible

    def match(self, padded: Pictures, places: Ints, most_wrong: float) -> list[Found]:
        """The best look at each of the places (x, y) int64 [n,2] of a `padded` picture, where enough pixels are
        visible and right."""
        if not len(places):
            return []
        windows = np.lib.stride_tricks.sliding_window_view(padded, (self.height, self.width))
        patches = windows[places[:, 1] + PAD, places[:, 0] + PAD].reshape(len(places), 1, -1)
        # What isn't drawn equals nothing, so that one comparison counts the right pixels.
        right = count(patches == self._flat)
        hidden = count((patches == OUTSIDE) & self._flat_drawn)
        visible = np.maximum(self._drawn_pixels - hidden, 1)
        share = np.where(visible >= self._least_visible, 1 - right / visible, 2.0)
        best = share.argmin(1)
        lowest = share[np.arange(len(places)), best]
        return [
            Found(int(best[i]), int(places[i, 0]), int(places[i, 1]), float(lowest[i]))
            for i in np.flatnonzero(lowest <= most_wrong)
        ]

    def cover(self, shape: tuple[int, ...], found: list[Found]) -> npt.NDArray[np.bool_]:
        """bool [H,W]: the pixels that these matches draw."""
        covered = np.zeros((shape[0] + 2 * PAD, shape[1] + 2 * PAD), np.bool_)
        for match in found:
            y, x = match.y + PAD, match.x + PAD
            covered[y : y + self.height, x : x + self.width] |= self.drawn[match.look]
        return covered[PAD:-PAD, PAD:-PAD]


def count(flags: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """How many are set along the last axis, which is short: a small sum is several times as fast as a wide one."""
    counts: npt.NDArray[np.uint16] = flags.sum(-1, dtype=np.uint16)
    return counts


def apart(found: list[Found], distance: int) -> list[Found]:
    """The matches, best first, without those that lie within `distance` pixels of a better one both ways."""
    kept: list[Found] = []
    for match in sorted(found, key=lambda m: m.wrong):
        if all(abs(match.x - other.x) >= distance or abs(match.y - other.y) >= distance for other in kept):
            kept.append(match)
    return kept


def padded(frame: Pictures) -> Pictures:
    """A picture uint8 [H,W] with a border of `PAD` pixels `OUTSIDE`."""
    wide = np.full((frame.shape[0] + 2 * PAD, frame.shape[1] + 2 * PAD), OUTSIDE, np.uint8)
    wide[PAD:-PAD, PAD:-PAD] = frame
    return wide


def box_counts(mask: npt.NDArray[np.bool_], top: int, height: int, width: int) -> npt.NDArray[np.int16]:
    """How many of a padded bool [H,W] are set in rows `top` to `top + height` of a sprite of 16 rows and `width`
    columns, for every place of it: int16 [H-15,W+1-width], entry (y, x) for a top left at (y - PAD, x - PAD)."""
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int16)
    np.cumsum(mask, axis=0, dtype=np.int16, out=sums[1:, 1:])
    places = mask.shape[0] - 15
    band = sums[top + height : top + height + places] - sums[top : top + places]
    np.cumsum(band, axis=1, dtype=np.int16, out=band)
    counts: npt.NDArray[np.int16] = band[:, width:] - band[:, :-width]
    return counts
