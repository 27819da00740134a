"""Counting a graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.measuring.graph_cost import count_card_cost, count_cost
from models.manifest import BadInput


def _save(path: Path) -> Path:
    """One 3x3 convolution of 4 to 8 channels on 6x6, an activation, a table that is looked up."""
    constants = {
        "kernel": np.zeros((8, 4, 3, 3), np.float32),
        "table": np.zeros((1000, 5), np.float32),
        "which": np.array([3, 4]),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "kernel"], ["h"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["h"], ["y"]),
            helper.make_node("Gather", ["table", "which"], ["rows"]),
        ],
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 6])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 6, 6]),
            helper.make_tensor_value_info("rows", TensorProto.FLOAT, [2, 5]),
        ],
        initializer=[numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_operations_bytes_and_kernels(tmp_path: Path) -> None:
    cost = count_cost(_save(tmp_path / "step.onnx"))
    assert cost.operations == 2 * 4 * 9 * 8 * 36
    assert cost.kernels == 2  # the activation is fused
    convolution = 4 * (8 * 4 * 9 + 4 * 36 + 8 * 36)
    looked_up = 4 * 10 + 8 * 2 + 4 * 10  # two rows, not the table; where, as int64; the rows again
    assert cost.bytes == convolution + looked_up


def test_what_is_no_graph_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "step.onnx").write_bytes(b"no graph at all")
    with pytest.raises(BadInput, match="expected an ONNX model"):
        count_cost(tmp_path / "step.onnx")


@pytest.mark.parametrize("size", ["batch", None])
def test_a_shape_that_is_not_known_is_bad_input(tmp_path: Path, size: str | None) -> None:
    """A dimension with a name only, or an output that the inference knows nothing of."""
    kernel = numpy_helper.from_array(np.zeros((8, 4, 3, 3), np.float32), "kernel")
    last = (
        helper.make_node("Conv", ["x", "kernel"], ["y"]) if size else helper.make_node("Conv", ["z", "kernel"], ["y"])
    )
    strange = [] if size else [helper.make_node("Strange", ["x"], ["z"], domain="elsewhere")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size or 1, 4, 6, 6]) for name in ("x", "y")]
    graph = helper.make_graph([*strange, last], "loose", ends[:1], ends[1:], initializer=[kernel])
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("elsewhere", 1)]
    path = tmp_path / "step.onnx"
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    with pytest.raises(BadInput, match=rf"step.onnx: tensor {'x' if size else 'z'}: expected a known shape"):
        count_cost(path)


def test_an_error_without_words_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> None:
        raise ValueError

    monkeypatch.setattr("engine.measuring.graph_cost.onnx.load", fail)
    with pytest.raises(BadInput, match=r"expected an ONNX model \(ValueError\)"):
        count_cost(tmp_path / "step.onnx")


def test_on_a_card_half_and_float32_count_apart(tmp_path: Path) -> None:
    """Three convolutions before a choice: the first one runs in half precision, the two last ones don't."""
    kernels = [numpy_helper.from_array(np.zeros((4, 4, 1, 1), np.float32), f"kernel{number}") for number in range(3)]
    nodes = [
        helper.make_node("Conv", ["x", "kernel0"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "kernel1"], ["c"]),
        helper.make_node("Conv", ["c", "kernel2"], ["d"]),
        helper.make_node("ArgMax", ["d"], ["y"], axis=1, keepdims=0),
    ]
    ends = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4, 6, 6]),
        helper.make_tensor_value_info("y", TensorProto.INT64, [1, 6, 6]),
    ]
    graph = helper.make_graph(nodes, "choice", ends[:1], ends[1:], initializer=kernels)
    path = tmp_path / "step.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    cost, whole = count_card_cost(path), count_cost(path)
    one = 2 * 4 * 4 * 36
    assert (cost.half_operations, cost.float_operations) == (one, 2 * one) and whole.operations == 3 * one
    assert cost.kernels == whole.kernels == 4  # casts are fused into their neighbours
    plane, kernel = 4 * 36, 4 * 4
    assert whole.bytes == 3 * 4 * (2 * plane + kernel) + 4 * plane + 8 * 36
    assert cost.bytes == whole.bytes - 2 * (2 * plane + kernel)  # of the first one alone
