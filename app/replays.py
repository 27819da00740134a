"""`replay`: a recording in a window, or verified without one. Owns finding its world and what is printed; refuses to
judge frames (engine/replay.py, app/playback.py) and to decide exit codes (cli)."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.settings import Settings
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, find_world, load_checkpoint
from engine.recording import SessionRecord, read_session
from engine.replay import check_playable, environment_differences, verify
from engine.session import Session
from models.manifest import BadInput


def open_recording(folder: Path, world: str | None) -> tuple[SessionRecord, Checkpoint]:
    """The record and the checkpoint that it was played on, checked against each other. Raises BadInput."""
    record = read_session(folder)
    if not record.entries:
        raise BadInput(f"{folder}: recording: expected at least one frame, found none")
    try:
        checkpoint = load_checkpoint(find_world(world or record.header.world))
    except BadInput as error:
        raise error if world else BadInput(f"{error}; --world names another folder") from error
    check_playable(record, checkpoint)
    return record, checkpoint


def verify_recording(folder: Path, world: str | None, threads: int | None) -> dict[str, Any]:
    """Regenerate every frame from seed and actions, print the first that differs. Returns the report for --json."""
    record, checkpoint = open_recording(folder, world)
    backend = OnnxBackend(checkpoint, threads or record.header.threads)
    console = Console()
    columns = (TextColumn("regenerating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=record.frames)
        report = verify(record, checkpoint, backend, lambda frame: progress.advance(task))
    differences = environment_differences(record, backend.info)
    if report.same:
        console.print(f"[green]same[/green]: all {report.frames} frames came out as recorded")
    else:
        console.print(
            f"[red]differs[/red] at frame {report.first_difference} (actions.ndjson line {report.line}): "
            f"recorded {report.expected}, now {report.got}; {report.frames - 1} before it are the same",
            highlight=False,
        )
        for line in differences:
            console.print(f"  {line}", highlight=False)
    if record.torn:
        console.print("the last line was half written and is left out", highlight=False)
    return {
        "session": str(folder),
        "world": record.header.world,
        "recorded_frames": record.frames,
        "torn": record.torn,
        "environment_differences": differences,
        "same": report.same,
        **asdict(report),
    }


def show_recording(folder: Path, world: str | None, threads: int | None, settings: Settings, fullscreen: bool) -> bool:
    """Play a recording in a window; it closes after the last frame. Whether every frame shown came out as recorded,
    which is printed too."""
    from app.playback import RecordedSession, RecordingEnded
    from app.player import Player, PlayOptions
    from app.shelf import Shelf
    from app.window import Window

    record, checkpoint = open_recording(folder, world)
    window = Window(scale=settings.scale, fullscreen=fullscreen, instead="--verify compares it without one")
    shelf = Shelf([])
    try:
        backend = OnnxBackend(checkpoint, threads or record.header.threads)
        backend.warm_up()
        session = RecordedSession(record, checkpoint, backend)
        player = Player(window, shelf, settings, PlayOptions(theme=record.header.palette, playback=True))
        player.expect(record.header.world, _ready(session))
        player.run_until_left()
    finally:
        shelf.close()
        window.close()
    if player.error is not None and not isinstance(player.error, RecordingEnded):
        raise BadInput(player.problem or str(player.error))
    same = "every frame shown came out as recorded"
    differs = f"differs from the recording from frame {session.differs_at} on"
    Console().print(same if session.differs_at is None else differs, highlight=False)
    return session.differs_at is None


def _ready(session: Session) -> Future[Session]:
    future: Future[Session] = Future()
    future.set_result(session)
    return future
