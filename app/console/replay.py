"""`replay`: a recording in a window, or verified without one. Owns finding its world and what is printed; refuses to
judge frames (engine/recordings/replay.py, app/play/playback.py) and to decide exit codes (cli)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.console.plain_text import plain_text
from app.play.beginnings import open_recording
from app.settings.schema import Settings
from engine.backends.base import Backend
from engine.backends.choice import make_backend
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint
from engine.recordings.recording import BackendEvent, SessionRecord
from engine.recordings.replay import VerifyReport, environment_differences, verify
from engine.session import Session
from models.manifest import BadInput

Complain = Callable[[str], None]


def verify_recording(folder: Path, world: str | None, threads: int | None, complain: Complain) -> dict[str, Any]:
    """Regenerate every frame from seed and actions, print the first that differs. Returns the report for --json."""
    record, checkpoint = open_recording(folder, world)
    backend = recorded_backend(record, checkpoint, record.header.backend, threads, complain)

    def switch(event: BackendEvent) -> Backend | None:
        return recorded_backend(record, checkpoint, event.backend, threads, complain)

    console = Console()
    columns = (TextColumn("regenerating"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=record.frames)
        report = verify(record, checkpoint, backend, lambda frame: progress.advance(task), switch)
    differences = environment_differences(record, backend.info)
    if report.same:
        console.print(f"[green]same[/green]: all {report.frames} frames came out as recorded")
    else:
        console.print(
            f"[red]differs[/red] at frame {report.first_difference} ({_place(record, report)}): "
            f"recorded {escape(str(report.expected))}, now {escape(str(report.got))}; {_before(record, report)}",
            highlight=False,
        )
        for line in differences:
            console.print(f"  {plain_text(line)}", highlight=False, markup=False)
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


def _place(record: SessionRecord, report: VerifyReport) -> str:
    return (
        "the first that differs of those that were compared" if record.shared else f"actions.ndjson line {report.line}"
    )


def _before(record: SessionRecord, report: VerifyReport) -> str:
    if not record.shared:
        return f"{report.frames - 1} before it are the same"
    return "none before it was compared" if report.last_same is None else f"frame {report.last_same} is still the same"


def show_recording(
    folder: Path, world: str | None, threads: int | None, settings: Settings, fullscreen: bool, complain: Complain
) -> bool:
    """Play a recording in a window; it closes after the last frame. Whether every frame shown came out as recorded,
    which is printed too."""
    from app.drawing.window import Window
    from app.keys.gamepad import Gamepads
    from app.menu.shelf import Shelf
    from app.play.options import PlayOptions
    from app.play.playback import RecordedSession, RecordingEnded
    from app.play.player import Player

    record, checkpoint = open_recording(folder, world)
    window = Window(scale=settings.scale, fullscreen=fullscreen, instead="--verify compares it without one")
    shelf = Shelf([])
    try:
        backend = recorded_backend(record, checkpoint, record.header.backend, threads, complain)
        session = RecordedSession(record, checkpoint, backend)
        pads = Gamepads()
        pads.start()
        player = Player(window, shelf, settings, PlayOptions(theme=record.header.palette, playback=True), pads=pads)
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


def recorded_backend(
    record: SessionRecord, checkpoint: Checkpoint, name: str, threads: int | None, complain: Complain
) -> Backend:
    """What was recorded with, as far as it is here; where it isn't, the CPU may still come to the same frames."""
    wanted = BackendName.TENSORRT if name == BackendName.TENSORRT else BackendName.ONNX
    choice = make_backend(checkpoint, BackendWish(wanted, threads or record.header.threads))
    if choice.problem is not None:
        complain(choice.problem)
    return choice.backend


def _ready(session: Session) -> Future[Session]:
    future: Future[Session] = Future()
    future.set_result(session)
    return future
