"""Playing a recording again. Owns regenerating its frames and finding the first that differs; refuses to guess why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from engine.backends.base import Backend, BackendInfo
from engine.checkpoint import Checkpoint
from engine.frame import Frame
from engine.recordings.recording import (
    SESSION_NAME,
    BackendEvent,
    Entry,
    FrameEntry,
    ResetEvent,
    RewindEvent,
    SessionHeader,
    SessionRecord,
)
from engine.session import Session
from engine.start import Start, find_start, start_tokens
from engine.time_travel.timeline import Timeline
from models.manifest import BadInput


@dataclass(frozen=True)
class VerifyReport:
    """`frames` were compared.

    Where one differs: `first_difference` is its number, counted over the whole recording from 0 as `play --from`
    counts, `line` its line in actions.ndjson, `expected` the recorded digest, `got` the regenerated one; all four are
    None where none does. A shared session has a digest only now and then: `last_same` is the number of the last frame
    that was compared and the same.
    """

    frames: int
    first_difference: int | None = None
    line: int | None = None
    expected: str | None = None
    got: str | None = None
    last_same: int | None = None

    @property
    def same(self) -> bool:
        """Whether every frame came out as recorded."""
        return self.first_difference is None


# Opens what a recording went on with; None goes on with what there is.
Switch = Callable[[BackendEvent], Backend | None]


def replay(record: SessionRecord, checkpoint: Checkpoint, backend: Backend) -> Iterator[Frame]:
    """Regenerate every frame of a recording, all on `backend`. Raises BadInput before anything runs if it can't be
    this world's."""
    check_playable(record, checkpoint)
    steps = regenerate(record, _session_for(record, checkpoint, backend))
    return (frame for _, _, frame in steps if frame is not None)


def verify(
    record: SessionRecord,
    checkpoint: Checkpoint,
    backend: Backend,
    on_frame: Callable[[Frame], None] | None = None,
    switch: Switch | None = None,
) -> VerifyReport:
    """Compare every regenerated frame with the recording, up to the first that differs. Where the recording went over
    to another backend, `switch` opens that. Raises BadInput as `replay`."""
    check_playable(record, checkpoint)
    report = VerifyReport(0)
    for number, entry, frame in regenerate(record, _session_for(record, checkpoint, backend), switch):
        if frame is not None and on_frame is not None:
            on_frame(frame)
        report = compare(report, number, entry, frame)
        if not report.same:
            break
    return report


def compare(report: VerifyReport, number: int, entry: Entry, frame: Frame | None) -> VerifyReport:
    """The report after entry `number` and the frame that came out, None for an event. The first difference stays."""
    if frame is None or not isinstance(entry, FrameEntry) or not report.same:
        return report
    frame_number, frames = report.frames, report.frames + 1
    if entry.tokens_digest is None:
        return replace(report, frames=frames)
    if entry.tokens_digest == frame.tokens_digest:
        return replace(report, frames=frames, last_same=frame_number)
    return VerifyReport(frames, frame_number, number + 1, entry.tokens_digest, frame.tokens_digest, report.last_same)


def check_playable(record: SessionRecord, checkpoint: Checkpoint) -> None:
    """Raise BadInput where the recording is of another world or checkpoint, or names what this world doesn't have."""
    header, manifest = record.header, checkpoint.manifest
    place = record.header_place
    if header.world != manifest.name:
        raise BadInput(f"{place}: world: expected {manifest.name}, found {header.world}")
    if header.checkpoint_digest != manifest.digest:
        raise BadInput(f"{place}: checkpoint_digest: expected {manifest.digest}, found {header.checkpoint_digest}")
    _check_start(place, header, checkpoint)
    known = {entry.action for entry in manifest.actions}
    for number, entry in enumerate(record.entries):
        line = record.entry_place(number)
        if isinstance(entry, ResetEvent):
            _check_start(line, entry, checkpoint)
        elif isinstance(entry, FrameEntry) and entry.action not in known:
            raise BadInput(f"{line}: action: expected one of world {manifest.name}, found {entry.action.value}")


def environment_differences(record: SessionRecord, info: BackendInfo) -> list[str]:
    """What is other than when it was recorded, a line each: floating point may then round otherwise."""
    header = record.header
    pairs = [
        ("backend", header.backend, info.name),
        ("version", header.backend_version, info.version),
        ("device", header.device, info.device),
        ("threads", str(header.threads), str(info.threads)),
        ("instruction set", header.instruction_set, info.instruction_set),
    ]
    return [f"{what}: recorded with {then}, now {now}" for what, then, now in pairs if then != now]


def _check_start(place: str, begun: SessionHeader | ResetEvent, checkpoint: Checkpoint) -> None:
    if begun.start_tokens is not None:
        start_tokens(begun.start_tokens, checkpoint.manifest, place)
    elif begun.start >= checkpoint.starts:
        raise BadInput(f"{place}: start: expected 0 to {checkpoint.starts - 1}, found {begun.start}")


def start_of(begun: SessionHeader | ResetEvent, checkpoint: Checkpoint) -> Start:
    """The start that a checked header or event names."""
    return find_start(begun.start, begun.start_tokens, checkpoint, SESSION_NAME)


def regenerate(
    record: SessionRecord, session: Session, switch: Switch | None = None
) -> Iterator[tuple[int, Entry, Frame | None]]:
    """Lead a new session through a checked record: every entry with its number and its frame, None for an event."""
    begun: SessionHeader | ResetEvent = record.header
    for number, entry in enumerate(record.entries):
        frame: Frame | None = None
        if isinstance(entry, ResetEvent):
            begun = entry
        elif isinstance(entry, RewindEvent):
            session.rewind_to(entry.index)
        elif isinstance(entry, BackendEvent):
            following = switch(entry) if switch is not None else None
            if following is not None:
                session.hand_over(following)
        elif entry.index == 0:
            frame = session.reset(start_of(begun, session.checkpoint), begun.rng_seed)
        else:
            frame = session.step(entry.action)
        yield number, entry, frame


def _session_for(record: SessionRecord, checkpoint: Checkpoint, backend: Backend) -> Session:
    """A session that can go back quickly, if it has to."""
    rewinds = any(isinstance(entry, RewindEvent) for entry in record.entries)
    return Session(checkpoint, backend, timeline=Timeline() if rewinds else None)
