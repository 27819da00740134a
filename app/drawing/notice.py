"""One line that shows for a while, and what of an error is one. Owns how long; refuses where and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable

SECONDS = 6.0  # that a line shows unless told otherwise
DROP_ELSEWHERE = "drop a picture on a game or on the painter: it is played or painted from there"


def in_one_line(error: BaseException) -> str:
    """What an error says first; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


class Notice:
    """The newest line takes the place of the one before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._line, self._end = "", 0.0

    def say(self, line: str, seconds: float = SECONDS) -> None:
        """Show a line from now on."""
        self._line, self._end = line, self._clock() + seconds

    @property
    def line(self) -> str:
        """What shows now, or nothing."""
        return self._line if self._clock() < self._end else ""
