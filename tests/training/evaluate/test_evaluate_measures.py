"""Every measure at its ends: the truth itself gets full marks, a frozen or blank world gets none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.evaluate.control import measure_control, measure_other_keys
from training.evaluate.fidelity import CEILING_DB, PALETTE, Colours
from training.evaluate.footage import Clip, Moment, find_moments, record_clips
from training.evaluate.one_step import measure_one_step
from training.evaluate.reconstruction import measure_reconstruction
from training.evaluate.rollout import HORIZONS, measure_rollout
from training.worlds.registry import world_class


@pytest.fixture(scope="module")
def footage() -> dict[str, tuple[list[Clip], list[Moment]]]:
    return {
        name: (record_clips(name, 3, HORIZONS[-1], 20), find_moments(name, 2, 21)) for name in ("platformer", "puzzle")
    }


@pytest.fixture
def clips(world_name: str, footage: dict[str, Any]) -> list[Clip]:
    found: list[Clip] = footage[world_name][0]
    return found


@pytest.fixture
def moments(world_name: str, footage: dict[str, Any]) -> list[Moment]:
    found: list[Moment] = footage[world_name][1]
    return found


@pytest.fixture
def colours(world_name: str) -> Colours:
    return Colours(world_class(world_name).palettes[PALETTE])


def test_reconstruction(world_name: str, colours: Colours, perfect: Any, blank: Any) -> None:
    whole = measure_reconstruction(perfect(world_name), world_name, colours, 3, 6, 0)
    empty = measure_reconstruction(blank(world_name), world_name, colours, 3, 6, 0)
    assert (whole["psnr_db"], whole["exact_pixels"], whole["frames"]) == (CEILING_DB, 1.0, 6)
    assert empty["psnr_db"] < 15 and empty["exact_pixels"] < 0.5


def test_one_step(world_name: str, clips: list[Clip], perfect: Any, frozen: Any) -> None:
    whole = measure_one_step(perfect(world_name), world_name, clips, 20)
    copy = measure_one_step(frozen(world_name), world_name, clips, 20)
    assert whole["changed_pixels"] == whole["exact_tokens"] == whole["all_pixels"] == 1.0
    assert copy["changed_pixels"] == 0.0
    assert copy["all_pixels"] == whole["copy_last"]["all_pixels"] > 0.5
    assert whole["frames"] == 60 and whole["pixels"] > 0


def test_rollout(world_name: str, clips: list[Clip], colours: Colours, perfect: Any, frozen: Any) -> None:
    whole, made = measure_rollout(perfect(world_name), world_name, colours, clips)
    copy, _ = measure_rollout(frozen(world_name), world_name, colours, clips)
    assert all((got == clip.frames).all() for got, clip in zip(made, clips, strict=True))
    for horizon in map(str, HORIZONS):
        assert whole[horizon]["psnr_db"] == whole[horizon]["psnr_known_db"] == CEILING_DB
        assert whole[horizon]["ssim"] == pytest.approx(1)
        assert copy[horizon]["psnr_db"] == copy[horizon]["copy_last_psnr_db"] < 40
        assert copy[horizon]["psnr_known_db"] == copy[horizon]["copy_last_psnr_known_db"]
        assert copy[horizon]["psnr_changed_db"] == copy[horizon]["copy_last_psnr_changed_db"] < 20
        assert whole[horizon]["clips"] + whole[horizon]["dropped"] == len(clips)


def test_control(world_name: str, moments: list[Moment], perfect: Any, frozen: Any, deaf: Any) -> None:
    whole, _ = measure_control(perfect(world_name), world_name, moments)
    assert whole["counterfactual"] == 1.0 and whole["states"] > 0
    for fault in (frozen, deaf):
        figures, _ = measure_control(fault(world_name), world_name, moments)
        assert figures["counterfactual"] <= figures["chance"] + 0.1 < 0.6


def test_other_keys(world_name: str, clips: list[Clip], colours: Colours, perfect: Any, frozen: Any) -> None:
    _, made = measure_rollout(perfect(world_name), world_name, colours, clips)
    # In so few clips one draw of other keys may happen to do the same as those that were pressed.
    heard = [measure_other_keys(perfect(world_name), world_name, colours, clips, made, seed) for seed in range(4)]
    assert max(figures["delta_psnr_db"] for figures in heard) > 20
    still = [np.stack([clip.moment.frames[-1]] * 4) for clip in clips]
    assert measure_other_keys(frozen(world_name), world_name, colours, clips, still, 0)["delta_psnr_db"] == 0.0
