"""Something long done to a recording while the library shows. Owns the thread, its progress and giving up; refuses what
is to be done (deeds).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class GivenUp(Exception):
    """Nobody waits for the job any more."""


class Job:
    """One piece of work: it calls `advance` for every frame and returns a line that says what came of it."""

    def __init__(self, title: str, total: int, work: Callable[[Job], str]) -> None:
        self.title = title
        self.total = max(1, total)
        self.done = 0
        self._given_up = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="library-job")
        self._outcome: Future[str] = self._thread.submit(work, self)

    def advance(self, *frame: object) -> None:
        """One frame more. Raises GivenUp, to end the work, where it was given up."""
        self.done += 1
        if self._given_up:
            raise GivenUp

    @property
    def share(self) -> float:
        """How much is done."""
        return min(1.0, self.done / self.total)

    @property
    def finished(self) -> bool:
        """Whether it has come to an end."""
        return self._outcome.done()

    def outcome(self) -> str:
        """What came of it, once it is finished. Raises what the work raised, and GivenUp."""
        return self._outcome.result()

    def give_up(self) -> None:
        """End it soon and wait for that."""
        self._given_up = True
        self._thread.shutdown(wait=True, cancel_futures=True)
