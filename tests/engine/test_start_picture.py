"""Pictures to start from: fitted exactly where they can be, and judged honestly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.session import Session
from engine.start_picture import colours, encode_picture, psnr, resize, to_world


def test_a_start_frame_comes_out_as_it_went_in(checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    palettes = checkpoint.manifest.palettes | {"night": [(10 * level, 20 * level, 90) for level in range(8)]}
    checkpoint = replace(checkpoint, manifest=checkpoint.manifest.model_copy(update={"palettes": palettes}))
    rgb = colours(checkpoint.start_pixels[1], checkpoint.manifest, "night")
    encoded = encode_picture(rgb.repeat(7, 0).repeat(7, 1), checkpoint, backend)
    assert encoded.palette == "night" and (encoded.exact, encoded.psnr_db, encoded.fit_db) == (1.0, inf, inf)
    assert np.array_equal(encoded.start.tokens, checkpoint.start_tokens[1, -1])
    assert np.array_equal(encoded.start.pixels, checkpoint.start_pixels[1])
    assert "knows pictures like this" in encoded.verdict and encoded.error == "100.0 % of pixels kept, no error"


def test_an_edited_one_loses_little_and_an_unrelated_one_nearly_all(
    checkpoint: Checkpoint, backend: OnnxBackend
) -> None:
    rgb = colours(checkpoint.start_pixels[0], checkpoint.manifest, "day").copy()
    rgb[20:24, 20:24] = rgb[0, 0]
    edited = encode_picture(rgb, checkpoint, backend)
    noise = np.random.default_rng(1).integers(0, 256, (90, 160, 3), np.uint8)
    unrelated = encode_picture(noise, checkpoint, backend)
    assert 0.95 < edited.exact < 1 and edited.psnr_db > unrelated.psnr_db + 5
    assert unrelated.exact < 0.4 and "far from what the network knows" in unrelated.verdict
    session = Session(checkpoint, backend)
    assert np.array_equal(session.reset(unrelated.start, 1).pixels, unrelated.start.pixels)


def test_an_rgb_world(make_world: Callable[..., Path]) -> None:
    checkpoint = load_checkpoint(make_world(rgb=True))
    backend = OnnxBackend(checkpoint, 1)
    encoded = encode_picture(checkpoint.start_pixels[0].repeat(3, 0).repeat(3, 1), checkpoint, backend)
    assert encoded.palette is None and encoded.exact == 1.0


@given(high=st.integers(1, 70), wide=st.integers(1, 70), height=st.integers(1, 40), width=st.integers(1, 40))
def test_any_size_fits_and_plain_colours_stay(high: int, wide: int, height: int, width: int) -> None:
    rgb = np.full((high, wide, 3), (12, 200, 77), np.uint8)
    small = resize(rgb, height, width)
    assert small.shape == (height, width, 3) and (small == (12, 200, 77)).all()


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_enlarged_pixels_come_out_exactly(factor: int) -> None:
    rgb = np.random.default_rng(4).integers(0, 256, (12, 16, 3), np.uint8)
    assert np.array_equal(resize(rgb.repeat(factor, 0).repeat(factor, 1), 12, 16), rgb)


def test_areas_are_averaged_and_the_middle_is_taken() -> None:
    rgb = np.zeros((2, 6, 3), np.uint8)
    rgb[:, 2:4] = (100, 50, 10)
    rgb[0, 2] = 0
    assert resize(rgb, 1, 1).tolist() == [[[75, 38, 8]]]


def test_indices_exist_in_every_palette(checkpoint: Checkpoint) -> None:
    noise = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    palettes = {"few": [(0, 0, 0), (255, 255, 255)], "many": [(i, i, i) for i in range(0, 250, 10)]}
    manifest = checkpoint.manifest.model_copy(update={"palettes": palettes})
    picture, name = to_world(noise, manifest)
    assert int(picture.max()) < 2 and name in palettes


def test_psnr_of_one_step_in_every_pixel() -> None:
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert psnr(grey, grey + np.uint8(1)) == pytest.approx(48.13, abs=0.01)
