"""The bench: its document, its key presses, its drivers."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partialmethod
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from engine.backends.base import Backend, BackendFailed, BackendInfo, NoCard, StepOutput
from engine.backends.choice import Choice
from engine.backends.onnx import OnnxBackend
from engine.backends.opening import Parts
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint
from engine.measuring.bench import KeyPresses, Stage, bench, drive_headless, matrix_rate, project_worlds, traffic_rate
from engine.measuring.memory import VramPeak, VramProbe
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
    "vram_whole_card",
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
    assert document["schema"] == 3 and document["skipped"] == [] and document["machine"]["cores"] >= 1
    (result,) = document["results"]
    assert list(result) == RESULT_KEYS
    assert result["world"] == "predictable" and result["frames"] >= 20 and result["vram_peak_mb"] is None
    assert result["fps"] > 0 and result["fps_paced"] > 0 and 0 <= result["on_time"] <= 1
    assert result["warm_start_s"] > 0 and 0 < result["cold_start_s"] < result["startup_s"]
    assert document["method_errors"] == []  # this world doesn't count its kernels
    (host,) = document["host_times"]
    assert host["world"] == "predictable" and 0 <= host["p50"] <= host["p99"] <= host["max"]
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


class Failing:
    """A backend that fails at a step of its own, or claims to be another one from there on."""

    def __init__(self, real: OnnxBackend, at: int, error: Exception | None) -> None:
        self._real, self._at, self._error, self._steps = real, at, error, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    @property
    def info(self) -> BackendInfo:
        card = BackendInfo("tensorrt", "TensorRT-RTX 1.7", "NVIDIA GeForce RTX 3060", 1, "sm_86")
        taken_over = self._error is None and self._steps >= self._at
        return replace(self._real.info, note="TensorRT stopped: the card fell off the bus") if taken_over else card

    def step(self, *given: Any) -> StepOutput:
        self._steps += 1
        if self._error is not None and self._steps >= self._at:
            raise self._error
        return self._real.step(*given)


@pytest.mark.parametrize(
    "error", [None, BackendFailed("the card fell off the bus"), RuntimeError("the card fell off the bus")]
)
def test_a_card_that_fails_on_the_way_is_no_row(make_world: Any, error: Exception | None) -> None:
    """Neither its own frames nor those of what took over are a figure."""
    cost = {"operations": 10**7, "bytes": 10**6, "parameters": 10**5, "kernels": 40}

    def open_failing(checkpoint: Checkpoint, parts: Parts) -> Choice:
        return Choice(cast(Backend, Failing(OnnxBackend(checkpoint, 1), 20, error)))

    document = bench([make_world(cost=cost)], 20, wishes=(), others={"tensorrt": open_failing})
    assert document["results"] == document["method_errors"] == []
    (skipped,) = document["skipped"]
    assert skipped["backend"] == "tensorrt" and "the card fell off the bus" in skipped["reason"]


@pytest.mark.parametrize("second", ["raises", "problem", "another"])
def test_a_warm_start_that_fails_takes_no_figures_along(world_folder: Path, second: str) -> None:
    opened: list[int] = []

    def open_once(checkpoint: Checkpoint, parts: Parts) -> Choice:
        opened.append(1)
        backend = OnnxBackend(checkpoint, 1)
        if len(opened) == 1:
            return Choice(backend)
        if second == "raises":
            raise RuntimeError("no memory is left")
        if second == "problem":
            return Choice(OnnxBackend(checkpoint, 1, "no memory is left"), "the CPU plays", stands_in=True)
        return Choice(cast(Backend, Failing(backend, 10**6, None)))

    (row,) = bench([world_folder], 5, wishes=(), others={"once": open_once})["results"]
    assert row["fps"] > 0 and row["warm_start_s"] is None and row["cold_start_s"] > 0
    assert row["note"].startswith("no warm start: ")
    assert ("no memory is left" in row["note"]) is (second != "another")


def test_auto_measures_what_plays(world_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise BackendFailed("TensorRT is not installed")

    monkeypatch.setattr(Parts, "__init__", partialmethod(Parts.__init__, find_library=missing))
    document = bench([world_folder], 5, wishes=(BackendWish(BackendName.AUTO, threads=1),))
    (row,) = document["results"]
    assert (
        document["skipped"] == []
        and row["backend"] == "onnx"
        and row["note"] == "no TensorRT: TensorRT is not installed"
    )
    document = bench([world_folder], 5, wishes=(BackendWish(BackendName.TENSORRT, threads=1),))
    assert document["results"] == [] and document["skipped"][0]["reason"] == "no TensorRT: TensorRT is not installed"


def test_vram_is_watched_from_before_the_engine_is_built(world_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = [100.0]
    monkeypatch.setattr(VramProbe, "look", lambda self: (used[0], False))
    monkeypatch.setattr(VramPeak, "EVERY", 0.001)

    def open_greedy(checkpoint: Checkpoint, parts: Parts) -> Choice:
        used[0] = 900.0
        time.sleep(0.1)  # a build, in which the probe looks many times
        used[0] = 300.0
        return Choice(cast(Backend, Failing(OnnxBackend(checkpoint, 1), 10**6, None)))

    (row,) = bench([world_folder], 5, wishes=(), others={"greedy": open_greedy})["results"]
    assert row["vram_peak_mb"] == 900.0 and row["vram_whole_card"] is True


def test_projecting_runs_nothing(make_world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [make_world("one"), make_world("two")]
    (folders[1] / "step.onnx").write_bytes(b"no graph")
    told: list[str] = []
    document = project_worlds(folders, 1 << 20, told.append)
    (row,) = document["projections"]
    assert row["world"] == "predictable" and not row["fits"] and row["limit_mb"] == 1 and len(told) == 2
    (without,) = document["unprojected"]
    assert "two/step.onnx: graph: expected an ONNX model" in without["reason"].replace("\\", "/")


def test_projection_stands_beside_the_measurement_with_its_error(make_world: object) -> None:
    cost = {"operations": 10**7, "bytes": 10**6, "parameters": 10**5, "kernels": 40}
    document = bench([make_world(cost=cost)], 2, wishes=ONE)  # type: ignore[operator]
    (row,) = document["projections"]
    assert row["card"] == "RTX 3060" and row["fps"] > 100 and row["fits"]
    (error,) = document["method_errors"]
    assert error["projected_fps"] / error["measured_fps"] - 1 == pytest.approx(error["error"])


def test_traffic_rate_is_plausible() -> None:
    assert 1e8 < traffic_rate() < 1e13
