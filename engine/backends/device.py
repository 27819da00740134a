"""A card's memory, stream and graphs. Owns every CUDA call; refuses to know what is computed on the card."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from engine.backends.base import BackendFailed, NoCard, OutOfDeviceMemory
from engine.backends.library import one_line

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Card:
    """What is known of a card. `capability`: (8, 6) of an RTX 3060; `memory` in bytes; `bus` as NVML writes a place on
    the PCI bus, empty where it isn't known."""

    name: str
    capability: tuple[int, int]
    driver: str
    memory: int
    bus: str = ""

    @property
    def architecture(self) -> str:
        """The chip's name among compilers, such as sm_86."""
        return "sm_{}{}".format(*self.capability)


class Device(Protocol):
    """A card with one stream. Copies and work are queued on the stream; `synchronize` waits for all of it."""

    @property
    def card(self) -> Card: ...

    @property
    def stream(self) -> int:
        """The stream's handle, for what queues work by itself."""

    def free_bytes(self) -> int:
        """Memory that nobody has taken yet."""

    def allocate(self, size: int) -> int:
        """Address of `size` new bytes on the card. Raises OutOfDeviceMemory."""

    def allocate_pinned(self, size: int) -> Bytes:
        """`size` bytes of host memory that the card can copy from and to by itself."""

    def upload(self, address: int, source: Bytes) -> None:
        """Queue a copy of pinned memory to the card."""

    def download(self, target: Bytes, address: int) -> None:
        """Queue a copy from the card to pinned memory."""

    def clear(self, address: int, size: int) -> None:
        """Queue setting bytes to zero."""

    def capture(self, work: Callable[[], None]) -> Any:
        """Record what `work` queues as one graph, without running it."""

    def launch(self, graph: Any) -> None:
        """Queue a recorded graph."""

    def synchronize(self) -> None:
        """Wait until everything queued is done."""

    def close(self) -> None:
        """Give all memory back."""


class CudaDevice:
    """The first NVIDIA card, through cuda-bindings."""

    def __init__(self) -> None:
        """Raises BackendFailed where there is no card to be used, saying why."""
        self._cuda = _bindings()
        self.card = _find_card(self._cuda)
        self._memory: list[int] = []
        self._pinned: list[int] = []
        self._graphs: list[Any] = []
        (stream,) = self._call("cudaStreamCreateWithFlags", self._cuda.cudaStreamNonBlocking)
        self._stream = stream
        self.stream = int(stream)

    def free_bytes(self) -> int:
        """Memory that nobody has taken yet."""
        free, _ = self._call("cudaMemGetInfo")
        return int(free)

    def allocate(self, size: int) -> int:
        """Address of `size` new bytes on the card. Raises OutOfDeviceMemory."""
        (address,) = self._call("cudaMalloc", size)
        self._memory.append(int(address))
        return int(address)

    def allocate_pinned(self, size: int) -> Bytes:
        """`size` zero bytes of host memory that the card can copy from and to by itself."""
        (address,) = self._call("cudaHostAlloc", size, self._cuda.cudaHostAllocDefault)
        self._pinned.append(int(address))
        array: Bytes = np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(int(address)))
        array.fill(0)
        return array

    def upload(self, address: int, source: Bytes) -> None:
        """Queue a copy of pinned memory to the card."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._call("cudaMemcpyAsync", address, source.ctypes.data, source.nbytes, kind, self._stream)

    def download(self, target: Bytes, address: int) -> None:
        """Queue a copy from the card to pinned memory."""
        kind = self._cuda.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._call("cudaMemcpyAsync", target.ctypes.data, address, target.nbytes, kind, self._stream)

    def clear(self, address: int, size: int) -> None:
        """Queue setting bytes to zero."""
        self._call("cudaMemsetAsync", address, 0, size, self._stream)

    def capture(self, work: Callable[[], None]) -> Any:
        """Record what `work` queues as one graph, without running it."""
        mode = self._cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._call("cudaStreamBeginCapture", self._stream, mode)
        try:
            work()
        except BaseException:
            status, half = self._cuda.cudaStreamEndCapture(self._stream)  # leave no half-open capture behind
            if int(status) == 0:
                self._cuda.cudaGraphDestroy(half)
            raise
        (recorded,) = self._call("cudaStreamEndCapture", self._stream)
        try:
            (graph,) = self._call("cudaGraphInstantiate", recorded, 0)
        finally:
            self._cuda.cudaGraphDestroy(recorded)
        self._graphs.append(graph)
        return graph

    def launch(self, graph: Any) -> None:
        """Queue a recorded graph."""
        self._call("cudaGraphLaunch", graph, self._stream)

    def synchronize(self) -> None:
        """Wait until everything queued is done."""
        self._call("cudaStreamSynchronize", self._stream)

    def close(self) -> None:
        """Give all memory back. What a broken card doesn't take any more is let go."""
        with contextlib.suppress(BackendFailed):
            self.synchronize()
        for graph in self._graphs:
            self._cuda.cudaGraphExecDestroy(graph)
        for address in self._memory:
            self._cuda.cudaFree(address)
        for address in self._pinned:
            self._cuda.cudaFreeHost(address)
        self._cuda.cudaStreamDestroy(self._stream)
        self._graphs, self._memory, self._pinned = [], [], []

    def _call(self, function: str, *arguments: Any) -> tuple[Any, ...]:
        return _call(self._cuda, function, *arguments)


def find_card() -> Card:
    """The first NVIDIA card. Raises BackendFailed where there is none to be used, saying why."""
    return _find_card(_bindings())


def _bindings() -> Any:
    try:
        from cuda.bindings import runtime
    except Exception as error:  # not installed, or its own libraries are missing
        raise BackendFailed(
            f"cuda-bindings can't be imported ({one_line(error)}): `pip install dreamcade[rtx]`"
        ) from error
    return runtime


def _find_card(cuda: Any) -> Card:
    version = int(_answer(cuda, "cudaDriverGetVersion")[1] or 0)
    if version == 0:
        raise NoCard("no NVIDIA driver is running here")
    (needed,) = _call(cuda, "cudaRuntimeGetVersion")
    if version // 1000 < needed // 1000:
        raise BackendFailed(
            f"the NVIDIA driver is too old: it speaks {_cuda_name(version)}, expected CUDA {needed // 1000} or newer"
        )
    status, count = _answer(cuda, "cudaGetDeviceCount")
    if status == cuda.cudaError_t.cudaErrorNoDevice or count == 0:
        raise NoCard("the NVIDIA driver knows no card")
    _check(cuda, "cudaGetDeviceCount", status)
    (facts,) = _call(cuda, "cudaGetDeviceProperties", 0)
    name = bytes(facts.name).split(b"\0")[0].decode(errors="replace")
    capability, bus = (int(facts.major), int(facts.minor)), _bus_name(facts)
    return Card(name, capability, _driver_version(version), int(facts.totalGlobalMem), bus)


def _bus_name(facts: Any) -> str:
    return f"{int(facts.pciDomainID):08x}:{int(facts.pciBusID):02x}:{int(facts.pciDeviceID):02x}.0"


def _driver_version(cuda_version: int) -> str:
    """The driver's own version, which may change while the CUDA version that it speaks stays."""
    speaks = _cuda_name(cuda_version)
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return f"{pynvml.nvmlSystemGetDriverVersion()} ({speaks})"
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # NVML raises its own kinds for each missing part, and an OSError for a broken library
        return speaks


def _call(cuda: Any, function: str, *arguments: Any) -> tuple[Any, ...]:
    """Results of a CUDA function. Raises OutOfDeviceMemory or BackendFailed with CUDA's own words."""
    status, *results = _answer(cuda, function, *arguments)
    _check(cuda, function, status)
    return tuple(results)


def _cuda_name(version: int) -> str:
    return f"CUDA {version // 1000}.{version % 1000 // 10}"


def _answer(cuda: Any, function: str, *arguments: Any) -> tuple[Any, ...]:
    """Status and results of a CUDA function. Raises BackendFailed where the bindings can't even call it."""
    try:
        answer: tuple[Any, ...] = getattr(cuda, function)(*arguments)
    except Exception as error:  # a driver without that function, a status newer than the bindings: each in its own way
        raise BackendFailed(f"CUDA: {function.removeprefix('cuda')}: {one_line(error)}") from error
    return answer


def _check(cuda: Any, function: str, status: Any) -> None:
    if int(status) == 0:
        return
    words = cuda.cudaGetErrorString(status)[1]
    text = words.decode() if isinstance(words, bytes) else str(words)
    kind = OutOfDeviceMemory if status == cuda.cudaError_t.cudaErrorMemoryAllocation else BackendFailed
    raise kind(f"CUDA: {function.removeprefix('cuda')}: {text}")
