"""CUDA without and with a card."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.backends.base import BackendFailed, NoCard, OutOfDeviceMemory
from engine.backends.device import Card, CudaDevice, _call, _find_card, find_card
from engine.measuring.memory import list_cards


@pytest.mark.skipif(bool(list_cards()), reason="a card is here")
def test_without_a_driver_one_line_says_so() -> None:
    with pytest.raises(NoCard, match="no NVIDIA driver"):
        find_card()
    with pytest.raises(NoCard):
        CudaDevice()


def test_without_the_bindings_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(BackendFailed, match=r"pip install dreamcade\[rtx\]"):
        find_card()


def _cuda(status: int) -> Any:
    error = SimpleNamespace(cudaErrorMemoryAllocation=2)
    return SimpleNamespace(
        cudaError_t=error,
        cudaMalloc=lambda size: (status, 4096),
        cudaGetErrorString=lambda status: (0, b"out of memory" if status == 2 else b"unknown error"),
    )


def test_errors_are_cudas_own_words() -> None:
    assert _call(_cuda(0), "cudaMalloc", 8) == (4096,)
    with pytest.raises(OutOfDeviceMemory, match="CUDA: Malloc: out of memory"):
        _call(_cuda(2), "cudaMalloc", 8)
    with pytest.raises(BackendFailed, match="CUDA: Malloc: unknown error"):
        _call(_cuda(999), "cudaMalloc", 8)


def test_bindings_that_cannot_even_call_are_one_line() -> None:
    """A driver may lack the function, and its status may be newer than the bindings."""

    def missing() -> Any:
        raise RuntimeError("Function cudaMalloc\nnot found")

    with pytest.raises(BackendFailed, match="CUDA: Malloc: Function cudaMalloc not found"):
        _call(SimpleNamespace(cudaMalloc=missing), "cudaMalloc")
    with pytest.raises(BackendFailed, match=r"CUDA: Free: .*no attribute"):
        _call(SimpleNamespace(), "cudaFree")


def _driver(speaks: int = 13010, count: tuple[int, int | None] = (0, 1)) -> Any:
    facts = {"name": b"NVIDIA GeForce RTX 3060\0\0", "major": 8, "minor": 6, "totalGlobalMem": 12 << 30}
    place = {"pciDomainID": 0, "pciBusID": 11, "pciDeviceID": 0}
    return SimpleNamespace(
        cudaDriverGetVersion=lambda: (0, speaks),
        cudaRuntimeGetVersion=lambda: (0, 13050),
        cudaGetDeviceCount=lambda: count,
        cudaGetDeviceProperties=lambda number: (0, SimpleNamespace(**facts, **place)),
        cudaGetErrorString=lambda status: (0, b"unknown error"),
        cudaError_t=SimpleNamespace(cudaErrorMemoryAllocation=2, cudaErrorNoDevice=100),
    )


def test_a_card_is_found() -> None:
    card = _find_card(_driver())
    assert (card.name, card.architecture, card.memory) == ("NVIDIA GeForce RTX 3060", "sm_86", 12 << 30)
    assert card.bus == "00000000:0b:00.0" and "CUDA 13.1" in card.driver


def test_a_driver_that_is_too_old_is_told_as_that() -> None:
    with pytest.raises(
        BackendFailed, match=r"driver is too old: it speaks CUDA 12.4, expected CUDA 13 or newer"
    ) as told:
        _find_card(_driver(12040))
    assert not isinstance(told.value, NoCard)


@pytest.mark.parametrize("count", [(100, None), (0, 0)])
def test_a_driver_without_a_card_misses_nothing(count: tuple[int, int | None]) -> None:
    with pytest.raises(NoCard, match="knows no card"):
        _find_card(_driver(count=count))


def test_a_driver_that_does_not_answer_is_told() -> None:
    with pytest.raises(BackendFailed, match="CUDA: GetDeviceCount: unknown error"):
        _find_card(_driver(count=(999, None)))


def test_the_architecture_is_named() -> None:
    assert Card("x", (8, 6), "1", 0).architecture == "sm_86" and Card("x", (12, 0), "1", 0).architecture == "sm_120"


@pytest.mark.gpu
def test_memory_goes_up_and_down() -> None:
    device = CudaDevice()
    up, down = device.allocate_pinned(1000), device.allocate_pinned(1000)
    up[:] = np.arange(1000) % 251
    address = device.allocate(1000)
    device.upload(address, up)
    device.download(down, address)
    device.synchronize()
    assert np.array_equal(up, down)
    graph = device.capture(lambda: device.clear(address, 1000))
    device.launch(graph)
    device.download(down, address)
    device.synchronize()
    assert not down.any() and device.free_bytes() > 0
    with pytest.raises(OutOfDeviceMemory):
        device.allocate(1 << 50)
    device.close()
