"""How the library looks: cards with moving thumbnails, the list of deeds, a name being typed, progress. Owns drawing;
refuses keys and deeds (screen).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pygame

from app.drawing.pixel_font import LINE, Colour, clip_text, fit_text, text_width
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
    fitting_scale,
    panel,
)
from app.keys.gamepad import shown_hints
from app.keys.name_entry import NameEntry
from app.library.job import Job
from app.library.recordings import Recording
from app.library.thumbnails import Thumbnails

COLUMNS, ROWS = 3, 2
THUMBNAIL_RATE = 6  # pictures a second: every fifth of thirty
GAP, HEAD, FOOT, WORDS = 10, 26, 22, 3 * LINE + 4  # font pixels
NEEDED = 320, 236  # font pixels of a window in which a thumbnail is larger than its words
EMPTY = "nothing is recorded yet: press R while you play"


@dataclass(frozen=True)
class View:
    """What is to be seen. `first` is the card at the top left; `deeds` are shown where they aren't empty."""

    recordings: Sequence[Recording]
    selected: int
    first: int
    folder: str
    deeds: Sequence[str] = ()
    deed: int = 0
    entry: NameEntry | None = None
    job: Job | None = None
    message: str = ""
    pads: bool = False  # whether a gamepad is there


def draw_library(target: pygame.Surface, scale: int, view: View, thumbnails: Thumbnails, seconds: float) -> None:
    """The whole window; `seconds` moves the thumbnails."""
    width, height = target.get_size()
    scale = fitting_scale(NEEDED, (width, height), scale)
    draw_text(target, "recordings", (width // 2, 7 * scale), YELLOW, scale, "center")
    draw_text(target, fit_text(view.folder, width - 20 * scale, scale), (width // 2, 17 * scale), DIM, scale, "center")
    if not view.recordings:
        draw_text(target, EMPTY, (width // 2, height // 2), INK, scale, "center")
    card = _card_size((width, height), scale)
    left = (width - COLUMNS * card[0] - (COLUMNS - 1) * GAP * scale) // 2
    for place, recording in enumerate(view.recordings[view.first : view.first + COLUMNS * ROWS]):
        row, column = divmod(place, COLUMNS)
        corner = left + column * (card[0] + GAP * scale), (HEAD + 6) * scale + row * (card[1] + GAP * scale)
        chosen = view.first + place == view.selected
        _draw_card(target, pygame.Rect(corner, card), recording, thumbnails, chosen, scale, seconds)
    _draw_front(target, scale, view)
    hints = [("← ↑ ↓ →", "choose"), ("Enter", "play, share, delete…"), ("Esc", "menu")]
    if view.entry is not None:
        hints = [("Enter", "rename"), ("↑ ↓", "letter"), ("Back", "delete letter"), ("Esc", "back")]
    elif view.job is not None:
        hints = [("Esc", "give up")]
    elif view.deeds:
        hints = [("↑ ↓", "choose"), ("← →", "video scale"), ("Enter", "do it"), ("Esc", "back")]
    draw_key_row(target, shown_hints(hints, view.pads), (width // 2, height - 10 * scale), scale)


def _card_size(window: tuple[int, int], scale: int) -> tuple[int, int]:
    wide = (window[0] - (COLUMNS + 1) * GAP * scale) // COLUMNS
    high = (window[1] - (HEAD + FOOT + 6) * scale) // ROWS - GAP * scale
    side = max(8, min(wide, high - WORDS * scale))
    return max(side, min(wide, 150 * scale)), side + WORDS * scale


def _draw_card(
    target: pygame.Surface,
    card: pygame.Rect,
    recording: Recording,
    thumbnails: Thumbnails,
    chosen: bool,
    scale: int,
    seconds: float,
) -> None:
    side = card.height - WORDS * scale
    rect = pygame.Rect(card.left, card.top, card.width, side)
    edge = 2 * scale if chosen else max(1, scale // 2)
    pygame.draw.rect(target, YELLOW if chosen else FAINT, rect.inflate(2 * edge, 2 * edge), edge)
    target.fill(BACKGROUND, rect)
    pictures = thumbnails.get(recording.video) if recording.video is not None else []
    if pictures:
        _draw_picture(target, rect, pictures[int(seconds * THUMBNAIL_RATE) % len(pictures) if chosen else 0])
    else:
        words, colour = empty_words(recording, pictures is None)
        draw_text(target, words, (rect.centerx, rect.centery - 4 * scale), colour, scale, "center")
    y = rect.bottom + 4 * scale
    for number, line in enumerate(card_words(recording)):
        colour = (INK, CYAN, DIM)[number] if chosen else DIM
        draw_text(target, clip_text(line, rect.width, scale), (rect.left, y), colour, scale)
        y += LINE * scale


def _draw_picture(
    target: pygame.Surface, rect: pygame.Rect, picture: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
) -> None:
    surface = pygame.surfarray.make_surface(picture.swapaxes(0, 1))
    wide, high = surface.get_size()
    pixel = min(rect.width / wide, rect.height / high)
    size = max(1, int(wide * pixel)), max(1, int(high * pixel))
    shown = pygame.transform.scale(surface, size)
    target.blit(shown, shown.get_rect(center=rect.center))


def empty_words(recording: Recording, reading: bool) -> tuple[str, Colour]:
    """Why a card has no picture, and in what colour; `reading`: its video is only being read yet."""
    if recording.problem:
        return "■ can't be used", RED
    if recording.shared:
        return "shared file", DIM
    if recording.video is None:
        return "no video", DIM
    return ("reading…", DIM) if reading else ("■ can't be read", RED)


def card_words(recording: Recording) -> tuple[str, str, str]:
    """Name; world, length, seed; when it was made."""
    when = f"{recording.made:%d %b %Y %H:%M}"
    if recording.header is None:
        return recording.name, _reason(recording), when
    seconds = int(recording.seconds)
    return (
        recording.name,
        f"{recording.header.world}  {seconds // 60}:{seconds % 60:02d}  seed {recording.header.rng_seed}",
        when,
    )


def _reason(recording: Recording) -> str:
    """Which field of a recording is wrong and how, without where it lies."""
    problem = recording.problem or ""
    return problem.removeprefix(str(recording.path)).partition(": ")[2] or problem


def _draw_front(target: pygame.Surface, scale: int, view: View) -> None:
    """What lies over the cards."""
    middle = target.get_rect().center
    if view.entry is not None:
        _draw_entry(target, view.entry, middle, scale)
    elif view.job is not None:
        _draw_job(target, view.job, middle, scale)
    elif view.deeds:
        _draw_deeds(target, view, middle, scale)
    if view.message:
        line = fit_text(view.message, target.get_width() - 24 * scale, scale)
        box = pygame.Rect(0, 0, text_width(line, scale) + 12 * scale, 15 * scale)
        box.midbottom = (middle[0], target.get_height() - 20 * scale)
        target.blit(panel(box.size, 250, border=PINK, edge=scale), box)
        draw_text(target, line, (box.centerx, box.top + 4 * scale), INK, scale, "center")


def _draw_deeds(target: pygame.Surface, view: View, middle: tuple[int, int], scale: int) -> None:
    step = (LINE + 5) * scale
    box = pygame.Rect(0, 0, 190 * scale, step * len(view.deeds) + 32 * scale)
    box.center = middle
    target.blit(panel(box.size, 248, edge=scale), box)
    name = fit_text(view.recordings[view.selected].name, box.width - 16 * scale, scale)
    draw_text(target, name, (box.centerx, box.top + 8 * scale), YELLOW, scale, "center")
    for number, deed in enumerate(view.deeds):
        y = box.top + 26 * scale + number * step
        if number == view.deed:
            target.fill(FAINT, (box.left + 6 * scale, y - 4 * scale, box.width - 12 * scale, step))
            draw_text(target, "▶", (box.left + 10 * scale, y), YELLOW, scale)
        draw_text(target, deed, (box.left + 24 * scale, y), INK if number == view.deed else DIM, scale)


def _draw_entry(target: pygame.Surface, entry: NameEntry, middle: tuple[int, int], scale: int) -> None:
    width = max(200 * scale, text_width(entry.text, scale) + 24 * scale)
    box = pygame.Rect(0, 0, min(width, target.get_width()), 46 * scale)
    box.center = middle
    target.blit(panel(box.size, 250, edge=scale), box)
    draw_text(target, "another name", (box.centerx, box.top + 7 * scale), YELLOW, scale, "center")
    left, y = box.left + 12 * scale, box.top + 26 * scale
    draw_text(target, entry.text, (left, y), INK, scale)
    before = text_width(entry.text[: entry.cursor], scale) + (scale if entry.cursor else 0)
    under = text_width(entry.text[entry.cursor : entry.cursor + 1] or "n", scale)
    target.fill(CYAN, (left + before, y + 10 * scale, under, scale))


def _draw_job(target: pygame.Surface, job: Job, middle: tuple[int, int], scale: int) -> None:
    box = pygame.Rect(0, 0, 200 * scale, 46 * scale)
    box.center = middle
    target.blit(panel(box.size, 250, edge=scale), box)
    draw_text(target, job.title, (box.centerx, box.top + 8 * scale), YELLOW, scale, "center")
    draw_text(target, f"{job.done} of {job.total}", (box.centerx, box.top + 20 * scale), INK, scale, "center")
    bar = pygame.Rect(box.left + 10 * scale, box.bottom - 12 * scale, box.width - 20 * scale, 4 * scale)
    target.fill(FAINT, bar)
    target.fill(CYAN, (bar.left, bar.top, int(bar.width * job.share), bar.height))
