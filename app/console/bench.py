"""`bench`: runs the engine's bench, shows it, judges it. Owns targets and tables; refuses to measure (engine)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from engine.backends.wish import BackendWish
from engine.checkpoint import bundled_worlds, find_world
from engine.measuring.bench import SCHEMA, WindowDriver, bench, project_worlds
from engine.measuring.projection import GOALS, LIMIT
from models.manifest import MANIFEST_NAME, BadInput, read_manifest


@dataclass(frozen=True)
class Target:
    """A figure of a result, where it stands, and the bound that it must keep."""

    title: str
    path: tuple[str, ...]
    bound: float
    least: bool  # whether the bound is the least allowed, else the most
    unit: str = ""
    factor: float = 1.0  # from the document's unit to the shown one

    def value(self, result: dict[str, Any]) -> float | None:
        """The figure in the shown unit, None where it wasn't measured."""
        found: Any = result
        for name in self.path:
            found = found[name]
        return None if found is None else float(found) * self.factor

    def met(self, result: dict[str, Any]) -> bool:
        """Whether it was measured and keeps the bound."""
        value = self.value(result)
        return value is not None and (value >= self.bound if self.least else value <= self.bound)


TARGETS = (
    Target("unthrottled FPS", ("fps",), 60, True),
    Target("compute p99", ("compute_ms", "p99"), 25, False, " ms"),
    Target("interval p99", ("interval_ms", "p99"), 40, False, " ms"),
    Target("key → screen p99", ("key_to_screen_ms", "p99"), 67, False, " ms"),
    Target("frames on time", ("on_time",), 99, True, " %", 100),
    Target("resident memory", ("rss_mb",), 600, False, " MB"),
)
PLAIN = (
    ("paced FPS", ("fps_paced",), "", 1.0),
    ("compute p50", ("compute_ms", "p50"), " ms", 1.0),
    ("interval p50", ("interval_ms", "p50"), " ms", 1.0),
    ("key → screen p50", ("key_to_screen_ms", "p50"), " ms", 1.0),
    ("start-up", ("startup_s",), " s", 1.0),
    ("backend: cold start", ("cold_start_s",), " s", 1.0),
    ("backend: warm start", ("warm_start_s",), " s", 1.0),
    ("share of matrix rate", ("matrix_share",), " %", 100.0),
)


HOST_BOUND_MS = 0.5  # median of the host's work around a step on a card


def run_bench(
    world: str | None, graphs: Path | None, frames: int, window: bool, wishes: Sequence[BackendWish]
) -> dict[str, Any]:
    """The bench document of one world, of those in the folder `graphs`, or of all bundled ones. What is being done is
    shown meanwhile. Raises BadInput."""
    folders = _folders(world, graphs)
    with Console(stderr=True).status("") as status:

        def tell(line: str) -> None:
            status.update(escape(line))

        if not window:
            return bench(folders, frames, wishes=wishes, tell=tell)
        from app.console.bench_window import BenchWindow

        with BenchWindow() as driver:
            drive: WindowDriver = driver.drive
            return bench(folders, frames, drive, wishes, tell=tell)


def run_projection(world: str | None, graphs: Path | None, limit: int | None) -> dict[str, Any]:
    """The projections alone, within `limit` bytes: nothing is run, so rungs that are too large for this machine have
    theirs too. Raises BadInput."""
    folders = _folders(world, graphs)
    with Console(stderr=True).status("") as status:
        rows = project_worlds(folders, LIMIT if limit is None else limit, lambda line: status.update(escape(line)))
    return {"schema": SCHEMA, "method_errors": [], **rows}


def _folders(world: str | None, graphs: Path | None) -> list[Path]:
    if world is not None and graphs is not None:
        raise BadInput("--graphs: expected no --world with it, it names the worlds itself")
    if world is not None:
        return [find_world(world)]
    if graphs is None:
        if not (folders := bundled_worlds()):
            raise BadInput("--world: expected a world's folder, none is bundled")
        return folders
    try:
        found = sorted(path.parent for path in graphs.glob(f"*/{MANIFEST_NAME}"))
    except OSError as error:
        raise BadInput(f"{graphs}: --graphs: cannot be read ({error.strerror or error})") from error
    if not found:
        raise BadInput(f"{graphs}: --graphs: expected folders with a {MANIFEST_NAME} in it, found none")
    return sorted(found, key=lambda folder: read_manifest(folder).cost.parameters)


def missed_targets(document: dict[str, Any]) -> list[str]:
    """One line for every target that a world misses."""
    lines = [
        f"{result['world']} on {result['backend']}: {target.title}: expected {'≥' if target.least else '≤'} "
        f"{target.bound:g}{target.unit}, "
        f"got {_shown(target.value(result), target.unit)}"
        for result in document["results"]
        for target in TARGETS
        if not target.met(result)
    ]
    return lines + [
        f"{host['world']}: host time around a step p50: expected ≤ {HOST_BOUND_MS:g} ms, got {host['p50']:.2f} ms"
        for host in document["host_times"]
        if host["p50"] > HOST_BOUND_MS
    ]


def print_bench(document: dict[str, Any]) -> None:
    """The machine, then a table with one column a world and backend; what was not run and why; projections."""
    machine, console = document["machine"], Console()
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, {machine['instruction_set']}, {machine['memory_gb']:.0f} GB, "
        f"{machine['system']}, Python {machine['python']}, onnxruntime {machine['onnxruntime']}, "
        f"matrix rate {machine['matrix_gflops']:.0f} GFLOP/s",
        highlight=False,
        markup=False,
    )
    results = document["results"]
    if results:
        console.print(_result_table(results))
    for result in results:
        line = f"{result['world']}: {result['frames']} frames, {result['backend']} on {result['device']}"
        _say(console, f"{line} {result['note']}".strip())
    for host in document["host_times"]:
        _say(
            console,
            f"{host['world']}: host time around a step (noise, copies, bindings; a card that computes nothing): "
            f"p50 {host['p50']:.2f} ms, p99 {host['p99']:.2f} ms, target p50 ≤ {HOST_BOUND_MS:g} ms",
        )
    for skipped in document["skipped"]:
        _say(console, f"{skipped['world']} on {skipped['backend']}: not measured: {skipped['reason']}")
    print_projections(document)


def _result_table(results: list[dict[str, Any]]) -> Table:
    """A column for each world and backend."""
    table = Table(show_edge=False)
    table.add_column("")
    for result in results:
        table.add_column(escape(f"{result['world']}\n{result['backend']}"), justify="right")
    table.add_column("target", justify="right", style="dim")
    for target in TARGETS:
        cells = [_judged(target, result) for result in results]
        table.add_row(target.title, *cells, f"{'≥' if target.least else '≤'} {target.bound:g}{target.unit}")
    for title, path, unit, factor in PLAIN:
        plain = Target(title, path, 0, True, unit, factor)
        table.add_row(title, *[_shown(plain.value(result), unit) for result in results], "")
    table.add_row("VRAM peak", *map(_vram, results), "")
    return table


def print_projections(document: dict[str, Any]) -> None:
    """Calculated rows with their verdicts, and how far the same calculation is off where there is a measurement."""
    rows, console = document["projections"], Console()
    if rows:
        console.print(_projection_table(rows, document["method_errors"]))
        _say(
            console,
            "counted on the half-precision graph; products that stay float32 at the card's float32 rate; casts are "
            "fused into their neighbours: no launch and no traffic of their own",
        )
    for without in document["unprojected"]:
        _say(console, f"{without['world']}: not projected: {without['reason']}")
    for error in document["method_errors"]:
        _say(
            console,
            f"the same calculation for {error['world']}, {error['backend']} on {' '.join(error['device'].split())}: "
            f"{error['projected_fps']:.0f} FPS, measured {error['measured_fps']:.0f} ({error['error']:+.0%})",
        )


def _projection_table(rows: list[dict[str, Any]], errors: list[dict[str, Any]]) -> Table:
    table = Table(show_edge=False, title="projected, not measured", title_justify="left", caption_justify="left")
    for title in ("world", "card"):
        table.add_column(title, overflow="fold")
    limit = f"in {rows[0]['limit_mb'] / 1024:.3g} GiB"
    titles = "parameters", "GFLOP half", "GFLOP float32", "FPS", "frame", "VRAM", *(f"{g} FPS {limit}?" for g in GOALS)
    for title in titles:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            escape(row["world"]),
            row["card"],
            f"{row['parameters'] / 1e6:.1f} M",
            f"{row['half_operations'] / 1e9:.2f}",
            f"{row['float_operations'] / 1e9:.2f}",
            f"{row['fps']:.0f}",
            f"{row['frame_ms']:.2f} ms",
            f"{row['vram_mb']:.0f} MB",
            *(_verdict(row, goal) for goal in GOALS),
        )
    cards = sorted({error["device"] for error in errors if not error["device"].startswith("CPU")})
    known = f"error on a card: below, measured on {', '.join(cards)}" if cards else "error on a card: none is known yet"
    table.caption = escape(known if cards else f"{known}, for no card has been measured in this run")
    return table


def _verdict(row: dict[str, Any], goal: int) -> str:
    if row["reaches"][str(goal)]:
        return "[green]yes[/green]"
    return "[red]no, too slow[/red]" if row["fits"] else "[red]no, too much VRAM[/red]"


def _vram(result: dict[str, Any]) -> str:
    shown = _shown(result["vram_peak_mb"], " MB")
    return f"{shown}, whole card" if result["vram_whole_card"] else shown


def _say(console: Console, line: str) -> None:
    """A line that may hold anything: what stands in brackets is text, not a style."""
    console.print(line, style="dim", highlight=False, markup=False)


def _judged(target: Target, result: dict[str, Any]) -> str:
    colour = "green" if target.met(result) else "red"
    return f"[{colour}]{_shown(target.value(result), target.unit)}[/{colour}]"


def _shown(value: float | None, unit: str) -> str:
    return "not measured" if value is None else f"{value:.1f}{unit}"
