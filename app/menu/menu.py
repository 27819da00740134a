"""The menu: a picture of every world to choose from. Owns choosing; refuses to play (player) and to load (shelf)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import lru_cache

import pygame

from app.drawing.look import look_of
from app.drawing.notice import DROP_ELSEWHERE, Notice
from app.drawing.picture import Picture, find_theme_or_first
from app.drawing.pixel_font import CAP_HEIGHT, LINE, clip_lines, clip_text, render_text, text_width, wrap_text
from app.drawing.widgets import (
    BACKGROUND,
    CYAN,
    DIM,
    FAINT,
    INK,
    PINK,
    RED,
    YELLOW,
    draw_key_row,
    draw_text,
    fit_message,
    fitting_scale,
    key_row_height,
    panel,
)
from app.drawing.window import Window
from app.keys.gamepad import PAD_CODES, Gamepads, menu_key
from app.keys.keymap import Command, command_codes
from app.menu.backdrop import draw_backdrop
from app.menu.demo import Demo
from app.menu.shelf import Shelf
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from engine.backends.vram import estimate_need, show_size
from engine.measuring.memory import list_cards

FRAME_RATE = 30
START_SECONDS = 1.2  # each start frame is shown this long
TAGLINE = "every frame is dreamed by a neural network"
WORD_ROWS = (5, 4, 3, 2)  # lines under a picture: title, genre, and as many of the description as there is room for
WORDS_WIDTH = 110  # font pixels that they take at least
NEXT_KEYS = {pygame.K_RIGHT, pygame.K_DOWN, pygame.K_TAB, pygame.K_d}
BACK_KEYS = {pygame.K_LEFT, pygame.K_UP, pygame.K_a}
ENTER_KEYS = {pygame.K_RETURN, pygame.K_KP_ENTER, pygame.K_SPACE}
HINTS = [("← →", "choose"), ("Enter", "play"), ("P", "paint"), ("L", "recordings"), ("S", "settings"), ("Esc", "quit")]
PAD_HINTS = [("A", "play"), ("Y", "paint"), ("X", "recordings"), ("Start", "settings"), ("B", "quit")]


class Place(StrEnum):
    """Where one can go from the menu beside playing."""

    LIBRARY = "library"
    PAINTER = "painter"
    SETTINGS = "settings"


PLACE_KEYS = {
    pygame.K_l: Place.LIBRARY,
    PAD_CODES["pad x"]: Place.LIBRARY,
    pygame.K_p: Place.PAINTER,
    PAD_CODES["pad y"]: Place.PAINTER,
    pygame.K_s: Place.SETTINGS,
    PAD_CODES["pad start"]: Place.SETTINGS,
}


class Menu:
    """Shows the shelf. `run` returns the chosen world's name, or None to quit."""

    def __init__(
        self,
        window: Window,
        shelf: Shelf,
        settings: Settings,
        commands: dict[int, Command],
        clock: Callable[[], float] = time.perf_counter,
        pads: Gamepads | None = None,
        file: SettingsFile | None = None,
    ) -> None:
        self.pads = pads or Gamepads()
        self.window = window
        self.shelf = shelf
        self.settings = settings
        self.selected = 0
        self.chosen: str | None = None
        self.done = False
        self.place: Place | None = None  # how it was left: to go there
        self._file = file  # watched: a change by hand counts at once
        self._commands = commands
        self._clock = clock
        self._opened = clock()
        self._notice = Notice(clock)
        window.look = look_of(settings)
        self._pictures = [_first_picture(shelf, name, settings) for name in shelf.names]
        self._demo = Demo(shelf, clock)
        self._card = bool(list_cards())  # without one nobody asks what a world needs on it

    def say(self, message: str) -> None:
        """Show one line for a while, such as why a world ended."""
        self._notice.say(message)

    def apply(self, settings: Settings, problems: Sequence[str] = ()) -> None:
        """Take other settings over."""
        self.settings, self._commands = settings, command_codes(settings.command_keys)
        self.window.look = look_of(settings)
        self._pictures = [_first_picture(self.shelf, name, settings) for name in self.shelf.names]
        for problem in problems[:1]:
            self.say(problem)

    def select(self, name: str) -> None:
        """Move the choice to a world."""
        self.selected = self.shelf.names.index(name)

    def run(self) -> str | None:
        """Until a world is chosen or the menu is left."""
        self.done, self.chosen, self.place = False, None, None
        ticker = pygame.time.Clock()
        try:
            if self._file is not None and (self._file.reread() or self._file.current != self.settings):
                self.apply(self._file.current, self._file.problems)
            while not self.done:
                self.poll()
                self._follow()
                if self._file is not None and self._file.poll():
                    self.apply(self._file.current, self._file.problems)
                self.draw()
                ticker.tick(FRAME_RATE)
        finally:
            self._demo.end()
        return self.chosen

    def poll(self) -> None:
        """Handle what happened since the last call."""
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                self.done = True
            elif event.type == pygame.DROPFILE:
                self.say(DROP_ELSEWHERE)
            elif event.type == pygame.KEYDOWN:
                self._key(event.key)
            else:
                for code, down in self.pads.handle(event):
                    if down:
                        self._key(code if code in PLACE_KEYS else menu_key(code))

    def _key(self, code: int) -> None:
        count = len(self.shelf.names)
        command = self._commands.get(code)
        if command is Command.FULLSCREEN:
            self.window.toggle_fullscreen()
        elif command is Command.MENU or code == pygame.K_ESCAPE:
            self.done = True
        elif code in PLACE_KEYS:
            self.place, self.done = PLACE_KEYS[code], True
        elif code in NEXT_KEYS and count:
            self.selected = (self.selected + 1) % count
        elif code in BACK_KEYS and count:
            self.selected = (self.selected - 1) % count
        elif code in ENTER_KEYS and count:
            self.chosen, self.done = self.shelf.names[self.selected], True

    def _follow(self) -> None:
        """Let the chosen world play itself, and have the others made ready meanwhile."""
        if self.shelf.names:
            self._demo.follow(self.shelf.names[self.selected])
            self.shelf.request_all()

    def draw(self) -> None:
        """One picture of the menu, flipped."""
        target, scale, now = self.window.surface, self.window.ui_scale, self._clock()
        width, height = target.get_size()
        draw_backdrop(target, scale, self.window.look.moving(now - self._opened))
        top = self._draw_head(target, scale)
        hints = PAD_HINTS if self.pads.connected else HINTS
        bottom = height - 14 * scale
        draw_key_row(target, hints, (width // 2, bottom), scale)
        bottom -= key_row_height(hints, width - 8 * scale, scale)
        self._draw_cards(target, pygame.Rect(0, top, width, bottom - 4 * scale - top), scale, now)
        pygame.display.flip()

    def _draw_head(self, target: pygame.Surface, scale: int) -> int:
        """Name and tagline, or a message in its place: nothing else is covered by that. Returns where they end."""
        width, height = target.get_size()
        big = max(2, min(width * 3 // 5 // text_width("DREAMCADE"), height // 9 // CAP_HEIGHT))
        logo = _logo(big)
        top = height // 22
        target.blit(logo, ((width - logo.get_width()) // 2, top))
        below = top + logo.get_height() + 3 * scale
        if line := self._notice.line:
            _draw_message(target, line, below, scale)
            return below + 14 * scale
        fitted = fitting_scale((text_width(TAGLINE) + 8, 1), (width, height), scale)
        draw_text(target, TAGLINE, (width // 2, below), DIM, fitted, "center")
        return below + 14 * scale

    def _draw_cards(self, target: pygame.Surface, area: pygame.Rect, scale: int, now: float) -> None:
        if not self._pictures:
            draw_text(target, "no world is installed", area.center, RED, scale, "center")
            return
        native = max(max(picture.size) for picture in self._pictures)
        across = min(len(self._pictures), 3)
        room = (area.width - 24 * scale * (across + 1)) // across
        for rows in WORD_ROWS:
            words = (rows * LINE + 8) * scale
            pixel = max(1, min((area.height - words) // native, room // native))
            if native * pixel >= words:  # no more words than picture
                break
        side = native * pixel
        wide = max(side, min(room, WORDS_WIDTH * scale))
        step = wide + 24 * scale
        shown_first = self._first_shown(across)
        left = (area.width - (step * across - 24 * scale)) // 2
        top = area.top + max(0, (area.height - words - side) // 2)
        for place in range(across):
            number = (shown_first + place) % len(self._pictures)
            rect = pygame.Rect(left + place * step + (wide - side) // 2, top, side, side)
            self._draw_card(target, number, rect, pixel, now)
            below = pygame.Rect(left + place * step, rect.bottom, wide, words)
            self._draw_words(target, number, below, rows, number == self.selected)

    def _first_shown(self, across: int) -> int:
        """The leftmost card: all where they fit, else the selected one in the middle."""
        return 0 if len(self._pictures) <= across else (self.selected - across // 2) % len(self._pictures)

    def _draw_card(self, target: pygame.Surface, number: int, rect: pygame.Rect, pixel: int, now: float) -> None:
        scale = self.window.ui_scale
        chosen = number == self.selected
        name = self.shelf.names[number]
        checkpoint, picture = self.shelf.checkpoint(name), self._pictures[number]
        if not self._demo.draw_into(name, picture):
            turn = int(self.window.look.moving(now - self._opened) / START_SECONDS)
            picture.load(checkpoint.start_pixels[turn % checkpoint.starts])
        edge = 3 * scale if chosen else scale
        pygame.draw.rect(target, YELLOW if chosen else FAINT, rect.inflate(2 * edge, 2 * edge), edge)
        target.fill(BACKGROUND, rect)
        picture.draw(target, picture.centred(rect, pixel))
        if not chosen:
            target.blit(_shade(rect.size), rect)

    def _draw_words(self, target: pygame.Surface, number: int, rect: pygame.Rect, rows: int, chosen: bool) -> None:
        """Title and genre, and `rows` with them."""
        scale, manifest = self.window.ui_scale, self.shelf.checkpoint(self.shelf.names[number]).manifest
        y = rect.top + 8 * scale
        title = f"▶ {manifest.title}" if chosen else manifest.title
        title_scale = scale + 1 if text_width(f"▶ {manifest.title}", scale + 1) <= rect.width else scale
        title = clip_text(title, rect.width, title_scale)
        draw_text(target, title, (rect.left, y), YELLOW if chosen else DIM, title_scale)
        y += (CAP_HEIGHT + 5) * title_scale
        draw_text(target, manifest.genre, (rect.left, y), CYAN if chosen else DIM, scale)
        need = f"VRAM {show_size(estimate_need(manifest))}"
        if self._card and text_width(manifest.genre + need, scale) + 8 * scale <= rect.width:
            draw_text(target, need, (rect.right, y), DIM, scale, "right")
        y += LINE * scale
        lines = wrap_text(manifest.description, rect.width, scale)
        for line in clip_lines(lines, rows - 2, rect.width, scale):
            draw_text(target, line, (rect.left, y), INK if chosen else DIM, scale)
            y += LINE * scale


def _first_picture(shelf: Shelf, name: str, settings: Settings) -> Picture:
    manifest = shelf.checkpoint(name).manifest
    picture = Picture(manifest, find_theme_or_first(manifest, settings.theme.get(name)))
    picture.set_calm(settings.calm)
    return picture


def _draw_message(target: pygame.Surface, message: str, top: int, scale: int) -> None:
    width = target.get_width()
    (line,), scale = fit_message(message, width - 16 * scale, scale, 1)
    box = pygame.Rect(0, 0, text_width(line, scale) + 10 * scale, 14 * scale)
    box.midtop = (width // 2, top - scale)
    target.blit(panel(box.size, border=RED), box)
    draw_text(target, line, (box.centerx, box.top + 4 * scale), INK, scale, "center")


@lru_cache(maxsize=2)
def _shade(size: tuple[int, int]) -> pygame.Surface:
    surface = pygame.Surface(size, pygame.SRCALPHA)
    surface.fill((*BACKGROUND, 120))
    return surface


@lru_cache(maxsize=4)
def _logo(scale: int) -> pygame.Surface:
    """The name in bands from pink to yellow, on its own shadow."""
    letters = render_text("DREAMCADE", INK, scale)
    drop = max(1, scale // 3)
    surface = pygame.Surface((letters.get_width() + drop, CAP_HEIGHT * scale + drop), pygame.SRCALPHA)
    shadow = render_text("DREAMCADE", (84, 24, 104), scale)
    for offset in range(1, drop + 1):
        surface.blit(shadow, (offset, offset))
    for row in range(CAP_HEIGHT):
        share = row / (CAP_HEIGHT - 1)
        low, high = (YELLOW, PINK) if share < 0.6 else (PINK, (190, 90, 255))
        part = share / 0.6 if share < 0.6 else (share - 0.6) / 0.4
        r, g, b = (int(a + (z - a) * part) for a, z in zip(low, high, strict=True))
        band = render_text("DREAMCADE", (r, g, b), scale)
        surface.blit(band, (0, row * scale), (0, row * scale, band.get_width(), scale))
    return surface
