"""`soak`: what is printed of it and which targets it missed. Owns the targets; refuses to play (engine)."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.play.overlay import show_number
from engine.backends.base import Backend
from engine.backends.wish import BackendWish
from engine.checkpoint import Checkpoint, find_world, known_worlds, load_checkpoint
from engine.measuring.machine import machine
from engine.measuring.soak import Soak, SoakFigures

UNDER_100_MS = 0.999  # share of frames
UNDER_40_MS = 0.99
DRIFT_MB = 20.0
REWIND_SECONDS = 0.5


def run_soak(
    world: str | None, minutes: float, seed: int, wish: BackendWish, complain: Callable[[str], None]
) -> tuple[dict[str, Any], list[str]]:
    """Soak every known world, or one. Returns the figures for --json, and a line for every target missed. Why another
    backend plays than was asked for is told to `complain`."""
    from engine.backends.choice import make_backend  # takes a while to import: not before the input is known to be good

    worlds = [load_checkpoint(folder) for folder in ([find_world(world)] if world else known_worlds())]
    console = Console()

    def make(checkpoint: Checkpoint) -> Backend:
        choice = make_backend(checkpoint, wish)
        if choice.problem is not None:
            complain(f"{checkpoint.manifest.name}: {choice.problem}")
        return choice.backend

    told = 0

    def tell(figures: SoakFigures) -> None:
        nonlocal told
        for line in figures.problems[told:]:
            console.print(f"[red]problem[/red] {escape(line)}", highlight=False, soft_wrap=True)
        told = len(figures.problems)
        console.print(
            f"{figures.seconds / 60:5.1f} min  {figures.frames} frames, {figures.frames_verified} verified, "
            f"{figures.digest_mismatches} mismatches, {len(figures.problems)} problems, "
            f"{show_number(figures.memory_last, 0)} MB",
            highlight=False,
        )

    with tempfile.TemporaryDirectory(prefix="dreamcade-soak-") as folder:
        soak = Soak(worlds, make, Path(folder), seed)
        try:
            figures = soak.run(minutes, tell)
        except KeyboardInterrupt:
            console.print("stopped: the figures are of what was played until then", highlight=False)
            figures = soak.figures
    missed = missed_targets(figures)
    console.print(_table(figures))
    document = {"schema": 1, "machine": asdict(machine()), "minutes": minutes, "seed": seed, "missed": missed}
    return {**document, **shares(figures), "memory_drift": figures.memory_drift, **asdict(figures)}, missed


def shares(figures: SoakFigures) -> dict[str, float | None]:
    """Shares of the intervals between frames; None where there was none."""
    count = figures.intervals
    return {
        "share_under_100_ms": figures.under_100_ms / count if count else None,
        "share_under_40_ms": figures.under_40_ms / count if count else None,
    }


def missed_targets(figures: SoakFigures) -> list[str]:
    """A line for every target that wasn't met. What wasn't measured, such as drift in a short soak, isn't one."""
    share = shares(figures)
    under_100, under_40, drift = share["share_under_100_ms"], share["share_under_40_ms"], figures.memory_drift
    checks = [
        (under_100 is None or under_100 >= UNDER_100_MS, f"frames under 100 ms: {_percent(under_100)}, target 99.9 %"),
        (under_40 is None or under_40 >= UNDER_40_MS, f"frames under 40 ms: {_percent(under_40)}, target 99 %"),
        (drift is None or drift < DRIFT_MB, f"memory drift: {show_number(drift)} MB, target < {DRIFT_MB:.0f}"),
        (figures.longest_rewind <= REWIND_SECONDS, f"rewind to play: {figures.longest_rewind:.2f} s, target 0.5"),
        (figures.digest_mismatches == 0, f"digest mismatches: {figures.digest_mismatches}, target 0"),
        (not figures.problems, f"problems: {len(figures.problems)}, target 0; the first: {figures.problems[:1]}"),
    ]
    return [line for met, line in checks if not met]


def _percent(share: float | None) -> str:
    return "not measured" if share is None else f"{100 * share:.2f} %"


def _table(figures: SoakFigures) -> Table:
    share = shares(figures)
    table = Table("", "figure", "target", show_edge=False)
    drift = figures.memory_drift
    rows = [
        ("frames under 100 ms", _percent(share["share_under_100_ms"]), "≥ 99.9 %"),
        ("frames under 40 ms", _percent(share["share_under_40_ms"]), "≥ 99 %"),
        ("longest interval", f"{1000 * figures.longest_interval:.0f} ms", ""),
        ("memory drift", "not measured" if drift is None else f"{drift:+.1f} MB", f"< {DRIFT_MB:.0f} MB"),
        ("digest mismatches", f"{figures.digest_mismatches} of {figures.frames_verified}", "0"),
        ("exceptions and problems", str(len(figures.problems)), "0"),
        ("rewind to play, longest", f"{figures.longest_rewind:.2f} s", "≤ 0.5 s"),
        ("legs, recordings", f"{figures.legs}, {figures.recordings}", ""),
        ("rewinds, resets, pauses", f"{figures.rewinds}, {figures.resets}, {figures.pauses}", ""),
        ("saves, loads, branches", f"{figures.saves}, {figures.loads}, {figures.branches}", ""),
    ]
    for row in rows:
        table.add_row(*row)
    return table
