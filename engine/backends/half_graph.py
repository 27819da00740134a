"""A graph as a card runs it: matrix products in half precision, no bytes inside. Owns rewriting it; refuses to run it.

The shipped graph stays the only copy of the weights; this one is made from it when an engine is built. Convolutions and
matrix products, which are nearly all of a step's work, take and give float16; everything between them (norms, softmax,
the draw of the tokens) and the whole state stay float32, so that a state can be handed to another backend as it is. So
do the last products before a choice: which of thousands of codes is the nearest hangs on small differences. Where a
chip has no float32 product, these become 1x1 convolutions, which compute the same.
TensorRT knows uint8 at the ends of a graph only: inside, such tensors become int32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from models.manifest import BadInput

MATRIX_OPS = ("Conv", "ConvTranspose", "MatMul", "Gemm")
CHOICES = ("TopK", "ArgMax", "ArgMin")
EXACT_BEFORE_CHOICE = 2  # products in a row
WITHOUT_FLOAT_PRODUCTS = ((7, 5),)  # chips for which TensorRT-RTX refuses a float32 MatMul and Gemm, but no Conv
LARGEST_HALF = 65504.0
_BYTES, _WHOLE = TensorProto.UINT8, TensorProto.INT32


def half_graph(graph: bytes, name: str, capability: tuple[int, int] | None = None) -> bytes:
    """Rewrite a serialized float32 ONNX graph. `name` is for messages; `capability`: (7, 5) of an RTX 2060, None where
    any chip may run it that has float32 products. Raises BadInput."""
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(graph))
    except Exception as error:  # protobuf and the inference raise kinds of their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(f"{name}: graph: expected an ONNX model ({reason})") from error
    _Rewriting(model.graph, name, capability in WITHOUT_FLOAT_PRODUCTS).run()
    del model.graph.value_info[:]  # types have changed
    data: bytes = model.SerializeToString()
    return data


@dataclass
class _Rewriting:
    """The graph that is rewritten in place, and what is known of its tensors."""

    graph: Any
    name: str
    convolve: bool  # whether products that stay float32 become convolutions
    types: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, list[int]] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)
    halves: dict[str, str] = field(default_factory=dict)  # tensor → its float16 twin
    nodes: list[Any] = field(default_factory=list)

    def run(self) -> None:
        self.weights = {weight.name: weight for weight in self.graph.initializer}
        self.types = {weight.name: weight.data_type for weight in self.graph.initializer}
        for value in (*self.graph.input, *self.graph.value_info, *self.graph.output):
            self.types[value.name] = value.type.tensor_type.elem_type
            self.shapes[value.name] = [size.dim_value for size in value.type.tensor_type.shape.dim]
        self._widen_ends()
        self._widen_weights()
        exact = self._before_choices()
        for node in self.graph.node:
            self._widen(node)
            product = node.op_type in MATRIX_OPS and self.types.get(node.input[0]) == TensorProto.FLOAT
            if product and node.output[0] not in exact:
                self._halve(node)
            elif product and self.convolve and node.op_type in ("MatMul", "Gemm"):
                self._convolve(node)
            else:
                self.nodes.append(node)
        self._narrow_outputs()
        del self.graph.node[:]
        self.graph.node.extend(self.nodes)
        used = {name for node in self.nodes for name in node.input}
        kept = [weight for weight in self.graph.initializer if weight.name in used]
        del self.graph.initializer[:]
        self.graph.initializer.extend(kept)

    def _before_choices(self) -> set[str]:
        """Outputs of the products that are the last ones on a way to a choice."""
        makers = {name: node for node in self.graph.node for name in node.output}
        waiting = [(node.input[0], 0) for node in self.graph.node if node.op_type in CHOICES]
        fewest: dict[str, int] = {}  # tensor → products between it and a choice
        while waiting:
            name, products = waiting.pop()
            if name not in makers or fewest.get(name, EXACT_BEFORE_CHOICE) <= products:
                continue
            fewest[name] = products
            node = makers[name]
            behind = products + (node.op_type in MATRIX_OPS)
            waiting.extend((given, behind) for given in node.input)
        return {name for name in fewest if makers[name].op_type in MATRIX_OPS}

    def _widen_ends(self) -> None:
        """Behind each uint8 input stands a cast that everything else reads."""
        for value in self.graph.input:
            if value.type.tensor_type.elem_type == _BYTES:
                wide = f"{value.name}__int32"
                self._rename_uses(value.name, wide)
                self.nodes.append(helper.make_node("Cast", [value.name], [wide], to=_WHOLE))

    def _rename_uses(self, old: str, new: str) -> None:
        for node in self.graph.node:
            node.input[:] = [new if name == old else name for name in node.input]

    def _widen_weights(self) -> None:
        for weight in self.graph.initializer:
            if weight.data_type == _BYTES:
                weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).astype(np.int32), weight.name))

    def _widen(self, node: Any) -> None:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                raise BadInput(f"{self.name}: node {node.op_type}: expected none with a graph of its own")
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i == _BYTES:
                attribute.i = _WHOLE
            if attribute.type == onnx.AttributeProto.TENSOR and attribute.t.data_type == _BYTES:
                attribute.t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(attribute.t).astype(np.int32)))

    def _halve(self, node: Any) -> None:
        """The node reads float16 twins of its inputs; what it gives is cast back under the name that it had."""
        node.input[:] = [self._half_of(name) if name else name for name in node.input]
        out = node.output[0]
        node.output[0] = f"{out}__half"
        self.nodes.append(node)
        self.nodes.append(helper.make_node("Cast", [node.output[0]], [out], to=TensorProto.FLOAT))

    def _convolve(self, node: Any) -> None:
        """Each row of the left factor becomes a picture of one pixel, each column of the right one a 1x1 kernel."""
        left, right, *bias = node.input
        settings = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
        plain = not settings.get("transA") and settings.get("alpha", 1) == 1 and settings.get("beta", 1) == 1
        flat = [len(self.weights[name].dims) if name in self.weights else 0 for name in (right, *bias)]
        if not plain or flat != [2, 1][: len(flat)]:
            raise BadInput(f"{self.name}: node {node.op_type}: expected a plain product with weights before a choice")
        factor = numpy_helper.to_array(self.weights[right])
        kernels = factor if settings.get("transB") else factor.T
        out = node.output[0]
        constants = {
            f"{out}__kernels": np.ascontiguousarray(kernels)[..., None, None],
            f"{out}__pixels": np.array([-1, kernels.shape[1], 1, 1]),
            f"{out}__shape": np.array(self.shapes[out]),
        }
        self.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
        given, got = f"{out}__given", f"{out}__convolved"
        self.nodes += [
            helper.make_node("Reshape", [left, f"{out}__pixels"], [given]),
            helper.make_node("Conv", [given, f"{out}__kernels", *bias], [got], kernel_shape=[1, 1]),
            helper.make_node("Reshape", [got, f"{out}__shape"], [out]),
        ]

    def _half_of(self, name: str) -> str:
        if name not in self.halves:
            self.halves[name] = half = f"{name}__half_in"
            if name in self.weights:
                self.graph.initializer.append(self._half_weight(name, half))
            else:
                self.nodes.append(helper.make_node("Cast", [name], [half], to=TensorProto.FLOAT16))
        return self.halves[name]

    def _half_weight(self, name: str, half: str) -> Any:
        values = numpy_helper.to_array(self.weights[name])
        if not np.all(np.abs(values) <= LARGEST_HALF):
            raise BadInput(f"{self.name}: weight {name}: expected values that half precision can hold")
        return numpy_helper.from_array(values.astype(np.float16), half)

    def _narrow_outputs(self) -> None:
        """A uint8 output is cast at the very end."""
        for value in self.graph.output:
            if value.type.tensor_type.elem_type == _BYTES:
                wide = f"{value.name}__int32"
                self._rename_uses(value.name, wide)
                for node in self.nodes:
                    node.output[:] = [wide if name == value.name else name for name in node.output]
                self.nodes.append(helper.make_node("Cast", [wide], [value.name], to=_BYTES))
