"""What a checkpoint is worth: every measure, through the graphs that ship, on levels that it wasn't trained on.

Owns the protocol (seeds, counts) and the layout of metrics.json; what isn't measured is null, never 0. Refuses to
change the checkpoint.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from models.manifest import BadInput, Manifest
from training.evaluate.extent import FULL, Extent
from training.evaluate.fidelity import PALETTE
from training.evaluate.footage import CONTEXT
from training.evaluate.leak import compare_levels
from training.evaluate.neural_world import NeuralWorlds, Playable
from training.evaluate.sections import Sections
from training.worlds.base import SPLITS
from training.worlds.registry import world_class

SCHEMA = 1
READ = ("platformer", "puzzle")
THREADS = 1  # of each world: two cores that share one frame take more than half as long as one
DIGITS = 6  # that figures are rounded to

Progress = Callable[[str], None]


def evaluate(
    folder: Path,
    extent: Extent = FULL,
    *,
    out: Path | None = None,
    command: str = "",
    worlds: int | None = None,
    training_data: Sequence[Path] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a checkpoint folder through its own graphs; `out` takes sheets, clips and plots. The levels are compared
    with those of the data sets `training_data`. So many `worlds` are played at a time, one a core if not given; how
    many doesn't change a figure. Raises BadInput."""
    checkpoint = load_checkpoint(folder)
    _check_measurable(checkpoint.manifest)
    name = checkpoint.manifest.name
    levels = compare_levels(name, extent.all_copies(), extent.split, training_data) if training_data else None
    worlds = worlds or os.cpu_count() or 1
    backends = [OnnxBackend(checkpoint, THREADS) for _ in range(worlds)]
    began = time.perf_counter()
    try:
        for backend in backends:
            backend.warm_up()
        playable = NeuralWorlds(checkpoint, backends, THREADS)
        metrics = measure(playable, name, extent, out=out, progress=progress)
        metrics["protocol"] |= _origin(checkpoint, command) | {
            "levels": levels,
            "backend": asdict(backends[0].info),
            "worlds_at_a_time": worlds,
            "seconds": round(time.perf_counter() - began, 1),
        }
    finally:
        for backend in backends:
            backend.close()
    return metrics


def measure(
    playable: Playable,
    world_name: str,
    extent: Extent,
    *,
    out: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Every measure of a playable world against the simulated one of that name."""
    sections = Sections(playable, world_name, extent, out, progress or (lambda line: None))
    metrics = _layout() | sections.all() | {"protocol": _protocol(world_name, extent)}
    rounded: dict[str, Any] = _rounded(metrics)
    return rounded


def headline(metrics: dict[str, Any]) -> dict[str, float | None]:
    """The figures that the manifest shows."""
    ten = metrics["rollout"]["10"]
    coherence = metrics["coherence"]
    return {
        "psnr_db": metrics["reconstruction"]["psnr_db"],
        "exact_pixels": metrics["reconstruction"]["exact_pixels"],
        "changed_pixels": metrics["one_step"]["changed_pixels"],
        "rollout_10_known_db": ten["psnr_known_db"],
        "rollout_10_copy_last_known_db": ten["copy_last_psnr_known_db"],
        "counterfactual": metrics["control"]["counterfactual"],
        "coherent_90": coherence["coherent_90"],
        "coherent_300": coherence["coherent_300"],
        "median_frames": coherence["median_frames"],
        "player_once": metrics["stability"]["player_once"],
    }


def _layout() -> dict[str, Any]:
    """All sections, unmeasured."""
    return {
        "schema": SCHEMA,
        "reconstruction": None,
        "one_step": None,
        "rollout": None,
        "control": None,
        "coherence": None,
        "rules": {"exact_board": None, "conserved_500": None, "illegal_moves": None},
        "physics": {"within_2px_16": None, "landing": None, "outcomes": None, "lost": None},
        "levels": {"valid": None},
        "stability": {"frames": None, "player_once": None, "pace_ratios": None, "tile_l1": None, "palette_l1": None},
        "student": {"similarity": None, "retention": None, "speedup": None},
        "protocol": None,
    }


def _protocol(world_name: str, extent: Extent) -> dict[str, Any]:
    world = world_class(world_name)
    return {
        "world": world_name,
        "world_version": world.version,
        "split": extent.split,
        "level_seeds": [SPLITS[extent.split].start, SPLITS[extent.split].stop],
        "context": CONTEXT,
        "palette": PALETTE,
        "copy_seeds": extent.copy_seeds(),
        "rng_seed": "number of the clip or start",
        "counts": asdict(extent),
        "levels": None,
        "intervals": "95 %: bootstrap over clips, episodes or runs, 1000 draws; shares of runs and trials by Wilson",
    }


def _origin(checkpoint: Checkpoint, command: str) -> dict[str, Any]:
    return {
        "checkpoint": checkpoint.manifest.digest,
        "trained_on_version": checkpoint.manifest.provenance.world_version,
        "command": command,
    }


def _check_measurable(manifest: Manifest) -> None:
    if manifest.name not in READ:
        raise BadInput(f"{manifest.name}: world: expected {' or '.join(READ)}, whose pictures can be read")
    world = world_class(manifest.name)
    if manifest.pixels != "palette":
        raise BadInput(f"{manifest.name}: pixels: expected palette, as the simulated world's, found {manifest.pixels}")
    if tuple(entry.action for entry in manifest.actions) != world.actions:
        raise BadInput(f"{manifest.name}: actions: expected those of the simulated world, in its order")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(entry) for entry in value]
    return round(float(value), DIGITS) if isinstance(value, float | np.floating) else value
