"""Line charts as SVG: text that any browser shows and no library has to draw. Owns their looks; refuses to know what
they show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from engine.atomic import write_atomically

WIDTH, HEIGHT = 640, 360  # pixels
LEFT, RIGHT, TOP, BOTTOM = 60, 150, 36, 44  # margins
TICKS = 5  # marks on an axis
COLOURS = ("#1f77b4", "#888888", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e")

Points = Sequence[tuple[float, float]]


def write_chart(path: Path, title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> None:
    """Write lines by name as an SVG picture; a line without points is left out."""
    drawn = {name: points for name, points in lines.items() if points}
    if drawn:
        write_atomically(path, chart(title, x_label, y_label, drawn).encode())


def chart(title: str, x_label: str, y_label: str, lines: Mapping[str, Points]) -> str:
    """The SVG of lines that have points."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    low_x, high_x = _span(xs)
    low_y, high_y = _span([0.0, *ys])

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - low_x) / (high_x - low_x) * (WIDTH - LEFT - RIGHT)
        return LEFT + across, HEIGHT - BOTTOM - (y - low_y) / (high_y - low_y) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif"'
        f' font-size="12"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        _text(LEFT, TOP - 14, title, size=14),
        _text(LEFT, HEIGHT - 8, x_label),
        _text(6, TOP - 14, y_label),
    ]
    for step in range(TICKS + 1):
        x, y = low_x + (high_x - low_x) * step / TICKS, low_y + (high_y - low_y) * step / TICKS
        parts.append(_text(place(x, low_y)[0], HEIGHT - BOTTOM + 16, f"{x:.4g}", anchor="middle"))
        parts.append(_text(LEFT - 6, place(low_x, y)[1] + 4, f"{y:.3g}", anchor="end"))
        parts.append(_line([place(low_x, y), place(high_x, y)], "#dddddd"))
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts.append(_line([place(x, y) for x, y in points], colour, width=2))
        parts.append(_text(WIDTH - RIGHT + 10, TOP + 16 * number + 10, name, colour=colour))
    return "\n".join([*parts, "</svg>\n"])


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    return (low, high) if high > low else (low, low + 1)


def _text(x: float, y: float, text: str, size: int = 12, anchor: str = "start", colour: str = "black") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}"'
    return f"<text {place}>{escape(text)}</text>"


def _line(points: Points, colour: str, width: int = 1) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'
