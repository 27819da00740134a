"""The library: a gallery of recordings and what to do with one. Owns its keys and states; refuses drawing
(view) and the deeds themselves (deeds, player).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import pygame

from app.drawing.look import look_of
from app.drawing.notice import DROP_ELSEWHERE, Notice, in_one_line
from app.drawing.window import Window
from app.keys.gamepad import Gamepads, menu_key
from app.keys.keymap import Command, command_codes
from app.keys.name_entry import NameEntry
from app.library.deeds import check, to_play, to_share, to_video, world_of
from app.library.job import GivenUp, Job
from app.library.recordings import Recording, list_recordings, put_into_trash, rename
from app.library.thumbnails import Thumbnails
from app.library.view import COLUMNS, ROWS, View, draw_library
from app.menu.backdrop import draw_backdrop
from app.menu.shelf import Shelf
from app.outcome import Outcome
from app.play.beginnings import branch_from
from app.play.options import PlayOptions
from app.play.playback import RecordedSession, RecordingEnded
from app.play.player import Player
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from engine.session import Session
from models.manifest import BadInput

FRAME_RATE = 30
SCALES = range(1, 33)  # as many as `dreamcade export` takes
MOVES = {pygame.K_LEFT: -1, pygame.K_RIGHT: 1, pygame.K_UP: -COLUMNS, pygame.K_DOWN: COLUMNS}
ENTER = (pygame.K_RETURN, pygame.K_KP_ENTER)


class Library:
    """Shows the settings' folder of recordings until it is left."""

    def __init__(
        self,
        window: Window,
        shelf: Shelf,
        file: SettingsFile,
        pads: Gamepads,
        tell: Callable[[str], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`tell` is told what a game that was begun here couldn't keep."""
        self.window, self.shelf, self.pads = window, shelf, pads
        self.outcome: Outcome | None = None
        self.recordings: list[Recording] = []
        self.selected = 0
        self.deed: int | None = None  # the one chosen in the list of deeds, while that shows
        self.entry: NameEntry | None = None
        self.job: Job | None = None
        self.scale = 4
        self._file = file  # watched: a change by hand counts at once
        self._tell = tell
        self._clock = clock
        self._opened = clock()
        self._notice = Notice(clock)
        self._thumbnails = Thumbnails()

    def run(self) -> Outcome:
        """Until it is left: to the menu, or out of the program."""
        self.refresh()
        ticker = pygame.time.Clock()
        pygame.key.start_text_input()
        try:
            while self.outcome is None:
                self.turn()
                ticker.tick(FRAME_RATE)
        finally:
            if self.job is not None:
                self.job.give_up()
            self._thumbnails.close()
            pygame.key.stop_text_input()  # last: it fails where the screen has gone
        return self.outcome

    def turn(self) -> None:
        """Keys, then a picture."""
        self.poll()
        self._follow_job()
        if self._file.poll():
            self.window.look = look_of(self.settings)
            self.refresh()
            self.say((*self._file.problems, "the settings were changed")[0])
        self.draw()

    def refresh(self) -> None:
        """Look at the folder again."""
        try:
            self.recordings = list_recordings(self.settings.recordings)
        except BadInput as error:
            self.recordings = []
            self.say(str(error))
        self.selected = max(0, min(self.selected, len(self.recordings) - 1))

    def say(self, message: str) -> None:
        """One line for a while."""
        self._notice.say(message)

    @property
    def settings(self) -> Settings:
        """As they are now."""
        return self._file.current

    @property
    def message(self) -> str:
        """The line that shows now, or nothing."""
        return self._notice.line

    @property
    def deeds(self) -> list[tuple[str, Callable[[Recording], None]]]:
        """What can be done, by its title."""
        return [
            ("play", self._play),
            ("go on from its end", self._branch),
            ("verify every frame", self._verify),
            (f"export as video, {self.scale} ×", self._export),
            ("write a file to share", self._share),
            ("rename", self._begin_rename),
            ("delete (into the trash)", self._delete),
        ]

    def poll(self) -> None:
        """Handle what happened since the last call."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.outcome = Outcome.QUIT
            elif event.type == pygame.TEXTINPUT and self.entry is not None:
                self.entry.type(event.text)
            elif event.type == pygame.DROPFILE:
                self.say(DROP_ELSEWHERE)
            elif event.type == pygame.KEYDOWN:
                self._key(event.key)
            else:
                for code, down in self.pads.handle(event):
                    if down:
                        self._key(menu_key(code))

    def _key(self, code: int) -> None:
        command = command_codes(self.settings.command_keys).get(code)
        leaves = code == pygame.K_ESCAPE or command is Command.MENU
        if command is Command.FULLSCREEN:
            self.window.toggle_fullscreen()
        elif self.entry is not None:
            self._entry_key(self.entry, code, leaves)
        elif self.job is not None:
            if leaves:
                self.job.give_up()
        elif self.deed is not None:
            self._deed_key(self.deed, code, leaves)
        elif leaves:
            self.outcome = Outcome.MENU
        elif self.recordings and code in MOVES:
            self.selected = max(0, min(len(self.recordings) - 1, self.selected + MOVES[code]))
        elif self.recordings and code in ENTER:
            self.deed = 0

    def _deed_key(self, deed: int, code: int, leaves: bool) -> None:
        if leaves:
            self.deed = None
        elif code in (pygame.K_UP, pygame.K_DOWN):
            self.deed = (deed + (1 if code == pygame.K_DOWN else -1)) % len(self.deeds)
        elif code in (pygame.K_LEFT, pygame.K_RIGHT):
            self.scale = max(SCALES[0], min(SCALES[-1], self.scale + (1 if code == pygame.K_RIGHT else -1)))
        elif code in ENTER:
            self.deed = None
            self.deeds[deed][1](self.recordings[self.selected])

    def _entry_key(self, entry: NameEntry, code: int, leaves: bool) -> None:
        if leaves:
            self.entry = None
        elif code in ENTER:
            self.entry = None
            try:
                path = rename(self.recordings[self.selected], entry.text)
            except BadInput as error:
                self.say(str(error))
                return
            self.refresh()
            self.selected = next((n for n, r in enumerate(self.recordings) if r.path == path), self.selected)
        else:
            entry.key(code)

    def draw(self) -> None:
        """One picture, flipped."""
        scale, now = self.window.ui_scale, self._clock()
        draw_backdrop(self.window.surface, scale, self.window.look.moving(now - self._opened))
        shown = COLUMNS * ROWS
        first = max(0, (self.selected // COLUMNS - ROWS + 1) * COLUMNS) if len(self.recordings) > shown else 0
        view = View(
            recordings=self.recordings,
            selected=self.selected,
            first=first,
            folder=str(self.settings.recordings),
            deeds=[title for title, _ in self.deeds] if self.deed is not None else (),
            deed=self.deed or 0,
            entry=self.entry,
            job=self.job,
            message=self.message,
            pads=self.pads.connected,
        )
        draw_library(self.window.surface, scale, view, self._thumbnails, self.window.look.moving(now - self._opened))
        pygame.display.flip()

    # Deeds

    def _world(self, recording: Recording) -> str | None:
        return world_of(recording, {name: self.shelf.checkpoint(name).folder for name in self.shelf.names})

    def _start(self, title: str, recording: Recording, work: Callable[[Job], str]) -> None:
        self.job = Job(title, recording.frames, work)

    def _follow_job(self) -> None:
        if self.job is None or not self.job.finished:
            return
        job, self.job = self.job, None
        job.give_up()  # its thread has nothing more to do
        try:
            self.say(job.outcome())
        except BadInput as error:
            self.say(str(error))
        except GivenUp:
            self.say(f"{job.title}: given up")
        except Exception as error:  # whatever a backend or an encoder raises is one line here
            self.say(f"{job.title}: {in_one_line(error)}")
        self.refresh()

    def _verify(self, recording: Recording) -> None:
        self._start("comparing every frame", recording, partial(check, recording, self._world(recording)))

    def _export(self, recording: Recording) -> None:
        work = partial(to_video, recording, self._world(recording), self.scale)
        self._start("writing a video", recording, work)

    def _share(self, recording: Recording) -> None:
        self._start("writing a file to share", recording, partial(to_share, recording, self._world(recording)))

    def _begin_rename(self, recording: Recording) -> None:
        self.entry = NameEntry(recording.name)

    def _delete(self, recording: Recording) -> None:
        try:
            self.say(f"in the trash: {put_into_trash(recording)}")
        except BadInput as error:
            self.say(str(error))
        self.refresh()

    def _play(self, recording: Recording) -> None:
        """Show it again; whoever presses Enter goes on from there."""
        palette = None if recording.header is None else recording.header.palette
        options = PlayOptions(theme=palette, playback=True)
        player = self._player(options)
        opener = ThreadPoolExecutor(max_workers=1, thread_name_prefix="playback-builder")
        opened = opener.submit(to_play, recording, self._world(recording))
        try:
            player.expect(recording.name, opener.submit(_session, opened))
            self._let_play(player, player.run_until_left)
        finally:
            opener.shutdown(wait=True)
        if player.error is None:
            _close(opened)
        elif isinstance(player.error, RecordingEnded):
            self.say(_close(opened))
        else:
            self.say(player.problem or str(player.error))
        self._say_lost(player)

    def _branch(self, recording: Recording) -> None:
        """Go on from the last frame."""
        try:
            beginning, checkpoint = branch_from(f"{recording.path}@{recording.frames - 1}", self._world(recording))
            name = checkpoint.manifest.name
            if name not in self.shelf.names:
                raise BadInput(f"{recording.name}: world: expected one of the menu's, found {name}")
        except BadInput as error:
            self.say(str(error))
            return
        palette = None if recording.header is None else recording.header.palette
        player = self._player(PlayOptions(theme=palette, beginning=beginning))
        self._let_play(player, partial(player.run, name))
        if player.problem is not None:
            self.say(player.problem)
        self._say_lost(player)

    def _player(self, options: PlayOptions) -> Player:
        return Player(self.window, self.shelf, self.settings, options, pads=self.pads, file=self._file)

    def _let_play(self, player: Player, run: Callable[[], Outcome]) -> None:
        """Until the world is left: out of the program, or back here."""
        try:
            if run() is Outcome.QUIT:
                self.outcome = Outcome.QUIT
        finally:
            for problem in player.recording_problems:
                self._tell(problem)
        pygame.key.start_text_input()
        self.refresh()

    def _say_lost(self, player: Player) -> None:
        """What a game couldn't keep counts more than how it went."""
        for problem in player.recording_problems[-1:]:
            self.say(problem)


def _session(opened: Future[RecordedSession]) -> Session:
    return opened.result()


def _close(opened: Future[RecordedSession]) -> str:
    """Let go of the backend. Returns a line about how the frames compared."""
    if (error := opened.exception()) is not None:
        return in_one_line(error)
    session = opened.result()
    session.backend.close()
    if session.differs_at is None:
        return "every frame shown came out as recorded"
    return f"differs from the recording from frame {session.differs_at} on"
