"""What can be done to a recording from the library. Owns doing it and saying what came of it; refuses to show it."""

from __future__ import annotations

from pathlib import Path

from app.console.replay import recorded_backend
from app.library.job import Job
from app.library.recordings import Recording, free_path
from app.play.beginnings import open_recording
from app.play.playback import RecordedSession
from engine.backends.base import Backend
from engine.recordings.recording import VIDEO_SUFFIX, BackendEvent
from engine.recordings.remake import export_video
from engine.recordings.replay import verify
from engine.recordings.share import SHARE_SUFFIX, write_share


def check(recording: Recording, world: str | None, job: Job) -> str:
    """Regenerate every frame and compare."""
    record, checkpoint = open_recording(recording.path, world)
    problems: list[str] = []
    backend = recorded_backend(record, checkpoint, record.header.backend, None, problems.append)

    def switch(event: BackendEvent) -> Backend | None:
        return recorded_backend(record, checkpoint, event.backend, None, problems.append)

    report = verify(record, checkpoint, backend, job.advance, switch)
    backend.close()
    if report.same:
        return f"{recording.name}: all {report.frames} frames came out as recorded"
    why = f" ({problems[0]})" if problems else ""
    return f"{recording.name}: differs from frame {report.first_difference} on{why}"


def to_video(recording: Recording, world: str | None, scale: int, job: Job) -> str:
    """Play it into an MP4 beside it."""
    record, checkpoint = open_recording(recording.path, world)
    backend = recorded_backend(record, checkpoint, record.header.backend, None, lambda problem: None)
    target = free_path(recording.path.with_name(recording.name + VIDEO_SUFFIX))
    export_video(record, checkpoint, backend, target, scale, job.advance)
    backend.close()
    return f"written: {target}"


def to_share(recording: Recording, world: str | None, job: Job) -> str:
    """Write the small file that regenerates it, beside it."""
    record, _ = open_recording(recording.path, world)
    target = free_path(recording.path.with_name(recording.name + SHARE_SUFFIX))
    size = write_share(record, target)
    return f"written: {target} ({size / 1000:.1f} kB)"


def to_play(recording: Recording, world: str | None) -> RecordedSession:
    """A session that shows it again."""
    record, checkpoint = open_recording(recording.path, world)
    backend = recorded_backend(record, checkpoint, record.header.backend, None, lambda problem: None)
    backend.warm_up()
    return RecordedSession(record, checkpoint, backend)


def world_of(recording: Recording, folders: dict[str, Path]) -> str | None:
    """The folder of the world that it was played in, of those at hand; None leaves it to be found by its name."""
    name = "" if recording.header is None else recording.header.world
    return str(folders[name]) if name in folders else None
