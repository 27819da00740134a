"""The scorecard as it is printed. Owns its looks; refuses verdicts of its own."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from training.scorecard import Line, Spent

STYLES = {"met": "green", "missed": "bold red", "not measured": "dim"}


def show_scorecard(console: Console, lines: Sequence[Line], spent: Sequence[Spent]) -> None:
    """A table of gates and targets for each world, the commands that the figures came from, and the ledger."""
    for world in dict.fromkeys(line.world for line in lines):
        mine = [line for line in lines if line.world == world]
        for kind in ("gate", "target"):
            console.print(_table(f"{world}: {kind}s", [line for line in mine if line.kind == kind]))
        for command in dict.fromkeys(line.command for line in mine if line.command):
            console.print(f"  measured by: {command}", style="dim", highlight=False, soft_wrap=True)
    console.print(_ledger(spent))


def _table(title: str, lines: Sequence[Line]) -> Table:
    table = Table(title=title, title_justify="left")
    for column in ("", "target", "measured", "verdict"):
        table.add_column(column)
    for line in lines:
        verdict = f"{line.verdict} ({line.note})" if line.note else line.verdict
        table.add_row(line.name, line.wanted, line.shown, verdict, style=STYLES[line.verdict])
    return table


def _ledger(spent: Sequence[Spent]) -> Table:
    table = Table(title="training ledger", title_justify="left")
    for column in ("world", "preset", "device", "frames", "hours by stage", "hours", "price"):
        table.add_column(column)
    for one in spent:
        stages = ", ".join(f"{stage} {hours:.2f}" for stage, hours in one.hours.items())
        price = "not known" if one.price is None else f"{one.price:.2f}"
        table.add_row(one.world, one.preset, one.device, f"{one.frames:,}", stages, f"{one.total_hours:.2f}", price)
    return table
