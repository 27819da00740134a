"""The settings, in the app. Owns the screen's pages, keys and capturing a press; refuses drawing (view), what
the rows are (rows) and the file (file).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import pygame

from app.drawing.look import look_of
from app.drawing.notice import Notice
from app.drawing.window import Window
from app.keys.gamepad import PAD_CODES, Gamepads, is_pad, menu_key
from app.keys.key_choice import key_name, keys_of, shown_pair, taken_by, with_key, without_choice
from app.keys.keymap import Command, command_codes, shown_key
from app.keys.name_entry import NameEntry
from app.menu.backdrop import draw_backdrop
from app.outcome import Outcome
from app.settings.file import SettingsFile
from app.settings.rows import ChoiceRow, KeysRow, Row, TextRow, key_entries, setting_rows, when
from app.settings.schema import Settings, field_note
from app.settings.view import Line, View, draw_settings
from models.actions import Action
from models.manifest import BadInput, Manifest

FRAME_RATE = 30
CAPTURE_SECONDS = 6.0  # until a capture gives up: a gamepad's player has no Esc for it
FOLDER_LETTERS = 200
ENTER = (pygame.K_RETURN, pygame.K_KP_ENTER, pygame.K_SPACE)
FORGET = (pygame.K_DELETE, pygame.K_BACKSPACE, PAD_CODES["pad x"])


class SettingsScreen:
    """Shows and changes the settings until it is left."""

    def __init__(
        self,
        window: Window,
        file: SettingsFile,
        worlds: list[Manifest],
        pads: Gamepads,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.window, self.file, self.pads = window, file, pads
        self.outcome: Outcome | None = None
        self.rows: list[Row] = setting_rows(worlds)
        self.selected = 0
        self.page: KeysRow | None = None  # the keys that are looked at
        self.key_selected = 0
        self.capture_until: float | None = None  # while the next press is the wanted key
        self.entry: NameEntry | None = None
        self._worlds = worlds
        self._clock = clock
        self._opened = clock()
        self._notice = Notice(clock)

    def run(self) -> Outcome:
        """Until it is left: to the menu, or out of the program."""
        ticker = pygame.time.Clock()
        pygame.key.start_text_input()
        try:
            while self.outcome is None:
                self.turn()
                ticker.tick(FRAME_RATE)
        finally:
            pygame.key.stop_text_input()
        return self.outcome

    def turn(self) -> None:
        """Keys, then a picture."""
        self.poll()
        if self.capture_until is not None and self._clock() > self.capture_until:
            self.capture_until = None
            self.say("nothing was pressed: the keys stay as they were")
        if self.file.poll():
            self.say("the file was changed by hand and read again")
        self.window.look = look_of(self.file.current)
        self.draw()

    def say(self, message: str) -> None:
        """One line for a while."""
        self._notice.say(message)

    @property
    def message(self) -> str:
        """The line that shows now, or nothing."""
        return self._notice.line

    def poll(self) -> None:
        """Handle what happened since the last call."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.outcome = Outcome.QUIT
            elif event.type == pygame.TEXTINPUT and self.entry is not None:
                self.entry.type(event.text)
            elif event.type == pygame.KEYDOWN:
                self._key(event.key)
            else:
                for code, down in self.pads.handle(event):
                    if down:
                        self._key(code)

    def _key(self, raw: int) -> None:
        """A key's own code; a gamepad's counts as it is only while one is captured."""
        if self.capture_until is not None:
            self._captured(raw)
            return
        code, command = menu_key(raw), command_codes(self.file.current.command_keys).get(raw)
        leaves = code == pygame.K_ESCAPE or (command is Command.MENU and self.entry is None)
        if command is Command.FULLSCREEN and self.entry is None:
            self.window.toggle_fullscreen()
        elif self.entry is not None:
            self._entry_key(self.entry, code, leaves)
        elif self.page is not None:
            self._page_key(self.page, code, leaves)
        elif leaves:
            self.outcome = Outcome.MENU
        elif code in (pygame.K_UP, pygame.K_DOWN):
            self.selected = (self.selected + (1 if code == pygame.K_DOWN else -1)) % len(self.rows)
        elif code in (pygame.K_LEFT, pygame.K_RIGHT):
            self._step(self.rows[self.selected], 1 if code == pygame.K_RIGHT else -1)
        elif code in ENTER:
            self._open(self.rows[self.selected])
        elif code in FORGET:
            self._change(_plain(self.rows[self.selected], self.file.current))

    def _step(self, row: Row, way: int) -> None:
        if isinstance(row, ChoiceRow):
            self._change(row.step(self.file.current, way))

    def _open(self, row: Row) -> None:
        if isinstance(row, KeysRow):
            self.page, self.key_selected = row, 0
        elif isinstance(row, TextRow):
            self.entry = NameEntry(row.shown(self.file.current), FOLDER_LETTERS, "/")
        else:
            self._step(row, 1)

    def _entry_key(self, entry: NameEntry, code: int, leaves: bool) -> None:
        if leaves:
            self.entry = None
        elif code in (pygame.K_RETURN, pygame.K_KP_ENTER):
            self.entry = None
            if entry.text.strip():
                self._change({self.rows[self.selected].name: entry.text.strip()})
        else:
            entry.key(code)

    def _page_key(self, page: KeysRow, code: int, leaves: bool) -> None:
        entries = key_entries(page)
        entry = entries[self.key_selected][0]
        if leaves:
            self.page = None
        elif code in (pygame.K_UP, pygame.K_DOWN):
            self.key_selected = (self.key_selected + (1 if code == pygame.K_DOWN else -1)) % len(entries)
        elif code in ENTER:
            self.capture_until = self._clock() + CAPTURE_SECONDS
        elif code in FORGET:
            self._change(without_choice(self.file.current, entry, page.manifest))

    def _captured(self, raw: int) -> None:
        """A press that is to be a key from now on. One that somebody else has is refused, and that is said."""
        assert self.page is not None
        self.capture_until = None
        page, settings = self.page, self.file.current
        entry, name = key_entries(page)[self.key_selected][0], key_name(raw)
        if raw == pygame.K_ESCAPE and entry is not Command.MENU:
            self.say("the keys stay as they were")
        elif name is None:
            self.say("that key has no name: take another one")
        elif (taken := taken_by(settings, raw, entry, page.manifest, self._worlds)) is not None:
            self.say(f"{shown_key(name)} {taken}: take another one, or change that first")
        elif self._change(with_key(settings, entry, page.manifest, name)):
            kind = "button" if is_pad(name) else "key"
            self.say(f"{_title(entry)}: its {kind} is {shown_key(name)} now")

    def _change(self, changes: Mapping[str, Any]) -> bool:
        """Change the settings, and say what there is to say of it. Whether that went well."""
        try:
            told = self.file.change(changes)
        except BadInput as error:
            self.say(str(error))
            return False
        self.say(told or "")
        return True

    def draw(self) -> None:
        """One picture, flipped."""
        scale, now = self.window.ui_scale, self._clock()
        draw_backdrop(self.window.surface, scale, self.window.look.moving(now - self._opened))
        draw_settings(self.window.surface, scale, self._view(now), self.window.look)
        pygame.display.flip()

    def _view(self, now: float) -> View:
        settings = self.file.current
        capture = None if self.capture_until is None else max(0.0, self.capture_until - now)
        where = "only for this visit: there is no file" if self.file.path is None else str(self.file.path)
        if self.page is None:
            row = self.rows[self.selected]
            lines = [Line(r.title, (r.shown(settings),), when(r).value, isinstance(r, ChoiceRow)) for r in self.rows]
            meaning = f"{field_note(row.name).meaning} ({when(row)})"
            return View(
                "settings",
                where,
                lines,
                self.selected,
                meaning,
                self.message,
                self.file.problems,
                self.entry,
                pads=self.pads.connected,
            )
        entries = key_entries(self.page)
        lines = [
            Line(title, shown_pair(keys_of(settings, entry, self.page.manifest)), "", False) for entry, title in entries
        ]
        return View(
            self.page.title,
            "Enter, then the new key or button",
            lines,
            self.key_selected,
            "keys of both kinds: on the keyboard, on a gamepad (live)",
            self.message,
            self.file.problems,
            capture=None if capture is None else (entries[self.key_selected][1], capture),
            columns=("keyboard", "gamepad"),
            pads=self.pads.connected,
        )


def _title(entry: Command | Action) -> str:
    return str(entry).capitalize()


def _plain(row: Row, settings: Settings) -> dict[str, Any]:
    """The change that gives a row its default again; of a field with a part for each world, only that part."""
    if row.part is None:
        return {row.name: getattr(Settings(), row.name)}
    return {row.name: {name: value for name, value in getattr(settings, row.name).items() if name != row.part}}
