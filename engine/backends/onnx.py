"""ONNX Runtime on the CPU. Owns the step graph's buffers and its thread count; refuses to choose tokens or noise."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.backends.base import BackendInfo, StepOutput
from engine.backends.graph_tensors import step_tensors
from engine.backends.onnx_graph import OnnxEncoder, check_graph, load_graph
from engine.checkpoint import Checkpoint
from engine.measuring.machine import cpu_name, instruction_set, model_threads
from models.manifest import Manifest

WARM_UP_STEPS = 3
Buffers = dict[str, npt.NDArray[Any]]


class OnnxBackend:
    """Runs a checkpoint's step graph with every input and output bound to fixed memory.

    Two sets of state buffers take turns: a step reads one and writes the other, so nothing is copied and no graph
    reads what it writes.
    """

    def __init__(self, checkpoint: Checkpoint, threads: int | None = None, note: str = "") -> None:
        """Load the step graph and check it against the manifest. `threads` None chooses for the machine; `note` is for
        its info."""
        manifest = checkpoint.manifest
        self._threads = threads or model_threads()
        self._manifest = manifest
        self._note = note
        self._encoder = OnnxEncoder(checkpoint.folder / manifest.graphs.encoder, manifest, self._threads)
        path = checkpoint.folder / manifest.graphs.step
        self._step = load_graph(path, self._threads)
        check_graph(path, self._step, *step_tensors(manifest))
        self._inputs = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in step_tensors(manifest)[0][:3]}
        self._outputs = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in step_tensors(manifest)[1][:3]}
        self._states: tuple[Buffers, Buffers] = (_zero_state(manifest), _zero_state(manifest))
        self._bindings = (self._bind(0), self._bind(1))
        self._current = 0

    @property
    def info(self) -> BackendInfo:
        """What runs: ONNX Runtime on this processor."""
        version = f"onnxruntime {ort.__version__}"
        return BackendInfo("onnx", version, f"CPU {cpu_name()}", self._threads, instruction_set(), self._note)

    def reset(self) -> None:
        """Set the state to zero."""
        for buffer in self._states[self._current].values():
            buffer.fill(0)

    def step(self, tokens: npt.NDArray[np.int64], action_index: int, noise: npt.NDArray[np.float32]) -> StepOutput:
        """One frame: tokens int64 [P], noise float32 [P] in [0,1). What is returned is the caller's own."""
        self._inputs["tokens"][0] = tokens
        self._inputs["action"][0] = action_index
        self._inputs["noise"][0] = noise
        self._step.run_with_iobinding(self._bindings[self._current])
        self._current = 1 - self._current
        outputs = self._outputs
        return StepOutput(outputs["next_tokens"][0].copy(), outputs["picture"][0].copy(), float(outputs["entropy"][0]))

    def encode(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Tokens int64 [P] of a picture uint8 [H,W] or [H,W,3]. The encoder is loaded at the first call."""
        return self._encoder.encode(picture)

    def get_state(self) -> Buffers:
        """Copies of the state tensors by name."""
        return {name: buffer.copy() for name, buffer in self._states[self._current].items()}

    def set_state(self, state: Buffers) -> None:
        """Replace the state. Raises ValueError where names, shapes or dtypes differ from the manifest's."""
        own = self._states[self._current]
        if {n: (a.shape, a.dtype) for n, a in own.items()} != {n: (a.shape, a.dtype) for n, a in state.items()}:
            raise ValueError("state: expected the tensors of this world's manifest")
        for name, buffer in own.items():
            buffer[...] = state[name]

    def warm_up(self) -> None:
        """Run a few steps on zeros so that the first real one is not slower than the rest."""
        tokens, noise = np.zeros(self._manifest.tokens, np.int64), np.zeros(self._manifest.tokens, np.float32)
        for _ in range(WARM_UP_STEPS):
            self.step(tokens, 0, noise)
        self.reset()

    def close(self) -> None:
        """Let go of both graphs and their threads."""
        del self._bindings, self._step
        self._encoder.close()

    def _bind(self, source: int) -> ort.IOBinding:
        """A binding that reads state set `source` and writes the other one."""
        binding = self._step.io_binding()
        reads, writes = self._states[source], self._states[1 - source]
        for name, array in (self._inputs | reads).items():
            binding.bind_input(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        rolled = {spec.output_name: writes[spec.name] for spec in self._manifest.state}
        for name, array in (self._outputs | rolled).items():
            binding.bind_output(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)
        return binding


def _zero_state(manifest: Manifest) -> Buffers:
    return {spec.name: np.zeros(spec.shape, spec.dtype) for spec in manifest.state}
