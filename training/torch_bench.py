"""torch beside the backends that play: a frame eager and compiled. Owns those rows; refuses to measure by itself."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape
from rich.table import Table

from engine.backends.base import BackendFailed
from engine.backends.choice import Choice
from engine.backends.opening import Parts
from engine.checkpoint import Checkpoint, find_world, load_checkpoint
from engine.measuring.bench import EVERY_BACKEND, Tell, bench
from models.dynamics import DynamicsModel
from models.manifest import BadInput, Manifest
from models.tokenizer import Tokenizer
from training.dynamics_stage import dynamics_config
from training.export import Sampling, StepGraph
from training.preset import load_preset
from training.run import Run
from training.tokenizer_stage import tokenizer_config
from training.torch_backend import TorchBackend


def bench_torch(
    world: str,
    preset: str,
    run: Path | None,
    frames: int,
    device: str | None = None,
    tell: Tell = lambda line: None,
) -> dict[str, Any]:
    """The bench document of a checkpoint with torch's rows. Weights are those of `run`, or random ones of `preset`'s
    shapes, which take as long. `tell` hears what is done next. Raises BadInput."""
    folder = find_world(world)
    where = find_device(device)
    manifest = load_checkpoint(folder).manifest
    make = _step_maker(manifest, preset, run)
    others = {
        name: _opener(make, where, compiled) for name, compiled in (("torch eager", False), ("torch compile", True))
    }
    return bench([folder], frames, wishes=EVERY_BACKEND, others=others, tell=tell)


def find_device(name: str | None) -> torch.device:
    """The device of this name, or the best one here. Raises BadInput where torch can't use it."""
    try:
        device = torch.device(name or ("cuda" if torch.cuda.is_available() else "cpu"))
        if device.type not in ("cpu", "cuda"):
            raise BadInput(f"--device: expected cpu or cuda, found {device.type}")
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:  # a name that is none, a build without CUDA, no driver
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise BadInput(f"--device: expected cpu or cuda as it is here, found {name} ({reason})") from error
    return device


def bench_table(document: dict[str, Any]) -> Table:
    """The rows for people, a backend each."""
    table = Table(show_edge=False)
    titles = "backend", "device", "FPS", "paced FPS", "compute p50", "compute p99", "cold start", "memory", "VRAM peak"
    for number, title in enumerate(titles):
        table.add_column(title, justify="left" if number < 2 else "right")
    for row in document["results"]:
        figures = (
            *((row[name], "") for name in ("fps", "fps_paced")),
            *((row["compute_ms"][name], " ms") for name in ("p50", "p99")),
            *((row["cold_start_s"], " s"), (row["rss_mb"], " MB"), (row["vram_peak_mb"], " MB")),
        )
        cells = ["not measured" if value is None else f"{value:.1f}{unit}" for value, unit in figures]
        cells[-1] += ", whole card" if row["vram_whole_card"] else ""
        table.add_row(escape(row["backend"]), escape(" ".join(row["device"].split())), *cells)
    return table


def _opener(
    make: Callable[[], StepGraph], device: torch.device, compiled: bool
) -> Callable[[Checkpoint, Parts], Choice]:
    def open_backend(checkpoint: Checkpoint, parts: Parts) -> Choice:
        torch.compiler.reset()
        gc.collect()
        torch.cuda.empty_cache()  # what the row before has left on the card is none of this one's peak
        try:
            backend = TorchBackend(checkpoint, make(), device, compiled)
            backend.warm_up()
        except Exception as error:  # no compiler, a driver that is too old, no memory: each in its own way
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise BackendFailed(f"{'torch compile' if compiled else 'torch eager'}: {reason}") from error
        return Choice(backend)

    return open_backend


def _step_maker(manifest: Manifest, preset_name: str, run: Path | None) -> Callable[[], StepGraph]:
    """Makes the torch step of a checkpoint. Raises BadInput where the preset's state is another than the manifest's."""
    preset = load_preset(preset_name, manifest.name)
    if run is not None:
        networks = Run(manifest.name, preset_name, preset, run).networks()
        tokenizer, dynamics, sampling = networks.tokenizer, networks.dynamics, networks.sampling
    else:
        shape = (manifest.height, manifest.width) + ((3,) if manifest.pixels == "rgb" else ())
        tokenizer = Tokenizer(tokenizer_config(preset, shape))
        dynamics = DynamicsModel(dynamics_config(preset, tokenizer, len(manifest.actions)))
        sampling = Sampling.of(preset.export)
    found = [tuple(part.shape) for part in StepGraph(tokenizer, dynamics, sampling).initial_state()]
    wanted = [spec.shape for spec in manifest.state]
    if found != wanted or tokenizer.tokens != manifest.tokens:
        raise BadInput(f"{preset_name}: preset: expected the state of {manifest.name}, {wanted}, it makes {found}")
    return lambda: StepGraph(tokenizer.eval(), dynamics.eval(), sampling)
