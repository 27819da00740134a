"""Memory figures, with and without a card."""

from __future__ import annotations

import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from engine.measuring.memory import VramPeak, VramProbe, list_cards, resident_mb


class FakeNvml:
    """The part of NVML that the probe uses, for a card of which 2 GB are used."""

    class NVMLError(Exception):
        pass

    def __init__(self, processes: list[Any], broken: bool = False) -> None:
        self._processes, self._broken = processes, broken

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"card {index}"

    def nvmlDeviceGetComputeRunningProcesses(self, card: str) -> list[Any]:
        return self._processes

    def nvmlDeviceGetMemoryInfo(self, card: str) -> Any:
        if self._broken:
            raise self.NVMLError("lost")
        return SimpleNamespace(used=2 << 30)


def probe(monkeypatch: pytest.MonkeyPatch, nvml: Any) -> VramProbe:
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    return VramProbe()


def test_resident_memory_is_plausible() -> None:
    assert 10 < resident_mb() < 10_000


def test_a_missing_driver_is_none() -> None:
    """Without a card the real library raises; with one it answers."""
    used = VramProbe().used_mb()
    assert used is None or used >= 0


def test_a_missing_library_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe(monkeypatch, None).used_mb() is None


def test_own_memory_where_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    other = SimpleNamespace(pid=os.getpid() + 1, usedGpuMemory=1 << 30)
    own = SimpleNamespace(pid=os.getpid(), usedGpuMemory=300 << 20)
    assert probe(monkeypatch, FakeNvml([other, own])).used_mb() == 300


def test_the_whole_card_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = SimpleNamespace(pid=os.getpid(), usedGpuMemory=None)
    assert probe(monkeypatch, FakeNvml([hidden])).used_mb() == 2048
    assert probe(monkeypatch, FakeNvml([])).used_mb() == 2048


def test_a_card_that_stops_answering_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert probe(monkeypatch, FakeNvml([], broken=True)).used_mb() is None


def test_without_a_driver_there_are_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert list_cards() == []


def test_cards_are_listed_with_their_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetMemoryInfo=lambda card: SimpleNamespace(total=12 << 30, free=9 << 30),
        nvmlDeviceGetName=lambda card: "RTX 3060",
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    assert list_cards() == [("RTX 3060", 12 * 1024.0, 9 * 1024.0)]


def test_the_peak_is_the_most_that_was_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter([100.0, 100.0, 700.0])
    monkeypatch.setattr(VramProbe, "used_mb", lambda self: next(seen, 300.0))
    monkeypatch.setattr(VramPeak, "EVERY", 0.001)
    with VramPeak() as peak:
        deadline = time.monotonic() + 10
        while peak.peak_mb != 700.0 and time.monotonic() < deadline:
            time.sleep(0.001)
    assert peak.peak_mb == 700.0
    with VramPeak(active=False) as none:
        pass
    assert none.peak_mb is None
