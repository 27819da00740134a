"""`worlds` and its subcommands. Owns what they print; refuses to load anything but through the engine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.console.plain_text import plain_text
from app.console.world_check import check_world
from app.hub.pulled import find_hidden, find_unfinished, read_origin, remove_pulled
from engine.backends.vram import estimate_need
from engine.checkpoint import find_world, known_worlds
from models.manifest import BadInput, Manifest, read_manifest

Complain = Callable[[str], None]


def list_worlds(complain: Complain) -> dict[str, Any]:
    """Print the worlds that go by a name. Returns them for --json."""
    entries: list[dict[str, Any]] = []
    for folder in known_worlds():
        try:
            entries.append(_entry(folder, read_manifest(folder)))
        except BadInput as error:
            complain(str(error))
    for folder in find_hidden():
        complain(f"{folder}: name: expected another than a bundled world's; pull it again to have it under another")
    console = Console()
    if not entries:
        console.print("no world is bundled; `dreamcade play --world FOLDER` plays one from a folder")
    for entry in entries:
        console.print(_table(entry))
    unfinished = find_unfinished()
    for repo, size in unfinished.items():
        _say(
            console,
            f"{repo} is not all here yet ({size / 1e6:.1f} MB): `worlds pull` goes on, `worlds remove` drops it",
        )
    return {"worlds": entries, "unfinished": unfinished}


def verify_worlds(name: str | None, complain: Complain) -> dict[str, Any]:
    """Check one world or all: sizes, hashes, start frames, graphs. Each broken one is told in one line."""
    console = Console()
    report: list[dict[str, Any]] = []
    for folder in known_worlds() if name is None else [find_world(name)]:
        problem: str | None = None
        try:
            manifest = check_world(folder).manifest
            console.print(f"[green]whole[/green] {manifest.name} {manifest.digest}", highlight=False)
        except BadInput as error:
            problem = str(error)
            complain(problem)
        report.append({"folder": str(folder), "whole": problem is None, "problem": problem})
    return {"worlds": report}


def pull(repo: str, wanted: str | None) -> dict[str, Any]:
    """Pull a world and print where it is. Returns the figures for --json; raises BadInput."""
    from app.hub.connection import Hub, check_repo  # the hub's library takes a while to import
    from app.hub.progress import PullProgress
    from app.hub.pull import pull_world

    check_repo(repo)
    begun, console = time.monotonic(), Console()
    with PullProgress(console) as progress:
        pulled = pull_world(Hub(), repo, wanted, progress)
    seconds = time.monotonic() - begun
    if not pulled.fetched:
        _say(console, f"{repo} is here already, as {pulled.world}")
    else:
        _say(console, f"{repo} is here as {pulled.world}: {pulled.fetched / 1e6:.1f} MB in {seconds:.1f} s, whole")
    if pulled.world != pulled.named:
        _say(console, f"the name {pulled.named} is another world's here; play it with --world {pulled.world}")
    figures = {"size": pulled.size, "fetched": pulled.fetched, "seconds": round(seconds, 3)}
    return {"world": pulled.world, "folder": str(pulled.folder), **asdict(pulled.origin), **figures}


def push(world: str, repo: str, private: bool) -> dict[str, Any]:
    """Push a world and print where it is. Returns the figures for --json; raises BadInput."""
    from app.hub.connection import Hub, check_repo  # the hub's library takes a while to import
    from app.hub.push import push_world

    check_repo(repo)
    console = Console()
    pushed = push_world(Hub(), find_world(world), repo, private, lambda line: _say(console, line))
    _say(console, f"{pushed.world} is at {pushed.url}, commit {pushed.commit[:12]}: {pushed.size / 1e6:.1f} MB")
    return asdict(pushed)


def remove(name: str) -> dict[str, Any]:
    """Remove a pulled world. Returns what it was for --json; raises BadInput."""
    folder = remove_pulled(name)
    _say(Console(), f"removed: {folder}")
    return {"world": name, "folder": str(folder)}


def _say(console: Console, line: str) -> None:
    console.print(plain_text(line), highlight=False, markup=False, soft_wrap=True)


def _entry(folder: Path, manifest: Manifest) -> dict[str, Any]:
    origin = read_origin(folder)
    return {
        "name": manifest.name,
        "title": manifest.title,
        "genre": manifest.genre,
        "description": manifest.description,
        "folder": str(folder),
        "origin": None if origin is None else asdict(origin),
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
    table = Table(
        show_header=False, show_edge=False, title=f"[bold]{entry['name']}[/bold] · {escape(plain_text(entry['title']))}"
    )
    table.title_justify = "left"
    table.add_column(style="dim", min_width=18)
    table.add_column()
    table.add_row("genre", escape(plain_text(entry["genre"])))
    table.add_row("about", escape(plain_text(entry["description"])) or "—")
    table.add_row("picture", f"{entry['picture']}, {entry['tick_rate']} a second")
    table.add_row(
        "network", f"{entry['parameters'] / 1e6:.1f} M parameters, {entry['operations'] / 1e9:.2f} GFLOP a frame"
    )
    table.add_row("on a card", f"about {entry['vram_need_mb']} MB of its memory, CUDA's own included")
    table.add_row("size", escape(plain_text(f"{entry['megabytes']} MB, {entry['licence']}")))
    table.add_row("digest", entry["digest"])
    if entry["origin"] is not None:
        table.add_row("pulled from", f"{entry['origin']['repo']} at {entry['origin']['commit'][:12]}")
    for name, value in entry["headline"].items():
        table.add_row(escape(name.replace("_", " ")), "not measured" if value is None else f"{value:g}")
    return table
