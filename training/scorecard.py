"""The project's gates and targets beside what was measured. Owns reading metrics and bench files and the verdicts;
refuses to measure, and to call met what wasn't measured.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.measuring.projection import projections
from models.manifest import BadInput, Manifest, read_manifest
from training.targets import GATES, SIMILARITY_PLANS, SPEED_TIERS, TARGETS, Target

JSON_LIMIT = 16 << 20  # bytes
CARD = "3060"

Verdict = Literal["met", "missed", "not measured"]


@dataclass(frozen=True)
class Line:
    """One gate or target of one world. `note` says what the verdict leaves open; `command` is where the figure comes
    from."""

    kind: Literal["gate", "target"]
    world: str
    name: str
    wanted: str
    figure: float | None
    shown: str
    verdict: Verdict
    note: str
    command: str


@dataclass(frozen=True)
class Spent:
    """What a world's weights cost to train."""

    world: str
    preset: str
    device: str
    frames: int
    hours: dict[str, float]
    price: float | None  # of all hours, where an hour's is known

    @property
    def total_hours(self) -> float:
        return sum(self.hours.values())


@dataclass(frozen=True)
class _Source:
    """Where figures of one world may be found: its metrics, and bench results by file."""

    folder: Path
    manifest: Manifest
    metrics: dict[str, Any]
    benches: tuple[tuple[str, dict[str, Any]], ...]


def scorecard(
    folders: Sequence[Path], benches: Sequence[Path] = (), hourly_price: float | None = None
) -> tuple[list[Line], list[Spent]]:
    """Lines and ledger of checkpoint folders. Raises BadInput."""
    results = [(path.name, result) for path in benches for result in _bench_results(path)]
    lines: list[Line] = []
    spent: list[Spent] = []
    for folder in folders:
        manifest = read_manifest(folder)
        mine = tuple((name, result) for name, result in results if result.get("world") == manifest.name)
        source = _Source(folder, manifest, _metrics(folder, manifest), mine)
        lines += [_line("gate", target, source) for target in GATES]
        lines += [_line("target", target, source) for target in TARGETS.get(manifest.name, ())]
        spent.append(_spent(manifest, hourly_price))
    return lines, spent


def _metrics(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """The metrics of a folder's own weights; none where there are none or they are of others."""
    if manifest.metrics is None:
        return {}
    metrics = read_json(folder / manifest.metrics)
    of = metrics.get("protocol", {})
    if not isinstance(of, dict):
        raise BadInput(f"{folder / manifest.metrics}: protocol: expected a mapping")
    return metrics if of.get("checkpoint") == manifest.digest else {}


def _bench_results(path: Path) -> list[dict[str, Any]]:
    document = read_json(path)
    results = document.get("results")
    if not isinstance(results, list) or not all(isinstance(result, dict) for result in results):
        raise BadInput(f"{path}: results: expected a list of bench results")
    return results


def read_json(path: Path) -> dict[str, Any]:
    """A JSON mapping from a file of moderate size. Raises BadInput."""
    try:
        with path.open("rb") as file:
            data = file.read(JSON_LIMIT + 1)
        document = json.loads(data) if len(data) <= JSON_LIMIT else None
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: document: expected JSON ({error})") from error
    if not isinstance(document, dict):
        raise BadInput(f"{path}: document: expected a JSON mapping of at most {JSON_LIMIT} bytes")
    return document


def _line(kind: Literal["gate", "target"], target: Target, source: _Source) -> Line:
    figure, command = _find(target.path, source)
    met = figure is not None and target.met(figure)
    verdict: Verdict = "not measured" if figure is None else "met" if met else "missed"
    return Line(
        kind=kind,
        world=source.manifest.name,
        name=target.name,
        wanted=target.wanted,
        figure=figure,
        shown="–" if figure is None else target.shown(figure),
        verdict=verdict,
        note=_note(target, figure, source.folder),
        command=command,
    )


def _find(path: str, source: _Source) -> tuple[float | None, str]:
    """The figure at a target's path and the command that made it."""
    head, _, rest = path.partition(".")
    if not head.startswith("bench"):
        command = source.metrics.get("protocol", {}).get("command", "")
        return _number(source.metrics, path), str(command)
    for name, result in source.benches:
        if head == "bench3060" and CARD not in str(result.get("device", "")):
            continue
        figure = _memory(result) if rest == "memory_gb" else _number(result, rest)
        if figure is not None:
            return figure, f"dreamcade bench: {name}, {result.get('device', 'unknown device')}"
    return None, ""


def _number(document: dict[str, Any], path: str) -> float | None:
    value: Any = document
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    # A bool is an int to Python, and no figure.
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _memory(result: dict[str, Any]) -> float | None:
    """Of the card where one is used, of the process otherwise, in gigabytes."""
    megabytes = _number(result, "vram_peak_mb") or _number(result, "rss_mb")
    return None if megabytes is None else megabytes / 1000


def _note(target: Target, figure: float | None, folder: Path) -> str:
    if target.path == "bench3060.fps":
        return _tier(figure) if figure is not None else _projection(folder)
    if target.path == "student.similarity" and figure is not None and not target.met(figure):
        return next(plan for bound, plan in SIMILARITY_PLANS if figure > bound or bound == 0)
    return ""


def _tier(fps: float) -> str:
    return next(tier for bound, tier in SPEED_TIERS if fps >= bound)


def _projection(folder: Path) -> str:
    """What the card might reach by its data sheet. It is no measurement and meets nothing."""
    try:
        rows = [row for row in projections(folder) if CARD in row["card"]]
    except BadInput as error:
        return f"no such card has run it; no projection: {error}"
    return "; ".join(
        f"no such card has run it; projection, not measured: about {row['fps']:.0f} FPS and {row['vram_mb']:.0f} MB "
        "(dreamcade bench --project-only)"
        for row in rows
    )


def _spent(manifest: Manifest, hourly_price: float | None) -> Spent:
    made = manifest.provenance
    price = None if hourly_price is None else sum(made.hours.values()) * hourly_price
    return Spent(manifest.name, made.preset, made.device, made.frames, dict(made.hours), price)
