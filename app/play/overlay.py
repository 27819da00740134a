"""The figures panel (F1). Owns which figures are shown and how; refuses to measure (telemetry) or guess."""

from __future__ import annotations

from dataclasses import dataclass

import pygame

from app.drawing.look import Look
from app.drawing.pixel_font import LINE, Colour, fit_text, wrap_text
from app.drawing.widgets import CYAN, DIM, FAINT, INK, PINK, YELLOW, draw_text, fitting_scale, panel
from engine.measuring.telemetry import SPARKLINE, Spread, TelemetrySnapshot

WIDTH = 192  # font pixels
MARGIN = 8
SPARK_HEIGHT = 30
REFRESH_SECONDS = 0.25
NEEDED = 320, 300  # font pixels of a window that has room for everything, until that has been measured
SIGNS = {"met": "●", "not met": "■"}  # beside the words and the colour


@dataclass(frozen=True)
class PlayFacts:
    """What the panel says about the play itself, beside telemetry's figures."""

    title: str
    tick_rate: int
    frame: int
    start: str
    rng_seed: int
    window_fps: float | None
    capped: bool


@dataclass(frozen=True)
class Row:
    """One line: a label at the left, a value at the right."""

    label: str
    value: str
    colour: Colour = INK


def show_number(value: float | None, digits: int = 1) -> str:
    """A figure, or a dash for what wasn't measured."""
    return "—" if value is None else f"{value:.{digits}f}"


def show_spread(spread: Spread) -> str:
    """p50 and p99 in milliseconds."""
    return f"{show_number(spread.p50)} / {show_number(spread.p99)}"


def speed_rows(figures: TelemetrySnapshot, facts: PlayFacts, look: Look) -> list[Row]:
    """How fast: model, window, and the way from a key to the screen."""
    budget = 1000 / facts.tick_rate
    slow = figures.compute_ms.p99 is not None and figures.compute_ms.p99 > budget
    return [
        Row(
            "compute p50 / p99 ms",
            f"{'▲ ' if slow else ''}{show_spread(figures.compute_ms)}",
            look.bad if slow else INK,
        ),
        Row("interval p50 / p99 ms", show_spread(figures.interval_ms)),
        Row("key → screen ms", show_spread(figures.key_to_screen_ms)),
        Row("dropped · late frames", f"{figures.dropped} · {figures.late + figures.missed}"),
    ]


def state_rows(figures: TelemetrySnapshot, facts: PlayFacts) -> list[Row]:
    """What runs: memory, the network's own doubt, and what it takes to see this again."""
    memory = f"{figures.rss_mb:.0f} MB"
    rows = [Row("memory", memory)]
    if figures.vram_mb is not None:
        rows = [Row("VRAM", f"{figures.vram_mb / 1024:.2f} GB"), Row("memory", memory)]
    return [
        *rows,
        Row("token entropy, nats", show_number(figures.entropy, 3)),
        Row("frame", f"{facts.frame}"),
        Row("start · seed", f"{facts.start} · {facts.rng_seed}"),
    ]


def device_lines(figures: TelemetrySnapshot) -> list[str]:
    """Backend and device by name, and why it is this one."""
    backend = figures.backend
    if backend is None:
        return ["—"]
    threads = "1 thread" if backend.threads == 1 else f"{backend.threads} threads"
    lines = [" ".join(backend.device.split()), f"{backend.version}, {threads}, {backend.instruction_set}"]
    return [*lines, backend.note] if backend.note else lines


class Overlay:
    """Draws the panel; its words are set anew a few times a second, in between it is one blit."""

    def __init__(self) -> None:
        self.look = Look()
        self._drawn_look = self.look
        self._surface: pygame.Surface | None = None
        self._drawn = -REFRESH_SECONDS
        self._scale = 0
        self._needed = NEEDED

    def scale(self, window: tuple[int, int], scale: int) -> int:
        """The scale at which every figure fits into a window; where none does, the last ones are left out."""
        return fitting_scale(self._needed, window, scale)

    @staticmethod
    def width(scale: int) -> int:
        """Screen pixels that the panel takes."""
        return WIDTH * scale

    def due(self, now: float, height: int, scale: int) -> bool:
        """Whether the figures shown are older than they should be, or made for another window."""
        fits = self._surface is not None and self._surface.get_height() == height and self._scale == scale
        fits = fits and self._drawn_look == self.look
        return not fits or now - self._drawn >= REFRESH_SECONDS

    def refresh(
        self, figures: TelemetrySnapshot, facts: PlayFacts, height: int, scale: int, now: float, over: bool
    ) -> None:
        """Set the panel anew for a window `height` screen pixels high; translucent where it lies `over` the picture."""
        self._drawn, self._scale, self._drawn_look = now, scale, self.look
        surface = panel((self.width(scale), height), 200 if over else 255, edge=scale).copy()
        surface = surface if over else surface.convert()  # without alpha it is much cheaper to draw
        y = self._draw_speed(surface, figures, facts, MARGIN * scale)
        y = self._draw_spark(surface, figures, facts, y)
        y = self._draw_rows(surface, speed_rows(figures, facts, self.look), y)
        y = self._rule(surface, y)
        y = self._draw_target(surface, figures, y)
        rows, lines = state_rows(figures, facts), self._device_rows(figures)
        state, device = len(rows) * (LINE + 2) + 7, len(lines) * LINE + 7
        self._needed = NEEDED[0], y // scale + state + device
        if y + state * scale <= height:
            y = self._draw_rows(surface, rows, self._rule(surface, y))
        if y + device * scale <= height:
            self._draw_lines(surface, lines, INK, self._rule(surface, y))
        self._surface = surface

    def draw(self, target: pygame.Surface) -> pygame.Rect:
        """Blit the panel at the window's right edge."""
        assert self._surface is not None, "refresh comes first"
        return target.blit(self._surface, (target.get_width() - self._surface.get_width(), 0))

    def _draw_speed(self, surface: pygame.Surface, figures: TelemetrySnapshot, facts: PlayFacts, y: int) -> int:
        """The two rates in large figures."""
        scale, left = self._scale, MARGIN * self._scale
        right = surface.get_width() - left
        draw_text(surface, facts.title, (left, y), YELLOW, scale)
        cap = f"{facts.tick_rate} a second" if facts.capped else "no speed cap"
        draw_text(surface, cap, (right, y), DIM if facts.capped else PINK, scale, "right")
        y += (LINE + 4) * scale
        for label, value, x in (("model FPS", figures.model_fps, left), ("window FPS", facts.window_fps, right)):
            align = "left" if x == left else "right"
            draw_text(surface, show_number(value), (x, y), CYAN, 2 * scale, align)
            draw_text(surface, label, (x, y + 18 * scale), DIM, scale, align)
        return y + (18 + LINE + 4) * scale

    def _draw_spark(self, surface: pygame.Surface, figures: TelemetrySnapshot, facts: PlayFacts, y: int) -> int:
        """Compute time of the last frames as bars, with the tick as a line when it is near."""
        scale, left = self._scale, MARGIN * self._scale
        area = pygame.Rect(left, y, surface.get_width() - 2 * left, SPARK_HEIGHT * scale)
        pygame.draw.rect(surface, (24, 21, 44), area)
        history, budget = figures.compute_history_ms, 1000 / facts.tick_rate
        top = max([*history, 1.0]) * 1.15
        for number, value in enumerate(history):
            height = max(scale, int(area.height * value / top))
            behind = len(history) - number  # the newest stands at the right edge
            left, right = (area.right - area.width * count // SPARKLINE for count in (behind, behind - 1))
            late = value > budget
            surface.fill(self.look.bad if late else CYAN, (left, area.bottom - height, right - left, height))
            if late:  # a white cap: told by more than its colour
                surface.fill(INK, (left, area.bottom - height, right - left, 2 * scale))
        if budget <= top:
            surface.fill(
                YELLOW, (area.left, area.bottom - int(area.height * budget / top), area.width, max(1, scale // 2))
            )
        draw_text(surface, f"{top:.0f} ms", (area.left + 2 * scale, area.top + 2 * scale), DIM, scale)
        return area.bottom + 7 * scale

    def _draw_rows(self, surface: pygame.Surface, rows: list[Row], y: int) -> int:
        scale, left = self._scale, MARGIN * self._scale
        for row in rows:
            draw_text(surface, row.label, (left, y), DIM, scale)
            draw_text(surface, row.value, (surface.get_width() - left, y), row.colour, scale, "right")
            y += (LINE + 2) * scale
        return y

    def _rule(self, surface: pygame.Surface, y: int) -> int:
        left = MARGIN * self._scale
        surface.fill(FAINT, (left, y + self._scale, surface.get_width() - 2 * left, max(1, self._scale // 2)))
        return y + 7 * self._scale

    def _device_rows(self, figures: TelemetrySnapshot) -> list[str]:
        """Device and backend in lines that fit."""
        width = self._room
        broken = [line for text in device_lines(figures) for line in wrap_text(text, width, self._scale)[:2]]
        return [fit_text(line, width, self._scale) for line in broken]

    def _draw_target(self, surface: pygame.Surface, figures: TelemetrySnapshot, y: int) -> int:
        """The target line and how this machine stands to it: in a sign, in words, in a colour."""
        colour = {"met": self.look.good, "not met": self.look.bad}.get(figures.target, DIM)
        line = f"{SIGNS.get(figures.target, '·')} {figures.target_line}"
        return self._draw_lines(surface, wrap_text(line, self._room, self._scale), colour, y)

    def _draw_lines(self, surface: pygame.Surface, lines: list[str], colour: Colour, y: int) -> int:
        for line in lines:
            draw_text(surface, line, (MARGIN * self._scale, y), colour, self._scale)
            y += LINE * self._scale
        return y

    @property
    def _room(self) -> int:
        return (WIDTH - 2 * MARGIN) * self._scale
