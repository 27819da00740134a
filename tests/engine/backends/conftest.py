"""A card made of host memory: addresses are real, work is queued, graphs are recorded, it fails on cue, and whoever
uses it after its end is told. Tests that need a real card are skipped where there is none."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from weakref import WeakSet

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest

from engine.backends.base import BackendFailed
from engine.backends.device import Card, find_card
from engine.backends.engine_cache import EngineCache
from engine.backends.graph_tensors import step_tensors
from engine.backends.layout import lay_out
from engine.backends.library import Library, find_library
from engine.backends.opening import Parts
from engine.checkpoint import Checkpoint
from engine.measuring.memory import list_cards

Bytes = npt.NDArray[np.uint8]


class ScriptedDevice:
    """A device whose work waits in a list until it is synchronised. `fails` maps a call's name to (count, error)."""

    def __init__(self, fails: dict[str, tuple[int, Exception]] | None = None, free: int = 8 << 30) -> None:
        self.card = Card("Scripted RTX 3060", (8, 6), "580.1", 12 << 30)
        self.stream = 7
        self.closed = False
        self.calls: Counter[str] = Counter()
        self.fails = fails or {}
        self._free = free
        self._blocks: list[Bytes] = []
        self._queue: list[Callable[[], None]] = []
        self._recording: list[Callable[[], None]] | None = None

    def free_bytes(self) -> int:
        self.cue("free_bytes")
        return self._free

    def allocate(self, size: int) -> int:
        self.cue("allocate")
        return int(self._block(size).ctypes.data)

    def allocate_pinned(self, size: int) -> Bytes:
        self.cue("allocate_pinned")
        block = self._block(size)
        block.fill(0)
        return block

    def upload(self, address: int, source: Bytes) -> None:
        self.queue(lambda: ctypes.memmove(address, source.ctypes.data, source.nbytes), "upload")

    def download(self, target: Bytes, address: int) -> None:
        self.queue(lambda: ctypes.memmove(target.ctypes.data, address, target.nbytes), "download")

    def clear(self, address: int, size: int) -> None:
        self.queue(lambda: ctypes.memset(address, 0, size), "clear")

    def capture(self, work: Callable[[], None]) -> list[Callable[[], None]]:
        self.cue("capture")
        self._recording = recorded = []
        work()
        self._recording = None
        return recorded

    def launch(self, graph: list[Callable[[], None]]) -> None:
        self.cue("launch")
        self._queue.extend(graph)

    def synchronize(self) -> None:
        self.cue("synchronize")
        queue, self._queue = self._queue, []
        for work in queue:
            work()

    def close(self) -> None:
        assert not self.closed, "a card is closed once"
        self.closed = True
        for block in self._blocks:
            block.fill(0xDD)  # what is still looked at is no result any more

    def queue(self, work: Callable[[], Any], call: str) -> None:
        self.cue(call)
        (self._queue if self._recording is None else self._recording).append(work)

    def cue(self, call: str) -> None:
        """Count a call and fail where the script says so."""
        assert not self.closed, f"{call} after the card was closed"
        self.calls[call] += 1
        count, error = self.fails.get(call, (0, BackendFailed("")))
        if count and self.calls[call] >= count:
            raise error

    def _block(self, size: int) -> Bytes:
        block = np.full(size, 0xAB, np.uint8)  # fresh memory is not zero
        self._blocks.append(block)
        return block


class ScriptedProgram:
    """Runs the shipped step graph on the addresses that it is bound to."""

    memory = 1 << 20

    def __init__(self, device: ScriptedDevice, checkpoint: Checkpoint) -> None:
        manifest = checkpoint.manifest
        path = checkpoint.folder / manifest.graphs.step
        self._graph = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self._device = device
        self._ends = step_tensors(manifest)
        self._addresses: dict[str, int] = {}
        self.closed = False

    def bind(self, addresses: Mapping[str, int]) -> None:
        assert not self.closed
        self._device.cue("bind")
        self._addresses |= addresses

    def enqueue(self, stream: int) -> None:
        assert not self.closed
        assert stream == self._device.stream
        bound = dict(self._addresses)
        self._device.queue(lambda: self._run(bound), "enqueue")

    def compiled(self) -> bytes | None:
        return b"kernels"

    def close(self) -> None:
        assert not self._device.closed, "the card goes last"
        self.closed = True

    def _run(self, bound: dict[str, int]) -> None:
        inputs, outputs = ([self._view(spec, bound[spec.name]) for spec in specs] for specs in self._ends)
        names = [spec.name for spec in self._ends[0]]
        got = self._graph.run([spec.name for spec in self._ends[1]], dict(zip(names, inputs, strict=True)))
        for target, value in zip(outputs, got, strict=True):
            target[...] = value

    @staticmethod
    def _view(spec: Any, address: int) -> npt.NDArray[Any]:
        layout = lay_out([spec])
        memory = (ctypes.c_uint8 * layout.size).from_address(address)
        return layout.views(np.ctypeslib.as_array(memory))[spec.name]


@pytest.fixture(autouse=True)
def _card_where_needed(request: pytest.FixtureRequest) -> None:
    """Skip what needs a card where NVML and CUDA know none; a card that can't be used fails the test."""
    if request.node.get_closest_marker("gpu") is not None and not list_cards():
        with pytest.raises(BackendFailed) as error:
            find_card()
        pytest.skip(str(error.value))


@pytest.fixture(autouse=True)
def _nothing_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier test has left open counts for no limit."""
    monkeypatch.setattr("engine.backends.opening._opened", WeakSet())


@pytest.fixture(scope="session")
def library() -> Library:
    """The installed library: it needs no card to parse and build."""
    return find_library()


@pytest.fixture
def cache(tmp_path: Path) -> EngineCache:
    """An empty cache."""
    return EngineCache(tmp_path / "engines")


@pytest.fixture
def device() -> ScriptedDevice:
    """A card that works."""
    return ScriptedDevice()


@pytest.fixture
def make_device() -> type[ScriptedDevice]:
    """Makes cards that fail on cue."""
    return ScriptedDevice


@pytest.fixture
def make_program() -> type[ScriptedProgram]:
    """Makes programs for a scripted card."""
    return ScriptedProgram


@pytest.fixture
def scripted_parts(checkpoint: Checkpoint, cache: EngineCache, library: Library) -> Callable[..., Any]:
    """Parts of an opening on scripted cards, one after the other; the engine itself is really built.

    `refuses` are errors that loading a program raises, one after the other. What happened is in the result's `devices`
    and `loaded` (engines and compiled parts).
    """

    def make(
        *devices: ScriptedDevice, refuses: list[Exception] | None = None, kept_in: EngineCache = cache
    ) -> SimpleNamespace:
        waiting = list(devices or [ScriptedDevice()])
        errors = list(refuses or [])
        seen = SimpleNamespace(devices=[], loaded=[])

        def next_device() -> ScriptedDevice:
            seen.devices.append(waiting.pop(0) if waiting else ScriptedDevice())
            return seen.devices[-1]

        def load(_: Library, device: ScriptedDevice, engine: bytes, compiled: bytes | None) -> ScriptedProgram:
            seen.loaded.append((engine, compiled))
            if errors:
                raise errors.pop(0)
            return ScriptedProgram(device, checkpoint)

        seen.parts = Parts(lambda: library, next_device, load, kept_in)
        return seen

    return make
