"""How the settings look: a list that scrolls, what the chosen line means, what is wrong in the file. Owns drawing;
refuses keys and values (screen).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pygame

from app.drawing.look import Look
from app.drawing.pixel_font import CAP_HEIGHT, LINE, clip_text, fit_text, text_width, wrap_text
from app.drawing.widgets import (
    BACKGROUND,
    CYAN,
    DIM,
    FAINT,
    INK,
    PINK,
    YELLOW,
    draw_key_row,
    draw_text,
    key_row_height,
    panel,
)
from app.keys.gamepad import shown_hints
from app.keys.name_entry import NameEntry

STEP = LINE + 4  # font pixels from one line of the list to the next
HEAD = 30
WIDEST = 420
HINTS = [("↑ ↓", "choose"), ("← →", "change"), ("Enter", "open"), ("Del", "as it came"), ("Esc", "menu")]
PAGE_HINTS = [("↑ ↓", "choose"), ("Enter", "take a key"), ("Del", "as it came"), ("Esc", "back")]
ENTRY_HINTS = [("Enter", "take it"), ("↑ ↓", "letter"), ("Back", "delete letter"), ("Esc", "back")]
CAPTURE_HINTS = [("Esc", "leave it")]


@dataclass(frozen=True)
class Line:
    """One line of the list: `values` stand in columns, `mark` at the right; `steps`: ← and → change it."""

    title: str
    values: tuple[str, ...]
    mark: str
    steps: bool


@dataclass(frozen=True)
class View:
    """What is to be seen. `capture`: for whom the next press is wanted, and how many seconds are left."""

    title: str
    under: str
    lines: Sequence[Line]
    selected: int
    meaning: str
    message: str = ""
    problems: Sequence[str] = ()
    entry: NameEntry | None = None
    capture: tuple[str, float] | None = None
    columns: tuple[str, ...] = ()
    pads: bool = False  # whether a gamepad is there


def draw_settings(target: pygame.Surface, scale: int, view: View, look: Look) -> None:
    """The whole window."""
    width, height = target.get_size()
    draw_text(target, view.title, (width // 2, 7 * scale), YELLOW, scale, "center")
    under = fit_text(view.under, width - 20 * scale, scale)
    draw_text(target, under, (width // 2, 17 * scale), DIM, scale, "center")
    hints = ENTRY_HINTS if view.entry else CAPTURE_HINTS if view.capture else PAGE_HINTS if view.columns else HINTS
    hints = hints if view.capture else shown_hints(hints, view.pads)  # a captured button would be taken
    keys_at = height - 10 * scale
    draw_key_row(target, hints, (width // 2, keys_at), scale)
    bottom = keys_at - key_row_height(hints, width - 8 * scale, scale) - 4 * scale
    box = pygame.Rect(0, 0, min(width - 12 * scale, WIDEST * scale), 0)
    box.midtop = (width // 2, HEAD * scale)
    bottom = _draw_words(target, view, pygame.Rect(box.left, 0, box.width, bottom), scale, look)
    box.height = bottom - box.top
    _draw_list(target, view, box, scale)
    if view.entry is not None:
        _draw_entry(target, view.lines[view.selected].title, view.entry, scale)
    if view.capture is not None:
        _draw_capture(target, *view.capture, scale)


def _draw_words(target: pygame.Surface, view: View, area: pygame.Rect, scale: int, look: Look) -> int:
    """What the chosen line means, what there is to say, what is wrong in the file; returns where they begin."""
    width = area.width - 12 * scale
    lines = [(line, INK) for line in wrap_text(view.meaning, width, scale)[:2]]
    if view.message:
        lines += [(f"▶ {line}", CYAN) for line in wrap_text(view.message, width - 12 * scale, scale)[:2]]
    if view.problems:
        more = f" (and {len(view.problems) - 1} more)" if len(view.problems) > 1 else ""
        lines += [(line, look.bad) for line in wrap_text(f"■ {view.problems[0]}{more}", width, scale)[:3]]
    box = pygame.Rect(area.left, 0, area.width, (len(lines) * LINE + 7) * scale)
    box.bottom = area.bottom
    target.blit(panel(box.size, edge=scale), box)
    for number, (line, colour) in enumerate(lines):
        place = (box.left + 6 * scale, box.top + (4 + number * LINE) * scale)
        draw_text(target, fit_text(line, width, scale), place, colour, scale)
    return box.top - 4 * scale


def _draw_list(target: pygame.Surface, view: View, box: pygame.Rect, scale: int) -> None:
    head = STEP if view.columns else 0
    shown = max(1, (box.height // scale - 8 - head) // STEP)
    first = max(0, min(view.selected - shown // 2, len(view.lines) - shown))
    box = pygame.Rect(box.left, box.top, box.width, (min(shown, len(view.lines)) * STEP + 8 + head) * scale)
    target.blit(panel(box.size, edge=scale), box)
    y = box.top + 4 * scale
    if view.columns:
        for place, title in zip(_columns(box, len(view.columns), scale), view.columns, strict=True):
            draw_text(target, title, (place, y + 3 * scale), DIM, scale)
        y += STEP * scale
    for number, line in enumerate(view.lines[first : first + shown], first):
        _draw_line(target, line, pygame.Rect(box.left, y, box.width, STEP * scale), number == view.selected, scale)
        y += STEP * scale
    more_below = first + shown < len(view.lines)
    for sign, more, at in (("▲", first > 0, box.top + 2 * scale), ("▼", more_below, y - 6 * scale)):
        if more:
            draw_text(target, sign, (box.right - 8 * scale, at), YELLOW, scale, "center")


def _draw_line(target: pygame.Surface, line: Line, area: pygame.Rect, chosen: bool, scale: int) -> None:
    y = area.top + (STEP - CAP_HEIGHT) * scale // 2
    if chosen:
        target.fill(FAINT, area.inflate(-4 * scale, -2 * scale))
        draw_text(target, "▶", (area.left + 6 * scale, y), YELLOW, scale)
    columns = _columns(area, len(line.values), scale)
    mark = area.right - 16 * scale
    title = clip_text(line.title, columns[0] - area.left - 22 * scale, scale)
    draw_text(target, title, (area.left + 16 * scale, y), INK if chosen else DIM, scale)
    ends = [*columns[1:], mark - (text_width(line.mark, scale) if line.mark else 0)]
    for place, end, value in zip(columns, ends, line.values, strict=True):
        shown = f"◀ {value} ▶" if chosen and line.steps else value
        draw_text(target, fit_text(shown, end - place - 4 * scale, scale), (place, y), CYAN if chosen else DIM, scale)
    if line.mark:
        draw_text(target, line.mark, (mark, y), DIM, scale, "right")


def _columns(area: pygame.Rect, count: int, scale: int) -> list[int]:
    """Where the values begin."""
    first = area.left + area.width * 2 // 5
    return [first + number * (area.right - 16 * scale - first) // max(1, count) for number in range(count)]


def _draw_entry(target: pygame.Surface, title: str, entry: NameEntry, scale: int) -> None:
    box = pygame.Rect(0, 0, min(target.get_width() - 8 * scale, 380 * scale), 46 * scale)
    box.center = target.get_rect().center
    target.blit(panel(box.size, 250, edge=scale), box)
    draw_text(target, title.lower(), (box.centerx, box.top + 7 * scale), YELLOW, scale, "center")
    room = box.width - 24 * scale
    begin = 0  # what lies left of the cursor may not fit
    while begin < entry.cursor and text_width(entry.text[begin : entry.cursor], scale) > room - 8 * scale:
        begin += 1
    left, y = box.left + 12 * scale, box.top + 26 * scale
    target.set_clip(pygame.Rect(left, box.top, room, box.height))
    draw_text(target, entry.text[begin:], (left, y), INK, scale)
    before = text_width(entry.text[begin : entry.cursor], scale) + (scale if entry.cursor > begin else 0)
    under = text_width(entry.text[entry.cursor : entry.cursor + 1] or "n", scale)
    target.fill(CYAN, (left + before, y + 10 * scale, under, scale))
    target.set_clip(None)


def _draw_capture(target: pygame.Surface, title: str, left: float, scale: int) -> None:
    """The next press is wanted; how long it is waited for shows as a bar and as seconds."""
    box = pygame.Rect(0, 0, min(target.get_width() - 8 * scale, 210 * scale), 54 * scale)
    box.center = target.get_rect().center
    target.blit(panel(box.size, 250, border=PINK, edge=scale), box)
    draw_text(target, title.lower(), (box.centerx, box.top + 8 * scale), YELLOW, scale, "center")
    draw_text(target, "press a key or a button", (box.centerx, box.top + 21 * scale), INK, scale, "center")
    words = f"{left:.0f} s, then all stays as it is"
    draw_text(target, words, (box.centerx, box.top + 33 * scale), DIM, scale, "center")
    bar = pygame.Rect(box.left + 10 * scale, box.bottom - 8 * scale, box.width - 20 * scale, 3 * scale)
    target.fill(BACKGROUND, bar)
    target.fill(CYAN, (bar.left, bar.top, int(bar.width * min(1.0, left / 6)), bar.height))
