"""Counting a graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.measuring.graph_cost import count_cost
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
    looked_up = 4 * (10 + 2 + 10)  # two rows, not the table; where; the rows again
    assert cost.bytes == convolution + looked_up


def test_what_is_no_graph_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "step.onnx").write_bytes(b"no graph at all")
    with pytest.raises(BadInput, match="expected an ONNX model"):
        count_cost(tmp_path / "step.onnx")
