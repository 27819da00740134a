"""Opening: the cache on the way, damaged engines, too little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.backends.base import BackendFailed, OutOfDeviceMemory
from engine.backends.engine_cache import EngineCache
from engine.backends.opening import TIERS, open_tensorrt
from engine.backends.vram import RUNTIME_BYTES, estimate_need
from engine.checkpoint import Checkpoint, load_checkpoint

SHORT = OutOfDeviceMemory("CUDA: Malloc: out of memory")


def test_the_engine_is_built_once(checkpoint: Checkpoint, scripted_parts: Any, cache: EngineCache) -> None:
    seen, stages = scripted_parts(), []
    first = open_tensorrt(checkpoint, progress=lambda stage, share: stages.append((stage, share)), parts=seen.parts)
    assert (first.tier, first.backend.note) == (0, "")
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


def test_a_damaged_file_is_built_anew_without_a_word(
    checkpoint: Checkpoint, scripted_parts: Any, cache: EngineCache
) -> None:
    seen = scripted_parts()
    open_tensorrt(checkpoint, parts=seen.parts)
    for path in cache.folder.iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    assert open_tensorrt(checkpoint, parts=seen.parts).backend.note == ""
    assert len(seen.loaded) == 2 and seen.loaded[1][1] is None


def test_a_whole_engine_that_does_not_load_is_built_anew_once(
    checkpoint: Checkpoint, scripted_parts: Any, cache: EngineCache
) -> None:
    open_tensorrt(checkpoint, parts=scripted_parts().parts)
    refusal = BackendFailed("TensorRT 1 loads no such engine: made by another version")
    opened = open_tensorrt(checkpoint, parts=scripted_parts(refuses=[refusal]).parts)
    assert "built anew" in opened.backend.note and "another version" in opened.backend.note
    seen = scripted_parts(refuses=[refusal, refusal])
    with pytest.raises(BackendFailed, match="another version"):
        open_tensorrt(checkpoint, parts=seen.parts)
    assert len(seen.loaded) == 2 and seen.devices[0].closed


@pytest.mark.parametrize("call", ["allocate", "capture", "enqueue"])
def test_short_memory_steps_down(checkpoint: Checkpoint, scripted_parts: Any, make_device: Any, call: str) -> None:
    seen = scripted_parts(make_device({call: (1, SHORT)}))
    opened = open_tensorrt(checkpoint, parts=seen.parts)
    assert opened.tier == 1 and "memory is short: a smaller workspace" in opened.backend.note
    assert [device.closed for device in seen.devices] == [True, False]


def test_the_last_step_down_is_without_graphs(checkpoint: Checkpoint, scripted_parts: Any, make_device: Any) -> None:
    seen = scripted_parts(*(make_device({"capture": (1, SHORT)}) for _ in TIERS))
    opened = open_tensorrt(checkpoint, parts=seen.parts)
    assert opened.tier == 2 and "no CUDA graph" in opened.backend.note and not seen.devices[2].calls["capture"]


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
