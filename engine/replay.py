"""Playing a recording again. Owns regenerating its frames and finding the first that differs; refuses to guess why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.backends.base import Backend, BackendInfo
from engine.checkpoint import Checkpoint
from engine.frame import Frame
from engine.recording import (
    ACTIONS_NAME,
    SESSION_NAME,
    BackendEvent,
    FrameEntry,
    ResetEvent,
    RewindEvent,
    SessionRecord,
)
from engine.session import Session
from engine.timeline import Timeline
from models.manifest import BadInput


@dataclass(frozen=True)
class VerifyReport:
    """`frames` were compared.

    Where one differs: `first_difference` is its index since the last reset, `line` its line in actions.ndjson,
    `expected` the recorded digest, `got` the regenerated one; all four are None where none does.
    """

    frames: int
    first_difference: int | None = None
    line: int | None = None
    expected: str | None = None
    got: str | None = None

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
    return (frame for _, _, frame in _regenerate(record, checkpoint, backend, None))


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
    frames = 0
    for line, entry, frame in _regenerate(record, checkpoint, backend, switch):
        frames += 1
        if on_frame is not None:
            on_frame(frame)
        if frame.tokens_digest != entry.tokens_digest:
            return VerifyReport(frames, frame.index, line, entry.tokens_digest, frame.tokens_digest)
    return VerifyReport(frames)


def check_playable(record: SessionRecord, checkpoint: Checkpoint) -> None:
    """Raise BadInput where the recording is of another world or checkpoint, or names what this world doesn't have."""
    header, manifest = record.header, checkpoint.manifest
    place = record.folder / SESSION_NAME
    if header.world != manifest.name:
        raise BadInput(f"{place}: world: expected {manifest.name}, found {header.world}")
    if header.checkpoint_digest != manifest.digest:
        raise BadInput(f"{place}: checkpoint_digest: expected {manifest.digest}, found {header.checkpoint_digest}")
    _check_start(f"{place}", header.start, checkpoint)
    known = {entry.action for entry in manifest.actions}
    for number, entry in enumerate(record.entries):
        line = f"{record.folder / ACTIONS_NAME}:{number + 1}"
        if isinstance(entry, ResetEvent):
            _check_start(line, entry.start, checkpoint)
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


def _check_start(place: str, start: int, checkpoint: Checkpoint) -> None:
    if start >= checkpoint.starts:
        raise BadInput(f"{place}: start: expected 0 to {checkpoint.starts - 1}, found {start}")


def _regenerate(
    record: SessionRecord, checkpoint: Checkpoint, backend: Backend, switch: Switch | None
) -> Iterator[tuple[int, FrameEntry, Frame]]:
    rewinds = any(isinstance(entry, RewindEvent) for entry in record.entries)
    session = Session(checkpoint, backend, timeline=Timeline() if rewinds else None)
    start, rng_seed = record.header.start, record.header.rng_seed
    for number, entry in enumerate(record.entries):
        if isinstance(entry, ResetEvent):
            start, rng_seed = entry.start, entry.rng_seed
        elif isinstance(entry, RewindEvent):
            session.rewind_to(entry.index)
        elif isinstance(entry, BackendEvent):
            following = switch(entry) if switch is not None else None
            if following is not None:
                session.hand_over(following)
        elif entry.index == 0:
            yield number + 1, entry, session.reset(start, rng_seed)
        else:
            yield number + 1, entry, session.step(entry.action)
