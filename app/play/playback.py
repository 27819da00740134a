"""A recording played again in a window. Owns a session whose actions come from the record; refuses to read files."""

from __future__ import annotations

from collections.abc import Iterator

from engine.backends.base import Backend
from engine.checkpoint import Checkpoint
from engine.frame import Frame
from engine.recordings.numbering import Numbering
from engine.recordings.recording import BackendEvent, Entry, FrameEntry, ResetEvent, RewindEvent, SessionRecord
from engine.recordings.replay import check_playable, start_of
from engine.session import Session
from engine.time_travel.timeline import Timeline
from models.actions import Action


class RecordingEnded(Exception):
    """The last recorded frame was shown."""


class RecordedSession(Session):
    """Steps through a recording: whoever steps it, the record says what happens, until it is taken over."""

    def __init__(self, record: SessionRecord, checkpoint: Checkpoint, backend: Backend) -> None:
        """Begin at the recording's first frame. Raises BadInput where it can't be this world's."""
        check_playable(record, checkpoint)
        super().__init__(checkpoint, backend, timeline=Timeline())
        self.record = record
        self.differs_at: int | None = None  # number in the recording of the first frame with another digest
        self.numbers: Numbering | None = Numbering()  # None: it isn't the recording that plays any more
        self._entries: Iterator[Entry] = iter(record.entries)
        self._follow(super().reset(start_of(record.header, checkpoint), record.header.rng_seed))

    def step(self, action: Action, key_time: float | None = None) -> Frame:
        """The next recorded frame; `action` is not looked at. Raises RecordingEnded after the last."""
        if self.numbers is None:
            return super().step(action, key_time)
        entry = next(self._entries, None)
        if entry is None:
            raise RecordingEnded(f"{self.record.frames} frames played")
        if isinstance(entry, ResetEvent):
            self.numbers.reset()
            return self._follow(super().reset(start_of(entry, self.checkpoint), entry.rng_seed))
        if isinstance(entry, RewindEvent):
            self.numbers.rewind_to(entry.index)
            return self.rewind_to(entry.index)
        if isinstance(entry, BackendEvent):
            return self.step(action, key_time)  # a picture show needs no second backend
        frame = super().step(entry.action)
        self._compare(frame, entry.tokens_digest)
        return frame

    def take_over(self) -> None:
        """From here on whoever steps it decides. What was shown is its past, as if it had been played."""
        self.numbers = None

    def _follow(self, frame: Frame) -> Frame:
        """Frame 0 has an entry of its own behind the header or event that began it."""
        entry = next(self._entries, None)
        while isinstance(entry, BackendEvent):
            entry = next(self._entries, None)
        if isinstance(entry, FrameEntry):
            self._compare(frame, entry.tokens_digest)
        return frame

    def _compare(self, frame: Frame, recorded: str | None) -> None:
        assert self.numbers is not None, "the recording plays"
        number = self.numbers.add()
        if self.differs_at is None and recorded not in (None, frame.tokens_digest):
            self.differs_at = number
