"""Pieces to paint with: only what a world ships, whatever its shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.painter.stamps import SPRITES, TILES, boards, find_stamps, patch_side, sprite_side
from engine.checkpoint import Checkpoint, load_checkpoint


@pytest.fixture
def checkpoint(worlds: Path) -> Checkpoint:
    return load_checkpoint(worlds / "hills")


def scene(count: int = 6) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Frames 64 × 64 of two skies over ground, with a figure of many colours somewhere else in each."""
    random = np.random.default_rng(1)
    frames = np.zeros((count, 64, 64), np.uint8)
    frames[:, 48:] = 1
    figure = random.integers(2, 12, (6, 4)).astype(np.uint8)
    for number, frame in enumerate(frames):
        top, left = 8 + 5 * number, 3 + 8 * number
        frame[top : top + 6, left : left + 4] = figure
    return frames


def test_every_piece_is_found_in_a_start_frame(checkpoint: Checkpoint) -> None:
    stamps = find_stamps(checkpoint)
    assert 1 <= len(stamps) <= SPRITES + TILES
    for stamp in stamps:
        side = len(stamp)
        windows = np.lib.stride_tricks.sliding_window_view(checkpoint.start_pixels, (side, side), (1, 2))
        assert (windows == stamp).all((-1, -2)).any()
    assert len({stamp.tobytes() for stamp in stamps}) == len(stamps)


def test_a_figure_that_stands_anywhere_is_found_whole(checkpoint: Checkpoint) -> None:
    manifest = checkpoint.manifest.model_copy(update={"height": 64, "width": 64, "tokens": 256})
    assert (patch_side(manifest), sprite_side(manifest)) == (4, 8)
    frames = scene()
    stamps = find_stamps(replace(checkpoint, manifest=manifest, start_pixels=frames))
    assert any((stamp == frames[0, 8:14, 3:7].max()).any() and len(np.unique(stamp)) > 6 for stamp in stamps[:3])
    colour = replace(checkpoint, manifest=manifest, start_pixels=np.stack([frames] * 3, -1))
    assert all(stamp.ndim == 3 for stamp in find_stamps(colour))


def test_boards_are_made_of_the_starts(checkpoint: Checkpoint) -> None:
    manifest = checkpoint.manifest.model_copy(update={"height": 64, "width": 64, "tokens": 256})
    made = dict(boards(replace(checkpoint, manifest=manifest, start_pixels=scene())))
    assert set(np.unique(made["blank"])) == {0}
    assert set(np.unique(made["empty"][:48])) == {0} and set(np.unique(made["empty"][48:])) == {1}
    assert (made["start 2"] == scene()[2]).all()
    assert [title for title, _ in boards(checkpoint)][:3] == ["blank", "empty", "start 0"]


@pytest.mark.parametrize(("height", "width", "tokens"), [(30, 40, 7), (32, 32, 1024), (8, 8, 1), (128, 64, 32)])
def test_any_shape_has_a_patch(
    checkpoint: Checkpoint, make_world: Callable[..., Path], height: int, width: int, tokens: int
) -> None:
    manifest = checkpoint.manifest.model_copy(update={"height": height, "width": width, "tokens": tokens})
    assert 2 <= patch_side(manifest) <= max(8, min(height, width))
    frames = np.zeros((2, height, width), np.uint8)
    odd = replace(checkpoint, manifest=manifest, start_pixels=frames)
    assert find_stamps(odd)
    assert all(board.shape == (height, width) for _, board in boards(odd))
