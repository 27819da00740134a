"""A record played once more to be kept: as a session folder or a video. Owns that; refuses to judge what differs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.atomic import linked_path, temporary_path
from engine.backends.base import Backend
from engine.checkpoint import Checkpoint
from engine.frame import Frame
from engine.recordings.recorder import Recorder
from engine.recordings.recording import ResetEvent, RewindEvent, SessionRecord
from engine.recordings.replay import VerifyReport, check_playable, compare, regenerate, replay, start_of
from engine.recordings.video import VideoWriter
from engine.session import Session
from engine.time_travel.timeline import Timeline
from models.manifest import BadInput

OnFrame = Callable[[Frame], None]


def remake(
    record: SessionRecord, checkpoint: Checkpoint, backend: Backend, folder: Path, on_frame: OnFrame
) -> VerifyReport:
    """Record a session anew into `folder`, with every digest as it comes out here and a video. Raises BadInput."""
    check_playable(record, checkpoint)
    session = Session(checkpoint, backend, timeline=Timeline())
    recorder = Recorder(folder, record.header.palette)
    report = VerifyReport(0)
    begun = False
    try:
        for number, entry, frame in regenerate(record, session):
            report = compare(report, number, entry, frame)
            if isinstance(entry, ResetEvent):
                recorder.add_reset(start_of(entry, checkpoint), entry.rng_seed)
            elif isinstance(entry, RewindEvent):
                recorder.add_rewind(entry.index)
            elif frame is not None:
                if begun:
                    recorder.add(frame, wait=True)
                else:
                    recorder.begin(session)
                begun = True
                on_frame(frame)
    finally:
        recorder.close()
    if recorder.problem is not None:
        raise BadInput(recorder.problem)
    return report


def export_video(
    record: SessionRecord, checkpoint: Checkpoint, backend: Backend, path: Path, scale: int | None, on_frame: OnFrame
) -> None:
    """Play a session into an MP4, each game pixel `scale` pixels wide (None: as suits). Raises BadInput."""
    manifest = checkpoint.manifest
    width, height = manifest.width * (scale or 2), manifest.height * (scale or 2)
    if width % 2 or height % 2:
        raise BadInput(f"--scale: expected one that makes an even size, {scale} makes {width}×{height}")
    if path.exists():
        raise BadInput(f"{path}: file: expected a new one")
    palette = (
        record.header.palette if record.header.palette in manifest.palettes else next(iter(manifest.palettes), None)
    )
    colours = None if palette is None else np.array(manifest.palettes[palette], np.uint8)
    frames = replay(record, checkpoint, backend)
    temporary = temporary_path(path)
    try:
        video = VideoWriter(temporary, manifest.picture_shape, manifest.tick_rate, scale)
        try:
            for tick, frame in enumerate(frames):
                video.add(frame.pixels if colours is None else colours[frame.pixels], tick)
                on_frame(frame)
            video.close()
        except BaseException:
            video.abandon()
            raise
        temporary.replace(linked_path(path))
    except OSError as error:
        raise BadInput(f"{path}: video: cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)
