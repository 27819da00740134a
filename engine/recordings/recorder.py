"""Recording while playing. Owns the thread that writes a session folder; refuses to slow the game or to read it back.

Actions are never dropped: if a disk stands still for so long that their queue fills, the recording ends. Pictures are
dropped from the video when the encoder falls behind; the one before is then shown for longer, so time stays true. A
video that fails ends with one line in `video_problem`, and the actions, which are all that a replay needs, go on. What
cannot be written any more ends the recording with one line in `problem`; play goes on and what is complete stays. So
does a recording that is as long as can be read again.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import yaml

from engine.atomic import write_atomically
from engine.backends.base import BackendInfo
from engine.frame import Frame
from engine.measuring.machine import package_version
from engine.recordings.numbering import Numbering
from engine.recordings.recording import (
    ACTIONS_NAME,
    ENTRIES_LIMIT,
    EVENTS_LIMIT,
    SESSION_NAME,
    TEXT_LIMIT,
    VIDEO_NAME,
    BackendEvent,
    SessionHeader,
)
from engine.recordings.video import VideoWriter
from engine.recordings.whole_file import WholeFile
from engine.session import Session
from engine.start import Start, start_fields
from engine.time_travel.history import History
from models.manifest import BadInput, Manifest

LINES = 1 << 16  # waiting lines: half an hour at 30 ticks
PICTURES = 64  # waiting pictures: two seconds
SYNC_EVERY = 1.0  # seconds

Picture = npt.NDArray[np.uint8]
RanOn = tuple[tuple[int, BackendInfo], ...]


class Recorder:
    """Writes one session folder. What begins, adds and finishes is called by the thread that steps the session."""

    def __init__(self, folder: Path, palette: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        """Make `folder`, which must be new or empty. `palette` colours the video (None: the first). Raises BadInput."""
        self.folder = folder
        self.problem: str | None = None
        self.video_problem: str | None = None
        self.dropped_pictures = 0
        self.numbers = Numbering()
        self._palette = palette
        self._clock = clock
        self._changed = threading.Condition()
        self._lines: deque[bytes] = deque()
        self._pictures: deque[tuple[int, Picture]] = deque()
        self._finishing = False
        self._ticks = 0
        self._entries = 0  # lines of actions.ndjson
        self._events = 0  # of them, those that are no frames
        self._thread: threading.Thread | None = None
        self._colours: Picture | None = None
        self._session: Session | None = None
        self._ran_on: BackendInfo | None = None
        self._video: VideoWriter | None = None
        self._log = _make_folder(folder)

    @property
    def frames(self) -> int:
        """Frames handed over since `begin`."""
        return self._ticks

    @property
    def active(self) -> bool:
        """Whether frames are still taken."""
        return not self._finishing and self.problem is None

    def begin(self, session: Session) -> None:
        """Record from the session's newest frame on; what led to it is written too, so that all can be regenerated."""
        manifest = session.checkpoint.manifest
        header = _header(session, self._palette)
        self._colours = _colours(manifest, header.palette)
        self.numbers = Numbering(len(session.history))
        self._events = len(session.ran_on) - 1
        self._entries = len(session.history) + self._events
        if self._is_full(0):
            return
        self._add_picture(session.frame.pixels, wait=False)
        self._session = session
        self._ran_on = session.backend.info
        work = (header, session.history, session.ran_on, manifest.picture_shape)
        self._thread = threading.Thread(target=self._run, args=work, name="recorder", daemon=True)
        self._thread.start()

    def add(self, frame: Frame, wait: bool = False) -> None:
        """Take a frame, after a line on its backend if that is another one. `wait` lets the encoder catch up instead of
        dropping a picture, where nobody plays."""
        if self._session is not None and (info := self._session.backend.info) != self._ran_on:
            self._ran_on = info
            self._add_line(_backend_line(info), event=True)
        self.numbers.add()
        self._add_line(_line(index=frame.index, action=frame.action.value, tokens_digest=frame.tokens_digest))
        self._add_picture(frame.pixels, wait)

    def add_reset(self, start: Start, rng_seed: int) -> None:
        """The session begins anew; its frame 0 is added next."""
        self.numbers.reset()
        self._add_line(_line(event="reset", **start_fields(start), rng_seed=rng_seed), event=True)

    def add_rewind(self, index: int) -> None:
        """Play went back to frame `index`; the frame after it is added next."""
        self.numbers.rewind_to(index)
        self._add_line(_line(event="rewind_to", index=index), event=True)

    def finish(self) -> None:
        """Take nothing more. Returns at once; the thread writes what is left."""
        with self._changed:
            self._finishing = True
            self._changed.notify_all()

    def close(self, timeout: float = 30.0) -> None:
        """Finish and wait until all is on disk; what isn't by then is given up."""
        self.finish()
        if self._thread is not None:
            self._thread.join(timeout)
            with self._changed:
                if self._thread.is_alive() and self.problem is None:
                    self.problem = f"{self.folder}: recording: stopped (not all was written within {timeout:g} s)"
            return
        self._log.close()
        with contextlib.suppress(OSError):  # never begun: leave nothing behind
            (self.folder / ACTIONS_NAME).unlink()
            self.folder.rmdir()

    def _is_full(self, more: int) -> bool:
        """Whether the recording has ended, for with `more` entries it couldn't be read again."""
        full = self._entries + more > ENTRIES_LIMIT or self._events > EVENTS_LIMIT
        if full and self.problem is None:
            self.problem = f"{self.folder}: recording: stopped (it is as long as can be played again)"
        return full

    def _add_line(self, line: bytes, event: bool = False) -> None:
        with self._changed:
            if not self.active:
                return
            self._events += event
            if self._is_full(1):
                self._changed.notify_all()
                return
            self._entries += 1
            if len(self._lines) >= LINES:
                self.problem = f"{self.folder}: recording: stopped (the disk takes no more)"
            self._lines.append(line)
            self._changed.notify_all()

    def _add_picture(self, pixels: Picture, wait: bool) -> None:
        with self._changed:
            if not self.active:
                return
            if wait:
                self._changed.wait_for(lambda: len(self._pictures) < PICTURES or not self.active)
            if len(self._pictures) < PICTURES:
                self._pictures.append((self._ticks, pixels))
            else:
                self.dropped_pictures += 1
            self._ticks += 1
            self._changed.notify_all()

    def _run(self, header: SessionHeader, history: History, ran_on: RanOn, shape: tuple[int, ...]) -> None:
        log = self._log
        try:
            _write_header(self.folder, header)
            switches = dict(ran_on[1:])
            for index, (action, digest) in enumerate(history):
                if index in switches:
                    log.add(_backend_line(switches[index]))
                log.add(_line(index=index, action=action.value, tokens_digest=digest))
            log.flush()
            self._open_video(shape, header.tick_rate)
            self._write_all(log)
            self._try_video(lambda video: video.close())
            log.sync()
        except Exception as error:  # play must go on whatever it is
            self._fail(_reason(error))
            if self._video is not None:
                self._video.abandon()
        finally:
            log.close()

    def _open_video(self, shape: tuple[int, ...], tick_rate: int) -> None:
        try:
            self._video = VideoWriter(self.folder / VIDEO_NAME, shape, tick_rate)
        except Exception as error:  # an encoder that isn't there is no reason to lose the actions
            self.video_problem = f"{self.folder}: video: not made ({_reason(error)})"

    def _try_video(self, work: Callable[[VideoWriter], None]) -> None:
        """Do something to the video, if there still is one; what fails ends it alone."""
        if self._video is None:
            return
        try:
            work(self._video)
        except Exception as error:  # disk or encoder, each with kinds of its own
            self._video.abandon()
            self._video = None
            self.video_problem = f"{self.folder}: video: ended early ({_reason(error)})"

    def _write_all(self, log: _ActionLog) -> None:
        synced = self._clock()
        while (work := self._next_work()) is not None:
            lines, picture = work
            for line in lines:
                log.add(line)
            log.flush()
            if picture is not None:
                self._write_picture(*picture)
            if self._clock() - synced >= SYNC_EVERY:
                log.sync()
                self._try_video(lambda video: video.sync())
                synced = self._clock()

    def _write_picture(self, tick: int, pixels: Picture) -> None:
        coloured = pixels if self._colours is None else self._colours[pixels]
        self._try_video(lambda video: video.add(coloured, tick))

    def _next_work(self) -> tuple[list[bytes], tuple[int, Picture] | None] | None:
        """All waiting lines and one picture, so that lines never wait for more than one; None when all is done."""
        with self._changed:
            self._changed.wait_for(lambda: self._lines or self._pictures or not self.active)
            if self.problem is not None or not (self._lines or self._pictures):
                return None
            lines = list(self._lines)
            self._lines.clear()
            picture = self._pictures.popleft() if self._pictures else None
            self._changed.notify_all()
            return lines, picture

    def _fail(self, reason: str) -> None:
        with self._changed:
            self.problem = f"{self.folder}: recording: stopped ({reason})"
            self._lines.clear()
            self._pictures.clear()
            self._changed.notify_all()


class _ActionLog:
    """actions.ndjson: whole lines only, as far as the disk allows."""

    def __init__(self, path: Path) -> None:
        self._file = WholeFile(path)
        self._pending = bytearray()

    def add(self, line: bytes) -> None:
        self._pending += line

    def flush(self) -> None:
        """Hand the added lines to the system. Raises OSError."""
        self._file.write(bytes(self._pending))
        self._pending.clear()

    def sync(self) -> None:
        self._file.sync()

    def close(self) -> None:
        self._file.close()


def _reason(error: Exception) -> str:
    """Why something failed, in one line."""
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (text.splitlines() or [type(error).__name__])[0]


def _make_folder(folder: Path) -> _ActionLog:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"{folder}: recording: expected a new or an empty folder")
        return _ActionLog(folder / ACTIONS_NAME)
    except OSError as error:
        raise BadInput(f"{folder}: recording: cannot be written ({error.strerror or error})") from error


def _header(session: Session, palette: str | None) -> SessionHeader:
    manifest, info = session.checkpoint.manifest, session.ran_on[0][1]
    if manifest.pixels == "palette" and palette not in manifest.palettes:
        palette = next(iter(manifest.palettes))
    begun = start_fields(session.start)
    return SessionHeader(
        start=int(begun["start"]),
        start_tokens=str(begun["start_tokens"]) if "start_tokens" in begun else None,
        dreamcade=package_version("dreamcade"),
        world=manifest.name,
        checkpoint_digest=manifest.digest,
        backend=info.name,
        backend_version=info.version,
        device=info.device,
        threads=info.threads,
        instruction_set=info.instruction_set,
        rng_seed=session.rng_seed,
        tick_rate=manifest.tick_rate,
        palette=palette,
        video_from=session.index,
    )


def _write_header(folder: Path, header: SessionHeader) -> None:
    text = yaml.safe_dump(header.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)
    write_atomically(folder / SESSION_NAME, text.encode())


def _colours(manifest: Manifest, palette: str | None) -> Picture | None:
    """The palette uint8 [colours,3]; None where pictures are RGB already."""
    return None if palette is None else np.array(manifest.palettes[palette], np.uint8)


def _backend_line(info: BackendInfo) -> bytes:
    event = BackendEvent(
        backend=info.name,
        backend_version=info.version[:TEXT_LIMIT],
        device=info.device[:TEXT_LIMIT],
        threads=info.threads,
        instruction_set=info.instruction_set,
        reason=info.note[:TEXT_LIMIT],
    )
    return event.model_dump_json().encode() + b"\n"


def _line(**fields: str | int) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"
