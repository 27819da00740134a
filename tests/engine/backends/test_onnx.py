"""The ONNX Runtime backend: bound buffers, checks of graphs, threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from models.manifest import BadInput

ZEROS = np.zeros(16, np.int64)
QUIET = np.zeros(16, np.float32)


def test_state_rolls_from_step_to_step(backend: OnnxBackend) -> None:
    """The counter of the world counts every step, whichever buffer set holds it."""
    for count in range(20):
        assert backend.get_state()["counter"] == count % 8
        assert (backend.step(ZEROS, 0, QUIET).tokens == count % 8).all()


def test_state_can_be_kept_and_set(backend: OnnxBackend) -> None:
    for _ in range(3):
        backend.step(ZEROS + 1, 2, QUIET)
    kept = backend.get_state()
    first = [backend.step(ZEROS, 1, QUIET).tokens for _ in range(3)]
    backend.set_state(kept)
    again = [backend.step(ZEROS, 1, QUIET).tokens for _ in range(3)]
    assert np.array_equal(first, again) and kept["counter"] == 3
    with pytest.raises(ValueError, match="state"):
        backend.set_state({"counter": kept["counter"]})


def test_outputs_belong_to_the_caller(backend: OnnxBackend) -> None:
    first = backend.step(ZEROS, 1, QUIET)
    tokens, picture = first.tokens.copy(), first.picture.copy()
    for action in (2, 3, 4):
        backend.step(ZEROS, action, QUIET)
    assert np.array_equal(first.tokens, tokens) and np.array_equal(first.picture, picture)


def test_warm_up_leaves_no_trace(backend: OnnxBackend) -> None:
    backend.warm_up()
    assert all((array == 0).all() for array in backend.get_state().values())
    assert (backend.step(ZEROS, 0, QUIET).tokens == 0).all()


def test_entropy_is_the_graphs(backend: OnnxBackend) -> None:
    assert backend.step(ZEROS, 0, QUIET + np.float32(0.25)).entropy == pytest.approx(0.25)


def test_encoder_is_loaded_when_it_is_wanted(backend: OnnxBackend) -> None:
    assert not backend._encoder.loaded
    out = backend.step(np.arange(16) % 8, 3, QUIET)
    assert np.array_equal(backend.encode(out.picture), out.tokens)


def test_info_says_what_runs(backend: OnnxBackend) -> None:
    info = backend.info
    assert info.name == "onnx" and info.version.startswith("onnxruntime ") and info.device.startswith("CPU")
    assert info.threads == 1 and info.instruction_set


def test_threads_follow_the_setting(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMCADE_THREADS", "3")
    assert OnnxBackend(checkpoint).info.threads == 3
    assert OnnxBackend(checkpoint, threads=1).info.threads == 1


def _rename(graph: onnx.GraphProto) -> None:
    for node in graph.node:
        node.output[:] = ["tokens_out" if name == "next_tokens" else name for name in node.output]
        node.input[:] = ["tokens_out" if name == "next_tokens" else name for name in node.input]
    graph.output[0].name = "tokens_out"


def _symbolic(graph: onnx.GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"


def _extra(graph: onnx.GraphProto) -> None:
    graph.output.append(onnx.helper.make_tensor_value_info("up", TensorProto.FLOAT, [1]))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_rename, "output next_tokens: expected one, the graph has none"),
        (_symbolic, r"input tokens: expected tensor.int64. .1, 16., found tensor.int64. .'batch', 16."),
        (_extra, "output up: the manifest knows none of this name"),
    ],
)
def test_a_graph_unlike_the_manifest_is_told(
    make_world: Any, reseal: Callable[..., None], change: Callable[[onnx.GraphProto], None], message: str
) -> None:
    folder: Path = make_world()
    model = onnx.load(folder / "step.onnx")
    change(model.graph)
    onnx.save(model, folder / "step.onnx")
    reseal(folder)
    checkpoint = load_checkpoint(folder)
    with pytest.raises(BadInput, match=message) as error:
        OnnxBackend(checkpoint, threads=1)
    assert "step.onnx" in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ([2], "float32", r"input counter: expected tensor.float. .2., found tensor.float. .1."),
        ([1], "float16", r"input counter: expected tensor.float16. .1., found tensor.float. .1."),
    ],
)
def test_a_manifest_unlike_the_graph_is_told(make_world: Any, shape: list[int], dtype: str, message: str) -> None:
    ring = {"name": "ring", "shape": [1, 48], "dtype": "float32"}
    folder = make_world(state=[{"name": "counter", "shape": shape, "dtype": dtype}, ring])
    with pytest.raises(BadInput, match=message):
        OnnxBackend(load_checkpoint(folder), threads=1)


@pytest.mark.parametrize("body", [b"", b"no graph at all", bytes(1000)])
def test_a_sealed_file_that_is_no_graph(make_world: Any, reseal: Callable[..., None], body: bytes) -> None:
    folder = make_world()
    (folder / "step.onnx").write_bytes(body)
    reseal(folder)
    with pytest.raises(BadInput, match=r"step.onnx: graph: expected one that onnxruntime .* can load") as error:
        OnnxBackend(load_checkpoint(folder), threads=1)
    assert "\n" not in str(error.value)


def test_a_broken_encoder_is_told_when_it_is_wanted(make_world: Any, reseal: Callable[..., None]) -> None:
    folder = make_world()
    (folder / "encoder.onnx").write_bytes((folder / "step.onnx").read_bytes())
    reseal(folder)
    backend = OnnxBackend(load_checkpoint(folder), threads=1)
    with pytest.raises(BadInput, match=r"encoder.onnx: input picture: expected one"):
        backend.encode(np.zeros((32, 32), np.uint8))


def test_close_lets_go(checkpoint: Checkpoint) -> None:
    backend = OnnxBackend(checkpoint, threads=1)
    backend.close()
    with pytest.raises(AttributeError):
        backend.step(ZEROS, 0, QUIET)
