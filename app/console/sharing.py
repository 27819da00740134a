"""`export` and `import`: sessions as small files to pass on, or as videos. Owns what is printed; refuses formats."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.console.plain_text import plain_text
from app.console.replay import Complain, recorded_backend
from app.play.beginnings import open_recording
from engine.frame import Frame
from engine.recordings.remake import export_video, remake
from engine.recordings.replay import environment_differences
from engine.recordings.share import SHARE_SUFFIX, open_record, write_share
from models.manifest import BadInput

VIDEO_SUFFIX = ".mp4"


def export_session(
    session: Path, target: Path, world: str | None, scale: int | None, threads: int | None, complain: Complain
) -> None:
    """Write a recording as a share file or an MP4, by `target`'s suffix. Raises BadInput."""
    console = Console()
    if target.suffix == SHARE_SUFFIX:
        if scale is not None:
            raise BadInput(f"--scale: expected a {VIDEO_SUFFIX} file with it")
        if target.exists():  # as for a video: what somebody kept isn't written over
            raise BadInput(f"{target}: file: expected a new one")
        record = open_record(session)
        if not record.entries:
            raise BadInput(f"{session}: recording: expected at least one frame, found none")
        size = write_share(record, target)
        console.print(
            f"{target}: {record.frames} frames in {size} bytes", highlight=False, soft_wrap=True, markup=False
        )
    elif target.suffix == VIDEO_SUFFIX:
        _export_video(session, target, world, scale, threads, complain)
    else:
        raise BadInput(f"{target}: file: expected a name that ends in {SHARE_SUFFIX} or {VIDEO_SUFFIX}")


def import_session(
    file: Path, folder: Path, world: str | None, threads: int | None, complain: Complain
) -> dict[str, Any]:
    """Play a shared session into a recording's folder. Returns the report for --json. Raises BadInput."""
    record, checkpoint = open_recording(file, world)
    backend = recorded_backend(record, checkpoint, record.header.backend, threads, complain)
    console = Console()
    with _progress(console) as progress:
        task = progress.add_task("", total=record.frames)

        def advance(frame: Frame) -> None:
            progress.advance(task)

        report = remake(record, checkpoint, backend, folder, advance)
    differences = environment_differences(record, backend.info)
    if report.same:
        console.print(
            f"[green]same[/green]: {escape(str(folder))} has all {report.frames} frames, as they were shared",
            highlight=False,
        )
    else:
        same = (
            "none before it was compared" if report.last_same is None else f"frame {report.last_same} is still the same"
        )
        console.print(
            f"[red]differs[/red] from frame {report.first_difference} on ({same}); "
            f"{escape(str(folder))} has what came out here",
            highlight=False,
        )
        for line in differences:
            console.print(f"  {plain_text(line)}", highlight=False, markup=False)
    return {"folder": str(folder), "environment_differences": differences, "same": report.same, **asdict(report)}


def _export_video(
    session: Path, target: Path, world: str | None, scale: int | None, threads: int | None, complain: Complain
) -> None:
    record, checkpoint = open_recording(session, world)
    backend = recorded_backend(record, checkpoint, record.header.backend, threads, complain)
    console = Console()
    with _progress(console) as progress:
        task = progress.add_task("", total=record.frames)

        def advance(frame: Frame) -> None:
            progress.advance(task)

        export_video(record, checkpoint, backend, target, scale, advance)
    console.print(f"{target}: {record.frames} frames", highlight=False, soft_wrap=True, markup=False)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("regenerating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True)
