"""What a checkpoint is worth: every measure, through the graphs that ship, on the report seeds.

Owns the protocol (seeds, counts) and the layout of metrics.json; what isn't measured is null, never 0. Refuses to
change the checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from models.manifest import BadInput, Manifest
from training.evaluate.coherence import measure_coherence
from training.evaluate.control import measure_control, measure_other_keys
from training.evaluate.fidelity import PALETTE, Colours
from training.evaluate.footage import CONTEXT, SPLIT, Clip, Pictures, find_moments, record_clips
from training.evaluate.known import sight_of
from training.evaluate.neural_world import NeuralWorld, Playable
from training.evaluate.one_step import measure_one_step
from training.evaluate.reconstruction import measure_reconstruction
from training.evaluate.rollout import HORIZONS, measure_rollout
from training.evaluate.showing import Showing
from training.worlds.registry import world_class

SCHEMA = 1
LONGEST_RUN = 100_000  # frames
DIGITS = 6  # that figures are rounded to

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Extent:
    """How much is measured. `seed` is that of the copies: their levels come from the report split."""

    episodes: int = 40
    reconstructed: int = 2400  # frames
    clips: int = 100
    one_step_ticks: int = 48  # of each clip
    moments: int = 120  # of control
    starts: int = 40
    frames: int = 300  # of each start
    seed: int = 10_000


FULL = Extent()
QUICK = Extent(reconstructed=600, clips=24, one_step_ticks=24, moments=40, frames=90)


def extent_of(quick: bool = False, frames: int | None = None) -> Extent:
    """The usual extent, or the quick one; `frames` sets the length of the coherence runs. Raises BadInput."""
    extent = QUICK if quick else FULL
    if frames is None:
        return extent
    if not 1 <= frames <= LONGEST_RUN:
        raise BadInput(f"{frames}: frames: expected 1 to {LONGEST_RUN}")
    return replace(extent, frames=frames)


def evaluate(
    folder: Path,
    extent: Extent = FULL,
    *,
    out: Path | None = None,
    command: str = "",
    threads: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Measure a checkpoint folder through its own graphs; `out` takes sheets and clips. Raises BadInput."""
    checkpoint = load_checkpoint(folder)
    _check_measurable(checkpoint.manifest)
    backend = OnnxBackend(checkpoint, threads)
    began = time.perf_counter()
    try:
        backend.warm_up()
        playable = NeuralWorld(checkpoint, backend, backend.info.threads)
        metrics = measure(playable, checkpoint.manifest.name, extent, out=out, progress=progress)
        metrics["protocol"] |= _origin(checkpoint, command) | {
            "backend": asdict(backend.info),
            "seconds": round(time.perf_counter() - began, 1),
        }
    finally:
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
    tell = progress or (lambda line: None)
    colours = Colours(world_class(world_name).palettes[PALETTE])
    showing = Showing(world_class(world_name), out) if out is not None else None
    tell("reconstruction")
    reconstruction = measure_reconstruction(
        playable, world_name, colours, extent.episodes, extent.reconstructed, extent.seed
    )
    clips = record_clips(world_name, extent.clips, HORIZONS[-1], extent.seed + 1000)
    tell("one step")
    one_step = measure_one_step(playable, world_name, clips, extent.one_step_ticks)
    tell("rollout")
    rollout, made = measure_rollout(playable, world_name, colours, clips)
    tell("control")
    control = _control(playable, world_name, colours, extent, clips, made)
    if showing is not None:
        showing.rollouts(clips, made)
    del clips, made
    tell("coherence")
    starts = find_moments(world_name, extent.starts, extent.seed + 3000)
    watch = showing.watch if showing is not None else None
    coherence = measure_coherence(playable, world_name, starts, extent.frames, watch)
    if showing is not None:
        showing.starts()
    metrics = _layout() | {
        "reconstruction": reconstruction,
        "one_step": one_step,
        "rollout": rollout,
        "control": control,
        "coherence": coherence,
        "protocol": _protocol(world_name, extent),
    }
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
    }


def _control(
    playable: Playable,
    world_name: str,
    colours: Colours,
    extent: Extent,
    clips: list[Clip],
    made: list[Pictures],
) -> dict[str, Any]:
    moments = find_moments(world_name, extent.moments, extent.seed + 2000)
    counterfactual = measure_control(playable, world_name, moments)
    other = measure_other_keys(playable, world_name, colours, clips, made, extent.seed)
    intervals = counterfactual.pop("intervals") | other.pop("intervals")
    return {**counterfactual, "f1": None, "f1_ceiling": None, **other, "intervals": intervals}


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
        "student": {"similarity": None, "speedup": None},
        "protocol": None,
    }


def _protocol(world_name: str, extent: Extent) -> dict[str, Any]:
    world = world_class(world_name)
    return {
        "world": world_name,
        "world_version": world.version,
        "split": SPLIT,
        "level_seeds": [world(1, SPLIT).level_seeds.start, world(1, SPLIT).level_seeds.stop],
        "context": CONTEXT,
        "palette": PALETTE,
        "copy_seeds": {
            "reconstruction": extent.seed,
            "clips": extent.seed + 1000,
            "control": extent.seed + 2000,
            "starts": extent.seed + 3000,
        },
        "rng_seed": "number of the clip or start",
        "counts": asdict(extent),
        "intervals": "95 %: bootstrap over clips or episodes, 1000 draws; shares of starts by Wilson",
    }


def _origin(checkpoint: Checkpoint, command: str) -> dict[str, Any]:
    return {
        "checkpoint": checkpoint.manifest.digest,
        "trained_on_version": checkpoint.manifest.provenance.world_version,
        "command": command,
    }


def _check_measurable(manifest: Manifest) -> None:
    sight_of(manifest.name)
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
