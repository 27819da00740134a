"""The figures of the overlay."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from engine.backends.base import BackendInfo
from engine.measuring.telemetry import Telemetry, judge_target, spread_ms
from engine.session import Session
from models.actions import Action

CARD = BackendInfo("tensorrt", "10", "NVIDIA GeForce RTX 3060", 1, "sm_86")
CPU = BackendInfo("onnx", "1", "CPU AMD EPYC", 2, "avx2")


def test_what_was_not_measured_is_none() -> None:
    snapshot = Telemetry().snapshot()
    assert snapshot.model_fps is None and snapshot.entropy is None and snapshot.backend is None
    assert snapshot.compute_ms == snapshot.interval_ms == snapshot.key_to_screen_ms == spread_ms([])
    assert snapshot.frames == snapshot.late == snapshot.dropped == 0
    assert snapshot.rss_mb > 10


def test_figures(session: Session) -> None:
    telemetry = Telemetry(window=100)
    telemetry.begin(CPU)
    frame = session.step(Action.LEFT)
    for count in range(200):
        timed = replace(frame, entropy=float(count), times=replace(frame.times, compute_s=count / 1000))
        telemetry.add(timed, None if count == 0 else 0.02, late=count % 50 == 0)
    telemetry.add_flip(0.040)
    telemetry.add_flip(0.060)
    telemetry.set_dropped(3)
    snapshot = telemetry.snapshot()
    assert (snapshot.frames, snapshot.late, snapshot.dropped, snapshot.entropy) == (200, 4, 3, 199.0)
    assert snapshot.model_fps == pytest.approx(50)
    assert (snapshot.compute_ms.p50, snapshot.compute_ms.p99, snapshot.compute_ms.max) == pytest.approx((150, 199, 199))
    assert snapshot.key_to_screen_ms.p99 == pytest.approx(60)
    assert snapshot.compute_history_ms == pytest.approx(tuple(range(100, 200)))
    assert snapshot.backend is CPU


def test_another_session_begins_anew(session: Session) -> None:
    telemetry = Telemetry()
    telemetry.begin(CPU)
    telemetry.add(session.frame, 0.5)
    telemetry.begin(CPU)
    assert telemetry.snapshot().frames == 0 and telemetry.snapshot().model_fps is None


@pytest.mark.parametrize(
    ("backend", "fps", "vram", "target"),
    [
        (CARD, 30.0, 4000.0, "met"),
        (CARD, 8.0, 8192.0, "met"),
        (CARD, 7.9, 4000.0, "not met"),
        (CARD, 30.0, 9000.0, "not met"),
        (CARD, 30.0, None, "not met"),
        (CARD, None, 4000.0, "not met"),
        (CPU, 300.0, 100.0, "not this device"),
        (replace(CPU, device="CPU beside an RTX 3060"), 300.0, 100.0, "not this device"),
        (replace(CARD, device="NVIDIA GeForce RTX 3060 Ti"), 300.0, 100.0, "not this device"),
        (replace(CARD, device="NVIDIA GeForce RTX 3060 Laptop GPU"), 300.0, 100.0, "not this device"),
        (replace(CARD, device="NVIDIA H100"), 300.0, 100.0, "not this device"),
        (None, None, None, "not this device"),
    ],
)
def test_the_target_is_judged_on_what_runs(
    backend: BackendInfo | None, fps: float | None, vram: float | None, target: str
) -> None:
    assert judge_target(backend, fps, vram) == target


def test_the_target_line() -> None:
    telemetry = Telemetry()
    telemetry.begin(CPU)
    assert telemetry.snapshot().target_line == "RTX 3060 target: ≥ 8 FPS, ≤ 8 GB — not this device"


def test_a_card_that_is_not_used_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.measuring.telemetry.VramProbe", lambda: SimpleNamespace(used_mb=lambda: 2048.0))
    for backend, vram in ((None, None), (CPU, None), (CARD, 2048.0)):
        telemetry = Telemetry()
        if backend is not None:
            telemetry.begin(backend)
        assert telemetry.snapshot().vram_mb == vram


def test_ticks_without_a_frame_were_not_on_time(session: Session) -> None:
    telemetry = Telemetry()
    assert telemetry.snapshot().on_time is None
    for late, missed in ((False, 0), (True, 0), (False, 4)):
        telemetry.add(session.frame, None, late, missed)
    snapshot = telemetry.snapshot()
    assert (snapshot.late, snapshot.missed, snapshot.on_time) == (1, 4, pytest.approx(2 / 7))


def test_memory_is_looked_at_once_a_second() -> None:
    now = [0.0]
    telemetry = Telemetry(lambda: now[0])
    first = telemetry.snapshot().rss_mb
    hold = bytearray(64 << 20)
    now[0] = 0.5
    assert telemetry.snapshot().rss_mb == first
    now[0] = 1.5
    assert telemetry.snapshot().rss_mb > first + 30
    del hold
