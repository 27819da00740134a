"""A session as one small file to pass on: seed, actions, events and a digest every 30 frames, in JSON.

Owns its layout and the checks on reading it. Refuses to play it: what is read is a SessionRecord like any other, only
that most frames have no digest. `parts` are stretches of play, each begun by the start, a reset or a rewind; digests
are those of frames 0, 30, 60, … and of the last frame of every part.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.atomic import write_atomically
from engine.bounded_file import read_bounded
from engine.recordings.recording import (
    BackendEvent,
    Entry,
    Event,
    FrameEntry,
    ResetEvent,
    RewindEvent,
    SessionHeader,
    SessionRecord,
    check_order,
    read_session,
)
from engine.time_travel.history import DIGEST_BYTES
from models.actions import Action
from models.manifest import BadInput, first_problem

SHARE_SUFFIX = ".dreamcade"
DIGEST_EVERY = 30  # frames
FILE_LIMIT = 8 << 20  # bytes
FRAMES_LIMIT = 1 << 20  # ten hours at 30 ticks

Text = Annotated[str, Field(max_length=FILE_LIMIT)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """A stretch of play without an event: its number of frames, and the event that it begins with."""

    frames: Annotated[int, Field(strict=True, ge=0, le=FRAMES_LIMIT)]
    reset: ResetEvent | None = None
    rewind_to: Annotated[int, Field(strict=True, ge=0, le=FRAMES_LIMIT)] | None = None
    backend: BackendEvent | None = None

    @property
    def events(self) -> list[Event]:
        """The event as a recording knows it; a checked file has at most one."""
        rewind = None if self.rewind_to is None else RewindEvent(index=self.rewind_to)
        return [event for event in (self.reset, rewind, self.backend) if event is not None]


class Share(_Strict):
    """The whole file. `actions` are base85 of zlib of one byte a frame, an index into `known`; `digests` base85."""

    dreamcade_session: Literal[1] = 1
    header: SessionHeader
    known: Annotated[list[Action], Field(min_length=1, max_length=len(Action))]
    parts: Annotated[list[Part], Field(min_length=1)]
    actions: Text
    digests: Text


def share_bytes(record: SessionRecord) -> bytes:
    """A recording as a share file."""
    parts: list[tuple[Event | None, list[FrameEntry]]] = [(None, [])]
    for entry in record.entries:
        if isinstance(entry, FrameEntry):
            parts[-1][1].append(entry)
        else:
            parts.append((entry, []))
    known = sorted({entry.action for _, entries in parts for entry in entries} or {Action.NOOP}, key=list(Action).index)
    played = bytes(known.index(entry.action) for _, entries in parts for entry in entries)
    kept = (entry.tokens_digest for _, entries in parts for entry in _checked(entries))
    share = Share(
        header=record.header.model_copy(update={"video_from": 0}),
        known=known,
        parts=[_part(event, len(entries)) for event, entries in parts],
        actions=base64.b85encode(zlib.compress(played, 9)).decode("ascii"),
        digests=base64.b85encode(b"".join(bytes.fromhex(digest or "") for digest in kept)).decode("ascii"),
    )
    document = share.model_dump(mode="json", exclude_none=True)
    return (json.dumps(document, separators=(",", ":")) + "\n").encode()


def write_share(record: SessionRecord, path: Path) -> int:
    """Write a share file whole or not at all. Returns its bytes. Raises BadInput."""
    if any(isinstance(e, FrameEntry) and e.tokens_digest is None for e in record.entries):
        raise BadInput(f"{record.folder}: session: expected a recording with all its digests, found a shared file")
    if record.frames > FRAMES_LIMIT:
        raise BadInput(f"{record.folder}: frames: expected at most {FRAMES_LIMIT}, found {record.frames}")
    data = share_bytes(record)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be written ({error.strerror or error})") from error
    return len(data)


def open_record(path: Path) -> SessionRecord:
    """A recording's folder or a share file. Raises BadInput."""
    try:
        shared = path.is_file()
    except (OSError, ValueError):  # a name that no file can have: reading it says so
        shared = False
    return read_share(path) if shared else read_session(path)


def read_share(path: Path) -> SessionRecord:
    """Read and check a share file. Raises BadInput naming what is wrong, in one line."""
    try:
        share = Share.model_validate(json.loads(read_bounded(path, FILE_LIMIT)))
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: file: expected a shared session in JSON") from error
    return SessionRecord(path, share.header, tuple(_entries(path, share)), torn=False, shared=True)


def _part(event: Event | None, frames: int) -> Part:
    if isinstance(event, RewindEvent):
        return Part(frames=frames, rewind_to=event.index)
    if isinstance(event, BackendEvent):
        return Part(frames=frames, backend=event)
    return Part(frames=frames, reset=event)


def _is_checked(index: int, last: bool) -> bool:
    """Whether a frame's digest is kept."""
    return last or index % DIGEST_EVERY == 0


def _checked(entries: list[FrameEntry]) -> Iterator[FrameEntry]:
    return (entry for at, entry in enumerate(entries) if _is_checked(entry.index, at == len(entries) - 1))


def _entries(path: Path, share: Share) -> Iterator[Entry]:
    """Entries as a recording has them, in order."""
    count = sum(part.frames for part in share.parts)
    if count > FRAMES_LIMIT:
        raise BadInput(f"{path}: parts: expected at most {FRAMES_LIMIT} frames, found {count}")
    played = _unpack(path, share.actions, count)
    if played and max(played) >= len(share.known):
        raise BadInput(f"{path}: actions: expected values from 0 to {len(share.known) - 1}")
    digests, actions, newest = _digests(path, share.digests), iter(played), None
    for number, part in enumerate(share.parts):
        events = part.events
        if len(events) != min(number, 1):
            raise BadInput(f"{path}: parts.{number}: expected one of reset, rewind_to, backend, except in the first")
        for event in events:
            newest = check_order(f"{path}: parts.{number}", newest, event)
            yield event
        for left in range(part.frames - 1, -1, -1):
            index = 0 if newest is None else newest + 1
            digest = next(digests, None) if _is_checked(index, left == 0) else None
            if digest is None and _is_checked(index, left == 0):
                raise BadInput(f"{path}: digests: expected one every {DIGEST_EVERY} frames")
            entry = FrameEntry(index=index, action=share.known[next(actions)], tokens_digest=digest)
            newest = check_order(f"{path}: parts.{number}", newest, entry)
            yield entry
    if next(digests, None) is not None:
        raise BadInput(f"{path}: digests: expected no more than one every {DIGEST_EVERY} frames")


def _unpack(path: Path, text: str, count: int) -> bytes:
    """Exactly `count` bytes, however much the text would unpack to."""
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b85decode(text.encode("ascii")), count + 1)
    except (ValueError, zlib.error, binascii.Error) as error:
        raise BadInput(f"{path}: actions: expected packed actions ({error})") from error
    if len(data) != count or not unpacker.eof:
        raise BadInput(f"{path}: actions: expected one for each of {count} frames")
    return data


def _digests(path: Path, text: str) -> Iterator[str]:
    try:
        data = base64.b85decode(text.encode("ascii"))
    except ValueError as error:
        raise BadInput(f"{path}: digests: expected packed digests ({error})") from error
    if len(data) % DIGEST_BYTES:
        raise BadInput(f"{path}: digests: expected {DIGEST_BYTES} bytes each")
    return (data[at : at + DIGEST_BYTES].hex() for at in range(0, len(data), DIGEST_BYTES))
