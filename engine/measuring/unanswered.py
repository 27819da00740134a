"""Keys on their way to the screen. Owns which frame answers which key event; refuses to know keys or to draw.

A frame that was replaced before anyone saw it answers nothing: its keys wait for the next one that is shown.
"""

from __future__ import annotations

from collections import deque


class UnansweredKeys:
    """Key events that no frame has shown yet. All times are of one clock, in seconds. Used by one thread."""

    def __init__(self) -> None:
        self._events: deque[tuple[float, float]] = deque()

    def add(self, happened: float, given: float) -> None:
        """A key event of the time `happened` has been given to the loop at the time `given`."""
        self._events.append((happened, given))

    def answer(self, taken: float) -> float | None:
        """A frame is shown whose action was taken at `taken`: when the oldest event in it happened, None without."""
        oldest: float | None = None
        while self._events and self._events[0][1] <= taken:
            happened, _ = self._events.popleft()
            oldest = happened if oldest is None else oldest
        return oldest

    def clear(self) -> None:
        """Forget every event, as when the window loses the keyboard."""
        self._events.clear()
