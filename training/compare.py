"""Several checkpoints beside each other on one simulated world, which need not be the one that they were made for.

Owns the choice of measures: those that a new world shows first. Refuses whatever reads boards or players from pictures:
that is evaluate's, for the worlds that ship.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from models.manifest import BadInput
from training.evaluate.extent import FULL
from training.evaluate.fidelity import PALETTE, Colours
from training.evaluate.footage import MEASURED_SPLITS, Clip, record_clips
from training.evaluate.neural_world import NeuralWorld
from training.evaluate.one_step import measure_one_step
from training.evaluate.rollout import HORIZONS, measure_rollout
from training.worlds.registry import world_class

HORIZON = "10"  # frames of a rollout


@dataclass(frozen=True)
class Compared:
    """Of one checkpoint: the share of changed pixels that it has right one step from true frames, and the PSNR of what
    could be known after `HORIZON` frames of its own, in dB; copying the last frame has none right, and `copy_last_db`.
    The pairs are 95 % intervals by bootstrap over the clips."""

    checkpoint: str
    trained_on: str
    changed_pixels: float | None
    changed_pixels_interval: tuple[float, float] | None
    psnr_known_db: float | None
    psnr_known_db_interval: tuple[float, float] | None
    copy_last_db: float | None
    steps: dict[str, int]
    hours: dict[str, float]


def compare(
    folders: Sequence[Path],
    world_name: str,
    clips: int,
    split: str,
    threads: int | None = None,
    tell: Callable[[str], None] = lambda line: None,
) -> list[Compared]:
    """Measure each checkpoint folder on the same clips of the simulated world, half of them whatever mixed play brings
    and half good play. Raises BadInput."""
    if split not in MEASURED_SPLITS:
        raise BadInput(f"{split}: split: expected one of {', '.join(MEASURED_SPLITS)}")
    actions = world_class(world_name).actions
    checkpoints = [load_checkpoint(folder) for folder in folders]
    for checkpoint in checkpoints:
        manifest = checkpoint.manifest
        if tuple(entry.action for entry in manifest.actions) != actions or manifest.pixels != "palette":
            raise BadInput(f"{checkpoint.folder}: world: expected actions and pixels like those of {world_name}")
    tell("clips")
    recorded = record_clips(world_name, clips, HORIZONS[-1], FULL.copy_seeds()["clips"], split)
    compared = []
    for checkpoint in checkpoints:
        tell(str(checkpoint.folder))
        compared.append(_measure(checkpoint, world_name, recorded, threads))
    return compared


def _measure(checkpoint: Checkpoint, world_name: str, clips: Sequence[Clip], threads: int | None) -> Compared:
    backend = OnnxBackend(checkpoint, threads)
    try:
        backend.warm_up()
        playable = NeuralWorld(checkpoint, backend, backend.info.threads)
        one_step = measure_one_step(playable, world_name, clips, FULL.one_step_ticks)
        rollout, _ = measure_rollout(playable, world_name, Colours(world_class(world_name).palettes[PALETTE]), clips)
    finally:
        backend.close()
    ten, made = rollout[HORIZON], checkpoint.manifest.provenance
    return Compared(
        str(checkpoint.folder),
        checkpoint.manifest.name,
        one_step["changed_pixels"],
        one_step["intervals"]["changed_pixels"],
        ten["psnr_known_db"],
        ten["intervals"]["psnr_known_db"],
        ten["copy_last_psnr_known_db"],
        made.steps,
        made.hours,
    )


def compare_table(world_name: str, compared: Sequence[Compared]) -> Table:
    """As it is printed."""
    table = Table(title=f"{world_name}: changed pixels right, and PSNR of what is known after {HORIZON} frames")
    for column in ("checkpoint", "trained on", "changed right", "95 %", "PSNR", "95 %", "copy-last"):
        table.add_column(column, overflow="fold")
    for one in compared:
        table.add_row(
            one.checkpoint,
            one.trained_on,
            _shown(one.changed_pixels, 100, " %"),
            "–".join(_shown(bound, 100, "") for bound in one.changed_pixels_interval or ()),
            _shown(one.psnr_known_db, 1, " dB"),
            "–".join(_shown(bound, 1, "") for bound in one.psnr_known_db_interval or ()),
            _shown(one.copy_last_db, 1, " dB"),
        )
    return table


def _shown(figure: float | None, times: float, unit: str) -> str:
    return "not measured" if figure is None else f"{figure * times:.1f}{unit}"
