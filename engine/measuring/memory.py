"""How much memory is used. Owns resident memory and VRAM; refuses to fail where a driver is missing."""

from __future__ import annotations

import contextlib
import os
import threading
from types import TracebackType
from typing import Any

import psutil

from engine.backends.base import BackendFailed
from engine.backends.device import find_card

_MB = 1 << 20


def resident_mb() -> float:
    """Resident memory of this process in units of 2**20 bytes."""
    return float(psutil.Process().memory_info().rss) / _MB


def list_cards() -> list[tuple[str, float, float]]:
    """NVIDIA cards that the driver knows: name, memory and free memory in units of 2**20 bytes. Empty without a
    driver."""
    try:
        import pynvml

        pynvml.nvmlInit()
        try:
            return [_describe(pynvml, number) for number in range(pynvml.nvmlDeviceGetCount())]
        finally:
            pynvml.nvmlShutdown()
    except Exception:  # NVML raises its own kinds for each missing part, and an OSError for a broken library
        return []


def _describe(nvml: Any, number: int) -> tuple[str, float, float]:
    card = nvml.nvmlDeviceGetHandleByIndex(number)
    memory = nvml.nvmlDeviceGetMemoryInfo(card)
    return str(nvml.nvmlDeviceGetName(card)), memory.total / _MB, memory.free / _MB


def _cudas_first(nvml: Any) -> Any:
    """NVML's handle of the card that CUDA calls the first one. NVML counts by place, CUDA by speed or as it is told."""
    if nvml.nvmlDeviceGetCount() > 1:
        with contextlib.suppress(BackendFailed):
            return nvml.nvmlDeviceGetHandleByPciBusId(find_card().bus)
    return nvml.nvmlDeviceGetHandleByIndex(0)


class VramProbe:
    """Asks NVML how much memory of the card that plays is used: by this process where it is listed, else by all.

    Without a card or a driver, the answer is None from then on.
    """

    def __init__(self) -> None:
        self._nvml: Any = None
        self._card: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            self._card = _cudas_first(pynvml)
            self._nvml = pynvml
        except Exception:  # NVML raises its own kinds for each missing part, and an OSError for a broken library
            self._nvml = None

    def used_mb(self) -> float | None:
        """Used VRAM in units of 2**20 bytes, or None where it can't be known."""
        found = self.look()
        return None if found is None else found[0]

    def look(self) -> tuple[float, bool] | None:
        """Used VRAM in units of 2**20 bytes, and whether it is this process's own; None where it can't be known."""
        if self._nvml is None:
            return None
        try:
            own = self._own_bytes()
            used = own if own is not None else int(self._nvml.nvmlDeviceGetMemoryInfo(self._card).used)
        except self._nvml.NVMLError:
            return None
        return used / _MB, own is not None

    def _own_bytes(self) -> int | None:
        for process in self._nvml.nvmlDeviceGetComputeRunningProcesses(self._card):
            if process.pid == os.getpid() and process.usedGpuMemory is not None:
                return int(process.usedGpuMemory)
        return None


class VramPeak:
    """The most VRAM that was used within a `with`, looked at often.

    A process is listed only once it has begun to use the card: what others use before that is no part of its peak.
    """

    EVERY = 0.02  # seconds

    def __init__(self) -> None:
        self._own: float | None = None
        self._whole: float | None = None
        self._probe = VramProbe()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="vram-peak", daemon=True)

    @property
    def peak_mb(self) -> float | None:
        """In units of 2**20 bytes: this process's where it was ever listed, else the whole card's; None: not known."""
        return self._whole if self._own is None else self._own

    @property
    def whole_card(self) -> bool:
        """Whether `peak_mb` is what all processes used together, for this one wasn't listed."""
        return self._own is None and self._whole is not None

    def __enter__(self) -> VramPeak:
        if self._probe.look() is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while True:
            found = self._probe.look()
            if found is not None and found[1]:
                self._own = max(found[0], self._own or 0.0)
            elif found is not None:
                self._whole = max(found[0], self._whole or 0.0)
            if self._done.wait(self.EVERY):
                return
