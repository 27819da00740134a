"""When a tick begins. Owns the grid of deadlines; refuses to know what a tick does."""

from __future__ import annotations

import time
from collections.abc import Callable

LATE_TICKS = 2  # a loop further behind than this starts a new grid instead of a burst of hurried frames


class Pacer:
    """Holds a loop to `tick_rate` ticks a second. Clock and sleep are passed in, seconds both.

    `wait` comes first in a tick and the input is taken after it, so that a key is never older than the wait.
    """

    def __init__(
        self,
        tick_rate: float,
        clock: Callable[[], float] = time.perf_counter,
        sleep: Callable[[float], None] = time.sleep,
        capped: bool = True,
    ) -> None:
        self.period = 1.0 / tick_rate
        self.clock = clock
        self.capped = capped
        self.missed = 0  # ticks so far that a loop too far behind has never made up for
        self._sleep = sleep
        self._next: float | None = None

    def wait(self) -> float:
        """Sleep until the next deadline and return it. Uncapped, or after `restart`, the deadline is now."""
        now = self.clock()
        behind = 0.0 if not self.capped or self._next is None else (now - self._next) / self.period
        if not self.capped or self._next is None or behind > LATE_TICKS:
            self.missed += int(behind)  # the newest of the ticks that have passed is made now
            self._next = now + self.period
            return now
        deadline = self._next
        if deadline - now > LATE_TICKS * self.period:  # the clock was set back: it may be hours until then
            deadline = now
        while 0 < (left := deadline - self.clock()) <= LATE_TICKS * self.period:
            self._sleep(left)
        self._next = deadline + self.period
        return deadline

    def restart(self, tick_rate: float | None = None) -> None:
        """Begin a new grid at the next wait, as after a pause, with another rate where one is given."""
        self.period = 1.0 / tick_rate if tick_rate else self.period
        self._next = None
