"""Shows how collecting goes. Owns the bar and its plain stand-in; refuses to collect."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from training.data.collect import CollectReport, OnShard


def line(report: CollectReport) -> str:
    """`16,384 of 200,000 frames · 5,120 frames/s · 310 bytes a frame · 36 s left`."""
    left = max(report.target - report.frames, 0)
    rate = report.frames_per_second
    ending = f"{left / rate:.0f} s left" if rate and left else "complete" if report.complete else "-"
    parts = (
        f"{report.frames:,} of {report.target:,} frames",
        f"{rate:,.0f} frames/s" if rate else "stored before",
        f"{report.bytes_per_frame:.0f} bytes a frame",
        ending,
    )
    return " · ".join(parts)


@contextmanager
def shown(console: Console | None = None) -> Iterator[OnShard]:
    """A bar on a terminal, a line a shard elsewhere; by default on standard error. Yields `collect`'s callback."""
    console = Console(stderr=True) if console is None else console
    if not console.is_terminal:
        yield lambda report: console.print(line(report), highlight=False, soft_wrap=True)
        return
    columns = (BarColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("playing", total=None)
        yield lambda report: bar.update(task, description=line(report), completed=report.frames, total=report.target)
