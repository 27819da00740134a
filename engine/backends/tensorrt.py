"""TensorRT on an NVIDIA card. Owns the step's buffers and its CUDA graphs; refuses to build engines or to fall back.

The state never leaves the card. Two sets of state buffers take turns, so no step reads what it writes; for each there
is one CUDA graph of the whole step: tokens, action and noise up in one copy, the engine, tokens, picture and entropy
down in another. The copy down is no work of the next step's: that one would have to begin before its key is known. What
goes on beside the next step is all that comes after: the frame is coloured, drawn and encoded in other threads.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.backends.base import BackendFailed, BackendInfo, OutOfDeviceMemory, StepOutput
from engine.backends.device import Device
from engine.backends.graph_tensors import step_tensors
from engine.backends.layout import lay_out
from engine.backends.onnx_graph import OnnxEncoder
from engine.backends.program import Program
from engine.checkpoint import Checkpoint

WARM_UP_STEPS = 3
NOT_STATE = 3  # tokens, action, noise in; tokens, picture, entropy out

Buffers = dict[str, npt.NDArray[Any]]


class TensorRtBackend:
    """Runs a checkpoint's step on a device, from fixed memory. It owns `device` and `program` and closes them. `note`
    is what its info says of how it came to be."""

    def __init__(self, checkpoint: Checkpoint, device: Device, program: Program, version: str, graphs: bool) -> None:
        """`version` names the library; `graphs`: whether a step is launched as one CUDA graph. Raises BackendFailed."""
        manifest = checkpoint.manifest
        self._manifest = manifest
        self._device = device
        self._program = program
        self._version = version
        self.note = ""
        self._wants_graphs = graphs
        self._graphs: list[Any] = []
        self._encoder = OnnxEncoder(checkpoint.folder / manifest.graphs.encoder, manifest, 1)
        inputs, outputs = step_tensors(manifest)
        upward, downward = lay_out(inputs[:NOT_STATE]), lay_out(outputs[:NOT_STATE])
        self._state_layout = lay_out(manifest.state)
        self._above = device.allocate(upward.size), device.allocate(downward.size)
        self._states = device.allocate(self._state_layout.size), device.allocate(self._state_layout.size)
        self._sent, self._received = device.allocate_pinned(upward.size), device.allocate_pinned(downward.size)
        self._kept = device.allocate_pinned(self._state_layout.size)
        self._inputs, self._outputs = upward.views(self._sent), downward.views(self._received)
        self._ends = upward.addresses(self._above[0]) | downward.addresses(self._above[1])
        self._current = 0
        self._closed = False
        self.reset()

    @property
    def info(self) -> BackendInfo:
        """What runs: the library on this card. One host thread drives it."""
        card = self._device.card
        return BackendInfo("tensorrt", self._version, card.name, 1, card.architecture, self.note)

    @property
    def memory(self) -> int:
        """Bytes on the card: engine, scratch and buffers; none any more once it is closed."""
        if self._closed:
            return 0
        buffers = self._sent.nbytes + self._received.nbytes + 2 * self._state_layout.size
        return self._program.memory + buffers

    def reset(self) -> None:
        """Set the state to zero."""
        self._device.clear(self._states[self._current], self._state_layout.size)
        self._device.synchronize()

    def step(self, tokens: npt.NDArray[np.int64], action_index: int, noise: npt.NDArray[np.float32]) -> StepOutput:
        """One frame: tokens int64 [P], noise float32 [P] in [0,1). What is returned is the caller's own."""
        self._inputs["tokens"][0] = tokens
        self._inputs["action"][0] = action_index
        self._inputs["noise"][0] = noise
        if self._graphs:
            self._device.launch(self._graphs[self._current])
        else:
            self._enqueue(self._current)
        self._device.synchronize()
        self._current = 1 - self._current  # only now: where a step fails, the state before it still stands
        outputs = self._outputs
        return StepOutput(outputs["next_tokens"][0].copy(), outputs["picture"][0].copy(), float(outputs["entropy"][0]))

    def encode(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Tokens int64 [P] of a picture uint8 [H,W] or [H,W,3]: on the CPU, for it is no part of play."""
        return self._encoder.encode(picture)

    def get_state(self) -> Buffers:
        """Copies of the state tensors by name."""
        self._device.download(self._kept, self._states[self._current])
        self._device.synchronize()
        return {name: array.copy() for name, array in self._state_layout.views(self._kept).items()}

    def set_state(self, state: Buffers) -> None:
        """Replace the state. Raises ValueError where names, shapes or dtypes differ from the manifest's."""
        own = self._state_layout.views(self._kept)
        if {n: (a.shape, a.dtype) for n, a in own.items()} != {n: (a.shape, a.dtype) for n, a in state.items()}:
            raise ValueError("state: expected the tensors of this world's manifest")
        for name, array in own.items():
            array[...] = state[name]
        self._device.upload(self._states[self._current], self._kept)
        self._device.synchronize()

    def warm_up(self) -> None:
        """Let the library compile what it needs, then record the step's graphs; the state is zero afterwards."""
        for array in self._inputs.values():
            array.fill(0)
        for number in range(2 * WARM_UP_STEPS):
            self._enqueue(number % 2)
            self._device.synchronize()
        if self._wants_graphs and not self._graphs:
            self._record_graphs()
            tokens, noise = np.zeros(self._manifest.tokens, np.int64), np.zeros(self._manifest.tokens, np.float32)
            for _ in range(WARM_UP_STEPS):
                self.step(tokens, 0, noise)
        self.reset()

    def close(self) -> None:
        """Let go of the engine and of all memory."""
        self._closed = True
        with contextlib.suppress(BackendFailed):
            self._device.synchronize()  # after a failure, what was queued before it may still read from the engine
        self._program.close()
        self._device.close()
        self._graphs = []
        self._encoder.close()

    def _record_graphs(self) -> None:
        """One graph for each state set. Where the library can't be recorded, steps are queued one by one."""
        graphs = []
        try:
            for source in (0, 1):
                self._enqueue(source)  # new addresses may make the library set itself up, which can't be recorded
                self._device.synchronize()
                graphs.append(self._device.capture(partial(self._enqueue, source)))
        except OutOfDeviceMemory:
            raise
        except BackendFailed as error:
            self.note = f"no CUDA graph ({error})"
        else:
            self._graphs = graphs

    def _enqueue(self, source: int) -> None:
        """Queue a step that reads state set `source` and writes the other one."""
        self._program.bind(self._bindings(source) | self._ends)
        self._device.upload(self._above[0], self._sent)
        self._program.enqueue(self._device.stream)
        self._device.download(self._received, self._above[1])

    def _bindings(self, source: int) -> dict[str, int]:
        """Addresses of the state that is read and of the state that is written."""
        read = self._state_layout.addresses(self._states[source])
        written = self._state_layout.addresses(self._states[1 - source])
        return read | {spec.output_name: written[spec.name] for spec in self._manifest.state}
