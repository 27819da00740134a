"""When a tick begins and when its frame is shown. Owns the grid of deadlines; refuses to know what a tick does."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

LATE_TICKS = 2  # a loop further behind than this starts a new grid instead of a burst of hurried frames
RECENT = 60  # ticks whose work says how long the next one's may take
LONGEST_HOLD = 0.75  # of a tick that a frame is held back at most: what took longer was an accident


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
        self._took: deque[float] = deque(maxlen=RECENT)

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

    def hold(self, deadline: float) -> float:
        """Sleep until the frame of the tick of `deadline` may be shown, and return the time.

        Some ticks take longer than others. Shown when they are done, frames would come unevenly, and motion stutter: so
        each is held until as long after its deadline as a tick has lately taken at most. Uncapped, none is.
        """
        now = self.clock()
        if not self.capped:
            return now
        self._took.append(now - deadline)
        due = deadline + min(max(self._took), LONGEST_HOLD * self.period)
        while 0 < (left := due - self.clock()) <= self.period:
            self._sleep(left)
        return self.clock()

    def restart(self, tick_rate: float | None = None) -> None:
        """Begin a new grid at the next wait, as after a pause, with another rate where one is given."""
        if tick_rate:
            self.period = 1.0 / tick_rate
            self._took.clear()  # of a backend, world or speed that may be gone
        self._next = None
