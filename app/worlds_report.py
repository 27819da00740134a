"""`worlds` and `worlds verify`. Owns their tables; refuses to load anything but through the engine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.backends.vram import estimate_need
from engine.checkpoint import bundled_worlds, find_world, load_checkpoint
from models.manifest import BadInput, Manifest, read_manifest

Complain = Callable[[str], None]


def list_worlds(complain: Complain) -> dict[str, Any]:
    """Print the bundled worlds. Returns them for --json."""
    entries: list[dict[str, Any]] = []
    for folder in bundled_worlds():
        try:
            entries.append(_entry(folder, read_manifest(folder)))
        except BadInput as error:
            complain(str(error))
    console = Console()
    if not entries:
        console.print("no world is bundled; `dreamcade play --world FOLDER` plays one from a folder")
    for entry in entries:
        console.print(_table(entry))
    return {"worlds": entries}


def verify_worlds(name: str | None, complain: Complain) -> dict[str, Any]:
    """Check one world or all: sizes, hashes, start frames, graphs. Each broken one is told in one line."""
    from engine.backends.onnx import OnnxBackend

    console = Console()
    report: list[dict[str, Any]] = []
    for folder in bundled_worlds() if name is None else [find_world(name)]:
        problem: str | None = None
        try:
            checkpoint = load_checkpoint(folder)
            backend = OnnxBackend(checkpoint, 1)
            backend.warm_up()
            backend.encode(checkpoint.start_pixels[0])
            backend.close()
            console.print(
                f"[green]whole[/green] {checkpoint.manifest.name} {checkpoint.manifest.digest}", highlight=False
            )
        except BadInput as error:
            problem = str(error)
            complain(problem)
        report.append({"folder": str(folder), "whole": problem is None, "problem": problem})
    return {"worlds": report}


def _entry(folder: Path, manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "title": manifest.title,
        "genre": manifest.genre,
        "description": manifest.description,
        "folder": str(folder),
        "megabytes": round(sum(file.bytes for file in manifest.files.values()) / 1e6, 1),
        "picture": f"{manifest.width}×{manifest.height} {manifest.pixels}",
        "tick_rate": manifest.tick_rate,
        "parameters": manifest.cost.parameters,
        "operations": manifest.cost.operations,
        "vram_need_mb": round(estimate_need(manifest) / (1 << 20)),
        "digest": manifest.digest,
        "licence": manifest.licence,
        "headline": dict(manifest.headline),
    }


def _table(entry: dict[str, Any]) -> Table:
    table = Table(show_header=False, show_edge=False, title=f"[bold]{entry['name']}[/bold] · {entry['title']}")
    table.title_justify = "left"
    table.add_column(style="dim", min_width=18)
    table.add_column()
    table.add_row("genre", entry["genre"])
    table.add_row("about", entry["description"] or "—")
    table.add_row("picture", f"{entry['picture']}, {entry['tick_rate']} a second")
    table.add_row(
        "network", f"{entry['parameters'] / 1e6:.1f} M parameters, {entry['operations'] / 1e9:.2f} GFLOP a frame"
    )
    table.add_row("on a card", f"about {entry['vram_need_mb']} MB of its memory, CUDA's own included")
    table.add_row("size", f"{entry['megabytes']} MB, {entry['licence']}")
    table.add_row("digest", entry["digest"])
    for name, value in entry["headline"].items():
        table.add_row(name.replace("_", " "), "not measured" if value is None else f"{value:g}")
    return table
