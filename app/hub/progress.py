"""How far a pull is, on the terminal. Owns the bar, or plain lines where nobody watches; refuses to fetch."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn


class PullProgress:
    """Files one after the other. On a terminal a bar each, elsewhere a line each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        self._bars = Progress(TextColumn("{task.description}"), *columns, console=console, transient=True)
        self._task = None if not console.is_terminal else self._bars.add_task("", total=None, visible=False)

    def __enter__(self) -> PullProgress:
        if self._task is not None:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._bars.stop()

    def begin(self, name: str, size: int, have: int) -> None:
        """A file of `size` bytes is fetched, of which `have` are here already."""
        if self._task is not None:
            self._bars.reset(self._task, description=name, total=size, completed=have, visible=True)
            return
        already = f", {have / 1e6:.1f} MB of it here already" if have else ""
        self.say(f"{name}: {size / 1e6:.1f} MB{already}")

    def advance(self, count: int) -> None:
        """So many bytes came; fewer than none were thrown away."""
        if self._task is not None:
            self._bars.advance(self._task, count)

    def say(self, line: str) -> None:
        """A line for good."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
