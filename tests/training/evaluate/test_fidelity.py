"""PSNR and SSIM against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from training.evaluate.fidelity import CEILING_DB, Colours, psnr_db

GREY = Colours([(level * 17,) * 3 for level in range(16)])


def test_error_is_that_of_the_colours_not_of_the_indices() -> None:
    colours = Colours([(0, 0, 0), (255, 0, 0), (255, 255, 0)])
    got, true = np.array([[0, 1, 2]], np.uint8), np.array([[1, 2, 2]], np.uint8)
    assert colours.squared_error(got, true).tolist() == [[255**2, 255**2, 0]]


def test_psnr_is_of_pooled_sums() -> None:
    # Every channel off by 17: 10 log10(255² / 17²)
    true = np.zeros((4, 4), np.uint8)
    error = GREY.squared_error(true + 1, true)
    assert psnr_db(error.sum(), error.size) == pytest.approx(23.5218, abs=1e-3)
    # Half of the pixels exact: 3 dB more, not infinitely more.
    assert psnr_db(error.sum(), 2 * error.size) == pytest.approx(26.5321, abs=1e-3)
    assert psnr_db(np.float64(0), np.float64(10)) == CEILING_DB


def test_ssim_falls_with_damage_and_sees_structure() -> None:
    rng = np.random.default_rng(0)
    true = np.kron(rng.integers(0, 16, (8, 8)), np.ones((8, 8))).astype(np.uint8)
    wrong = true.copy()
    wrong[::3, ::3] = 0
    worse = rng.integers(0, 16, true.shape, np.uint8)
    assert GREY.ssim(true, true) == pytest.approx(1.0)
    assert 1 > GREY.ssim(wrong, true) > GREY.ssim(worse, true)
    assert GREY.ssim(wrong, true) == pytest.approx(GREY.ssim(true, wrong))


def test_ssim_of_flat_pictures_is_the_light_term() -> None:
    dark, light = np.zeros((16, 16), np.uint8), np.full((16, 16), 15, np.uint8)
    constant = (0.01 * 255) ** 2
    assert GREY.ssim(dark, light) == pytest.approx(constant / (255**2 + constant))
