"""The menu: a picture of every world to choose from. Owns choosing; refuses to play (player) and to load (shelf)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache

import pygame

from app.backdrop import draw_backdrop
from app.demo import Demo
from app.gamepad import PAD_CODES, Gamepads, menu_key
from app.keymap import Command
from app.picture import Picture, find_theme
from app.pixel_font import CAP_HEIGHT, LINE, fit_text, render_text, text_width, wrap_text
from app.settings import Settings
from app.shelf import Shelf
from app.widgets import BACKGROUND, CYAN, DIM, FAINT, INK, PINK, RED, YELLOW, draw_key_row, draw_text, panel
from app.window import Window
from engine.backends.vram import estimate_need, show_size
from engine.memory import list_cards
from models.manifest import BadInput

FRAME_RATE = 30
START_SECONDS = 1.2  # each start frame is shown this long
TAGLINE = "every frame is dreamed by a neural network"
MESSAGE_SECONDS = 6.0
LIBRARY_ROWS = 5  # lines under a picture: title, genre, and three of description
NEXT_KEYS = {pygame.K_RIGHT, pygame.K_DOWN, pygame.K_TAB, pygame.K_d}
BACK_KEYS = {pygame.K_LEFT, pygame.K_UP, pygame.K_a}
ENTER_KEYS = {pygame.K_RETURN, pygame.K_KP_ENTER, pygame.K_SPACE}
LIBRARY_KEYS = {pygame.K_l, PAD_CODES["pad x"]}
HINTS = [("← →", "choose"), ("Enter", "play"), ("L", "recordings"), ("F11", "full screen"), ("Esc", "quit")]


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
    ) -> None:
        self.pads = pads or Gamepads()
        self.window = window
        self.shelf = shelf
        self.settings = settings
        self.selected = 0
        self.chosen: str | None = None
        self.done = False
        self.to_library = False  # how it was left: to see the recordings
        self._commands = commands
        self._clock = clock
        self._opened = clock()
        self._message: tuple[str, float] | None = None
        self._pictures = [_first_picture(shelf, name, settings) for name in shelf.names]
        self._demo = Demo(shelf, clock)
        self._card = bool(list_cards())  # without one nobody asks what a world needs on it

    def say(self, message: str) -> None:
        """Show one line for a while, such as why a world ended."""
        self._message = (message, self._clock() + MESSAGE_SECONDS)

    def select(self, name: str) -> None:
        """Move the choice to a world."""
        self.selected = self.shelf.names.index(name)

    def run(self) -> str | None:
        """Until a world is chosen or the menu is left."""
        self.done, self.chosen, self.to_library = False, None, False
        ticker = pygame.time.Clock()
        try:
            while not self.done:
                self.poll()
                self._follow()
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
            elif event.type == pygame.KEYDOWN:
                self._key(event.key)
            else:
                for code, down in self.pads.handle(event):
                    if down:
                        self._key(menu_key(code))

    def _key(self, code: int) -> None:
        count = len(self.shelf.names)
        command = self._commands.get(code)
        if command is Command.FULLSCREEN:
            self.window.toggle_fullscreen()
        elif command is Command.MENU or code == pygame.K_ESCAPE:
            self.done = True
        elif code in LIBRARY_KEYS:
            self.to_library = self.done = True
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
        draw_backdrop(target, scale, now - self._opened)
        top = self._draw_head(target, scale)
        bottom = height - 20 * scale
        draw_key_row(target, HINTS, (width // 2, bottom), scale)
        self._draw_cards(target, pygame.Rect(0, top, width, bottom - 12 * scale - top), scale, now)
        if self._message and now < self._message[1]:
            _draw_message(target, self._message[0], bottom - 16 * scale, scale)
        pygame.display.flip()

    def _draw_head(self, target: pygame.Surface, scale: int) -> int:
        """Name and tagline; returns where they end."""
        width, height = target.get_size()
        big = max(2, min(width * 3 // 5 // text_width("DREAMCADE"), height // 9 // CAP_HEIGHT))
        logo = _logo(big)
        top = height // 22
        target.blit(logo, ((width - logo.get_width()) // 2, top))
        below = top + logo.get_height() + 3 * scale
        draw_text(target, TAGLINE, (width // 2, below), DIM, scale, "center")
        return below + 14 * scale

    def _draw_cards(self, target: pygame.Surface, area: pygame.Rect, scale: int, now: float) -> None:
        if not self._pictures:
            draw_text(target, "no world is installed", area.center, RED, scale, "center")
            return
        words = (LIBRARY_ROWS * LINE + 8) * scale
        native = max(max(picture.size) for picture in self._pictures)
        across = min(len(self._pictures), 3)
        room = (area.width - 24 * scale * (across + 1)) // across
        pixel = max(1, min((area.height - words) // native, room // native))
        side = native * pixel
        step = side + 24 * scale
        shown_first = self._first_shown(across)
        left = (area.width - (step * across - 24 * scale)) // 2
        top = area.top + max(0, (area.height - words - side) // 2)
        for place in range(across):
            number = (shown_first + place) % len(self._pictures)
            self._draw_card(target, number, pygame.Rect(left + place * step, top, side, side), pixel, now)

    def _first_shown(self, across: int) -> int:
        """The leftmost card: all where they fit, else the selected one in the middle."""
        return 0 if len(self._pictures) <= across else (self.selected - across // 2) % len(self._pictures)

    def _draw_card(self, target: pygame.Surface, number: int, rect: pygame.Rect, pixel: int, now: float) -> None:
        scale = self.window.ui_scale
        chosen = number == self.selected
        name = self.shelf.names[number]
        checkpoint, picture = self.shelf.checkpoint(name), self._pictures[number]
        if not self._demo.draw_into(name, picture):
            turn = int((now - self._opened) / START_SECONDS)
            picture.load(checkpoint.start_pixels[turn % checkpoint.starts])
        edge = 3 * scale if chosen else scale
        pygame.draw.rect(target, YELLOW if chosen else FAINT, rect.inflate(2 * edge, 2 * edge), edge)
        target.fill(BACKGROUND, rect)
        picture.draw(target, picture.centred(rect, pixel))
        if not chosen:
            target.blit(_shade(rect.size), rect)
        self._draw_words(target, number, rect, chosen)

    def _draw_words(self, target: pygame.Surface, number: int, rect: pygame.Rect, chosen: bool) -> None:
        scale, manifest = self.window.ui_scale, self.shelf.checkpoint(self.shelf.names[number]).manifest
        y = rect.bottom + 8 * scale
        title_scale = scale + 1 if text_width(manifest.title, scale + 1) <= rect.width else scale
        draw_text(target, manifest.title, (rect.left, y), YELLOW if chosen else DIM, title_scale)
        y += (CAP_HEIGHT + 5) * title_scale
        draw_text(target, manifest.genre, (rect.left, y), CYAN if chosen else DIM, scale)
        need = f"VRAM {show_size(estimate_need(manifest))}"
        if self._card and text_width(manifest.genre + need, scale) + 8 * scale <= rect.width:
            draw_text(target, need, (rect.right, y), DIM, scale, "right")
        y += LINE * scale
        for line in wrap_text(manifest.description, rect.width, scale)[:3]:
            draw_text(target, line, (rect.left, y), INK if chosen else DIM, scale)
            y += LINE * scale


def _first_picture(shelf: Shelf, name: str, settings: Settings) -> Picture:
    manifest = shelf.checkpoint(name).manifest
    try:
        theme = find_theme(manifest, settings.theme.get(name))
    except BadInput:
        theme = find_theme(manifest, None)  # the player is told when the world is entered
    return Picture(manifest, theme)


def _draw_message(target: pygame.Surface, message: str, bottom: int, scale: int) -> None:
    width = target.get_width()
    line = fit_text(message, width - 24 * scale, scale)
    box = pygame.Rect(0, 0, text_width(line, scale) + 12 * scale, 15 * scale)
    box.midbottom = (width // 2, bottom)
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
