"""One world being played. Owns its frame loop and what the window needs to steer and show it; refuses to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.drawing.picture import Picture
from app.keys.keymap import Keymap
from app.play.playback import RecordedSession
from engine.autoplay import Autoplayer, AutoplayMailbox
from engine.frame import Frame
from engine.frame_loop import FrameLoop
from engine.mailbox import ActionMailbox, FrameMailbox
from engine.measuring.telemetry import Telemetry
from engine.pacing import Pacer
from engine.recordings.numbering import Numbering
from engine.recordings.recorder import Recorder
from engine.session import Session
from models.actions import Action


@dataclass(frozen=True)
class Exchanges:
    """A frame loop and all places where the window meets it."""

    loop: FrameLoop
    actions: ActionMailbox
    frames: FrameMailbox
    telemetry: Telemetry


def make_exchanges(session: Session, autoplayer: Autoplayer | None = None, capped: bool = True) -> Exchanges:
    """A loop for a session that has been reset, not started yet."""
    actions = ActionMailbox() if autoplayer is None else AutoplayMailbox(autoplayer, session)
    frames, telemetry = FrameMailbox(), Telemetry()
    pacer = Pacer(session.checkpoint.manifest.tick_rate, capped=capped)
    return Exchanges(FrameLoop(session, actions, frames, pacer, telemetry), actions, frames, telemetry)


@dataclass(frozen=True)
class Rewound:
    """How far play has been rewound: `seconds` back, and `left` is the share of the kept past still before it. `edge`:
    why it goes no further, once it doesn't."""

    seconds: float
    left: float
    edge: str = ""


class Round:
    """From entering a world to leaving it."""

    def __init__(
        self,
        exchanges: Exchanges,
        theme: str | None,
        keys: Mapping[Action, tuple[str, ...]] | None = None,
        capped: bool = True,
    ) -> None:
        self.loop, self.actions = exchanges.loop, exchanges.actions
        self.frames, self.telemetry = exchanges.frames, exchanges.telemetry
        self.session = self.loop.session
        self.manifest = self.session.checkpoint.manifest
        self.keymap = Keymap(self.manifest, keys)
        self.capped = capped
        self.speed = 1.0
        self.newest: Frame = self.session.frame  # as far as the window has seen
        self.picture = Picture(self.manifest, theme)
        self.picture.load(self.newest.pixels)
        self.recorder: Recorder | None = None

    @property
    def name(self) -> str:
        """The world's name."""
        return self.manifest.name

    @property
    def frame_number(self) -> int:
        """The shown frame's number as `--from` counts: in the recording played or made, else in one begun now."""
        if self.recorder is not None:
            numbers: Numbering | None = self.recorder.numbers
        else:
            numbers = self.session.numbers if isinstance(self.session, RecordedSession) else None
        number = None if numbers is None else numbers.number(self.newest.index)
        return self.newest.index if number is None else number

    @property
    def error(self) -> Exception | None:
        """Why the loop has ended by itself; None while it runs."""
        return None if self.loop.running else self.loop.error

    @property
    def rewound(self) -> Rewound | None:
        """How far play is being rewound now; None while it isn't."""
        cursor, timeline = self.loop.rewinding, self.session.timeline
        if cursor is None or timeline is None:
            return None
        newest, oldest, rate = self.session.index, timeline.oldest or 0, self.manifest.tick_rate
        edge = "" if cursor > oldest else self._edge(oldest)
        return Rewound((newest - cursor) / rate, (cursor - oldest) / max(1, newest - oldest), edge)

    def _edge(self, oldest: int) -> str:
        if oldest == 0:
            return "this is where play began"
        if oldest == self.session.loaded_at:
            return "the game was loaded here: its past isn't kept"
        return "this is as far back as is kept"

    def wear(self, palette: str | None) -> None:
        """Show the world in these colours; None keeps those it has."""
        if palette is not None:
            self.picture.set_theme(palette)
            self.picture.load(self.newest.pixels)

    def set_speed(self, speed: float) -> None:
        """Slow motion below 1, fast forward above."""
        self.speed = speed
        self.loop.set_speed(speed)

    def record(self, folder: Path) -> None:
        """Record into a new `folder`. Raises BadInput where it can't be made."""
        self.recorder = Recorder(folder, self.picture.theme)
        self.loop.set_recorder(self.recorder)

    def stop_recording(self) -> Recorder | None:
        """Finish the recording; it is written to the end on its own thread."""
        recorder, self.recorder = self.recorder, None
        if recorder is not None:
            self.loop.set_recorder(None)
        return recorder

    def end(self) -> None:
        """Let the loop end after the tick that runs, without waiting for it."""
        self.loop.stop(timeout=0)

    def close(self) -> None:
        """End, and wait for the tick that runs."""
        self.loop.stop()


def recording_folder(parent: Path, world: str, now: datetime) -> Path:
    """A folder that doesn't exist yet, named for world and time. Raises OSError."""
    base = parent / f"{world}-{now:%Y%m%d-%H%M%S}"
    number = 2
    folder = base
    while folder.exists():
        folder = base.with_name(f"{base.name}-{number}")
        number += 1
    return folder
