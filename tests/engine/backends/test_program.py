"""Loading engines: without a card the library refuses in words; with one, a step is that of the CPU."""

from __future__ import annotations

import gc
import weakref
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from engine.backends.base import Backend, BackendFailed, OutOfDeviceMemory
from engine.backends.choice import make_backend
from engine.backends.engine_cache import EngineCache
from engine.backends.library import Library
from engine.backends.opening import Parts, open_tensorrt
from engine.backends.program import EngineProgram
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint, bundled_worlds, load_checkpoint
from engine.measuring.memory import list_cards
from training import half_parity
from training.half_parity import HalfParity


@pytest.mark.skipif(bool(list_cards()), reason="a card is here")
@pytest.mark.parametrize("engine", [b"", b"no engine", bytes(5000)])
def test_what_does_not_load_is_one_line(library: Library, device: Any, engine: bytes) -> None:
    with pytest.raises(BackendFailed, match=r"loads no such engine: .+") as error:
        EngineProgram(library, device, engine)
    assert "\n" not in str(error.value)


class FakeRuntime:
    """The part of either library that runs an engine. What it makes is known by `alive` for as long as it is held, and
    `said` keeps what contexts were asked for; `refuses` names a call that gives nothing, after a word on why."""

    def __init__(self, library: Library, rtx: bool, refuses: str = "", scratch: int = 4096) -> None:
        fake, self.said, self.alive = self, [], weakref.WeakSet[Any]()
        self.refuses, self.bound = refuses, {}

        class Context:
            def __init__(self) -> None:
                fake.alive.add(self)

            def set_device_memory(self, address: int, size: int) -> None:
                fake.said.append(("memory", size))

            def set_tensor_address(self, name: str, address: int) -> bool:
                fake.bound[name] = address
                return not fake.refused("bind")

            def execute_async_v3(self, stream: int) -> bool:
                return not fake.refused("run")

        class Config:
            def set_execution_context_allocation_strategy(self, strategy: str) -> None:
                fake.said.append(("strategy", strategy))

            def create_runtime_cache(self) -> Any:
                return Cache()

            def set_runtime_cache(self, cache: Any) -> bool:
                return not fake.refused("cache")

        class Cache:
            def deserialize(self, blob: bytes) -> bool:
                fake.said.append(("kernels", blob))
                fake._complain("kernels of another driver")
                return False

            def serialize(self) -> bytes:
                return b"compiled"

        class Engine:
            device_memory_size_v2 = scratch

            def __init__(self) -> None:
                fake.alive.add(self)

            def create_runtime_config(self) -> Any:
                return Config()

            def create_execution_context(self, how: Any) -> Any:
                fake.said.append(("context", how))
                return None if fake.refused("context") else Context()

        class Runtime:
            def __init__(self, log: Any) -> None: ...
            def deserialize_cuda_engine(self, engine: bytes) -> Any:
                return Engine()

        self.module = ModuleType("a runtime")
        strategies = type("Strategies", (), {"USER_MANAGED": "ours"})
        self.module.__dict__.update(Runtime=Runtime, ExecutionContextAllocationStrategy=strategies)
        if rtx:
            self.module.__dict__["IRuntimeCache"] = Cache
        self.library = replace(library, module=self.module)
        self._severity = library.module.ILogger.Severity.ERROR

    def _complain(self, words: str) -> None:
        self.library.log.log(self._severity, words)

    def refused(self, call: str) -> bool:
        if call == self.refuses:
            self._complain("Cuda Runtime (out of memory)")
        return call == self.refuses


@pytest.fixture(params=[True, False], ids=["TensorRT-RTX", "TensorRT"])
def make_runtime(request: pytest.FixtureRequest, library: Library, monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(refuses: str = "", scratch: int = 4096) -> FakeRuntime:
        return FakeRuntime(library, request.param, refuses, scratch)

    return make


def test_scratch_is_the_devices(make_runtime: Any, device: Any) -> None:
    """Nothing is left for the library to allocate while it runs."""
    fake = make_runtime()
    program = EngineProgram(fake.library, device, bytes(100))
    assert ("strategy", "ours") in fake.said or ("context", "ours") in fake.said
    assert device.calls["allocate"] == 1 and fake.said[-1] == ("memory", 4096) and program.memory == 4196
    program.bind({"tokens": 256})
    program.enqueue(7)
    assert fake.bound == {"tokens": 256}
    program.close()
    gc.collect()
    assert not fake.alive


def test_an_engine_without_scratch_asks_for_none(make_runtime: Any, device: Any) -> None:
    fake = make_runtime(scratch=0)
    assert EngineProgram(fake.library, device, b"e").memory == 1
    assert not device.calls["allocate"] and "memory" not in dict(fake.said)


def test_kernels_are_kept_where_some_are_compiled(make_runtime: Any, device: Any) -> None:
    fake = make_runtime()
    rtx = hasattr(fake.module, "IRuntimeCache")
    program = EngineProgram(fake.library, device, b"e", b"of the last start")
    assert program.compiled() == (b"compiled" if rtx else None)
    assert (("kernels", b"of the last start") in fake.said) == rtx
    assert EngineProgram(make_runtime("cache").library, device, b"e").compiled() is None


def test_an_old_complaint_is_no_reason(make_runtime: Any, device: Any) -> None:
    """What was said of kernels that are no use any more doesn't explain a failure long after."""
    program = EngineProgram(make_runtime("run").library, device, b"e", b"kernels")
    with pytest.raises(OutOfDeviceMemory, match=r"did not run a step: Cuda Runtime \(out of memory\)"):
        program.enqueue(7)


@pytest.mark.parametrize("short", ["context", "scratch"])
def test_what_does_not_start_holds_no_memory(make_runtime: Any, make_device: Any, short: str) -> None:
    """Its engine is gone at once, though the error is still at hand: whoever tries again wants that memory."""
    fake = make_runtime(short)
    device = make_device({"allocate": (1, OutOfDeviceMemory("CUDA: Malloc: out of memory"))})
    with pytest.raises(OutOfDeviceMemory):
        EngineProgram(fake.library, device, b"e")
    gc.collect()
    assert not fake.alive


def test_a_tensor_that_is_not_there_is_told(make_runtime: Any, device: Any) -> None:
    program = EngineProgram(make_runtime("bind").library, device, b"e")
    with pytest.raises(BackendFailed, match="has no tensor tokens"):
        program.bind({"tokens": 256})


def _parity(checkpoint: Checkpoint, backend: Backend, frames: int, monkeypatch: pytest.MonkeyPatch) -> HalfParity:
    """What `dreamcade-train parity` measures, with `backend` in the place of the emulated half-precision graph."""

    def step(tokens: Any, action: int, noise: Any, state: dict[str, Any]) -> tuple[Any, Any]:
        backend.set_state(state)
        out = backend.step(tokens, action, noise)
        return out.tokens, out.picture

    monkeypatch.setattr(half_parity, "_half_step", lambda checkpoint, threads: step)
    return half_parity.measure_half(checkpoint.folder, frames)


def test_parity_is_measured_on_the_backend(
    checkpoint: Checkpoint, scripted_parts: Any, device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_tensorrt(checkpoint, parts=scripted_parts(device).parts).backend
    launches = device.calls["launch"]
    parity = _parity(checkpoint, backend, 20, monkeypatch)
    assert (parity.tokens, parity.pixels, device.calls["launch"] - launches) == (1, 1, 20)


@pytest.mark.gpu
@pytest.mark.parametrize("folder", bundled_worlds(), ids=lambda folder: folder.name)
def test_a_shipped_world_on_this_card(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the CPU's own states, as many of the next tokens agree as the export asks for."""
    checkpoint = load_checkpoint(folder)
    parts = Parts(cache=EngineCache(tmp_path))
    choice = make_backend(checkpoint, BackendWish(BackendName.TENSORRT), parts=parts)
    assert choice.problem is None
    parity = _parity(checkpoint, choice.backend, half_parity.FRAMES, monkeypatch)
    print(parity)
    assert parity.holds and choice.backend.info.name == "tensorrt"
    assert make_backend(checkpoint, BackendWish(BackendName.TENSORRT), parts=parts).problem is None  # from the cache
