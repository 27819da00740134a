"""A direction that is held goes on by itself. Owns when it is due again; refuses what it moves."""

from __future__ import annotations

from collections.abc import Callable

FIRST, NEXT = 0.32, 0.045  # seconds until the first repetition, and from one to the next


class Repeat:
    """At most one code is held: the one pressed last."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._code: int | None = None
        self._due = 0.0

    def press(self, code: int) -> None:
        """Hold a code from now on."""
        self._code, self._due = code, self._clock() + FIRST

    def release(self, code: int | None = None) -> None:
        """Let a code go; without one, whichever is held."""
        if code is None or code == self._code:
            self._code = None

    def due(self) -> int | None:
        """The code that is held, whenever its time has come again."""
        now = self._clock()
        if self._code is None or now < self._due:
            return None
        self._due = now + NEXT
        return self._code
