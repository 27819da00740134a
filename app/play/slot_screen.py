"""Choosing a save slot over a paused game. Owns the choice and how slots look; refuses to save and to load (player)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pygame

from app.drawing.picture import Picture, theme_names
from app.drawing.pixel_font import LINE, fit_text
from app.drawing.widgets import (
    BACKGROUND,
    CYAN,
    DIM,
    FAINT,
    INK,
    RED,
    YELLOW,
    draw_key_row,
    draw_text,
    fitting_scale,
    panel,
)
from app.keys.gamepad import shown_hints
from app.keys.keymap import Command
from app.play.slots import Slot
from models.manifest import Manifest

COLUMNS = 3
MOVES = {
    pygame.K_LEFT: -1,
    pygame.K_a: -1,
    pygame.K_RIGHT: 1,
    pygame.K_d: 1,
    pygame.K_TAB: 1,
    pygame.K_UP: -COLUMNS,
    pygame.K_w: -COLUMNS,
    pygame.K_DOWN: COLUMNS,
    pygame.K_s: COLUMNS,
}
BACK = (pygame.K_ESCAPE, pygame.K_BACKSPACE)
CONFIRM = (pygame.K_RETURN, pygame.K_KP_ENTER, pygame.K_SPACE)
GAP = 8  # font pixels
HEAD, WORDS, FOOT = 22, 2 * LINE + 4, 20
CARD = 76  # font pixels that a card's words need across
NEEDED = COLUMNS * (CARD + GAP) + GAP, 2 * (WORDS + GAP + LINE) + HEAD + FOOT


@dataclass(frozen=True)
class Grid:
    """How large the cards are in screen pixels: `pixel` screen pixels a game pixel."""

    pixel: int
    card: tuple[int, int]
    box: pygame.Rect


class SlotScreen:
    """A grid of slots. `choose` is called with the chosen one; `closed` says that the screen is done."""

    def __init__(
        self,
        slots: list[Slot],
        manifest: Manifest,
        command: Command,
        command_codes: dict[int, Command],
        choose: Callable[[Slot], None],
        selected: int = 0,
    ) -> None:
        """`command` is SAVE or LOAD; its own key confirms too. `selected` is a place in `slots`."""
        self.slots = slots
        self.selected = selected
        self.closed = False
        self._manifest = manifest
        self._saving = command is Command.SAVE
        self._command = command
        self._codes = command_codes
        self._choose = choose
        self._pictures = [_picture(slot, manifest) for slot in slots]

    def key(self, code: int) -> None:
        """A key went down."""
        command = self._codes.get(code)
        if command is Command.MENU or code in BACK:
            self.closed = True
        elif code in CONFIRM or command is self._command:
            self._confirm()
        elif code in MOVES:
            self.selected = (self.selected + MOVES[code]) % len(self.slots)
        elif 0 < code - pygame.K_0 <= len(self.slots):
            self.selected = code - pygame.K_1

    def _confirm(self) -> None:
        slot = self.slots[self.selected]
        if self._saving or slot.save is not None:
            self.closed = True
            self._choose(slot)

    def draw(self, target: pygame.Surface, scale: int, pads: bool = False) -> None:
        """Over the whole window; `pads`: there is a gamepad, so keys go by its buttons."""
        scale = fitting_scale(NEEDED, target.get_size(), scale)
        grid = self._grid(target.get_rect(), scale)
        target.blit(panel(grid.box.size, 240, edge=scale), grid.box)
        title = "save to which slot?" if self._saving else "load which slot?"
        draw_text(target, title, (grid.box.centerx, grid.box.top + 8 * scale), YELLOW, scale, "center")
        for number in range(len(self.slots)):
            row, column = divmod(number, COLUMNS)
            left = grid.box.left + GAP * scale + column * (grid.card[0] + GAP * scale)
            self._draw_slot(target, number, (left, grid.box.top + HEAD * scale + row * grid.card[1]), grid, scale)
        hints = [("← ↑ ↓ →", "choose"), ("Enter", "save" if self._saving else "load"), ("Esc", "back")]
        draw_key_row(target, shown_hints(hints, pads), (grid.box.centerx, grid.box.bottom - 11 * scale), scale)

    def _grid(self, window: pygame.Rect, scale: int) -> Grid:
        """The largest cards that fit."""
        rows = -(-len(self.slots) // COLUMNS)
        wide = (window.width - (COLUMNS + 3) * GAP * scale) // COLUMNS
        high = (window.height - (HEAD + FOOT + 4) * scale) // rows - (WORDS + GAP) * scale
        pixel = max(1, min(wide // self._manifest.width, high // self._manifest.height))
        card = max(self._manifest.width * pixel, CARD * scale), self._manifest.height * pixel + (WORDS + GAP) * scale
        box = pygame.Rect(0, 0, COLUMNS * (card[0] + GAP * scale) + GAP * scale, rows * card[1] + (HEAD + FOOT) * scale)
        box.center = window.center
        return Grid(pixel, card, box)

    def _draw_slot(self, target: pygame.Surface, number: int, place: tuple[int, int], grid: Grid, scale: int) -> None:
        slot, picture, chosen = self.slots[number], self._pictures[number], number == self.selected
        rect = pygame.Rect(*place, grid.card[0], self._manifest.height * grid.pixel)
        edge = 2 * scale if chosen else max(1, scale // 2)
        pygame.draw.rect(target, YELLOW if chosen else FAINT, rect.inflate(2 * edge, 2 * edge), edge)
        target.fill(BACKGROUND, rect)
        if picture is not None:
            picture.draw(target, picture.centred(rect, grid.pixel))
        else:
            word, colour = ("can't be used", RED) if slot.problem else ("empty", DIM)
            draw_text(target, word, (rect.centerx, rect.centery - 4 * scale), colour, scale, "center")
        lines = _words(slot, self._manifest.tick_rate)
        for row, line in enumerate(lines):
            colour = (INK, RED if slot.problem else CYAN)[row] if chosen else DIM
            y = rect.bottom + (4 + row * LINE) * scale
            draw_text(target, fit_text(line, rect.width, scale), (rect.left, y), colour, scale)


def _words(slot: Slot, tick_rate: int) -> tuple[str, str]:
    """Two lines: when it was saved, and how long it had been played."""
    if slot.save is None:
        return f"{slot.number}", slot.problem.rpartition(": ")[2] if slot.problem else ""
    header = slot.save.header
    seconds = header.index // tick_rate
    return f"{slot.number}  {header.saved:%d %b %H:%M}", f"{seconds // 60}:{seconds % 60:02d} played"


def _picture(slot: Slot, manifest: Manifest) -> Picture | None:
    if slot.save is None:
        return None
    themes, palette = theme_names(manifest), slot.save.header.palette
    picture = Picture(manifest, palette if palette in themes else next(iter(themes), None))
    picture.load(slot.save.moment.frame.pixels)
    return picture
