"""What is drawn over a game, with letters as large as somebody may need them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import pygame
import pytest

from app.drawing.pixel_font import text_width
from app.play import hud as drawn
from app.play.hud import _draw_rewound
from app.play.player import Player
from app.play.round import Rewound

Tap = Callable[..., None]
Turns = Callable[..., None]


@pytest.mark.parametrize("width", [200, 330, 512, 900])
@pytest.mark.parametrize("scale", [1, 2, 5])
def test_the_words_of_rewinding_never_lie_over_each_other(
    width: int, scale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    placed: list[pygame.Rect] = []

    def place(target: object, text: str, at: tuple[int, int], colour: object, scale: int, align: str = "left") -> int:
        wide = text_width(text, scale)
        placed.append(pygame.Rect(at[0] - (wide if align == "right" else 0), at[1], wide, 9 * scale))
        return wide

    monkeypatch.setattr(drawn, "draw_text", place)
    area = pygame.Rect(0, 0, width, 800)
    _draw_rewound(pygame.Surface(area.size), area, scale, Rewound(12.4, 0.5))
    assert placed and all(area.contains(rect) for rect in placed)
    assert not any(one.colliderect(other) for one, other in combinations(placed, 2))


def test_the_help_keeps_large_letters_beside_the_figures_and_turns_its_pages(
    playing: Player, tap: Tap, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[int, int, int]] = []
    monkeypatch.setattr(drawn, "draw_help", lambda *given: shown.append((given[3], len(given[2]), given[5])))
    playing.apply(playing.settings.model_copy(update={"text_scale": 3.0}))
    playing.stage.overlay_shown = True
    for page in (0, 1):
        tap(pygame.K_h)
        playing.poll()
        assert playing.hud.help and shown[-1] == (page, 2, playing.window.ui_scale) and shown[-1][2] == 2
    tap(pygame.K_h)
    playing.poll()
    assert not playing.hud.help
