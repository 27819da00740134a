"""`play --headless`: an autoplayer, a progress bar and a summary. Owns what is printed; refuses the loop (engine)."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from app.play.beginnings import Beginning, begin_from_picture, branch_from
from engine.autoplay import make_autoplayer
from engine.backends.base import Backend
from engine.backends.wish import BackendWish
from engine.checkpoint import Checkpoint, find_world, known_worlds, load_checkpoint
from engine.headless import play_headless
from models.manifest import BadInput


def run_headless(
    world: str | None,
    start: int | Path | None,
    seed: int | None,
    autoplay: str,
    frames: int,
    record: Path | None,
    wish: BackendWish,
    complain: Callable[[str], None],
    place: str | None = None,
) -> dict[str, Any]:
    """Play and print what happened; `start` may be a picture, `place` is a recording's frame to go on from. Returns the
    report for --json; raises BadInput, also when a recording broke off. Why another backend plays than was asked for is
    told to `complain`."""
    rng_seed = seed if seed is not None else secrets.randbelow(1 << 31)
    beginning: Beginning | None = None
    if place is not None:
        beginning, checkpoint = branch_from(place, world)
    elif isinstance(start, Path):
        beginning, checkpoint = begin_from_picture(start, world, rng_seed)
        start = None
    else:
        checkpoint = _find(world)
    begin = start if isinstance(start, int) else secrets.randbelow(checkpoint.starts)
    autoplayer = make_autoplayer(autoplay, checkpoint.manifest, rng_seed)
    console = Console()
    backend = _open(checkpoint, wish if beginning is None else beginning.suit(wish), console, complain)
    opened = backend.info
    lead = None if beginning is None else beginning.begin
    report = play_headless(checkpoint, backend, autoplayer, frames, record, rng_seed, begin, begin=lead)
    info = backend.info
    backend.close()
    if beginning is not None:
        console.print(beginning.outcome(), highlight=False, markup=False)
    compute = report.compute_ms
    console.print(
        f"[bold]{escape(checkpoint.manifest.title)}[/bold]: {report.frames} frames in {report.seconds:.2f} s, "
        f"[cyan]{report.fps:.1f} FPS[/cyan], compute p50 {compute.p50:.1f} ms, p99 {compute.p99:.1f} ms"
    )
    console.print(f"{info.name}: {info.version} on {' '.join(info.device.split())}", highlight=False, markup=False)
    if info != opened:
        complain(f"{opened.name} did not last: {info.note}")
    whence = f"start {begin}, seed {rng_seed}, " if beginning is None else ""
    console.print(f"{whence}autoplay {autoplay}, last digest {report.last_digest}", highlight=False, markup=False)
    if report.recording_problem is not None:
        raise BadInput(report.recording_problem)
    if report.recording is not None:
        console.print(f"recorded: {report.recording}", highlight=False, soft_wrap=True, markup=False)
    if report.video_problem is not None:
        console.print(report.video_problem, highlight=False, soft_wrap=True, markup=False)
    picture = None if beginning is None else beginning.picture()
    whence_figures: dict[str, Any] = {"start": begin, "rng_seed": rng_seed, "from": place}
    if picture is not None:
        error = {"exact_pixels": picture.exact, "psnr_db": picture.psnr_db if isfinite(picture.psnr_db) else None}
        whence_figures = {"start": "picture", "rng_seed": rng_seed, "from": None, "reconstruction": error}
    return {**whence_figures, "autoplay": autoplay, "backend": asdict(info), **asdict(report)}


def _find(world: str | None) -> Checkpoint:
    if world is None:
        known = ", ".join(folder.name for folder in known_worlds()) or "none is bundled"
        raise BadInput(f"--world: expected a world to play without a window ({known})")
    return load_checkpoint(find_world(world))


def _open(checkpoint: Checkpoint, wish: BackendWish, console: Console, complain: Callable[[str], None]) -> Backend:
    """The backend, warm, behind a progress bar: an engine may have to be built first."""
    from engine.backends.choice import make_backend  # takes a while to import: not before the input is known to be good

    with Progress(TextColumn("{task.description}"), BarColumn(), console=console, transient=True) as progress:
        task = progress.add_task("opening", total=1.0)
        choice = make_backend(
            checkpoint, wish, lambda stage, share: progress.update(task, description=escape(stage), completed=share)
        )
    if choice.problem is not None:
        complain(choice.problem)
    return choice.backend
