"""Progress of long work: a live bar on a terminal, plain lines elsewhere. Owns the display; refuses to measure
anything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

LINE_SECONDS = 15.0  # between plain lines


class ProgressLine:
    """Shows one piece of long work. `update` is cheap and may be called every step."""

    def __init__(self, title: str, console: Console, bar: Progress | None) -> None:
        self.title = title
        self._console = console
        self._bar = bar
        self._task = bar.add_task(title, total=1.0, note="") if bar else None
        self._began = time.monotonic()
        self._last_line = float("-inf")

    def update(self, share: float, note: str) -> None:
        """`share` of the work done, in [0,1], and a note such as the rate and the loss."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=share, note=note)
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_SECONDS or share >= 1:
            self._last_line = now
            left = (now - self._began) * (1 - share) / share if share > 0 else float("nan")
            self._console.print(f"{self.title}  {100 * share:5.1f} %  {left:6.0f} s left  {note}", highlight=False)


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
