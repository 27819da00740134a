"""A session as one small file to pass on: seed, actions, events and a digest every 30 frames, in JSON.

Owns its layout and the checks on reading it. Refuses to play it: what is read is a SessionRecord like any other, only
that most frames have no digest. Digests are those of frames 0, 30, 60, … of the whole recording and of its last.

Everything but the header is packed. `parts` are stretches of play, each begun by the start or an event, as whole
numbers of 7 bits a byte, the lowest first, the high bit saying that more follow: of the first its frames; of every
other what it begins with (0: the next of `events`; n: a rewind by n - 1 frames), then its frames.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.atomic import write_atomically
from engine.bounded_file import read_bounded
from engine.recordings.recording import (
    ENTRIES_LIMIT,
    EVENTS_LIMIT,
    BackendEvent,
    Entry,
    Event,
    FrameEntry,
    ResetEvent,
    RewindEvent,
    SessionHeader,
    SessionRecord,
    check_count,
    check_order,
    read_event,
    read_session,
)
from engine.time_travel.history import DIGEST_BYTES
from models.actions import Action
from models.manifest import BadInput
from models.problem import first_problem

SHARE_SUFFIX = ".dreamcade"
DIGEST_EVERY = 30  # frames
FILE_LIMIT = 2 << 20  # bytes
EVENTS_BYTES = 1 << 20  # of `events`, unpacked
PARTS_BYTES = 6 * EVENTS_LIMIT  # of `parts`, unpacked: two numbers of three bytes a part
_LONGEST = 3  # bytes of a packed number, which is at most ENTRIES_LIMIT

Text = Annotated[str, Field(max_length=FILE_LIMIT)]


class Share(BaseModel):
    """The whole file. `events` are the resets and backends in order; `actions` one byte a frame, an index into `known`.
    All texts are base85; of zlib, but for the digests, which don't get any smaller."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dreamcade_session: Literal[2] = 2
    header: SessionHeader
    known: Annotated[list[Action], Field(min_length=1, max_length=len(Action))]
    events: Text
    parts: Text
    actions: Text
    digests: Text


def share_bytes(record: SessionRecord) -> bytes:
    """A recording as a share file."""
    frames = [entry for entry in record.entries if isinstance(entry, FrameEntry)]
    events = [entry for entry in record.entries if isinstance(entry, ResetEvent | BackendEvent)]
    known = sorted({entry.action for entry in frames} or {Action.NOOP}, key=list(Action).index)
    kept = (frame.tokens_digest for number, frame in enumerate(frames) if _is_checked(number, len(frames)))
    share = Share(
        header=record.header.model_copy(update={"video_from": 0}),
        known=known,
        events=_pack(_json([event.model_dump(mode="json", exclude_none=True) for event in events])),
        parts=_pack(b"".join(_number(value) for value in _parts(record.entries))),
        actions=_pack(bytes(known.index(entry.action) for entry in frames)),
        digests=_text(b"".join(bytes.fromhex(digest or "") for digest in kept)),
    )
    return _json(share.model_dump(mode="json", exclude_none=True)) + b"\n"


def write_share(record: SessionRecord, path: Path) -> int:
    """Write a share file whole or not at all. Returns its bytes. Raises BadInput."""
    if any(isinstance(e, FrameEntry) and e.tokens_digest is None for e in record.entries):
        raise BadInput(f"{record.folder}: session: expected a recording with all its digests, found a shared file")
    data = share_bytes(record)
    if len(data) > FILE_LIMIT:
        raise BadInput(f"{record.folder}: session: expected one that fits {FILE_LIMIT} bytes, found {len(data)}")
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


def _is_checked(number: int, frames: int) -> bool:
    """Whether the digest of a frame, by its number of all frames, is kept."""
    return number % DIGEST_EVERY == 0 or number == frames - 1


def _parts(entries: Iterable[Entry]) -> list[int]:
    """The numbers that `parts` are packed from."""
    numbers, newest = [0], 0
    for entry in entries:
        if isinstance(entry, FrameEntry):
            numbers[-1] += 1
            newest = entry.index
        else:
            numbers += [newest - entry.index + 1 if isinstance(entry, RewindEvent) else 0, 0]
            newest = entry.index if isinstance(entry, RewindEvent) else newest
    return numbers


def _entries(path: Path, share: Share) -> Iterator[Entry]:
    """Entries as a recording has them, in order."""
    lengths, begins = _read_parts(path, share.parts)
    count = sum(lengths)
    check_count(f"{path}: parts", count + len(begins), len(begins))
    played = _unpack(path, "actions", share.actions, count)
    if len(played) != count:
        raise BadInput(f"{path}: actions: expected one for each of {count} frames")
    if played and max(played) >= len(share.known):
        raise BadInput(f"{path}: actions: expected values from 0 to {len(share.known) - 1}")
    digests, events = _digests(path, share.digests, count), _events(path, share.events, begins.count(0))
    number, newest = 0, None
    for part, length in enumerate(lengths):
        if part > 0:
            event = _rewind(f"{path}: part {part}", newest, begins[part - 1]) or next(events)
            newest = check_order(f"{path}: part {part}", newest, event)
            yield event
        for _ in range(length):
            index = 0 if newest is None else newest + 1
            digest = next(digests) if _is_checked(number, count) else None
            frame = FrameEntry(index=index, action=share.known[played[number]], tokens_digest=digest)
            newest = check_order(f"{path}: part {part}", newest, frame)
            number += 1
            yield frame


def _read_parts(path: Path, text: str) -> tuple[list[int], list[int]]:
    """Frames of every part; what every part but the first begins with."""
    data = _unpack(path, "parts", text, PARTS_BYTES)
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value = shift = 0
        elif shift == 7 * _LONGEST:
            raise BadInput(f"{path}: parts: expected numbers up to {ENTRIES_LIMIT}")
    if shift or len(numbers) % 2 == 0:
        raise BadInput(f"{path}: parts: expected frames, and for every other part what it begins with and frames")
    return numbers[::2], numbers[1::2]


def _rewind(place: str, newest: int | None, begin: int) -> RewindEvent | None:
    """The rewind that a part begins with; None where it begins with another event."""
    if begin == 0:
        return None
    if newest is None or begin - 1 > newest:
        raise BadInput(f"{place}: rewind: expected one to a frame that was played")
    return RewindEvent(index=newest - (begin - 1))


def _events(path: Path, text: str, count: int) -> Iterator[Event]:
    """Exactly `count` events that are no rewinds."""
    data = _unpack(path, "events", text, EVENTS_BYTES)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: events: expected packed JSON") from error
    if not isinstance(document, list) or len(document) != count:
        raise BadInput(f"{path}: events: expected a list of {count}, as the parts say")
    events: list[Event] = []
    for number, entry in enumerate(document):
        event = read_event(f"{path}: event {number}", entry)
        if isinstance(event, RewindEvent):
            raise BadInput(f"{path}: event {number}: event: expected a reset or a backend")
        events.append(event)
    return iter(events)


def _digests(path: Path, text: str, frames: int) -> Iterator[str]:
    """Exactly those that are kept of so many frames."""
    data = _bytes(path, "digests", text)
    expected = sum(_is_checked(number, frames) for number in range(frames))
    if len(data) != DIGEST_BYTES * expected:
        raise BadInput(f"{path}: digests: expected one every {DIGEST_EVERY} frames, {DIGEST_BYTES} bytes each")
    return (data[at : at + DIGEST_BYTES].hex() for at in range(0, len(data), DIGEST_BYTES))


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def _number(value: int) -> bytes:
    """A whole number from 0 as `parts` have it."""
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])


def _text(data: bytes) -> str:
    return base64.b85encode(data).decode("ascii")


def _pack(data: bytes) -> str:
    return _text(zlib.compress(data, 9))


def _bytes(path: Path, field: str, text: str) -> bytes:
    try:
        return base64.b85decode(text.encode("ascii"))
    except ValueError as error:
        raise BadInput(f"{path}: {field}: expected base85 ({error})") from error


def _unpack(path: Path, field: str, text: str, most: int) -> bytes:
    """At most `most` bytes, however much the text would unpack to."""
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(_bytes(path, field, text), most + 1)
    except zlib.error as error:
        raise BadInput(f"{path}: {field}: expected packed {field} ({error})") from error
    if len(data) > most or not unpacker.eof or unpacker.unused_data:
        raise BadInput(f"{path}: {field}: expected packed {field}, whole and at most {most} bytes")
    return data
