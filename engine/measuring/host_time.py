"""What the host adds to a step on a card. Owns a card of host memory that computes nothing; refuses to time a real one.

A step's time less its program's: here the program takes none, so all that is left is the host's own work, which is the
noise, filling what goes up, queueing, copying what comes down, and the digest of the frame.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.backends.device import Card
from engine.backends.tensorrt import TensorRtBackend
from engine.checkpoint import Checkpoint
from engine.measuring.telemetry import Spread, spread_ms
from engine.session import Session

Bytes = npt.NDArray[np.uint8]


def measure_host(checkpoint: Checkpoint, frames: int, clock: Callable[[], float] = time.perf_counter) -> Spread:
    """Milliseconds of the host around each of `frames` steps, actions one after the other."""
    device = _HostDevice()
    backend = TensorRtBackend(checkpoint, device, _NoProgram(), "", graphs=True)
    try:
        backend.warm_up()
        session = Session(checkpoint, backend, clock)
        session.reset(0, 0)
        actions = [entry.action for entry in checkpoint.manifest.actions]
        seconds = []
        for number in range(frames):
            began = clock()
            session.step(actions[number % len(actions)])
            seconds.append(clock() - began)
    finally:
        backend.close()
    return spread_ms(seconds)


class _HostDevice:
    """A device whose memory is the host's and whose copies are done at once, or when the graph of them is launched."""

    def __init__(self) -> None:
        self.card = Card("host memory", (0, 0), "", 0)
        self.stream = 0
        self._blocks: list[Bytes] = []
        self._recording: list[Callable[[], object]] | None = None

    def free_bytes(self) -> int:
        """More than any world needs."""
        return 1 << 40

    def allocate(self, size: int) -> int:
        """Address of `size` new bytes."""
        return int(self.allocate_pinned(size).ctypes.data)

    def allocate_pinned(self, size: int) -> Bytes:
        """`size` zero bytes."""
        self._blocks.append(np.zeros(size, np.uint8))
        return self._blocks[-1]

    def upload(self, address: int, source: Bytes) -> None:
        """Copy to an address."""
        self._do(lambda: ctypes.memmove(address, source.ctypes.data, source.nbytes))

    def download(self, target: Bytes, address: int) -> None:
        """Copy from an address."""
        self._do(lambda: ctypes.memmove(target.ctypes.data, address, target.nbytes))

    def clear(self, address: int, size: int) -> None:
        """Set bytes to zero."""
        self._do(lambda: ctypes.memset(address, 0, size))

    def capture(self, work: Callable[[], None]) -> Any:
        """What `work` queues, as a list."""
        recorded: list[Callable[[], object]] = []
        self._recording = recorded
        try:
            work()
        finally:
            self._recording = None
        return recorded

    def launch(self, graph: Any) -> None:
        """Do all of a list."""
        for work in graph:
            work()

    def synchronize(self) -> None:
        """Nothing is ever left to be done."""

    def close(self) -> None:
        """Let go of all memory."""
        self._blocks.clear()

    def _do(self, work: Callable[[], object]) -> None:
        if self._recording is None:
            work()
        else:
            self._recording.append(work)


class _NoProgram:
    """A program that leaves its outputs as they are: zero."""

    memory = 0

    def bind(self, addresses: Mapping[str, int]) -> None:
        """Nothing is read or written."""

    def enqueue(self, stream: int) -> None:
        """Nothing is computed."""

    def compiled(self) -> bytes | None:
        """Nothing was compiled."""
        return None

    def close(self) -> None:
        """Nothing is held."""
