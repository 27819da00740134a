"""What a frame costs, counted from a step graph with static shapes. Owns the counting; refuses to time anything.

A kernel is what a runtime launches by itself once it has fused element-wise work into its neighbours. Casts count as
such work: TensorRT joins them with the kernel before or behind them, so they cost no launch and no traffic of their
own; what that kernel reads or writes is counted in its own type.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto

from engine.backends.half_graph import half_graph
from models.manifest import BadInput, CardCost

KERNELS = {
    *("Conv", "ConvTranspose", "MatMul", "Gemm", "Softmax", "TopK", "CumSum", "ArgMax", "Gather", "GatherElements"),
    *("GatherND", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "Concat", "Transpose", "DepthToSpace"),
    *("SpaceToDepth", "LayerNormalization", "Attention", "Resize", "ScatterElements", "ScatterND", "OneHot"),
}
SMALL_WEIGHT = 1 << 12  # bytes: a shape or an axis, which the inference of shapes has to see


@dataclass(frozen=True)
class GraphCost:
    """`operations`: multiplications and additions of convolutions and matrix products. `bytes`: weights, read once,
    and what those and the other kernels read and write, in their own types. `kernels`: launches."""

    operations: int
    bytes: int
    kernels: int


def count_cost(path: Path) -> GraphCost:
    """Count a graph. Raises BadInput where it is none or a shape isn't known."""
    try:
        model = onnx.load(path)
    except Exception as error:  # protobuf raises kinds of its own
        raise _no_graph(path, error) from error
    count = _Count(path, model)
    return GraphCost(sum(count.operations.values()), count.bytes, count.kernels)


def count_card_cost(path: Path) -> CardCost:
    """Count the half-precision graph that is made of a shipped one. Raises BadInput as `count_cost`."""
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: graph: cannot be read ({error.strerror or error})") from error
    count = _Count(path, onnx.load_from_string(half_graph(graph, str(path))))
    half = count.operations.pop(TensorProto.FLOAT16, 0)
    single = sum(count.operations.values())
    return CardCost(half_operations=half, float_operations=single, bytes=count.bytes, kernels=count.kernels)


def _no_graph(path: Path, error: Exception) -> BadInput:
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    return BadInput(f"{path}: graph: expected an ONNX model ({reason[:200]})")


class _Count:
    """Sums over a graph's kernels. `operations` by the type of what a product reads."""

    def __init__(self, path: Path, model: Any) -> None:
        self.operations: dict[int, int] = {}
        self.bytes = 0
        self.kernels = 0
        self._path = path
        self._weights = {weight.name for weight in model.graph.initializer}
        self._tensors = _tensors(path, model)
        read: set[str] = set()
        for node in model.graph.node:
            if node.op_type not in KERNELS:
                continue
            self.kernels += 1
            self._add_operations(node)
            for name in filter(None, node.input):
                if name not in read:
                    self.bytes += self._read_bytes(node, name)
                if name in self._weights:
                    read.add(name)
            self.bytes += sum(self._size(name) for name in node.output if name)

    def _add_operations(self, node: Any) -> None:
        kind = self._tensor(node.input[0])[0]
        if node.op_type in ("Conv", "ConvTranspose"):
            ends = node.output[0] if node.op_type == "Conv" else node.input[0]
            done = 2 * prod(self._tensor(node.input[1])[1][1:]) * prod(self._tensor(ends)[1])
        elif node.op_type in ("MatMul", "Gemm"):
            done = 2 * self._tensor(node.input[0])[1][-1] * prod(self._tensor(node.output[0])[1])
        else:
            return
        self.operations[kind] = self.operations.get(kind, 0) + done

    def _read_bytes(self, node: Any, name: str) -> int:
        """A table that is looked up is read only where it is looked at."""
        looked_up = name in self._weights and node.op_type.startswith("Gather") and name == node.input[0]
        return min(self._size(name), self._size(node.output[0])) if looked_up else self._size(name)

    def _size(self, name: str) -> int:
        kind, shape = self._tensor(name)
        return int(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).itemsize) * prod(shape)

    def _tensor(self, name: str) -> tuple[int, list[int]]:
        found = self._tensors.get(name)
        if found is None:
            raise BadInput(f"{self._path}: tensor {name}: expected a known shape, found none")
        return found


def _tensors(path: Path, model: Any) -> dict[str, tuple[int, list[int]]]:
    """Element type and shape of every tensor whose shape is known."""
    found = {weight.name: (weight.data_type, list(weight.dims)) for weight in model.graph.initializer}
    for weight in model.graph.initializer:
        if len(weight.raw_data) > SMALL_WEIGHT:
            weight.ClearField("raw_data")  # says nothing of shapes, and the inference would copy it several times
    try:
        graph = onnx.shape_inference.infer_shapes(model).graph
    except Exception as error:  # the inference raises kinds of its own
        raise _no_graph(path, error) from error
    for value in (*graph.value_info, *graph.output, *graph.input):
        kind = value.type.tensor_type
        if kind.HasField("shape") and all(dimension.HasField("dim_value") for dimension in kind.shape.dim):
            found[value.name] = (kind.elem_type, [dimension.dim_value for dimension in kind.shape.dim])
    return found
