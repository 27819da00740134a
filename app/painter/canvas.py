"""A picture that is being painted. Owns its pixels and taking back what was done; refuses to show and to keep it."""

from __future__ import annotations

from collections import deque

import numpy as np
import numpy.typing as npt

KEPT = 32 << 20  # bytes of what can be taken back

Pixels = npt.NDArray[np.uint8]


class Canvas:
    """Pixels uint8 [H,W] or [H,W,3] in a world's own form. `changed`: since it was kept last."""

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels.copy()
        self.changed = False
        self._past: deque[tuple[int, int, Pixels]] = deque()  # top, left, and what was there
        self._size = 0

    def put(self, piece: Pixels, top: int, left: int) -> bool:
        """Put a piece down; what hangs over the edge is cut off. False where nothing changes by it."""
        height, width = self.pixels.shape[:2]
        up, before = max(0, -top), max(0, -left)
        part = piece[up : height - top, before : width - left] if top < height and left < width else piece[:0]
        top, left = max(0, top), max(0, left)
        there = self.pixels[top : top + part.shape[0], left : left + part.shape[1]]
        if not part.size or (there == part).all():
            return False
        self._remember(top, left, there.copy())
        there[:] = part
        self.changed = True
        return True

    def take(self, top: int, left: int, side: int) -> Pixels:
        """A piece of what is there now, from inside the picture."""
        height, width = self.pixels.shape[:2]
        top, left = max(0, min(top, height - side)), max(0, min(left, width - side))
        return self.pixels[top : top + side, left : left + side].copy()

    def undo(self) -> bool:
        """Take the last piece back. False where there is nothing more to take back."""
        if not self._past:
            return False
        top, left, piece = self._past.pop()
        self._size -= piece.nbytes
        self.pixels[top : top + piece.shape[0], left : left + piece.shape[1]] = piece
        self.changed = True
        return True

    def _remember(self, top: int, left: int, piece: Pixels) -> None:
        self._past.append((top, left, piece))
        self._size += piece.nbytes
        while self._size > KEPT:
            self._size -= self._past.popleft()[2].nbytes
