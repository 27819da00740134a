"""The player's recordings on disk. Owns listing, renaming and putting them into the trash; refuses to draw and to play.

The trash is a folder of its own beside the recordings, so that nothing that was ever played is lost to one key press.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.atomic import remove_halves
from engine.recordings.recording import (
    ACTIONS_LIMIT,
    ACTIONS_NAME,
    SESSION_NAME,
    VIDEO_NAME,
    VIDEO_SUFFIX,
    SessionHeader,
    read_header,
)
from engine.recordings.share import SHARE_SUFFIX, read_share
from models.manifest import BadInput

TRASH = ".trash"
MOST = 2000  # recordings that are listed
NAME_LIMIT = 60  # characters
_NAME = re.compile(r"[^\W_][\w .+-]*")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Recording:
    """One recording. `frames` counts those made, however often play went back; `problem` says why it can't be used.
    `shared`: it is a shared file, which has neither video nor most digests; a folder may be called like one."""

    path: Path
    made: datetime
    header: SessionHeader | None = None
    frames: int = 0
    problem: str | None = None
    shared: bool = False

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.name.removesuffix(SHARE_SUFFIX) if self.shared else self.path.name

    @property
    def video(self) -> Path | None:
        """Its video, if it has one."""
        path = self.path / VIDEO_NAME
        return path if not self.shared and path.is_file() else None

    @property
    def seconds(self) -> float:
        """How long it takes to watch."""
        return 0.0 if self.header is None else self.frames / self.header.tick_rate


def list_recordings(folder: Path) -> list[Recording]:
    """Every recording and shared file of a folder, the newest first; halves that a kill left there go. Raises BadInput
    where it can't be looked into."""
    remove_halves(folder, VIDEO_SUFFIX, SHARE_SUFFIX)
    try:
        entries = [path for path in folder.iterdir() if not path.name.startswith(".")] if folder.exists() else []
    except OSError as error:
        raise BadInput(f"{folder}: recordings: cannot be read ({error.strerror or error})") from error
    dated = sorted(((time, path) for path in entries if (time := _made(path)) is not None), reverse=True)
    return [_look(path, datetime.fromtimestamp(time)) for time, path in dated[:MOST]]


def rename(recording: Recording, name: str) -> Path:
    """Give a recording another name. Raises BadInput for one that can't be a file's, or is taken."""
    name = name.strip()
    if not _NAME.fullmatch(name) or len(name) > NAME_LIMIT:
        raise BadInput(f"{name!r}: name: expected letters, digits, spaces, dots, dashes, at most {NAME_LIMIT}")
    if name.endswith(SHARE_SUFFIX) and not recording.shared:
        raise BadInput(f"{name!r}: name: expected one that doesn't end in {SHARE_SUFFIX}, as shared files do")
    target = recording.path.with_name(name + (SHARE_SUFFIX if recording.shared else ""))
    return target if target == recording.path else _move(recording.path, target)


def put_into_trash(recording: Recording) -> Path:
    """Move a recording into the trash beside it. Returns where it lies. Raises BadInput."""
    trash = recording.path.parent / TRASH
    try:
        trash.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput(f"{trash}: trash: cannot be made ({error.strerror or error})") from error
    return _move(recording.path, free_path(trash / recording.path.name))


def free_path(path: Path) -> Path:
    """`path`, or the same with a number behind its name where that is taken."""
    number, free = 2, path
    while free.exists():
        free = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return free


def _move(path: Path, target: Path) -> Path:
    if target.exists():
        raise BadInput(f"{target}: name: expected a free one")
    try:
        return path.rename(target)
    except OSError as error:
        raise BadInput(f"{path}: recording: cannot be moved ({error.strerror or error})") from error


def _made(path: Path) -> float | None:
    """When a recording or shared file was written; None for whatever else lies there, or has just gone."""
    try:
        if (path / SESSION_NAME).exists() or (path.suffix == SHARE_SUFFIX and not path.is_dir()):
            return path.stat().st_mtime
    except OSError:  # a link to nowhere or to itself, a folder that may not be looked into
        pass
    return None


def _look(path: Path, made: datetime) -> Recording:
    shared = path.suffix == SHARE_SUFFIX and not path.is_dir()
    try:
        if shared:
            record = read_share(path)
            return Recording(path, made, record.header, record.frames, shared=True)
        return Recording(path, made, read_header(path), _count_frames(path / ACTIONS_NAME))
    except BadInput as error:
        return Recording(path, made, problem=str(error), shared=shared)


def _count_frames(path: Path) -> int:
    """Frames of a log, by their digests: reading every line would take long for a gallery."""
    count, tail, word = 0, b"", b'"tokens_digest"'
    try:
        if not path.is_file() or path.stat().st_size > ACTIONS_LIMIT:
            return 0
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                text = tail + chunk
                count += text.count(word)
                tail = text[-len(word) + 1 :]
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror or error})") from error
    return count
