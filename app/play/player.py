"""The player's side of a key press. Owns polling keys and showing the newest frame; refuses to wait for the model.

The way of a key: `poll` here → app/keys/keymap.py makes an Action → engine/mailbox.py keeps it → engine/frame_loop.py
takes it after its deadline → engine/session.py makes the frame → `show` here has the stage draw it and stamps the time
from key to flip.
"""

from __future__ import annotations

import time
from functools import cached_property
from pathlib import Path

import pygame

from app.drawing.window import lost_display
from app.keys.gamepad import menu_key
from app.keys.keymap import Command
from app.outcome import Outcome
from app.play.commands import HELD, hold, obey
from app.play.dropped_picture import DroppedPicture
from app.play.play import Play
from app.play.stage import DRAW_RATE, Screen
from engine.frame import Frame

POLL_SECONDS = 0.004  # keys are looked at this often while no frame comes
TAKE_OVER = (pygame.K_RETURN, pygame.K_KP_ENTER)  # while a recording plays
STILL_SECONDS = 0.1  # without a new frame it is drawn this often: a toast must go, a dot must blink


class Player(Play):
    """Plays one world after the other in a window until it is left, turn after turn."""

    @cached_property
    def _dropped(self) -> DroppedPicture:
        return DroppedPicture(self)

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
        self.follow_coming()
        frame = self._next_frame()
        if frame is not None:
            self.show(frame)
        elif self._clock() - self.stage.drawn >= STILL_SECONDS:
            self.draw()
        if self.outcome is None:  # who leaves sees no toast any more
            self.keeper.follow(self.round)
        self._dropped.follow()
        self.watch_file()
        self.check_round()

    def poll(self) -> None:
        """Keys since the last turn: the world's own become an action in the loop's mailbox, the others a command."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.outcome = Outcome.QUIT
            elif event.type == pygame.WINDOWFOCUSLOST:
                self.release_all()
                self.pause_alone("paused: the window is in the background")
            elif event.type == pygame.WINDOWFOCUSGAINED:
                self.away = ""
            elif event.type == pygame.CONTROLLERDEVICEREMOVED:
                self._press_all(event)
                self.pause_alone("paused: a gamepad has gone")
            elif event.type == pygame.DROPFILE:
                self._dropped.take(Path(event.file))
            elif event.type in (pygame.KEYDOWN, pygame.KEYUP):
                self._key(event.key, event.type == pygame.KEYDOWN, getattr(event, "pressed_at", self._clock()))
            else:
                self._press_all(event)

    def _press_all(self, event: pygame.event.Event) -> None:
        """A gamepad's event is as many keys as it presses and lets go."""
        for code, down in self.pads.handle(event):
            self._key(code, down, getattr(event, "pressed_at", self._clock()))
        self.hud.pads = self.pads.connected

    def _key(self, code: int, down: bool, happened: float) -> None:
        command = self.commands.get(code)
        self.away = "" if down else self.away
        if self.screen is not None and command is not Command.FULLSCREEN:
            self._screen_key(self.screen, code, down)
        elif self.options.playback and down and menu_key(code) in TAKE_OVER and self.round is not None:
            self.take_over(self.round)
        elif command in HELD:
            hold(self, command, down)
        elif command is not None and down:
            obey(self, command)
        elif self.round is not None and not self.options.autoplay:
            keymap, actions = self.round.keymap, self.round.actions
            ours = keymap.press(code) if down else keymap.release(code)
            if ours and keymap.action is not actions.held:
                actions.put(keymap.action, happened)
                self.unanswered.add(happened, self._clock())

    def _screen_key(self, screen: Screen, code: int, down: bool) -> None:
        if down:
            screen.key(menu_key(code))
            if screen.closed:
                self.close_screen()
            self.draw()

    def _next_frame(self) -> Frame | None:
        """The newest frame if it is time to draw one; else a short wait: keys are polled often but not hotly."""
        early = self.stage.drawn + 1 / DRAW_RATE - self._clock()
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
            self.unanswered.clear()  # a frame of the past answers no key
        elif (pressed := self.unanswered.answer(frame.times.taken)) is not None:
            self.round.telemetry.add_flip(now - pressed)
        if self.options.frames is not None and frame.index >= self.options.frames:
            self.outcome = Outcome.QUIT
