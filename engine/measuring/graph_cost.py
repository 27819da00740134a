"""What a frame costs, counted from a step graph with static shapes. Owns the counting; refuses to time anything."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import onnx

from models.manifest import BadInput

# What a runtime that fuses element-wise work into its neighbours still runs as a kernel of its own.
KERNELS = {
    *("Conv", "ConvTranspose", "MatMul", "Gemm", "Softmax", "TopK", "CumSum", "ArgMax", "Gather", "GatherElements"),
    *("GatherND", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "Concat", "Transpose", "DepthToSpace"),
    *("SpaceToDepth", "LayerNormalization", "Attention", "Resize", "ScatterElements", "ScatterND", "OneHot"),
}


@dataclass(frozen=True)
class GraphCost:
    """`operations`: multiplications and additions of convolutions and matrix products. `bytes`: weights, read once,
    and what those and the other kernels read and write, as float32. `kernels`: launches after the usual fusing."""

    operations: int
    bytes: int
    kernels: int


def count_cost(path: Path) -> GraphCost:
    """Count a graph. Raises BadInput where a shape isn't known."""
    try:
        graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    except Exception as error:  # protobuf and the inference raise kinds of their own
        raise BadInput(f"{path}: graph: expected an ONNX model ({str(error).splitlines()[0][:200]})") from error
    weights = {weight.name: list(weight.dims) for weight in graph.initializer}
    shapes = {
        value.name: [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
        for value in (*graph.value_info, *graph.output, *graph.input)
    } | weights
    operations = moved = kernels = 0
    read: set[str] = set()
    for node in graph.node:
        if node.op_type not in KERNELS:
            continue
        kernels += 1
        operations += _operations(node, shapes)
        for name in node.input:
            if name not in weights:
                moved += 4 * prod(shapes.get(name, []))
            elif name not in read:
                read.add(name)
                moved += _read_bytes(node, name, weights, shapes)
        moved += sum(4 * prod(shapes.get(name, [])) for name in node.output)
    return GraphCost(operations, moved, kernels)


def _operations(node: Any, shapes: dict[str, list[int]]) -> int:
    if node.op_type in ("Conv", "ConvTranspose"):
        kernel = shapes[node.input[1]]
        ends = node.output[0] if node.op_type == "Conv" else node.input[0]
        return 2 * prod(kernel[1:]) * prod(shapes[ends])
    if node.op_type in ("MatMul", "Gemm"):
        return 2 * shapes[node.input[0]][-1] * prod(shapes[node.output[0]])
    return 0


def _read_bytes(node: Any, name: str, weights: dict[str, list[int]], shapes: dict[str, list[int]]) -> int:
    """A table that is looked up is read only where it is looked at."""
    whole = 4 * prod(weights[name])
    looked_up = node.op_type.startswith("Gather") and name == node.input[0]
    return min(whole, 4 * prod(shapes.get(node.output[0], []))) if looked_up else whole
