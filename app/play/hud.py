"""What is drawn over a played picture: keys, toasts, red dot, pause. Owns when it shows; refuses figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import pygame

from app.drawing.look import Look
from app.drawing.notice import Notice
from app.drawing.pixel_font import LINE, text_width
from app.drawing.widgets import (
    CYAN,
    FAINT,
    INK,
    YELLOW,
    draw_key_row,
    draw_text,
    fit_message,
    fitting_scale,
    panel,
)
from app.keys.keymap import COMMAND_TITLES, Command, Keymap, shown_keys
from app.play.key_help import draw_help, help_pages, help_scale
from app.play.round import Rewound
from models.manifest import Manifest

KEYS_SECONDS = 3.0
TOAST_SECONDS = 2.5
LONG_TOAST = 6.0  # for what one must not miss
BLINK_SECONDS = 0.6
TOAST_LINES = 3
KEYS_WIDTH = 300  # font pixels
PAUSED = 132, 44
HINTED = (Command.PAUSE, Command.RECORD, Command.NEXT_WORLD, Command.HELP, Command.MENU)

CommandKeys = Mapping[Command, tuple[str, ...]]


def action_rows(keymap: Keymap, pads: bool) -> list[tuple[tuple[str, ...], str]]:
    """(shown keys, action) of the world's own keys; `pads`: a gamepad's too."""
    return [(shown_keys(names, pads), str(action)) for action, names in keymap.keys.items()]


def command_rows(commands: CommandKeys, pads: bool) -> list[tuple[tuple[str, ...], str]]:
    """(shown keys, meaning) of every command."""
    return [(shown_keys(commands[c], pads), COMMAND_TITLES[c].lower()) for c in Command]


def hint(commands: CommandKeys, command: Command, pads: bool) -> str:
    """The one key to tell for a command: a gamepad's where there is one."""
    return next(reversed(shown_keys(commands[command][:1] if not pads else commands[command], pads)), "—")


class Hud:
    """State that fades: until when keys and toast are shown, since when it records."""

    def __init__(self, commands: CommandKeys, clock: Callable[[], float] = time.perf_counter) -> None:
        self.help = False
        self._page, self._pages = 0, 1  # of the help: the one that shows, and how many there are
        self.paused = False
        self.speed = ""  # shown while it isn't the world's own
        self.rewound: Rewound | None = None
        self.pads = False  # whether a gamepad is there
        self.commands = commands
        self.look = Look()
        self._clock = clock
        self._keys_until = 0.0
        self._notice = Notice(clock)
        self._recording_since: float | None = None

    def begin(self, paused: bool, pads: bool) -> None:
        """Another world is entered."""
        self.help, self.paused, self.pads, self.speed = False, paused, pads, ""

    def show_keys(self) -> None:
        """A world is entered: its keys for three seconds."""
        self._keys_until = self._clock() + KEYS_SECONDS

    def toast(self, message: str, seconds: float = TOAST_SECONDS) -> None:
        """One line for a while."""
        self._notice.say(message, seconds)

    @property
    def message(self) -> str:
        """The line that shows now, or nothing: where rewinding has come to its end, why."""
        return (self.rewound.edge if self.rewound is not None else "") or self._notice.line

    def set_recording(self, recording: bool) -> None:
        """The red dot on or off."""
        self._recording_since = self._clock() if recording else None

    @property
    def keys_shown(self) -> bool:
        """Whether the world's keys are on the screen."""
        return self._clock() < self._keys_until

    def turn_help(self) -> None:
        """The help's first page, the next, and away behind the last."""
        if self.help and self._page + 1 < self._pages:
            self._page += 1
        else:
            self.help, self._page = not self.help, 0

    def draw(self, target: pygame.Surface, area: pygame.Rect, scale: int, manifest: Manifest, keymap: Keymap) -> None:
        """Draw over the picture's part `area` of the window; the help takes the whole of it."""
        if self._recording_since is not None:
            self._draw_recording(target, area, scale)
        if self.help:
            self._draw_help(target, scale, manifest, keymap)
        elif self.keys_shown and not self.paused and self.rewound is None:
            _draw_keys(target, area, scale, manifest, keymap, self)
        if self.rewound is not None:
            _draw_rewound(target, area, scale, self.rewound)
        elif self.paused and not self.help:
            self._draw_paused(target, area, scale)
        if self.speed and self.rewound is None:
            _draw_speed(target, area, scale, self.speed)
        self.draw_toast(target, area, scale)

    def draw_toast(self, target: pygame.Surface, area: pygame.Rect, scale: int) -> None:
        """The toast alone, where there is no game yet."""
        if self.message:
            _draw_toast(target, area, scale, self.message)

    def _draw_help(self, target: pygame.Surface, scale: int, manifest: Manifest, keymap: Keymap) -> None:
        """Every key: the world's own, then the commands."""
        rows = [*action_rows(keymap, self.pads), ((), ""), *command_rows(self.commands, self.pads)]
        scale = help_scale(target.get_size(), scale)
        pages = help_pages(rows, target.get_size(), scale)
        self._pages, self._page = len(pages), min(self._page, len(pages) - 1)
        key = hint(self.commands, Command.HELP, self.pads)
        draw_help(target, manifest.title, pages, self._page, key, scale)

    def _draw_recording(self, target: pygame.Surface, area: pygame.Rect, scale: int) -> None:
        seconds = self._clock() - (self._recording_since or 0.0)
        text = f"REC {int(seconds) // 60:02d}:{int(seconds) % 60:02d}"
        box = pygame.Rect(area.left + 6 * scale, area.top + 6 * scale, text_width(text, scale) + 22 * scale, 15 * scale)
        target.blit(panel(box.size, edge=scale), box)
        if self.look.calm or seconds % (2 * BLINK_SECONDS) < BLINK_SECONDS * 1.4:
            pygame.draw.circle(target, self.look.bad, (box.left + 8 * scale, box.centery), 3 * scale)
        draw_text(target, text, (box.left + 15 * scale, box.top + 4 * scale), INK, scale)

    def _draw_paused(self, target: pygame.Surface, area: pygame.Rect, scale: int) -> None:
        scale = fitting_scale((PAUSED[0] + 8, PAUSED[1] + 16), area.size, scale)
        box = pygame.Rect(0, 0, PAUSED[0] * scale, PAUSED[1] * scale)
        box.midbottom = (area.centerx, area.bottom - 8 * scale)  # low, so that single frames can be looked at
        target.blit(panel(box.size, edge=scale), box)
        draw_text(target, "PAUSED", (box.centerx, box.top + 7 * scale), YELLOW, 2 * scale, "center")
        go_on, one = (hint(self.commands, command, self.pads) for command in (Command.PAUSE, Command.STEP))
        draw_key_row(target, [(go_on, "go on"), (one, "one frame")], (box.centerx, box.bottom - 11 * scale), scale)


def _draw_toast(target: pygame.Surface, area: pygame.Rect, scale: int, message: str) -> None:
    lines, small = fit_message(message, area.width - 24 * scale, scale, TOAST_LINES)
    wide = max(text_width(line, small) for line in lines)
    box = pygame.Rect(0, 0, wide + 12 * small, (LINE * len(lines) + 4) * small)
    box.midtop = (area.centerx, area.top + 10 * scale)
    target.blit(panel(box.size, edge=small), box)
    for number, line in enumerate(lines):
        draw_text(target, line, (box.centerx, box.top + (4 + LINE * number) * small), INK, small, "center")


def _draw_rewound(target: pygame.Surface, area: pygame.Rect, scale: int, rewound: Rewound) -> None:
    """How far back, and how much of the past is left before it. Where letters are too large for the word, the arrows
    say it alone."""
    back = f"{rewound.seconds:.1f} s back"
    least = text_width(back) + 58  # with the arrows and the margins
    scale = fitting_scale((least, 44), area.size, scale)
    box = pygame.Rect(0, 0, min(area.width - 8 * scale, 220 * scale), 36 * scale)
    box.midbottom = (area.centerx, area.bottom - 8 * scale)
    target.blit(panel(box.size, edge=scale), box)
    left, middle = box.left + 10 * scale, box.top + 11 * scale
    for arrow in (left, left + 7 * scale):
        points = [(arrow, middle), (arrow + 6 * scale, middle - 4 * scale), (arrow + 6 * scale, middle + 4 * scale)]
        pygame.draw.polygon(target, CYAN, points)
    if text_width("rewinding " + back, scale) + 48 * scale <= box.width:
        draw_text(target, "rewinding", (left + 20 * scale, middle - 3 * scale), INK, scale)
    draw_text(target, back, (box.right - 10 * scale, middle - 3 * scale), YELLOW, scale, "right")
    bar = pygame.Rect(left, box.bottom - 12 * scale, box.width - 20 * scale, 4 * scale)
    target.fill(FAINT, bar)
    target.fill(CYAN, (bar.left, bar.top, int(bar.width * rewound.left), bar.height))


def _draw_speed(target: pygame.Surface, area: pygame.Rect, scale: int, speed: str) -> None:
    box = pygame.Rect(0, 0, text_width(speed, scale) + 12 * scale, 15 * scale)
    box.topright = (area.right - 6 * scale, area.top + 6 * scale)
    target.blit(panel(box.size, edge=scale), box)
    draw_text(target, speed, (box.centerx, box.top + 4 * scale), YELLOW, scale, "center")


def _draw_keys(
    target: pygame.Surface, area: pygame.Rect, scale: int, manifest: Manifest, keymap: Keymap, hud: Hud
) -> None:
    """The world's keys in the lower third, and the commands that one needs first."""
    actions = [(keys[-1 if hud.pads else 0], action) for keys, action in action_rows(keymap, hud.pads) if keys]
    hints = [(hint(hud.commands, command, hud.pads), COMMAND_TITLES[command].lower()) for command in HINTED]
    scale = fitting_scale((KEYS_WIDTH + 8, 64 + 16), area.size, scale)
    width = KEYS_WIDTH * scale
    box = pygame.Rect(0, 0, width, 64 * scale)
    box.midbottom = (area.centerx, area.bottom - 8 * scale)
    target.blit(panel(box.size, edge=scale), box)
    draw_text(target, manifest.title, (box.centerx, box.top + 7 * scale), YELLOW, scale, "center")
    draw_key_row(target, actions, (box.centerx, box.top + 27 * scale), scale, box.width)
    draw_key_row(target, hints, (box.centerx, box.top + 50 * scale), scale, box.width)
