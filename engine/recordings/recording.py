"""A session folder as it is read. Owns its schema and tolerance of a torn end; refuses to write or play it.

`session.yaml` says what the session began from, `actions.ndjson` has one line a frame or event. A killed process leaves
at most a torn last line, which is passed over; damage anywhere else is told with its line. What is longer than the
limits here isn't read, whatever it holds: reading takes at most about 150 MB.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from engine.bounded_file import check_bounded
from engine.measuring.machine import MOST_THREADS
from engine.start import START_LIMIT
from models.actions import Action
from models.manifest import BadInput, read_yaml
from models.problem import first_problem

SESSION_NAME = "session.yaml"
ACTIONS_NAME = "actions.ndjson"
VIDEO_SUFFIX = ".mp4"
VIDEO_NAME = f"video{VIDEO_SUFFIX}"

HEADER_LIMIT = 1 << 16  # bytes
ACTIONS_LIMIT = 1 << 26  # bytes; so many entries are about 40 MB
ENTRIES_LIMIT = 1 << 19  # frames and events: nearly five hours at 30 ticks
EVENTS_LIMIT = 1 << 16  # each takes as much memory as four frames
LINE_LIMIT = 1 << 15  # bytes; a line is about eighty, but one that begins anew from a picture holds its tokens

Count = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
StartTokens = Annotated[str, Field(max_length=START_LIMIT)]  # of a picture; `start` is 0 then
TEXT_LIMIT = 200
Text = Annotated[str, Field(max_length=TEXT_LIMIT)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SessionHeader(_Strict):
    """`session.yaml`: what was played on what. `video_from` is the index of the frame that the video begins with."""

    schema_version: Literal[1] = 1
    dreamcade: Text
    world: Text
    checkpoint_digest: Digest
    backend: Text
    backend_version: Text
    device: Text
    threads: Annotated[int, Field(strict=True, ge=1, le=MOST_THREADS)]
    instruction_set: Text
    rng_seed: Count
    start: Count
    start_tokens: StartTokens | None = None
    tick_rate: Annotated[int, Field(strict=True, ge=1, le=240)]
    palette: Text | None = None
    video_from: Count = 0


@checked_dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class FrameEntry:
    """A line of a frame: its index since the last reset, the action that led to it, its tokens digest.

    In a folder every frame has its digest; a shared file leaves most of them out. A dataclass with slots, for there are
    hundreds of thousands.
    """

    index: Count
    action: Action
    tokens_digest: Digest | None


class ResetEvent(_Strict):
    """A line that says that the session began anew; frame 0 follows."""

    event: Literal["reset"] = "reset"
    start: Count
    start_tokens: StartTokens | None = None
    rng_seed: Count


class RewindEvent(_Strict):
    """A line that says that play went back to frame `index`; the frame after it follows."""

    event: Literal["rewind_to"] = "rewind_to"
    index: Count


class BackendEvent(_Strict):
    """A line that says that from the next frame on another backend plays, from the same tokens and state."""

    event: Literal["backend"] = "backend"
    backend: Text
    backend_version: Text
    device: Text
    threads: Annotated[int, Field(strict=True, ge=1, le=MOST_THREADS)]
    instruction_set: Text
    reason: Text = ""


Event = ResetEvent | RewindEvent | BackendEvent
Entry = FrameEntry | Event
_EVENTS: dict[str, type[Event]] = {"reset": ResetEvent, "rewind_to": RewindEvent, "backend": BackendEvent}
_FRAME = TypeAdapter(FrameEntry)


@dataclass(frozen=True)
class SessionRecord:
    """A whole recording. Entry i stands in line i + 1. `torn` says that a half-written last line was passed over."""

    folder: Path
    header: SessionHeader
    entries: tuple[Entry, ...]
    torn: bool
    shared: bool = False  # `folder` is a shared file

    @property
    def header_place(self) -> str:
        """Where the header stands, for messages."""
        return str(self.folder) if self.shared else str(self.folder / SESSION_NAME)

    def entry_place(self, number: int) -> str:
        """Where entry `number` stands, for messages."""
        return f"{self.folder}: entry {number + 1}" if self.shared else f"{self.folder / ACTIONS_NAME}:{number + 1}"

    @property
    def frames(self) -> int:
        """Number of frames, those at index 0 included."""
        return sum(isinstance(entry, FrameEntry) for entry in self.entries)


def read_session(folder: Path) -> SessionRecord:
    """Read a session folder. Raises BadInput naming file, line and field."""
    header = read_header(folder)
    entries, torn = _read_entries(folder / ACTIONS_NAME)
    return SessionRecord(folder, header, tuple(entries), torn)


def read_header(folder: Path) -> SessionHeader:
    """Read what a session folder began from. Raises BadInput naming file and field."""
    path = folder / SESSION_NAME
    document = read_yaml(path, HEADER_LIMIT)
    try:
        return SessionHeader.model_validate(document)
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error


def _read_entries(path: Path) -> tuple[list[Entry], bool]:
    entries: list[Entry] = []
    events = 0
    newest: int | None = None
    try:
        check_bounded(path, ACTIONS_LIMIT)
        with path.open("rb") as file:
            while line := file.readline(LINE_LIMIT):
                if not line.endswith(b"\n"):
                    if len(line) < LINE_LIMIT:
                        return entries, True
                    raise BadInput(f"{path}:{len(entries) + 1}: line: expected at most {LINE_LIMIT} bytes")
                entry = _read_entry(f"{path}:{len(entries) + 1}", line)
                newest = check_order(f"{path}:{len(entries) + 1}", newest, entry)
                entries.append(entry)
                events += not isinstance(entry, FrameEntry)
                check_count(f"{path}:{len(entries)}", len(entries), events)
    except FileNotFoundError:
        return [], False  # killed before the first frame
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror or error})") from error
    return entries, False


def _read_entry(place: str, line: bytes) -> Entry:
    try:
        document = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{place}: line: expected one JSON object") from error
    if isinstance(document, dict) and "event" in document:
        return read_event(place, document)
    if not isinstance(document, dict):
        raise BadInput(f"{place}: document: expected one JSON object")
    try:
        entry = _FRAME.validate_python(document)
    except ValidationError as error:
        raise BadInput(f"{place}: {first_problem(error)}") from error
    if entry.tokens_digest is None:
        raise BadInput(f"{place}: tokens_digest: expected 16 hex digits")
    return entry


def read_event(place: str, document: Any) -> Event:
    """The event that a JSON object says. Raises BadInput."""
    name = document.get("event") if isinstance(document, dict) else None
    if not isinstance(name, str) or name not in _EVENTS:
        raise BadInput(f"{place}: event: expected one of {', '.join(_EVENTS)}")
    try:
        return _EVENTS[name].model_validate(document)
    except ValidationError as error:
        raise BadInput(f"{place}: {first_problem(error)}") from error


def check_count(place: str, entries: int, events: int) -> None:
    """Raise BadInput for more entries, or more events among them, than are read."""
    if entries > ENTRIES_LIMIT:
        raise BadInput(f"{place}: entries: expected at most {ENTRIES_LIMIT} frames and events")
    if events > EVENTS_LIMIT:
        raise BadInput(f"{place}: events: expected at most {EVENTS_LIMIT} resets, rewinds and backends")


def check_order(place: str, newest: int | None, entry: Entry) -> int | None:
    """Index of the newest frame after `entry`; `newest` is the one before it, None where frame 0 is expected."""
    if isinstance(entry, FrameEntry):
        expected = 0 if newest is None else newest + 1
        if entry.index != expected:
            raise BadInput(f"{place}: index: expected {expected}, found {entry.index}")
        if entry.index == 0 and entry.action is not Action.NOOP:
            raise BadInput(f"{place}: action: expected noop at frame 0, found {entry.action.value}")
        return entry.index
    if isinstance(entry, BackendEvent):
        return newest
    if newest is None:
        raise BadInput(f"{place}: event: expected frame 0 first")
    if isinstance(entry, ResetEvent):
        return None
    if entry.index > newest:
        raise BadInput(f"{place}: index: expected a frame up to {newest}, found {entry.index}")
    return entry.index
