"""CUDA without and with a card."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from engine.backends.base import BackendFailed, NoCard, OutOfDeviceMemory
from engine.backends.device import Card, CudaDevice, _call, find_card
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
