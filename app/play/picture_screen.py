"""What the network makes of a picture, before it is played. Owns how that is shown; refuses to encode and to begin."""

from __future__ import annotations

from collections.abc import Callable

import pygame

from app.drawing.look import Look
from app.drawing.picture import Picture
from app.drawing.pixel_font import LINE, text_width, wrap_text
from app.drawing.widgets import DIM, FAINT, INK, YELLOW, draw_key_row, draw_text, panel
from app.keys.gamepad import shown_hints
from app.keys.keymap import Command
from engine.start_picture import FAR, NEAR, EncodedPicture
from models.manifest import Manifest

BACK = (pygame.K_ESCAPE, pygame.K_BACKSPACE)
ACCEPT = (pygame.K_RETURN, pygame.K_KP_ENTER, pygame.K_SPACE)
GAP = 12  # font pixels
HEAD, FOOT = 22, 22
WORDS = 4 * LINE + 6
LABELS = ("your picture", "what the network sees")


class PictureScreen:
    """Two pictures side by side and the error between them. `closed` says that the screen is done."""

    def __init__(
        self,
        encoded: EncodedPicture,
        manifest: Manifest,
        command_codes: dict[int, Command],
        accept: Callable[[], None],
        refuse: Callable[[], None],
        look: Look | None = None,
    ) -> None:
        """`accept` is called when play is to begin, `refuse` when it isn't."""
        self.closed = False
        self._encoded = encoded
        self._look = look or Look()
        self._codes = command_codes
        self._accept, self._refuse = accept, refuse
        self._pictures = [Picture(manifest, encoded.palette) for _ in LABELS]
        for picture, pixels in zip(self._pictures, (encoded.asked, encoded.start.pixels), strict=True):
            picture.load(pixels)

    def key(self, code: int) -> None:
        """A key went down."""
        if code in ACCEPT or code in BACK or self._codes.get(code) is Command.MENU:
            self.closed = True
            (self._accept if code in ACCEPT else self._refuse)()

    def draw(self, target: pygame.Surface, scale: int, pads: bool = False) -> None:
        """Over the whole window; `pads`: there is a gamepad, so keys go by its buttons."""
        window = target.get_rect()
        wide, high = self._pictures[0].size
        room = (window.width - 5 * GAP * scale) // 2, window.height - (HEAD + FOOT + WORDS + 2 * LINE + 8) * scale
        pixel = max(1, min(room[0] // wide, room[1] // high))
        side = (wide * pixel, high * pixel)
        box = pygame.Rect(0, 0, 2 * side[0] + 3 * GAP * scale, side[1] + (HEAD + FOOT + WORDS + LINE) * scale)
        box.width = max(box.width, min(window.width, 300 * scale))
        box.center = window.center
        target.blit(panel(box.size, 244, edge=scale), box)
        draw_text(target, "play from this picture?", (box.centerx, box.top + 8 * scale), YELLOW, scale, "center")
        apart = max(side[0] + GAP * scale, min(text_width(max(LABELS, key=len), scale) + 4 * scale, box.width // 2))
        for number, (picture, label) in enumerate(zip(self._pictures, LABELS, strict=True)):
            middle = box.centerx + (2 * number - 1) * apart // 2
            rect = pygame.Rect((middle - side[0] // 2, box.top + HEAD * scale), side)
            pygame.draw.rect(target, FAINT, rect.inflate(2 * scale, 2 * scale), scale)
            picture.draw(target, rect)
            draw_text(target, label, (middle, rect.bottom + 4 * scale), DIM, scale, "center")
        self._draw_error(target, pygame.Rect(box.left, box.top + HEAD * scale + side[1], box.width, 0), scale)
        hints = [("Enter", "play"), ("Esc", "back")]
        draw_key_row(target, shown_hints(hints, pads), (box.centerx, box.bottom - 11 * scale), scale)

    def _draw_error(self, target: pygame.Surface, above: pygame.Rect, scale: int) -> None:
        exact = self._encoded.exact
        look = self._look
        sign, colour = ("●", look.good) if exact >= NEAR else ("▲", look.warn) if exact >= FAR else ("■", look.bad)
        y = above.bottom + (LINE + 8) * scale
        draw_text(target, f"{sign} {self._encoded.error}", (above.centerx, y), colour, scale, "center")
        for line in wrap_text(self._encoded.verdict, above.width - 2 * GAP * scale, scale)[:2]:
            y += LINE * scale
            draw_text(target, line, (above.centerx, y), INK, scale, "center")
