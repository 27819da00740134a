"""`doctor --build-for`: the shipped worlds' engines for a card that needn't be here. Owns what is printed; refuses to
build (engine) or to keep what was built."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from engine.backends.base import BackendFailed
from engine.backends.library import find_library
from engine.checkpoint import bundled_worlds
from engine.measuring.engine_build_time import BuiltEngine, parse_capability, time_build
from models.manifest import BadInput

OPTION = "--build-for"


def build_engines(capability: str, complain: Callable[[str], None]) -> dict[str, Any]:
    """Build each and print its size and the time that it took; one that can't be built is told to `complain`. Returns
    the figures for --json. Raises BadInput, also where no library is installed."""
    try:
        library = find_library()
    except BackendFailed as error:
        raise BadInput(f"{OPTION}: {error}") from error
    chip = parse_capability(capability, library, OPTION)
    rows: list[dict[str, Any]] = []
    built: list[BuiltEngine] = []
    console = Console()
    with Console(stderr=True).status("") as status:
        for folder in bundled_worlds():
            status.update(f"building {folder.name} for {capability}")
            try:
                built.append(time_build(folder, library, chip))
            except (BackendFailed, BadInput) as error:
                complain(f"{folder.name}: {error}")
                rows.append({"world": folder.name, "problem": str(error)})
            else:
                rows.append({**asdict(built[-1]), "problem": None})
    if built:
        title = f"{library.title}, half precision, compute capability {capability}"
        console.print(title, highlight=False, markup=False, soft_wrap=True)
        console.print(_table(built))
    return {"engines": rows}


def _table(built: list[BuiltEngine]) -> Table:
    table = Table(show_edge=False)
    for name in ("world", "graph", "engine", "rewriting", "building"):
        table.add_column(name, justify="left" if name == "world" else "right")
    for one in built:
        sizes = f"{one.graph_bytes / 1e6:.1f} MB", f"{one.engine_bytes / 1e6:.1f} MB"
        table.add_row(one.world, *sizes, f"{one.rewrite_s:.1f} s", f"{one.build_s:.1f} s")
    return table
