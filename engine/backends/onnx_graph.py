"""One ONNX graph in ONNX Runtime on the CPU. Owns loading and checking it; refuses to keep what goes in and out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.backends.graph_tensors import encoder_tensors
from models.manifest import BadInput, Manifest, TensorSpec

_ORT_TYPES = {
    "float32": "tensor(float)",
    "float16": "tensor(float16)",
    "int64": "tensor(int64)",
    "int32": "tensor(int32)",
    "uint8": "tensor(uint8)",
}


class OnnxEncoder:
    """A world's encoder graph, loaded when the first picture comes: play itself never needs it."""

    def __init__(self, path: Path, manifest: Manifest, threads: int) -> None:
        self._path = path
        self._manifest = manifest
        self._threads = threads
        self._graph: ort.InferenceSession | None = None

    @property
    def loaded(self) -> bool:
        """Whether the graph is in memory."""
        return self._graph is not None

    def encode(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Tokens int64 [P] of a picture uint8 [H,W] or [H,W,3]. Raises BadInput where the graph is another world's."""
        if self._graph is None:
            graph = load_graph(self._path, self._threads)
            check_graph(self._path, graph, *encoder_tensors(self._manifest))
            self._graph = graph
        tokens: npt.NDArray[np.int64] = self._graph.run(["tokens"], {"picture": picture[None]})[0][0]
        return tokens

    def close(self) -> None:
        """Let go of the graph."""
        self._graph = None


def load_graph(path: Path, threads: int) -> ort.InferenceSession:
    """A graph on the CPU provider. Raises BadInput where the runtime can't load it."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4  # a bad graph is told as BadInput, once
    # Threads that spin between operators gain 4 % on idle cores, lose half the speed where the window, a recorder or
    # anything else wants one too, and burn half as much power again.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions share no base class of their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(f"{path}: graph: expected one that onnxruntime {ort.__version__} can load ({reason})") from error


def check_graph(path: Path, graph: ort.InferenceSession, inputs: list[TensorSpec], outputs: list[TensorSpec]) -> None:
    """Raise BadInput unless the graph has exactly these inputs and outputs."""
    for kind, wanted, nodes in (("input", inputs, graph.get_inputs()), ("output", outputs, graph.get_outputs())):
        found = {node.name: node for node in nodes}
        for spec in wanted:
            node = found.pop(spec.name, None)
            if node is None:
                raise BadInput(f"{path}: {kind} {spec.name}: expected one, the graph has none")
            if node.type != _ORT_TYPES[spec.dtype] or tuple(node.shape) != spec.shape:
                expected = f"{_ORT_TYPES[spec.dtype]} {list(spec.shape)}"
                raise BadInput(f"{path}: {kind} {spec.name}: expected {expected}, found {node.type} {list(node.shape)}")
        if found:
            raise BadInput(f"{path}: {kind} {next(iter(found))}: the manifest knows none of this name")
