"""The player's side of a key press. Owns polling keys and showing the newest frame; refuses to wait for the model.

The way of a key: `poll` here → app/keys/keymap.py makes an Action → engine/mailbox.py keeps it → engine/frame_loop.py
takes it after its deadline → engine/session.py makes the frame → `show` here draws it and stamps the time from key to
flip.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

import pygame

from app.drawing.look import look_of
from app.drawing.notice import in_one_line
from app.drawing.picture import find_theme
from app.drawing.pixel_font import text_width
from app.drawing.widgets import DIM, draw_text, fitting_scale
from app.drawing.window import Window, fit_picture, lost_display
from app.keys.gamepad import Gamepads, menu_key
from app.keys.keymap import Command, Keymap, command_codes
from app.menu.backdrop import surround
from app.menu.shelf import Shelf
from app.outcome import Outcome
from app.play.beginnings import Beginning
from app.play.commands import HELD, hold, obey
from app.play.hud import TOAST_SECONDS, Hud
from app.play.overlay import Overlay, PlayFacts
from app.play.picture_offer import LONG_TOAST, PictureOffer
from app.play.playback import RecordedSession
from app.play.round import Round, make_exchanges, recording_folder
from app.play.saver import Saver
from app.play.slot_screen import SlotScreen
from app.play.slots import Slot, read_slots
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from engine.autoplay import make_autoplayer
from engine.frame import Frame
from engine.measuring.unanswered import UnansweredKeys
from engine.recordings.recorder import Recorder
from engine.session import Session
from models.manifest import BadInput, Manifest

POLL_SECONDS = 0.004  # keys are looked at this often while no frame comes
DRAW_RATE = 60  # the most pictures a second that the window draws
SMALLEST_SHARE = 0.66  # of its size that the picture keeps beside the panel; below, the panel lies over it
TAKE_OVER = (pygame.K_RETURN, pygame.K_KP_ENTER)  # while a recording plays
STILL_SECONDS = 0.1  # without a new frame it is drawn this often: a toast must go, a dot must blink


class Screen(Protocol):
    """What can lie over a game."""

    @property
    def closed(self) -> bool: ...

    def key(self, code: int) -> None:
        """A key went down."""

    def draw(self, target: pygame.Surface, scale: int) -> None:
        """Over the whole window."""


@dataclass(frozen=True)
class PlayOptions:
    """What the command line asked for. None: start and rng_seed by chance, the settings' theme, no end."""

    start: int | None = None
    rng_seed: int | None = None
    theme: str | None = None
    autoplay: str | None = None
    frames: int | None = None
    record: Path | None = None
    capped: bool = True
    playback: bool = False  # a recording decides what happens: no new start, no other world
    beginning: Beginning | None = None  # of the world that is played first
    measured: bool = False  # by the bench: no command but leaving, for any other would show in the figures


class Player:
    """Plays one world after the other in a window until it is left."""

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
        self._file = file  # watched: a change by hand counts at once
        self.options = options or PlayOptions()
        self.outcome: Outcome | None = None
        self.error: Exception | None = None  # what ended a world by itself
        self.problem: str | None = None  # the same in one line, for the menu to show
        self.round: Round | None = None
        self.hud = Hud(settings.command_keys, clock)
        self.overlay = Overlay()
        self.overlay_shown = settings.overlay
        self.wear_look()
        self.first_frame_at: float | None = None
        self._clock = clock
        self.recording_problems: list[str] = []  # why recordings broke off or lost their video, one line each
        self._coming: tuple[str, Future[Session]] | None = None
        self.commands = command_codes(settings.command_keys)
        self._unanswered = UnansweredKeys()
        self._flips: deque[float] = deque(maxlen=DRAW_RATE)
        self._drawn = 0.0
        self._finishing: list[Recorder] = []  # stopped, perhaps not on disk yet
        self.screen: Screen | None = None  # what lies over the paused game and takes its keys
        self._saver = Saver()
        self._slot = 0  # the one chosen last
        self.pictures = PictureOffer(self)
        self._beginning = self.options.beginning  # until it has been used
        self._away = ""  # why nobody seems to be there while the first world is made ready

    def run(self, world: str) -> Outcome:
        """Play `world` first, until the player leaves."""
        self.enter(world)
        return self.run_until_left()

    def run_until_left(self) -> Outcome:
        """Turn after turn, without ever waiting for the model."""
        try:
            while self.outcome is None:
                self.turn()
        except pygame.error as error:
            raise lost_display(error) from error
        finally:
            self.leave()
        return self.outcome

    def turn(self) -> None:
        """Look at the keys, welcome a session that is ready, show a new frame if there is one."""
        self.poll()
        self._welcome()
        frame = self._next_frame()
        if frame is not None:
            self.show(frame)
        elif self._clock() - self._drawn >= STILL_SECONDS:
            self.draw()
        for news in self._saver.news() if self.outcome is None else ():  # who leaves sees no toast any more
            self.hud.toast(news.line, TOAST_SECONDS if news.saved else LONG_TOAST)
        self.pictures.follow()
        if self._file is not None and self._file.poll():
            self.apply(self._file.current)
            self.hud.toast((*self._file.problems, "the settings were changed")[0], LONG_TOAST)
        self._check_round()

    def poll(self) -> None:
        """Keys since the last turn: the world's own become an action in the loop's mailbox, the others a command."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.outcome = Outcome.QUIT
            elif event.type == pygame.WINDOWFOCUSLOST:
                self.release_all()
                self.pause_alone("paused: the window is in the background")
            elif event.type == pygame.WINDOWFOCUSGAINED:
                self._away = ""
            elif event.type == pygame.CONTROLLERDEVICEREMOVED:
                self._press_all(event)
                self.pause_alone("paused: a gamepad has gone")
            elif event.type == pygame.DROPFILE:
                self.pictures.take(Path(event.file))
            elif event.type in (pygame.KEYDOWN, pygame.KEYUP):
                self._key(event.key, event.type == pygame.KEYDOWN, getattr(event, "pressed_at", self._clock()))
            else:
                self._press_all(event)

    def _press_all(self, event: pygame.event.Event) -> None:
        """A gamepad's event is as many keys as it presses and lets go."""
        for code, down in self.pads.handle(event):
            self._key(code, down, getattr(event, "pressed_at", self._clock()))
        self.hud.pads = self.pads.connected

    def pause_alone(self, why: str) -> None:
        """Pause because nobody seems to play: not where nobody does, and not a recording. A world that isn't there yet
        is paused when it comes."""
        unattended = self.options.autoplay is not None or self.options.frames is not None
        if unattended or self.options.playback or self.options.measured:
            return
        if self.round is None:
            self._away = why
        elif not self.hud.paused:
            self.hud.paused = True
            self.round.loop.pause()
            self.hud.toast(why)

    def _key(self, code: int, down: bool, happened: float) -> None:
        command = self.commands.get(code)
        self._away = "" if down else self._away
        if self.screen is not None and command is not Command.FULLSCREEN:
            self._screen_key(self.screen, code, down)
        elif self.options.playback and down and menu_key(code) in TAKE_OVER and self.round is not None:
            self.take_over()
        elif command in HELD:
            hold(self, command, down)
        elif command is not None and down:
            obey(self, command)
        elif self.round is not None and not self.options.autoplay:
            keymap, actions = self.round.keymap, self.round.actions
            ours = keymap.press(code) if down else keymap.release(code)
            if ours and keymap.action is not actions.held:
                actions.put(keymap.action, happened)
                self._unanswered.add(happened, self._clock())

    def _screen_key(self, screen: Screen, code: int, down: bool) -> None:
        if down:
            screen.key(menu_key(code))
            if screen.closed:
                self.close_screen()
            self.draw()

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

    def release_all(self) -> None:
        """The window lost the keyboard: releases would be missed."""
        for command in HELD:
            hold(self, command, down=False)
        if self.round is not None:
            self.round.keymap.release_all()
            self.round.actions.clear()
        self._unanswered.clear()

    def _next_frame(self) -> Frame | None:
        """The newest frame if it is time to draw one; else a short wait: keys are polled often but not hotly."""
        early = self._drawn + 1 / DRAW_RATE - self._clock()
        if early > 0 or self.round is None:
            time.sleep(min(POLL_SECONDS, max(early, 0.001)))
            return None
        return self.round.frames.take_newest(POLL_SECONDS)

    def show(self, frame: Frame) -> None:
        """Draw a new frame, flip, and stamp how long the key behind it took to the screen."""
        assert self.round is not None
        self.round.newest = frame
        self.round.picture.load(frame.pixels)
        self.draw()
        now = self._clock()
        self.first_frame_at = self.first_frame_at or now
        if self.round.loop.rewinding is not None:
            self._unanswered.clear()  # a frame of the past answers no key
        elif (pressed := self._unanswered.answer(frame.times.taken)) is not None:
            self.round.telemetry.add_flip(now - pressed)
        if self.options.frames is not None and frame.index >= self.options.frames:
            self.outcome = Outcome.QUIT

    def draw(self) -> None:
        """Everything that is to be seen, flipped."""
        target, scale, now = self.window.surface, self.window.ui_scale, self._clock()
        target.blit(surround(target.get_size(), scale), (0, 0))
        if self.round is not None:
            area, place = self._layout()
            self.round.picture.draw(target, place)
            self.hud.rewound = self.round.rewound
            if self.overlay_shown:
                self._draw_overlay(target, self.round, area == self.window.rect, now)
            if self.screen is None:  # else its words would stand around what lies over the game
                self.hud.draw(target, area, scale, self.round.manifest, self.round.keymap)
            if self.screen is not None:
                self.screen.draw(target, scale)
        elif self._coming is not None:
            self._draw_waiting(target, f"{self._coming[0]} wakes up… {self.shelf.stage}".strip(), scale)
            self.hud.draw_toast(target, self.window.rect, scale)
        pygame.display.flip()
        self._drawn = now
        self._flips.append(now)

    def _draw_waiting(self, target: pygame.Surface, line: str, scale: int) -> None:
        middle = self.window.rect.center
        scale = fitting_scale((text_width(line) + 8, 40), self.window.rect.size, scale)
        draw_text(target, line, middle, DIM, scale, "center")
        if self._beginning is not None:
            below = middle[0], middle[1] + 14 * scale
            draw_text(target, self._beginning.waiting(), below, DIM, scale, "center")

    def _layout(self) -> tuple[pygame.Rect, pygame.Rect]:
        """Where the game may be drawn, and where its picture lies: beside the panel, unless that makes it too small."""
        assert self.round is not None
        whole, size = self.window.rect, self.round.picture.size
        place = fit_picture(whole, size)
        if self.overlay_shown:
            beside = pygame.Rect(0, 0, whole.width - Overlay.width(self._panel_scale), whole.height)
            moved = fit_picture(beside, size)
            if moved.width >= SMALLEST_SHARE * place.width and beside.contains(moved):
                return beside, moved
        return whole, place

    @property
    def _panel_scale(self) -> int:
        return self.overlay.scale(self.window.rect.size, self.window.ui_scale)

    def _draw_overlay(self, target: pygame.Surface, current: Round, over: bool, now: float) -> None:
        scale = self._panel_scale
        if self.overlay.due(now, target.get_height(), scale):
            start = current.session.start
            facts = PlayFacts(
                title=current.manifest.title,
                tick_rate=current.manifest.tick_rate,
                frame=current.frame_number,
                start=str(start) if isinstance(start, int) else "picture",
                rng_seed=current.session.rng_seed,
                window_fps=self.window_fps(now),
                capped=current.capped,
            )
            self.overlay.refresh(current.telemetry.snapshot(), facts, target.get_height(), scale, now, over)
        self.overlay.draw(target)

    def window_fps(self, now: float) -> float | None:
        """Pictures drawn a second, over the last ones; None before there are two."""
        span = now - self._flips[0] if len(self._flips) > 1 else 0.0
        return (len(self._flips) - 1) / span if span > 0 else None

    # Entering and leaving worlds

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
            self.overlay_shown = self.settings.overlay

    def wear_look(self) -> None:
        """Let everything look as the settings want it."""
        look = self.window.look = self.hud.look = self.overlay.look = look_of(self.settings)
        if self.round is not None:
            self.round.picture.set_calm(look.calm)

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

    def welcome(self, session: Session) -> None:
        """Play a session that has been reset, in place of the one before. What was being recorded goes on in a new
        folder: a recording is of one world. A pause goes on as a pause."""
        before = self.round.recorder if self.round is not None else None
        paused, away = bool(self._away) or (self.round is not None and self.hud.paused), self._away
        self._end_round()
        manifest, options = session.checkpoint.manifest, self.options
        autoplayer = make_autoplayer(options.autoplay, manifest, session.rng_seed) if options.autoplay else None
        exchanges = make_exchanges(session, autoplayer, options.capped)
        self.round = Round(exchanges, self._theme(manifest), self.settings.keys.get(manifest.name), options.capped)
        self.wear_look()
        self.hud.help, self.hud.paused = False, paused
        self.hud.pads = self.pads.connected
        self.hud.speed = ""
        if self._beginning is not None:
            self.hud.toast(self._beginning.outcome(), LONG_TOAST)
            picture = self._beginning.picture()
            self._beginning = None
            if picture is not None:
                self.pictures.begin(picture)
        if options.playback:
            self.hud.toast("a recording: Enter goes on from here", LONG_TOAST)
        else:
            self.hud.show_keys()
        if options.record is not None and self.first_frame_at is None:
            self.start_recording(options.record)
        elif before is not None:
            self.record_under(before.folder.parent)
        if paused:
            self.round.loop.pause()
        if away:
            self.hud.toast(away)
        self._away = ""
        self.round.loop.start()
        if options.frames is None and not options.playback:
            self.shelf.request_all()  # so that Tab finds them ready

    def _welcome(self) -> None:
        if self._coming is None or not self._coming[1].done():
            return
        (world, coming), self._coming = self._coming, None
        try:
            self.welcome(coming.result())
        except Exception as error:  # whatever a backend raises is one line for the player
            self._fail(world, error)

    def _theme(self, manifest: Manifest) -> str | None:
        """The command line's theme, else the settings'. A world that doesn't know it keeps its own first one."""
        wanted = self.options.theme or self.settings.theme.get(manifest.name)
        try:
            return find_theme(manifest, wanted)
        except BadInput as error:
            self.hud.toast(str(error))
            return find_theme(manifest, None)

    def _check_round(self) -> None:
        """A loop that broke ends the world; a recording that broke ends only itself."""
        if self.round is None:
            return
        if self.round.error is not None:
            self._fail(self.round.name, self.round.error)
        elif (recorder := self.round.recorder) is not None:
            if recorder.problem is not None:
                self.stop_recording()
            elif recorder.video_problem is not None and self._keep_problem(recorder.video_problem):
                self.hud.toast(recorder.video_problem, LONG_TOAST)

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
            self.stop_recording()
            self.round.end()
            self.shelf.retire(self.round.loop)
        self.round = self.screen = None
        self.pictures.forget()
        self._unanswered.clear()

    def to_menu(self) -> None:
        """Leave the world for the menu."""
        self.outcome = Outcome.MENU

    def leave(self) -> None:
        """End what is played and wait until a recording is on disk."""
        if self._beginning is not None:
            self._beginning.cancel()
        self._coming = self.screen = self._beginning = None
        self._away = ""
        self.pictures.forget()
        if self.round is not None:
            self.stop_recording()
            self.round.close()
            self.round = None
        self.recording_problems += [news.line for news in self._saver.close() if not news.saved]
        self._saver = Saver()
        for recorder in self._finishing:
            recorder.close()
            self._keep_problem(recorder.problem)
            self._keep_problem(recorder.video_problem)
        self._finishing.clear()
        self.hud.set_recording(False)

    def take_over(self) -> None:
        """Go on by hand from the frame of a recording that is shown."""
        assert self.round is not None
        recorded, number = self.round.session, self.round.frame_number
        assert isinstance(recorded, RecordedSession)
        self.round.close()  # nothing may step it meanwhile
        self.round = None  # it isn't left: its past is the game's
        recorded.take_over()
        self.options = replace(self.options, playback=False)
        self.hud.paused = False  # who takes over wants to play
        self.welcome(recorded)
        self.hud.toast(f"you play, from frame {number} on")

    # Save slots

    def choose_slot(self, command: Command, choose: Callable[[Slot], None]) -> None:
        """Show this world's slots over the game; `choose` is called with the chosen one."""
        assert self.round is not None
        slots = read_slots(self.settings.saves, self.round.session.checkpoint)
        self.open_screen(SlotScreen(slots, self.round.manifest, command, self.commands, choose, self._slot))

    def save_to(self, slot: Slot) -> None:
        """Save the game as it is now. It is written while play goes on."""
        assert self.round is not None
        self._slot = slot.number - 1
        session, name = self.round.session, f"slot {slot.number}"
        theme = self.round.picture.theme
        self._saver.save(self.round.loop.call(Session.moment), session.checkpoint, theme, slot.path, name)

    def load_from(self, slot: Slot) -> None:
        """Go on from a save. What was being recorded goes on in a new folder: it is another past."""
        assert self.round is not None and slot.save is not None
        self._slot = slot.number - 1
        before = self.round.recorder
        self.stop_recording()
        self.round.loop.resume_at(slot.save.moment)
        if before is not None:
            self.record_under(before.folder.parent)
        self.hud.toast(f"loaded: slot {slot.number}")

    # Recording

    def start_recording(self, folder: Path) -> None:
        """Record into a new `folder`. Raises BadInput where it can't be made."""
        assert self.round is not None
        self.round.record(folder)
        self.hud.set_recording(True)
        self.hud.toast(f"recording to {folder}")

    def record_under(self, parent: Path) -> None:
        """Record into a new folder of `parent`. Where it can't be made, that is said and play goes on."""
        assert self.round is not None
        try:
            self.start_recording(recording_folder(parent, self.round.name, datetime.now()))
        except (BadInput, OSError) as error:
            self.hud.toast(str(error), LONG_TOAST)

    def _keep_problem(self, problem: str | None) -> bool:
        """Keep a recording's problem to be told in the end. Whether it is a new one."""
        new = problem is not None and problem not in self.recording_problems
        if new and problem is not None:
            self.recording_problems.append(problem)
        return new

    def stop_recording(self) -> None:
        """Finish the recording, if there is one; `leave` waits until it is on disk."""
        stopped = self.round.stop_recording() if self.round is not None else None
        if stopped is not None:
            self._finishing.append(stopped)
            self.hud.set_recording(False)
            self.hud.toast(stopped.problem or f"recorded: {stopped.folder}", seconds=5)
