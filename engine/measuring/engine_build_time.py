"""What it takes to build a world's engine for a card that needn't be here. Owns size and time of a build; refuses to
keep or to run the engine."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from engine.backends.engine_build import BuildOptions, build_engine, half_of
from engine.backends.graph_tensors import step_tensors
from engine.backends.library import Library
from models.manifest import BadInput, read_manifest


@dataclass(frozen=True)
class BuiltEngine:
    """`graph_bytes` of the half-precision graph, `engine_bytes` of what was built of it. `rewrite_s`: to make that
    graph; `build_s`: to parse it and build the engine."""

    world: str
    library: str
    capability: str
    graph_bytes: int
    engine_bytes: int
    rewrite_s: float
    build_s: float


def parse_capability(text: str, library: Library, field: str) -> tuple[int, int]:
    """(8, 6) of "8.6". Raises BadInput, naming `field`, where the library builds for no such chip from afar."""
    chips = getattr(library.module, "ComputeCapability", None)
    if chips is None:
        raise BadInput(f"{field}: expected TensorRT-RTX, {library.title} builds for the card that is here only")
    known = {
        f"{name[2:-1]}.{name[-1]}": (int(name[2:-1]), int(name[-1]))
        for name in dir(chips)
        if re.fullmatch(r"SM\d{2,3}", name)
    }
    if text not in known:
        wanted = ", ".join(sorted(known, key=lambda chip: known[chip]))
        raise BadInput(f"{field}: expected one of {wanted}, found {text[:20]!r}")
    return known[text]


def time_build(folder: Path, library: Library, capability: tuple[int, int]) -> BuiltEngine:
    """Build the engine of a checkpoint's step. Raises BadInput, or BackendFailed with the library's own words."""
    manifest = read_manifest(folder)
    path = folder / manifest.graphs.step
    began = time.perf_counter()
    graph = half_of(path, capability)
    made = time.perf_counter()
    inputs, outputs = step_tensors(manifest)
    engine = build_engine(library, graph, BuildOptions(capability), [*inputs, *outputs])
    done = time.perf_counter()
    chip = "{}.{}".format(*capability)
    return BuiltEngine(manifest.name, library.title, chip, len(graph), len(engine), made - began, done - made)
