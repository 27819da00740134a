"""The half-precision graph: same ends, half matrix products, no bytes inside, nearly the same values."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from engine.backends.half_graph import MATRIX_OPS, half_graph
from models.manifest import BadInput, read_manifest


def _ends(data: bytes) -> list[tuple[str, int]]:
    graph = onnx.load_from_string(data).graph
    return [(value.name, value.type.tensor_type.elem_type) for value in (*graph.input, *graph.output)]


def _types(data: bytes) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(onnx.load_from_string(data), strict_mode=True).graph
    return {v.name: v.type.tensor_type.elem_type for v in graph.value_info} | {
        w.name: w.data_type for w in graph.initializer
    }


@pytest.mark.parametrize("role", ["step", "encoder", "decoder"])
def test_a_real_graph_keeps_its_ends_and_loses_its_bytes(tiny_world: Path, role: str) -> None:
    graphs = read_manifest(tiny_world).graphs
    shipped = (tiny_world / getattr(graphs, role)).read_bytes()
    half = half_graph(shipped, role)
    assert _ends(half) == _ends(shipped)
    types = _types(half)
    assert TensorProto.UINT8 not in types.values()
    nodes = [node for node in onnx.load_from_string(half).graph.node if node.op_type in MATRIX_OPS]
    assert nodes or role == "encoder"
    kinds = [{types[name] for name in node.input if name} for node in nodes]
    assert all(kind in ({TensorProto.FLOAT16}, {TensorProto.FLOAT}) for kind in kinds)
    halved = sum(kind == {TensorProto.FLOAT16} for kind in kinds)
    assert halved > len(kinds) // 2 if role == "step" else halved < len(kinds)


def test_a_real_step_computes_nearly_the_same(tiny_world: Path) -> None:
    manifest = read_manifest(tiny_world)
    shipped = (tiny_world / manifest.graphs.step).read_bytes()
    chance = np.random.default_rng(0)
    feed = {
        "tokens": chance.integers(0, manifest.codebook, (1, manifest.tokens)),
        "action": np.array([1]),
        "noise": chance.random((1, manifest.tokens), np.float32),
        **{spec.name: chance.standard_normal(spec.shape).astype(spec.dtype) for spec in manifest.state},
    }
    wanted, got = (
        ort.InferenceSession(data, providers=["CPUExecutionProvider"]).run(None, feed)
        for data in (shipped, half_graph(shipped, "step"))
    )
    assert (wanted[0] == got[0]).mean() > 0.98
    rings = [(np.abs(a - b).max(), np.abs(a).max()) for a, b in zip(wanted[3:], got[3:], strict=True)]
    assert all(difference < 0.01 * largest for difference, largest in rings)
    assert any(difference > 0 for difference, _ in rings)  # it really rounds


def test_the_last_products_before_a_choice_stay_exact() -> None:
    """Of four products in a row the last two; a product that leads to no choice is halved."""
    names = ["x", "one", "two", "three", "four"]
    nodes = [helper.make_node("MatMul", [a, f"{b}_weight"], [b]) for a, b in pairwise(names)]
    nodes += [
        helper.make_node("MatMul", ["x", "one_weight"], ["aside"]),
        helper.make_node("Softmax", ["four"], ["soft"]),
        helper.make_node("TopK", ["soft", "count"], ["values", "codes"]),
    ]
    weights = [numpy_helper.from_array(np.eye(4, dtype=np.float32), f"{name}_weight") for name in names[1:]]
    graph = helper.make_graph(
        nodes,
        "chain",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 4])],
        [
            helper.make_tensor_value_info("codes", TensorProto.INT64, [1, 2]),
            helper.make_tensor_value_info("aside", TensorProto.FLOAT, [1, 4]),
        ],
        initializer=[*weights, numpy_helper.from_array(np.array([2]), "count")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    half = onnx.load_from_string(half_graph(model.SerializeToString(), "chain")).graph
    halved = {node.output[0].removesuffix("__half") for node in half.node if node.output[0].endswith("__half")}
    assert halved == {"one", "two", "aside"}


def _chosen(product: onnx.NodeProto, *weights: onnx.TensorProto) -> bytes:
    """A product of x [1,3,5] or [3,5], and a choice from what it gives."""
    rows = [1, 3, 5] if product.op_type == "MatMul" else [3, 5]
    graph = helper.make_graph(
        [product, helper.make_node("ArgMax", ["out"], ["code"], axis=-1, keepdims=0)],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, rows)],
        [
            helper.make_tensor_value_info("out", TensorProto.FLOAT, [*rows[:-1], 4]),
            helper.make_tensor_value_info("code", TensorProto.INT64, rows[:-1]),
        ],
        initializer=weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(model.SerializeToString())


def _weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.random.default_rng(1).standard_normal(shape).astype(np.float32), name)


@pytest.mark.parametrize(
    "data",
    [
        _chosen(helper.make_node("MatMul", ["x", "w"], ["out"]), _weight("w", 5, 4)),
        _chosen(helper.make_node("Gemm", ["x", "w"], ["out"]), _weight("w", 5, 4)),
        _chosen(
            helper.make_node("Gemm", ["x", "w", "b"], ["out"], transB=1),
            *(_weight("w", 4, 5), _weight("b", 4)),
        ),
    ],
    ids=["MatMul", "Gemm", "Gemm with bias"],
)
def test_a_chip_without_float_products_gets_convolutions_of_the_same_values(data: bytes) -> None:
    mended = half_graph(data, "x", (7, 5))
    ops = {node.op_type for node in onnx.load_from_string(mended).graph.node}
    assert "Conv" in ops and not ops & {"MatMul", "Gemm"}
    assert half_graph(data, "x", (8, 6)) == half_graph(data, "x") != mended
    shape = [1, 3, 5] if b"MatMul" in data else [3, 5]
    feed = {"x": np.random.default_rng(2).standard_normal(shape).astype(np.float32)}
    (wanted, code), (got, same) = (
        ort.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(None, feed) for graph in (data, mended)
    )
    assert np.allclose(wanted, got, rtol=0, atol=1e-6) and np.array_equal(code, same)


def test_a_product_that_cannot_be_a_convolution_is_told() -> None:
    scaled = _chosen(helper.make_node("Gemm", ["x", "w"], ["out"], alpha=2.0), _weight("w", 5, 4))
    with pytest.raises(BadInput, match="node Gemm: expected a plain product with weights before a choice"):
        half_graph(scaled, "x", (7, 5))


def test_the_shipped_graph_is_not_changed(tiny_world: Path) -> None:
    path = tiny_world / read_manifest(tiny_world).graphs.step
    before = path.read_bytes()
    assert half_graph(before, "step") == half_graph(before, "step")
    assert path.read_bytes() == before


def test_bytes_at_both_ends_are_cast_there() -> None:
    nodes = [
        helper.make_node("Gather", ["table", "index"], ["looked"], axis=0),
        helper.make_node("Add", ["looked", "picture"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "bytes",
        [
            helper.make_tensor_value_info("picture", TensorProto.UINT8, [3]),
            helper.make_tensor_value_info("index", TensorProto.INT64, [3]),
        ],
        [helper.make_tensor_value_info("out", TensorProto.UINT8, [3])],
        initializer=[numpy_helper.from_array(np.array([5, 6, 7], np.uint8), "table")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    session = ort.InferenceSession(half_graph(model.SerializeToString(), "x"), providers=["CPUExecutionProvider"])
    (out,) = session.run(None, {"picture": np.array([1, 2, 3], np.uint8), "index": np.array([2, 1, 0])})
    assert out.dtype == np.uint8 and out.tolist() == [8, 8, 8]


def test_a_weight_that_half_cannot_hold_is_told(tiny_world: Path) -> None:
    model = onnx.load(tiny_world / read_manifest(tiny_world).graphs.step)
    name = next(node.input[1] for node in model.graph.node if node.op_type == "Conv")
    weight = next(weight for weight in model.graph.initializer if weight.name == name)
    weight.CopyFrom(numpy_helper.from_array(np.full_like(numpy_helper.to_array(weight), 1e6), name))
    with pytest.raises(BadInput, match="half precision can hold"):
        half_graph(model.SerializeToString(), "x")


@pytest.mark.parametrize("data", [b"", b"no graph", bytes(100)])
def test_what_is_no_graph_is_told_or_empty(data: bytes) -> None:
    try:
        half_graph(data, "step.onnx")
    except BadInput as error:
        assert str(error).startswith("step.onnx: graph: expected an ONNX model") and "\n" not in str(error)
