"""Opening: the cache on the way, damaged engines, too little memory."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.backends.base import BackendFailed, OutOfDeviceMemory
from engine.backends.engine_cache import EngineCache
from engine.backends.library import Library
from engine.backends.opening import TIERS, open_tensorrt
from engine.backends.vram import RUNTIME_BYTES, estimate_need
from engine.checkpoint import Checkpoint, load_checkpoint

SHORT = OutOfDeviceMemory("CUDA: Malloc: out of memory")


def test_the_engine_is_built_once(checkpoint: Checkpoint, scripted_parts: Any, cache: EngineCache) -> None:
    seen, stages = scripted_parts(), []
    first = open_tensorrt(checkpoint, progress=lambda stage, share: stages.append((stage, share)), parts=seen.parts)
    assert (first.tier, first.backend.note) == (TIERS[0], "")
    assert [stage for stage, _ in stages] == [
        "loading the engine",
        "building the engine",
        "loading the engine",
        "warming up",
        "ready",
    ]
    assert [share for _, share in stages] == sorted(share for _, share in stages)
    again = open_tensorrt(checkpoint, parts=seen.parts)
    (built, nothing), (kept, compiled) = seen.loaded
    assert built == kept and nothing is None and compiled == b"kernels"
    assert cache.state().entries == 2  # the engine and what was compiled of it
    assert (again.backend.step(np.zeros(16, np.int64), 0, np.zeros(16, np.float32)).tokens == 0).all()


def test_a_damaged_file_is_built_anew_and_says_so(
    checkpoint: Checkpoint, scripted_parts: Any, cache: EngineCache
) -> None:
    seen = scripted_parts()
    open_tensorrt(checkpoint, parts=seen.parts)
    engine = max(cache.folder.iterdir(), key=lambda path: path.stat().st_size)
    engine.write_bytes(engine.read_bytes()[:-5])
    note = open_tensorrt(checkpoint, parts=seen.parts).backend.note
    assert note.startswith(f"made anew: {engine.name} is damaged (") and "\n" not in note
    assert len(seen.loaded) == 2 and seen.loaded[1][1] is None
    assert open_tensorrt(checkpoint, parts=seen.parts).backend.note == ""


def test_damaged_kernels_are_compiled_anew_and_say_so(
    checkpoint: Checkpoint, scripted_parts: Any, cache: EngineCache
) -> None:
    seen = scripted_parts()
    open_tensorrt(checkpoint, parts=seen.parts)
    kernels = min(cache.folder.iterdir(), key=lambda path: path.stat().st_size)
    kernels.write_bytes(b"")
    assert kernels.name in open_tensorrt(checkpoint, parts=seen.parts).backend.note
    assert seen.loaded[0][0] == seen.loaded[1][0] and seen.loaded[1][1] is None
    assert open_tensorrt(checkpoint, parts=seen.parts).backend.note == "" and seen.loaded[2][1] == b"kernels"


def test_another_driver_is_told_and_what_it_left_is_gone(
    checkpoint: Checkpoint, scripted_parts: Any, make_device: Any, cache: EngineCache
) -> None:
    open_tensorrt(checkpoint, parts=scripted_parts().parts)
    device = make_device()
    device.card = replace(device.card, driver="581.0")
    note = open_tensorrt(checkpoint, parts=scripted_parts(device).parts).backend.note
    assert note.startswith("made anew: ") and note.endswith(" was built for driver 580.1, not 581.0")
    assert cache.state().entries == 2


def test_a_whole_engine_that_does_not_load_is_built_anew_once(
    checkpoint: Checkpoint, scripted_parts: Any, cache: EngineCache
) -> None:
    open_tensorrt(checkpoint, parts=scripted_parts().parts)
    refusal = BackendFailed("TensorRT 1 loads no such engine: made by another version")
    seen = scripted_parts(refuses=[refusal])
    opened = open_tensorrt(checkpoint, parts=seen.parts)
    assert opened.backend.note == f"the kept engine was of no use ({refusal})"
    assert [device.closed for device in seen.devices] == [True, False]
    seen = scripted_parts(refuses=[refusal, refusal])
    with pytest.raises(BackendFailed, match="another version"):
        open_tensorrt(checkpoint, parts=seen.parts)
    assert len(seen.loaded) == 2 and all(device.closed for device in seen.devices)
    assert cache.state().entries == 0


@pytest.mark.parametrize("call", ["bind", "enqueue"])
def test_a_kept_engine_that_does_not_run_is_built_anew_once(
    checkpoint: Checkpoint, scripted_parts: Any, make_device: Any, cache: EngineCache, call: str
) -> None:
    open_tensorrt(checkpoint, parts=scripted_parts().parts)
    broken = BackendFailed("TensorRT 1 did not run a step: cask")
    seen = scripted_parts(make_device({call: (1, broken)}))
    opened = open_tensorrt(checkpoint, parts=seen.parts)
    assert opened.backend.note == f"the kept engine was of no use ({broken})"
    assert [compiled for _, compiled in seen.loaded] == [b"kernels", None]
    seen = scripted_parts(*(make_device({call: (1, broken)}) for _ in range(2)))
    with pytest.raises(BackendFailed, match="cask"):
        open_tensorrt(checkpoint, parts=seen.parts)
    assert [device.closed for device in seen.devices] == [True, True] and cache.state().entries == 0


def test_an_engine_that_memory_was_too_short_for_is_still_good(
    checkpoint: Checkpoint, scripted_parts: Any, make_device: Any, cache: EngineCache
) -> None:
    seen = scripted_parts(make_device({"enqueue": (1, SHORT)}))
    assert open_tensorrt(checkpoint, parts=seen.parts).tier == TIERS[1]
    assert open_tensorrt(checkpoint, parts=scripted_parts().parts, may_build=False).tier == TIERS[0]


def test_what_was_damaged_is_still_told_when_memory_is_short_too(
    checkpoint: Checkpoint, scripted_parts: Any, make_device: Any, cache: EngineCache
) -> None:
    open_tensorrt(checkpoint, parts=scripted_parts().parts)
    for path in cache.folder.iterdir():
        path.write_bytes(b"")
    note = open_tensorrt(checkpoint, parts=scripted_parts(make_device({"enqueue": (1, SHORT)})).parts).backend.note
    assert "is damaged" in note and note.endswith("memory is short: a smaller workspace")


def test_without_building_only_a_kept_engine_will_do(checkpoint: Checkpoint, scripted_parts: Any) -> None:
    seen = scripted_parts()
    with pytest.raises(BackendFailed, match="no engine is kept"):
        open_tensorrt(checkpoint, parts=seen.parts, may_build=False)
    assert seen.loaded == [] and seen.devices[0].closed


def test_short_memory_while_building_steps_down(checkpoint: Checkpoint, scripted_parts: Any, library: Library) -> None:
    """The library's builder runs out of memory unless it is told to keep to a workspace."""

    class Builder:
        def __init__(self, log: Any) -> None:
            self._real, self._log = library.module.Builder(log), log

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def build_serialized_network(self, network: Any, config: Any) -> Any:
            if config.get_memory_pool_limit(library.module.MemoryPoolType.WORKSPACE) > 32 << 20:
                self._log.log(library.module.ILogger.Severity.ERROR, "Error Code 2: OutOfMemory (Requested 9 GB)")
                return None
            return self._real.build_serialized_network(network, config)

    class Module:
        def __getattr__(self, name: str) -> Any:
            return Builder if name == "Builder" else getattr(library.module, name)

    parts = replace(scripted_parts().parts, find_library=lambda: replace(library, module=Module()))
    assert open_tensorrt(checkpoint, parts=parts).tier == TIERS[1]


@pytest.mark.parametrize("call", ["allocate", "capture", "enqueue"])
def test_short_memory_steps_down(checkpoint: Checkpoint, scripted_parts: Any, make_device: Any, call: str) -> None:
    seen = scripted_parts(make_device({call: (1, SHORT)}))
    opened = open_tensorrt(checkpoint, parts=seen.parts)
    assert opened.tier == TIERS[1] and "memory is short: a smaller workspace" in opened.backend.note
    assert [device.closed for device in seen.devices] == [True, False]


def test_what_was_tried_is_gone_before_the_next_try(checkpoint: Checkpoint, scripted_parts: Any) -> None:
    """Also what only the way of an error leads to, such as an engine's weights: the next try needs their memory."""
    seen = scripted_parts()
    left: list[Any] = []  # of each device that is made, what earlier tries still hold

    class Weights:
        def start(self) -> None:
            raise OutOfDeviceMemory("CUDA: Malloc: out of memory")

    def load(*given: Any) -> Any:
        weights = Weights()
        tried.append(weakref.ref(weights))
        if len(tried) < len(TIERS):
            weights.start()
        return seen.parts.make_program(*given)

    def make_device() -> Any:
        left.append([held for held in tried if held() is not None])
        return seen.parts.make_device()

    tried: list[Any] = []
    parts = replace(seen.parts, make_program=load, make_device=make_device)
    assert open_tensorrt(checkpoint, parts=parts).tier == TIERS[-1]
    assert left == [[]] * len(left) and len(tried) == len(TIERS)


def test_the_last_step_down_is_without_graphs(checkpoint: Checkpoint, scripted_parts: Any, make_device: Any) -> None:
    seen = scripted_parts(*(make_device({"capture": (1, SHORT)}) for _ in TIERS))
    opened = open_tensorrt(checkpoint, parts=seen.parts)
    assert opened.tier == TIERS[2] and "no CUDA graph" in opened.backend.note and not seen.devices[2].calls["capture"]


def test_no_memory_at_all(checkpoint: Checkpoint, scripted_parts: Any, make_device: Any) -> None:
    seen = scripted_parts(*(make_device(free=100) for _ in TIERS))
    with pytest.raises(OutOfDeviceMemory, match=r"memory is too short .*are needed, 0 MiB are free"):
        open_tensorrt(checkpoint, parts=seen.parts)
    assert all(device.closed for device in seen.devices)


def test_a_limit_is_kept(checkpoint: Checkpoint, scripted_parts: Any) -> None:
    seen = scripted_parts()
    with pytest.raises(BackendFailed, match=r"needs about .*, the limit is 200 MiB"):
        open_tensorrt(checkpoint, 200 << 20, parts=seen.parts)
    assert seen.devices == []
    need = estimate_need(checkpoint.manifest)
    assert open_tensorrt(checkpoint, need, parts=seen.parts).backend.memory + RUNTIME_BYTES <= need


def test_a_limit_is_for_all_worlds_that_are_open(checkpoint: Checkpoint, scripted_parts: Any) -> None:
    need = estimate_need(checkpoint.manifest)
    first = open_tensorrt(checkpoint, need, parts=scripted_parts().parts).backend
    with pytest.raises(BackendFailed, match=r"needs about .* and other worlds take \d+ MiB, the limit is"):
        open_tensorrt(checkpoint, need, parts=scripted_parts().parts)
    room = need + first.memory
    open_tensorrt(checkpoint, room, parts=scripted_parts().parts).backend.close()
    first.close()
    assert first.memory == 0
    open_tensorrt(checkpoint, need, parts=scripted_parts().parts).backend.close()


def test_a_graph_that_cannot_be_halved_is_a_failed_backend(
    make_world: Any, reseal: Any, scripted_parts: Any, tmp_path: Path
) -> None:
    folder = make_world()
    (folder / "step.onnx").write_bytes(b"no graph at all")
    reseal(folder)
    seen = scripted_parts()
    with pytest.raises(BackendFailed, match=r"step.onnx: graph: expected an ONNX model|refuses the graph"):
        open_tensorrt(load_checkpoint(folder), parts=seen.parts)
    assert seen.devices[0].closed
