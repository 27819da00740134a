"""The step in torch, eager or compiled: the baseline beside ONNX Runtime and TensorRT. Owns running it like any other
backend; refuses to be shipped."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from engine.backends.base import BackendInfo, StepOutput
from engine.backends.onnx_graph import OnnxEncoder
from engine.checkpoint import Checkpoint
from engine.measuring.machine import cpu_name, instruction_set
from training.export import StepGraph

WARM_UP_STEPS = 5

Buffers = dict[str, npt.NDArray[Any]]


class TorchBackend:
    """Runs a `StepGraph` on `device`. `compiled`: by torch.compile, with CUDA graphs on a card."""

    def __init__(self, checkpoint: Checkpoint, step: StepGraph, device: torch.device, compiled: bool) -> None:
        manifest = checkpoint.manifest
        self._manifest = manifest
        self._device = device
        self._compiled = compiled
        self._encoder = OnnxEncoder(checkpoint.folder / manifest.graphs.encoder, manifest, 1)
        module = step.eval().requires_grad_(False).to(device)
        self._step: Any = torch.compile(module, mode="reduce-overhead") if compiled else module
        self._state = self._zeros()

    @property
    def info(self) -> BackendInfo:
        """What runs: torch, named for how it runs."""
        name = "torch compile" if self._compiled else "torch eager"
        on_card = self._device.type == "cuda"
        device = torch.cuda.get_device_name(self._device) if on_card else f"CPU {cpu_name()}"
        chip = "sm_{}{}".format(*torch.cuda.get_device_capability(self._device)) if on_card else instruction_set()
        return BackendInfo(name, f"torch {torch.__version__}", device, torch.get_num_threads(), chip)

    def reset(self) -> None:
        """Set the state to zero."""
        self._state = self._zeros()

    @torch.inference_mode()
    def step(self, tokens: npt.NDArray[np.int64], action_index: int, noise: npt.NDArray[np.float32]) -> StepOutput:
        """One frame: tokens int64 [P], noise float32 [P] in [0,1)."""
        if self._compiled:
            torch.compiler.cudagraph_mark_step_begin()
        given = (torch.from_numpy(tokens[None].copy()), torch.tensor([action_index]), torch.from_numpy(noise[None]))
        drawn, picture, entropy, *state = self._step(*(part.to(self._device) for part in given), *self._state)
        # A CUDA graph writes the same memory in every step.
        self._state = [part.clone() for part in state] if self._compiled else state
        return StepOutput(_host(drawn)[0], _host(picture)[0], float(entropy.item()))

    def encode(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Tokens int64 [P] of a picture, by the shipped encoder."""
        return self._encoder.encode(picture)

    def get_state(self) -> Buffers:
        """Copies of the state tensors by name."""
        return {spec.name: _host(part) for spec, part in zip(self._manifest.state, self._state, strict=True)}

    def set_state(self, state: Buffers) -> None:
        """Replace the state by copies of these arrays."""
        self._state = [torch.from_numpy(state[spec.name].copy()).to(self._device) for spec in self._manifest.state]

    def warm_up(self) -> None:
        """Compile, record, and set the state to zero."""
        tokens, noise = np.zeros(self._manifest.tokens, np.int64), np.zeros(self._manifest.tokens, np.float32)
        for _ in range(WARM_UP_STEPS):
            self.step(tokens, 0, noise)
        self.reset()

    def close(self) -> None:
        """Let go of the encoder; torch frees the rest."""
        self._encoder.close()

    def _zeros(self) -> list[Tensor]:
        return [
            torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype), device=self._device)
            for spec in self._manifest.state
        ]


def _host(part: Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = part.detach().cpu().numpy().copy()
    return array
