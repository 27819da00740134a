"""Going on from a frame of a recording. Owns finding the line of play that led there; refuses to choose what comes."""

from __future__ import annotations

from dataclasses import dataclass

from engine.checkpoint import Checkpoint
from engine.frame import Frame
from engine.recordings.recording import FrameEntry, ResetEvent, RewindEvent, SessionHeader, SessionRecord
from engine.recordings.replay import check_playable, start_of
from engine.session import Session
from models.manifest import BadInput


@dataclass(frozen=True)
class Line:
    """What led from a start to a frame: entry i is frame i. What was played and then rewound is not part of it.
    `numbers` are the entries' own in the whole recording, by which the player knows its frames."""

    begun: SessionHeader | ResetEvent
    entries: tuple[FrameEntry, ...]
    numbers: tuple[int, ...]


class Branch:
    """A frame of a recording that a session is to go on from. `made` of `total` frames have been made again so far."""

    def __init__(self, record: SessionRecord, checkpoint: Checkpoint, frame: int | None) -> None:
        """`frame` counts every frame of the recording from 0; None is the last. Raises BadInput where there is none."""
        check_playable(record, checkpoint)
        self.line = line_to(record, frame)
        self.made = 0
        self.cancelled = False  # by another thread: nobody waits for it any more
        self.differs_at: int | None = None  # the number of the first frame that didn't come out as recorded

    @property
    def number(self) -> int:
        """The frame's number in the whole recording."""
        return self.line.numbers[-1]

    @property
    def total(self) -> int:
        """Frames that have to be made again."""
        return len(self.line.entries)

    def begin(self, session: Session) -> Frame:
        """Lead a session to the frame. Where frames come out otherwise than recorded, that is noted and it goes on."""
        begun = self.line.begun
        first, *rest = self.line.entries
        frame = session.reset(start_of(begun, session.checkpoint), begun.rng_seed)
        self._compare(frame, first)
        for entry in rest:
            if self.cancelled:
                break
            frame = session.step(entry.action)
            self._compare(frame, entry)
        return frame

    def _compare(self, frame: Frame, entry: FrameEntry) -> None:
        if self.differs_at is None and entry.tokens_digest not in (None, frame.tokens_digest):
            self.differs_at = self.line.numbers[self.made]
        self.made += 1


def line_to(record: SessionRecord, frame: int | None) -> Line:
    """The line of play that led to a frame, counted over the whole recording. Raises BadInput."""
    wanted = record.frames - 1 if frame is None else frame
    if not 0 <= wanted < record.frames:
        raise BadInput(f"{record.folder}: frame: expected 0 to {record.frames - 1}, found {wanted}")
    begun: SessionHeader | ResetEvent = record.header
    line: list[tuple[int, FrameEntry]] = []
    number = 0
    for entry in record.entries:
        if isinstance(entry, ResetEvent):
            begun, line = entry, []
        elif isinstance(entry, RewindEvent):
            del line[entry.index + 1 :]
        elif isinstance(entry, FrameEntry):
            line.append((number, entry))
            if number == wanted:
                break
            number += 1
    numbers, entries = zip(*line, strict=True)
    return Line(begun, entries, numbers)
