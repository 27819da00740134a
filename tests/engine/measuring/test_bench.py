"""The bench: its document, its key presses, its drivers."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from engine.backends.base import NoCard
from engine.backends.wish import BackendName, BackendWish
from engine.measuring.bench import KeyPresses, Stage, bench, drive_headless, matrix_rate, traffic_rate
from models.actions import Action
from models.manifest import BadInput

ONE = (BackendWish(BackendName.ONNX, threads=1),)
RESULT_KEYS = [
    "world",
    "backend",
    "version",
    "device",
    "note",
    "frames",
    "fps",
    "fps_paced",
    "compute_ms",
    "interval_ms",
    "key_to_screen_ms",
    "on_time",
    "startup_s",
    "cold_start_s",
    "warm_start_s",
    "rss_mb",
    "vram_peak_mb",
    "matrix_share",
]


def test_the_document(world_folder: Path) -> None:
    shown: list[float | None] = []

    class Window:
        """A driver that flips nothing but remembers what it was given."""

        def __call__(self, stage: Stage) -> float | None:
            shown.append(stage.wanted)
            drive_headless(stage)
            assert stage.finished
            return stage.clock() + 1000

    document = bench([world_folder], 20, window=Window(), wishes=ONE)
    assert json.loads(json.dumps(document)) == document and shown == [20, 20]
    assert document["schema"] == 2 and document["skipped"] == [] and document["machine"]["cores"] >= 1
    (result,) = document["results"]
    assert list(result) == RESULT_KEYS
    assert result["world"] == "predictable" and result["frames"] >= 20 and result["vram_peak_mb"] is None
    assert result["fps"] > 0 and result["fps_paced"] > 0 and 0 <= result["on_time"] <= 1
    assert result["warm_start_s"] > 0 and 0 < result["cold_start_s"] < result["startup_s"]
    assert document["projections"] == document["method_errors"] == []  # this world doesn't count its kernels
    assert result["startup_s"] > 1000  # until the driver's first flip
    assert result["rss_mb"] > 20 and 0 < result["matrix_share"] < 1
    assert set(result["compute_ms"]) == set(result["interval_ms"]) == {"p50", "p99", "max"}


def test_no_operations_is_no_share(make_world: object) -> None:
    folder = make_world(cost={"operations": 0, "bytes": 0, "parameters": 0})  # type: ignore[operator]
    assert bench([folder], 2, wishes=ONE)["results"][0]["matrix_share"] is None


@pytest.mark.parametrize("frames", [1, 0, -5])
def test_too_few_frames_are_bad_input(world_folder: Path, frames: int) -> None:
    with pytest.raises(BadInput, match="frames: expected at least 2"):
        bench([world_folder], frames)


def test_presses_come_at_any_phase_and_keep_their_time() -> None:
    presses = KeyPresses([Action.NOOP, Action.LEFT, Action.JUMP], 0, 0.0)
    events = [event for tick in range(3000) for event in presses.due(tick / 30)]
    times = np.array([when for _, when in events])
    assert len(events) > 300 and (np.diff(times) > 0.1).all()
    phases = np.histogram(times * 30 % 1, 5, (0, 1))[0] / len(times)
    assert (phases > 0.1).all()
    held = [action for action, _ in events]
    assert all(one is not next_one for one, next_one in pairwise(held))
    assert presses.until_next(100.0) > 0 and presses.until_next(1e9) == 0


def test_matrix_rate_is_plausible() -> None:
    assert 1e8 < matrix_rate() < 1e14


def test_a_backend_that_is_not_here_is_skipped_with_its_reason(
    world_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise NoCard("no NVIDIA driver is running here")

    monkeypatch.setattr("engine.backends.choice.open_tensorrt", refuse)
    document = bench([world_folder], 2, wishes=(*ONE, BackendWish(BackendName.TENSORRT, threads=1)))
    assert [result["backend"] for result in document["results"]] == ["onnx"]
    (skipped,) = document["skipped"]
    assert skipped["backend"] == "tensorrt" and "no NVIDIA driver" in skipped["reason"]


def test_projection_stands_beside_the_measurement_with_its_error(make_world: object) -> None:
    cost = {"operations": 10**7, "bytes": 10**6, "parameters": 10**5, "kernels": 40}
    document = bench([make_world(cost=cost)], 2, wishes=ONE)  # type: ignore[operator]
    (row,) = document["projections"]
    assert row["card"] == "RTX 3060" and row["fps"] > 100 and row["fits"]
    (error,) = document["method_errors"]
    assert error["projected_fps"] / error["measured_fps"] - 1 == pytest.approx(error["error"])


def test_traffic_rate_is_plausible() -> None:
    assert 1e8 < traffic_rate() < 1e13
