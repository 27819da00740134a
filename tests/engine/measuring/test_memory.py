"""Memory figures, with and without a card."""

from __future__ import annotations

import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

from engine.backends.base import BackendFailed
from engine.backends.device import Card
from engine.measuring.memory import VramPeak, VramProbe, list_cards, resident_mb


class FakeNvml:
    """The part of NVML that the probe uses, for a card of which 2 GB are used."""

    class NVMLError(Exception):
        pass

    def __init__(self, processes: list[Any], broken: bool = False, cards: int = 1) -> None:
        self._processes, self._broken, self._cards = processes, broken, cards
        self.asked: list[str] = []

    def nvmlInit(self) -> None:
        pass

    def nvmlDeviceGetCount(self) -> int:
        return self._cards

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"card {index}"

    def nvmlDeviceGetHandleByPciBusId(self, place: str) -> str:
        return f"card at {place}"

    def nvmlDeviceGetComputeRunningProcesses(self, card: str) -> list[Any]:
        return self._processes

    def nvmlDeviceGetMemoryInfo(self, card: str) -> Any:
        if self._broken:
            raise self.NVMLError("lost")
        self.asked.append(card)
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


def test_of_several_cards_the_one_that_plays_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """NVML counts cards by their place, CUDA by speed."""
    plays = Card("RTX 3060", (8, 6), "1", 0, "00000000:0b:00.0")
    monkeypatch.setattr("engine.measuring.memory.find_card", lambda: plays)
    nvml = FakeNvml([], cards=2)
    assert probe(monkeypatch, nvml).used_mb() == 2048 and nvml.asked == ["card at 00000000:0b:00.0"]

    def none() -> None:
        raise BackendFailed("the NVIDIA driver is too old")

    monkeypatch.setattr("engine.measuring.memory.find_card", none)
    nvml = FakeNvml([], cards=2)
    assert probe(monkeypatch, nvml).used_mb() == 2048 and nvml.asked == ["card 0"]


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


def _peak(monkeypatch: pytest.MonkeyPatch, looks: list[tuple[float, bool] | None]) -> VramPeak:
    """What is left of these looks, one after the other, the last one for ever."""
    left = list(looks)

    def look(probe: VramProbe) -> tuple[float, bool] | None:
        return left.pop(0) if len(left) > 1 else left[0]

    monkeypatch.setattr(VramProbe, "look", look)
    monkeypatch.setattr(VramPeak, "EVERY", 0.001)
    with VramPeak() as peak:
        deadline = time.monotonic() + 10
        while len(left) > 1 and time.monotonic() < deadline:
            time.sleep(0.001)
    return peak


def test_the_peak_is_the_most_that_this_process_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it is listed, only others use the card."""
    peak = _peak(monkeypatch, [(5000.0, False), (5000.0, False), (100.0, True), (700.0, True), (300.0, True)])
    assert peak.peak_mb == 700.0 and not peak.whole_card


def test_the_whole_cards_peak_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = _peak(monkeypatch, [(100.0, False), (100.0, False), (900.0, False), (200.0, False)])
    assert peak.peak_mb == 900.0 and peak.whole_card


def test_without_a_card_there_is_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    peak = _peak(monkeypatch, [None])
    assert peak.peak_mb is None and not peak.whole_card
