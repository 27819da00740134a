"""One world being played. Owns its frame loop and what the window needs to steer and show it; refuses to draw."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from app.keymap import Keymap
from app.picture import Picture
from engine.autoplay import Autoplayer
from engine.frame import Frame
from engine.frame_loop import FrameLoop
from engine.mailbox import ActionMailbox, FrameMailbox
from engine.pacing import Pacer
from engine.recorder import Recorder
from engine.session import Session
from engine.telemetry import Telemetry
from models.actions import Action


class AutoplayMailbox(ActionMailbox):
    """An autoplayer at the place of the keys: it looks at the newest picture whenever the loop takes an action."""

    def __init__(self, autoplayer: Autoplayer, session: Session) -> None:
        super().__init__()
        self._autoplayer = autoplayer
        self._session = session

    def take(self) -> tuple[Action, float | None]:
        """The autoplayer's action; no key is behind it."""
        return self._autoplayer.next_action(self._session.frame.pixels), None


class Round:
    """From entering a world to leaving it. The session must have been reset; the loop runs until `end`."""

    def __init__(
        self,
        session: Session,
        theme: str | None,
        keys: Mapping[Action, tuple[str, ...]] | None = None,
        autoplayer: Autoplayer | None = None,
        capped: bool = True,
    ) -> None:
        self.session = session
        self.manifest = session.checkpoint.manifest
        self.keymap = Keymap(self.manifest, keys)
        self.picture = Picture(self.manifest, theme)
        self.picture.load(session.frame.pixels)
        self.actions = ActionMailbox() if autoplayer is None else AutoplayMailbox(autoplayer, session)
        self.frames = FrameMailbox()
        self.telemetry = Telemetry()
        self.capped = capped
        self.newest: Frame = session.frame  # as far as the window has seen
        self.recorder: Recorder | None = None
        pacer = Pacer(self.manifest.tick_rate, capped=capped)
        self.loop = FrameLoop(session, self.actions, self.frames, pacer, self.telemetry)

    @property
    def name(self) -> str:
        """The world's name."""
        return self.manifest.name

    @property
    def error(self) -> Exception | None:
        """Why the loop has ended by itself; None while it runs."""
        return None if self.loop.running else self.loop.error

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
    """A folder that doesn't exist yet, named for world and time."""
    base = parent.expanduser() / f"{world}-{now:%Y%m%d-%H%M%S}"
    number = 2
    folder = base
    while folder.exists():
        folder = base.with_name(f"{base.name}-{number}")
        number += 1
    return folder
