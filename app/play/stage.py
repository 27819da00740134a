"""A game in its window. Owns where picture, figures and what lies over them are drawn; refuses keys and sessions."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import pygame

from app.drawing.look import Look
from app.drawing.pixel_font import text_width
from app.drawing.widgets import DIM, draw_text, fitting_scale
from app.drawing.window import Window, fit_picture
from app.menu.backdrop import surround
from app.play.hud import Hud
from app.play.overlay import Overlay, PlayFacts
from app.play.round import Round
from app.settings.schema import Settings

DRAW_RATE = 60  # the most pictures a second that the window draws
SMALLEST_SHARE = 0.66  # of its size that the picture keeps beside the panel; below, the panel lies over it


class Screen(Protocol):
    """What can lie over a game."""

    @property
    def closed(self) -> bool: ...

    def key(self, code: int) -> None:
        """A key went down."""

    def draw(self, target: pygame.Surface, scale: int, pads: bool = False) -> None:
        """Over the whole window; `pads`: there is a gamepad, so keys go by its buttons."""


class Stage:
    """Draws a round into a window, with its figures beside it where they are wanted."""

    def __init__(self, window: Window, settings: Settings, clock: Callable[[], float]) -> None:
        self.window = window
        self.hud = Hud(settings.command_keys, clock)
        self.overlay = Overlay()
        self.overlay_shown = settings.overlay
        self.drawn = 0.0  # when the last picture was flipped
        self._clock = clock
        self._flips: deque[float] = deque(maxlen=DRAW_RATE)

    def wear(self, look: Look) -> None:
        """Let everything look so."""
        self.window.look = self.hud.look = self.overlay.look = look

    def draw(self, current: Round | None, screen: Screen | None, waiting: Sequence[str]) -> None:
        """Everything that is to be seen, flipped: a round, and a screen over it; without one, what is waited for."""
        target, scale, now = self.window.surface, self.window.ui_scale, self._clock()
        target.blit(surround(target.get_size(), scale), (0, 0))
        if current is not None:
            self._draw_round(target, current, screen is None, scale, now)
            if screen is not None:
                screen.draw(target, scale, self.hud.pads)
        elif waiting:
            self._draw_waiting(target, waiting, scale)
            self.hud.draw_toast(target, self.window.rect, scale)
        pygame.display.flip()
        self.drawn = now
        self._flips.append(now)

    def layout(self, current: Round) -> tuple[pygame.Rect, pygame.Rect]:
        """Where the game may be drawn, and where its picture lies: beside the panel, unless that makes it too small."""
        whole, size = self.window.rect, current.picture.size
        place = fit_picture(whole, size)
        if self.overlay_shown:
            beside = pygame.Rect(0, 0, whole.width - Overlay.width(self._panel_scale), whole.height)
            moved = fit_picture(beside, size)
            if moved.width >= SMALLEST_SHARE * place.width and beside.contains(moved):
                return beside, moved
        return whole, place

    def _draw_round(self, target: pygame.Surface, current: Round, bare: bool, scale: int, now: float) -> None:
        area, place = self.layout(current)
        current.picture.draw(target, place)
        self.hud.rewound = current.rewound
        if self.overlay_shown:
            self._draw_overlay(target, current, area == self.window.rect, now)
        if bare:  # else its words would stand around what lies over the game
            self.hud.draw(target, area, scale, current.manifest, current.keymap)

    def _draw_waiting(self, target: pygame.Surface, lines: Sequence[str], scale: int) -> None:
        left, top = self.window.rect.center
        scale = fitting_scale((text_width(lines[0]) + 8, 40), self.window.rect.size, scale)
        for number, line in enumerate(lines):
            draw_text(target, line, (left, top + 14 * number * scale), DIM, scale, "center")

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
                window_fps=self._window_fps(now),
                capped=current.capped,
            )
            self.overlay.refresh(current.telemetry.snapshot(), facts, target.get_height(), scale, now, over)
        self.overlay.draw(target)

    def _window_fps(self, now: float) -> float | None:
        """Pictures drawn a second, over the last ones; None before there are two."""
        span = now - self._flips[0] if len(self._flips) > 1 else 0.0
        return (len(self._flips) - 1) / span if span > 0 else None
