"""The figures panel: what it says, and that nothing is guessed."""

from __future__ import annotations

import numpy as np
import pygame
import pytest

from app.drawing.look import Look
from app.drawing.widgets import RED
from app.drawing.window import Window
from app.play.overlay import REFRESH_SECONDS, Overlay, PlayFacts, device_lines, show_spread, speed_rows, state_rows
from engine.backends.base import BackendInfo
from engine.measuring.telemetry import Spread, TelemetrySnapshot

EMPTY = Spread(None, None, None)
FACTS = PlayFacts("Hills", 30, 12, "1", 5, 29.9, True)


def figures(**changes: object) -> TelemetrySnapshot:
    fields: dict[str, object] = {
        "frames": 0,
        "model_fps": None,
        "compute_ms": EMPTY,
        "interval_ms": EMPTY,
        "key_to_screen_ms": EMPTY,
        "compute_history_ms": (),
        "dropped": 0,
        "late": 0,
        "missed": 0,
        "entropy": None,
        "backend": None,
        "rss_mb": 123.4,
        "vram_mb": None,
        "target": "not this device",
    }
    return TelemetrySnapshot(**(fields | changes))  # type: ignore[arg-type]  # the defaults above have the right types


MEASURED = figures(
    model_fps=30.0,
    compute_ms=Spread(8.0, 12.0, 13.0),
    interval_ms=Spread(33.3, 34.0, 35.0),
    key_to_screen_ms=Spread(21.0, 40.0, 41.0),
    compute_history_ms=(8.0,) * 119 + (90.0,),
    entropy=0.125,
    backend=BackendInfo("onnx", "onnxruntime 1.32.0", "CPU  Some   Processor", 2, "avx2"),
)


def test_what_was_not_measured_is_a_dash() -> None:
    assert show_spread(EMPTY) == "— / —"
    assert device_lines(figures()) == ["—"]
    assert {row.label: row.value for row in state_rows(figures(), FACTS)}["token entropy, nats"] == "—"


def test_figures_stand_beside_their_labels() -> None:
    rows = {row.label: row.value for row in speed_rows(MEASURED, FACTS, Look()) + state_rows(MEASURED, FACTS)}
    assert rows["compute p50 / p99 ms"] == "8.0 / 12.0"
    assert rows["key → screen ms"] == "21.0 / 40.0"
    assert rows["token entropy, nats"] == "0.125"
    assert rows["start · seed"] == "1 · 5"
    assert rows["memory"] == "123 MB"
    assert "VRAM" not in rows
    assert device_lines(MEASURED) == ["CPU Some Processor", "onnxruntime 1.32.0, 2 threads, avx2"]


def test_ticks_without_a_frame_count_as_late() -> None:
    rows = {row.label: row.value for row in speed_rows(figures(dropped=1, late=2, missed=30), FACTS, Look())}
    assert rows["dropped · late frames"] == "1 · 32"


def test_vram_is_shown_where_there_is_a_card() -> None:
    assert state_rows(figures(vram_mb=2048.0), FACTS)[0].value == "2.00 GB"


def test_compute_beyond_the_tick_is_red() -> None:
    assert speed_rows(figures(compute_ms=Spread(20.0, 40.0, 50.0)), FACTS, Look())[0].colour == RED
    assert speed_rows(MEASURED, FACTS, Look())[0].colour != RED


@pytest.mark.parametrize("shown", [figures(), MEASURED, figures(target="met"), figures(target="not met")])
@pytest.mark.parametrize("over", [False, True])
def test_it_draws_at_the_right_edge(window: Window, shown: TelemetrySnapshot, over: bool) -> None:
    overlay = Overlay()
    assert overlay.due(0.0, 480, 1)
    overlay.refresh(shown, FACTS, 480, 1, 0.0, over)
    window.surface.fill((200, 0, 200))
    place = overlay.draw(window.surface)
    assert place.right == window.rect.right
    assert window.surface.get_at((0, 0))[:3] == (200, 0, 200)
    words = pygame.surfarray.array3d(window.surface)[place.left :]
    assert len(np.unique(words.reshape(-1, 3), axis=0)) > 4


def test_words_are_set_a_few_times_a_second_only(window: Window) -> None:
    overlay = Overlay()
    overlay.refresh(MEASURED, FACTS, 480, 1, 10.0, False)
    assert not overlay.due(10.0 + REFRESH_SECONDS / 2, 480, 1)
    assert overlay.due(10.0 + REFRESH_SECONDS, 480, 1)
    assert overlay.due(10.0, 481, 1)
    assert overlay.due(10.0, 480, 2)


def test_large_letters_shrink_until_every_figure_fits(window: Window) -> None:
    overlay = Overlay()
    size = (1280, 800)
    for _ in range(2):  # what everything takes is known once it has been set
        scale = overlay.scale(size, 5)
        overlay.refresh(MEASURED, FACTS, size[1], scale, 0.0, False)
    assert overlay._surface is not None
    words = pygame.surfarray.array3d(overlay._surface)
    left, right = 12 * scale, overlay.width(scale) - 12 * scale
    used = np.flatnonzero((words[left:right] > 200).any(axis=(0, 2)))
    before = len(used)
    overlay.refresh(MEASURED, FACTS, 5 * size[1], scale, 0.0, False)  # with room for anything
    words = pygame.surfarray.array3d(overlay._surface)
    assert len(np.flatnonzero((words[left:right] > 200).any(axis=(0, 2)))) == before
    assert overlay.scale((320, 240), 2) == 1
