"""Play in a window, one world after the other. Owns entering, pausing and leaving worlds and what lies over them;
refuses keys (player, commands) and drawing (stage).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace

from app.drawing.look import look_of
from app.drawing.notice import in_one_line
from app.drawing.picture import find_theme
from app.drawing.window import Window
from app.keys.gamepad import Gamepads
from app.keys.keymap import Command, Keymap, command_codes
from app.menu.shelf import Shelf
from app.outcome import Outcome
from app.play.hud import LONG_TOAST
from app.play.keeper import Keeper
from app.play.options import PlayOptions
from app.play.picture_screen import PictureScreen
from app.play.playback import RecordedSession
from app.play.round import Round, make_exchanges
from app.play.slot_screen import SlotScreen
from app.play.slots import Slot, likely_slot, read_slots
from app.play.stage import Screen, Stage
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from engine.autoplay import make_autoplayer
from engine.measuring.unanswered import UnansweredKeys
from engine.session import Session
from engine.start_picture import EncodedPicture
from models.manifest import BadInput, Manifest


class Play:
    """The world that is played, the one that is coming, and the screen that lies over it."""

    def __init__(
        self,
        window: Window,
        shelf: Shelf,
        settings: Settings,
        options: PlayOptions | None = None,
        clock: Callable[[], float] = time.perf_counter,
        pads: Gamepads | None = None,
        file: SettingsFile | None = None,
    ) -> None:
        self.window = window
        self.shelf = shelf
        self.pads = pads or Gamepads()
        self.settings = settings
        self.options = options or PlayOptions()
        self.commands = command_codes(settings.command_keys)
        self.outcome: Outcome | None = None
        self.error: Exception | None = None  # what ended a world by itself
        self.problem: str | None = None  # the same in one line, for the menu to show
        self.picture_refused = False  # what play was to begin from wasn't wanted once it had been shown
        self.round: Round | None = None
        self.screen: Screen | None = None  # what lies over the paused game and takes its keys
        self.first_frame_at: float | None = None
        self._clock = clock
        self.stage = Stage(window, settings, clock)
        self.hud = self.stage.hud
        self.keeper = Keeper(self.hud)
        self.unanswered = UnansweredKeys()
        self.away = ""  # why nobody seems to be there while the first world is made ready
        self._file = file  # watched: a change by hand counts at once
        self._coming: tuple[str, Future[Session]] | None = None
        self._beginning = self.options.beginning  # until it has been used
        self.wear_look()

    @property
    def recording_problems(self) -> list[str]:
        """What couldn't be kept, one line each."""
        return self.keeper.problems

    def draw(self) -> None:
        """Everything that is to be seen."""
        lines = []
        if self._coming is not None:
            lines = [f"{self._coming[0]} wakes up… {self.shelf.stage}".strip()]
            lines += [self._beginning.waiting()] if self._beginning is not None else []
        self.stage.draw(self.round, self.screen, lines)

    # Settings

    def apply(self, settings: Settings) -> None:
        """Take other settings over: what is live in them counts at once, the rest when it is looked at next."""
        self.settings = settings
        self.commands = command_codes(settings.command_keys)
        self.hud.commands = settings.command_keys
        self.release_all()
        if self.round is not None:
            self.round.keymap = Keymap(self.round.manifest, settings.keys.get(self.round.name))
        self.wear_look()

    def follow_file(self) -> None:
        """Take over what was changed in the app while nothing was played."""
        if self._file is not None and self._file.current != self.settings:
            self.apply(self._file.current)
            self.stage.overlay_shown = self.settings.overlay

    def watch_file(self) -> None:
        """Take over what is changed by hand in these moments."""
        if self._file is not None and self._file.poll():
            self.apply(self._file.current)
            self.hud.toast((*self._file.problems, "the settings were changed")[0], LONG_TOAST)

    def wear_look(self) -> None:
        """Let everything look as the settings want it."""
        look = look_of(self.settings)
        self.stage.wear(look)
        if self.round is not None:
            self.round.picture.set_calm(look.calm)

    # Pausing, and what lies over the game

    def pause_alone(self, why: str) -> None:
        """Pause because nobody seems to play: not where nobody does, and not a recording. A world that isn't there yet
        is paused when it comes."""
        if not self.options.attended or self.options.playback or self.options.measured:
            return
        if self.round is None:
            self.away = why
        elif not self.hud.paused:
            self.hud.paused = True
            self.round.loop.pause()
            self.hud.toast(why)

    def release_all(self) -> None:
        """The window lost the keyboard: releases would be missed."""
        if self.round is not None:
            self.round.loop.play_on()
            self.round.keymap.release_all()
            self.round.actions.clear()
        self.unanswered.clear()

    def open_screen(self, screen: Screen) -> None:
        """Lay something over the game, which waits until it is closed."""
        if self.round is not None:
            self.release_all()
            self.round.loop.pause()
            self.screen = screen

    def close_screen(self) -> None:
        """Go on with the game, unless it was paused before."""
        self.screen = None
        if self.round is not None and not self.hud.paused:
            self.round.loop.resume()

    def choose_slot(self, current: Round, command: Command, choose: Callable[[Round, Slot], None]) -> None:
        """Show this world's slots over the game; `choose` is called with the chosen one."""
        slots = read_slots(self.settings.saves, current.session.checkpoint)

        def chosen(slot: Slot) -> None:
            choose(current, slot)

        first = likely_slot(slots, self.keeper.slots.get(current.name), saving=command is Command.SAVE)
        self.open_screen(SlotScreen(slots, current.manifest, command, self.commands, chosen, first))

    def offer(self, encoded: EncodedPicture, accept: Callable[[], None], refuse: Callable[[], None]) -> None:
        """Show over the game what the network makes of a picture, and ask whether to play from it."""
        if self.round is not None:
            look = self.window.look
            self.open_screen(PictureScreen(encoded, self.round.manifest, self.commands, accept, refuse, look))

    # Entering and leaving worlds

    def enter(self, world: str) -> None:
        """Have a session of `world` made ready; the one that is played goes on until it is."""
        self.outcome = self.problem = self.error = None
        checkpoint = self.shelf.checkpoint(world)
        start = self.options.start if self.options.start is not None else secrets.randbelow(checkpoint.starts)
        rng_seed = self.options.rng_seed if self.options.rng_seed is not None else secrets.randbelow(1 << 31)
        if self.round is not None:
            self.hud.toast(f"{world} wakes up…")
        if self._beginning is not None:
            self.expect(world, self.shelf.prepare_by(world, self._beginning.begin))
        else:
            self.expect(world, self.shelf.prepare(world, start, rng_seed))

    def expect(self, world: str, session: Future[Session]) -> None:
        """Play a session of `world` as soon as it is there."""
        self._coming = world, session

    @property
    def expecting(self) -> bool:
        """Whether a session is being made ready."""
        return self._coming is not None

    def follow_coming(self) -> None:
        """Welcome a session that is ready."""
        if self._coming is None or not self._coming[1].done():
            return
        (world, coming), self._coming = self._coming, None
        try:
            self.welcome(coming.result())
        except Exception as error:  # whatever a backend raises is one line for the player
            self._fail(world, error)

    def welcome(self, session: Session) -> None:
        """Play a session that has been reset, in place of the one before. What was being recorded goes on in a new
        folder: a recording is of one world. A pause goes on as a pause."""
        before = self.round.recorder if self.round is not None else None
        paused, away = bool(self.away) or (self.round is not None and self.hud.paused), self.away
        self._end_round()
        manifest, options = session.checkpoint.manifest, self.options
        autoplayer = make_autoplayer(options.autoplay, manifest, session.rng_seed) if options.autoplay else None
        exchanges = make_exchanges(session, autoplayer, options.capped)
        current = Round(exchanges, self._theme(manifest), self.settings.keys.get(manifest.name), options.capped)
        self.round = current
        self.wear_look()
        self.hud.begin(paused, self.pads.connected)
        self._begin()
        if options.playback:
            self.hud.toast("a recording: Enter goes on from here", LONG_TOAST)
        else:
            self.hud.show_keys()
        if options.record is not None and self.first_frame_at is None:
            self.keeper.record(current, options.record)
        elif before is not None:
            self.keeper.record_under(current, before.folder.parent)
        if paused:
            current.loop.pause()
        if away:
            self.hud.toast(away)
        self.away = ""
        current.loop.start()
        if options.frames is None and not options.playback:
            self.shelf.request_all()  # so that Tab finds them ready

    def _begin(self) -> None:
        """Tell how play began, the first time. Somebody who sits there is shown first what became of a picture."""
        if self._beginning is None:
            return
        self.hud.toast(self._beginning.outcome(), LONG_TOAST)
        picture, self._beginning = self._beginning.picture(), None
        if picture is not None and self.round is not None:
            self.round.wear(picture.palette)
            if self.options.attended:
                self.offer(picture, lambda: None, self._refuse)

    def _refuse(self) -> None:
        self.picture_refused = True
        self.to_menu()

    def _theme(self, manifest: Manifest) -> str | None:
        """The command line's theme, else the settings'. A world that doesn't know it keeps its own first one."""
        wanted = self.options.theme or self.settings.theme.get(manifest.name)
        try:
            return find_theme(manifest, wanted)
        except BadInput as error:
            self.hud.toast(str(error))
            return find_theme(manifest, None)

    def check_round(self) -> None:
        """A loop that broke ends the world."""
        if self.round is not None and self.round.error is not None:
            self._fail(self.round.name, self.round.error)

    def _fail(self, world: str, error: Exception) -> None:
        """A world broke. The one that is played goes on if it was another; else it's back to the menu."""
        reason = in_one_line(error)
        problem = reason if isinstance(error, BadInput) else f"{world}: {reason}"
        self.shelf.forget(world)
        if self.round is not None and self.round.name != world:
            self.hud.toast(problem, LONG_TOAST)
        else:
            self.error, self.problem, self.outcome = error, problem, Outcome.MENU

    def _end_round(self) -> None:
        if self.round is not None:
            self.keeper.stop_recording(self.round)
            self.round.end()
            self.shelf.retire(self.round.loop)
        self.round = self.screen = None
        self.unanswered.clear()

    def take_over(self, current: Round) -> None:
        """Go on by hand from the frame of a recording that is shown."""
        recorded, number = current.session, current.frame_number
        assert isinstance(recorded, RecordedSession)
        current.close()  # nothing may step it meanwhile
        self.round = None  # it isn't left: its past is the game's
        recorded.take_over()
        self.options = replace(self.options, playback=False)
        self.hud.paused = False  # who takes over wants to play
        self.welcome(recorded)
        self.hud.toast(f"you play, from frame {number} on")

    def to_menu(self) -> None:
        """Leave the world for the menu."""
        self.outcome = Outcome.MENU

    def leave(self) -> None:
        """End what is played and wait until all that is kept of it is on disk."""
        if self._beginning is not None:
            self._beginning.cancel()
        self._coming = self.screen = self._beginning = None
        self.away = ""
        if self.round is not None:
            self.keeper.stop_recording(self.round)
            self.round.close()
            self.round = None
        self.keeper.close()
