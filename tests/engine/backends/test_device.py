"""CUDA without and with a card."""

from __future__ import annotations

import ctypes
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


class HostCuda:
    """CUDA on host memory. Each call is made to the real bindings first, which without a driver only look at what they
    are given: a wrong kind or number of arguments raises. `held` is what was made and not given back."""

    def __init__(self) -> None:
        self.real = pytest.importorskip("cuda.bindings.runtime")
        self.held: dict[str, list[int]] = {"memory": [], "pinned": [], "graph": [], "exec": [], "stream": []}
        self.fails: dict[str, int] = {}
        self.blocks: list[Any] = []
        self.recording: list[Any] | None = None
        self.graphs: dict[int, list[Any]] = {}

    def __getattr__(self, name: str) -> Any:
        real = getattr(self.real, name)
        answer = getattr(type(self), f"_{name}", None)
        if answer is None:
            return real

        def call(*given: Any) -> tuple[Any, ...]:
            real(*given)
            if name in self.fails:
                return (self.real.cudaError_t(self.fails[name]), None)
            return (self.real.cudaError_t.cudaSuccess, *(answer(self, *given) or ()))

        return call

    def _cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any]:
        assert flags == self.real.cudaStreamNonBlocking
        self.held["stream"].append(7)
        return (self.real.cudaStream_t(7),)

    def _cudaMalloc(self, size: int) -> tuple[int]:
        return (self._block("memory", size),)

    def _cudaHostAlloc(self, size: int, flags: int) -> tuple[int]:
        return (self._block("pinned", size),)

    def _cudaMemcpyAsync(self, target: int, source: int, size: int, kind: Any, stream: Any) -> None:
        self._queue(lambda: ctypes.memmove(target, source, size))

    def _cudaMemsetAsync(self, address: int, value: int, size: int, stream: Any) -> None:
        self._queue(lambda: ctypes.memset(address, value, size))

    def _cudaStreamBeginCapture(self, stream: Any, mode: Any) -> None:
        assert self.recording is None and mode == self.real.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.recording = []

    def _cudaStreamEndCapture(self, stream: Any) -> tuple[Any]:
        assert self.recording is not None
        self.graphs[3], self.recording = self.recording, None
        self.held["graph"].append(3)
        return (self.real.cudaGraph_t(3),)

    def _cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any]:
        self.held["exec"].append(4)
        return (self.real.cudaGraphExec_t(4),)

    def _cudaGraphLaunch(self, graph: Any, stream: Any) -> None:
        for work in self.graphs[3]:
            work()

    def _cudaStreamSynchronize(self, stream: Any) -> None:
        assert self.recording is None, "not while a graph is recorded"

    def _cudaGraphDestroy(self, graph: Any) -> None:
        self.held["graph"].remove(int(graph))

    def _cudaGraphExecDestroy(self, graph: Any) -> None:
        self.held["exec"].remove(int(graph))

    def _cudaFree(self, address: int) -> None:
        self.held["memory"].remove(address)

    def _cudaFreeHost(self, address: int) -> None:
        self.held["pinned"].remove(address)

    def _cudaStreamDestroy(self, stream: Any) -> None:
        self.held["stream"].remove(int(stream))

    def _block(self, kind: str, size: int) -> int:
        self.blocks.append(ctypes.create_string_buffer(b"\xab" * size, size))
        self.held[kind].append(ctypes.addressof(self.blocks[-1]))
        return self.held[kind][-1]

    def _queue(self, work: Any) -> None:
        if self.recording is None:
            work()
        else:
            self.recording.append(work)


@pytest.fixture
def host_cuda(monkeypatch: pytest.MonkeyPatch) -> HostCuda:
    if list_cards():
        pytest.skip("a card is here, which would be asked for what isn't its own")
    cuda = HostCuda()
    monkeypatch.setattr("engine.backends.device._bindings", lambda: cuda)
    monkeypatch.setattr("engine.backends.device._find_card", lambda given: Card("x", (8, 6), "1", 0))
    return cuda


def test_calls_are_as_the_bindings_take_them(host_cuda: HostCuda) -> None:
    device = CudaDevice()
    up, down, address = device.allocate_pinned(600), device.allocate_pinned(600), device.allocate(600)
    assert device.stream == 7 and not up.any()
    up[:] = np.arange(600) % 251
    device.upload(address, up)
    device.download(down, address)
    device.synchronize()
    assert np.array_equal(up, down)

    def work() -> None:
        device.clear(address, 300)
        device.download(down, address)

    graph = device.capture(work)
    assert down[:300].any()  # recorded, not run
    device.launch(graph)
    assert not down[:300].any() and np.array_equal(down[300:], up[300:])
    device.close()
    assert not any(host_cuda.held.values())


def test_a_recording_that_fails_is_ended(host_cuda: HostCuda) -> None:
    device = CudaDevice()

    def work() -> None:
        raise BackendFailed("TensorRT 1 did not run a step")

    with pytest.raises(BackendFailed, match="did not run a step"):
        device.capture(work)
    device.synchronize()  # which is not allowed while one is under way
    assert host_cuda.held["graph"] == []
    host_cuda.fails["cudaGraphInstantiate"] = 2
    with pytest.raises(OutOfDeviceMemory, match="CUDA: GraphInstantiate: out of memory"):
        device.capture(lambda: None)
    device.close()
    assert not any(host_cuda.held.values())


@pytest.mark.parametrize("function", ["cudaMalloc", "cudaHostAlloc"])
def test_short_memory_is_told_as_that(host_cuda: HostCuda, function: str) -> None:
    device = CudaDevice()
    host_cuda.fails[function] = 2
    with pytest.raises(OutOfDeviceMemory):
        device.allocate(8) if function == "cudaMalloc" else device.allocate_pinned(8)
    host_cuda.fails["cudaStreamSynchronize"] = 719
    device.close()  # a card that is broken is let go all the same
    assert not any(host_cuda.held.values())


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
