"""Frames by their numbers in a recording, as `play --from` counts. Owns that count; refuses to read and write one."""

from __future__ import annotations

from array import array


class Numbering:
    """The number of every frame on the line of play that led to the newest one: what was played and then rewound, or
    lies before a reset, has numbers too and keeps them."""

    def __init__(self, frames: int = 0) -> None:
        """`frames` were played already, without going back."""
        self._numbers = array("L", range(frames))
        self._next = frames

    def add(self) -> int:
        """One frame more. Returns its number."""
        self._numbers.append(self._next)
        self._next += 1
        return self._next - 1

    def reset(self) -> None:
        """Frame 0 of another start comes next."""
        del self._numbers[:]

    def rewind_to(self, index: int) -> None:
        """Frame `index` is the newest again."""
        del self._numbers[index + 1 :]

    def number(self, index: int) -> int | None:
        """The number of frame `index`; None where the line doesn't reach it. Any thread may ask."""
        return self._numbers[index] if index < len(self._numbers) else None
