"""Progress of long work: a live bar on a terminal, plain lines elsewhere. Owns the display; refuses to measure
anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_SECONDS = 15.0  # between plain lines


class ProgressLine:
    """Shows one piece of long work. `update` is cheap and may be called every step; what its first call finds done was
    done before, and doesn't count for the rate."""

    def __init__(self, title: str, console: Console, bar: Progress | None) -> None:
        self.title = title
        self._console = console
        self._bar = bar
        self._task: TaskID | None = None
        self._began: tuple[float, float] | None = None  # when, and the share that was done then
        self._last_line = float("-inf")

    def update(self, share: float, note: str) -> None:
        """`share` of the work done, in [0,1], and a note such as the rate and the loss."""
        if self._bar is not None:
            if self._task is None:
                done: Any = share  # its type says whole numbers, its own docs fractions
                self._task = self._bar.add_task(self.title, total=1.0, completed=done, note=note)
            self._bar.update(self._task, completed=share, note=note)
            return
        now = time.monotonic()
        began, done = self._began = self._began or (now, share)
        if now - self._last_line >= LINE_SECONDS or share >= 1:
            self._last_line = now
            left = f"{(now - began) * (1 - share) / (share - done):6.0f} s left" if share > done else ""
            self._console.print(f"{self.title}  {100 * share:5.1f} %  {left:13}  {note}", highlight=False)


@contextmanager
def progress_line(title: str) -> Iterator[ProgressLine]:
    """A line that lives as long as the block."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield ProgressLine(title, Console(stderr=True, width=200), None)
        return
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=console) as bar:
        yield ProgressLine(title, console, bar)
