"""What is kept of a game: recordings and saves. Owns beginning and ending them and telling what went wrong; refuses to
choose folders' and slots' names (round, slots).
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from app.play.hud import LONG_TOAST, TOAST_SECONDS, Hud
from app.play.round import Round, recording_folder
from app.play.saver import SaveNews, Saver
from app.play.slots import Slot
from engine.recordings.recorder import Recorder
from engine.session import Session
from models.manifest import BadInput


class Keeper:
    """Keeps what is recorded and saved, world after world, until all is on disk."""

    def __init__(self, hud: Hud) -> None:
        self.problems: list[str] = []  # why recordings broke off or lost their video, why saves failed: one line each
        self.slots: dict[str, int] = {}  # number of the one chosen last, a world
        self._hud = hud
        self._finishing: list[Recorder] = []  # stopped, perhaps not on disk yet
        self._saver = Saver()

    def record(self, current: Round, folder: Path) -> None:
        """Record into a new `folder`. Raises BadInput where it can't be made."""
        current.record(folder)
        self._hud.set_recording(True)
        self._hud.toast(f"recording to {folder}")

    def record_under(self, current: Round, parent: Path) -> None:
        """Record into a new folder of `parent`. Where it can't be made, that is said and play goes on."""
        try:
            self.record(current, recording_folder(parent, current.name, datetime.now()))
        except (BadInput, OSError) as error:
            self._hud.toast(str(error), LONG_TOAST)

    def stop_recording(self, current: Round) -> None:
        """Finish the recording, if there is one; `close` waits until it is on disk."""
        stopped = current.stop_recording()
        if stopped is not None:
            self._finishing.append(stopped)
            self._hud.set_recording(False)
            self._hud.toast(stopped.problem or f"recorded: {stopped.folder}", seconds=5)

    def save(self, current: Round, slot: Slot) -> None:
        """Save the game as it is now. It is written while play goes on."""
        self.slots[current.name] = slot.number
        taken, checkpoint = current.loop.call(Session.moment), current.session.checkpoint
        self._saver.save(taken, checkpoint, current.picture.theme, slot.path, f"slot {slot.number}")

    def load(self, current: Round, slot: Slot) -> None:
        """Go on from a save. What was being recorded goes on in a new folder: it is another past."""
        assert slot.save is not None
        self.slots[current.name] = slot.number
        before = current.recorder
        self.stop_recording(current)
        current.loop.resume_at(slot.save.moment)
        if before is not None:
            self.record_under(current, before.folder.parent)
        self._hud.toast(f"loaded: slot {slot.number}")

    def follow(self, current: Round | None) -> None:
        """Tell what has been saved; a recording that broke ends itself alone."""
        for news in self._saver.news():
            self._hud.toast(news.line, TOAST_SECONDS if news.saved else LONG_TOAST)
        recorder = None if current is None else current.recorder
        if current is None or recorder is None:
            return
        if recorder.problem is not None:
            self.stop_recording(current)
        elif recorder.video_problem is not None and self._keep_problem(recorder.video_problem):
            self._hud.toast(recorder.video_problem, LONG_TOAST)

    def close(self) -> None:
        """Wait until everything is on disk."""
        self.problems += _lost(self._saver.close())
        self._saver = Saver()
        for recorder in self._finishing:
            recorder.close()
            self._keep_problem(recorder.problem)
            self._keep_problem(recorder.video_problem)
        self._finishing.clear()
        self._hud.set_recording(False)

    def _keep_problem(self, problem: str | None) -> bool:
        """Keep a recording's problem to be told in the end. Whether it is a new one."""
        if problem is None or problem in self.problems:
            return False
        self.problems.append(problem)
        return True


def _lost(news: list[SaveNews]) -> list[str]:
    return [entry.line for entry in news if not entry.saved]
