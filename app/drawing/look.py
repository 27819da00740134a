"""How things look to this player: size of letters, colours of signs, whether anything may flash. Owns what the settings
mean for drawing; refuses to draw.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.drawing.pixel_font import Colour
from app.drawing.widgets import GREEN, RED, YELLOW
from app.settings.schema import Colours, Settings

BLUE: Colour = (104, 178, 255)
ORANGE: Colour = (255, 140, 30)
PALE: Colour = (250, 236, 150)
ROOM = (240, 160)  # font pixels that a window keeps, however large the letters are wished for


@dataclass(frozen=True)
class Look:
    """`good`, `warn` and `bad` colour signs that also differ in shape or words: no colour tells anything alone."""

    text_scale: float = 1.0
    calm: bool = False
    good: Colour = GREEN
    warn: Colour = YELLOW
    bad: Colour = RED

    def moving(self, seconds: float) -> float:
        """Seconds for what moves only to please: they stand still where flashing is to be reduced."""
        return 0.0 if self.calm else seconds

    def text_pixels(self, plain: int, window: tuple[int, int]) -> int:
        """Screen pixels a font pixel, where `plain` is what suits a window of that size."""
        most = max(plain, min(window[0] // ROOM[0], window[1] // ROOM[1]))
        return max(1, min(most, int(plain * self.text_scale + 0.5)))


def look_of(settings: Settings) -> Look:
    """The look that settings ask for."""
    if settings.colours is Colours.SAFE:
        return Look(settings.text_scale, settings.calm, BLUE, PALE, ORANGE)
    return Look(settings.text_scale, settings.calm)
