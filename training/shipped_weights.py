"""The networks of a checkpoint folder, read out of its own graphs: weights are stored once, there.

Owns where the exporter has put each weight; refuses graphs of another architecture, and proves by running both that
what was read is what ships. Needs torch and onnx.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from models.dynamics import DynamicsModel
from models.manifest import BadInput, Manifest
from models.tokenizer import Tokenizer, TokenizerConfig
from training.dynamics_stage import dynamics_config
from training.export import Sampling, StepGraph, check_parity
from training.preset import Preset
from training.seal import Networks
from training.tokenizer_stage import tokenizer_config

PARITY_STEPS = 4
CLOSE = 1e-4  # of numbers that were computed from the same weights twice


def read_networks(folder: Path, manifest: Manifest, preset: Preset) -> Networks:
    """The networks of a checkpoint folder that was made by `preset`. Raises BadInput where a graph is of another
    architecture, or doesn't do what the networks do that were read from it.

    What the graphs don't tell apart is told as one: the tokenizer's `own` is all of what its codes are lifted to.
    """
    preset = preset.model_copy(
        update={"tokenizer": preset.tokenizer.model_copy(update={"codebook": manifest.codebook})}
    )
    config = tokenizer_config(preset, manifest.picture_shape)
    graphs = manifest.graphs
    tokenizer = _read_tokenizer(config, _Graph(folder / graphs.encoder), _Graph(folder / graphs.decoder))
    shape = dynamics_config(preset, tokenizer, len(manifest.actions))
    dynamics = _read_dynamics(DynamicsModel(shape), _Graph(folder / graphs.step))
    networks = Networks(tokenizer.eval(), dynamics.eval(), Sampling.of(preset.export))
    step = StepGraph(tokenizer, dynamics, networks.sampling).eval()
    colours = config.colours if config.pixels == "palette" else 256
    check_parity(tokenizer, step, folder, colours, PARITY_STEPS)
    dynamics.settled = None  # it is going to learn
    return networks


def _read_tokenizer(config: TokenizerConfig, encoder: _Graph, decoder: _Graph) -> Tokenizer:
    model = Tokenizer(config)
    for name in ("codebook.projection", "codebook.codes"):
        _put(model, name, encoder.named(f"tokenizer.{name}"), encoder.path)
    for name, wanted in model.state_dict().items():
        if name == "own":
            _put(model, name, decoder.named("lifted"), decoder.path)
        elif name == "book":
            _put(model, name, decoder.shaped(wanted), decoder.path)
        elif not name.startswith(("lift.", "codebook.")):
            _put(model, name, decoder.named(f"tokenizer.{name}"), decoder.path)
    with torch.no_grad():
        for parameter in model.lift[2].parameters():
            parameter.zero_()
    return model


def _read_dynamics(model: DynamicsModel, step: _Graph) -> DynamicsModel:
    # Only the choice of a carried shift and a layer of odds look at the whole scene.
    unused = ("codes",) if model.config.carried or model.odds is not None else ("codes", "scene.gain")
    for name in model.state_dict():
        if name not in unused:
            _put(model, name, step.named(f"dynamics.{name}"), step.path)
    # The exporter keeps what a patch is compared with, the learnt numbers of each code in the midst of it.
    match, learnt = model.config.match, model.config.learnt
    places = model.exit()[:, :match]
    for found in step.of_shape(match + learnt + 1, model.config.codebook):
        if torch.allclose(found[:match].T, places, atol=CLOSE):
            _put(model, "codes", found[match : match + learnt].T, step.path)
            return model
    raise _other(step.path, "codes", tuple(model.codes.shape), None)


def _put(model: torch.nn.Module, name: str, found: Tensor | None, path: Path) -> None:
    """Set a parameter or buffer. Raises BadInput where none of its shape was found."""
    wanted: Tensor = model.state_dict()[name]
    if found is None or found.shape != wanted.shape:
        raise _other(path, name, tuple(wanted.shape), None if found is None else tuple(found.shape))
    with torch.no_grad():
        wanted.copy_(found)


def _other(path: Path, name: str, wanted: tuple[int, ...], found: tuple[int, ...] | None) -> BadInput:
    seen = "none" if found is None else f"one of {list(found)}"
    return BadInput(
        f"{path}: {name}: expected weights of shape {list(wanted)}, as the preset and today's architecture have them, "
        f"found {seen}"
    )


class _Graph:
    """An exported graph's constants. Parameters keep their names there, but for the matrices of linear layers, which
    stand transposed under names of the exporter's."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            graph = onnx.load(path).graph
        except Exception as error:  # protobuf raises whatever it met
            raise BadInput(f"{path}: graph: cannot be read ({type(error).__name__})") from error
        self._constants = {entry.name: entry for entry in graph.initializer}
        self._products = {node.output[0]: node for node in graph.node if node.op_type == "MatMul"}
        self._sums = [node for node in graph.node if node.op_type == "Add"]
        # A bias that is all zeros is left out: these layers have none.
        layers = [node for node in graph.node if node.op_type in ("Gemm", "Conv")]
        self._plain = {node.input[1] for node in layers if len(node.input) == 2}
        # Of two that are equal the exporter keeps one, under one of their names.
        self._biases = {node.input[1]: node.input[2] for node in layers if len(node.input) == 3}

    def named(self, name: str) -> Tensor | None:
        """The constant of that parameter, float32 or as stored; None where there is none."""
        if name in self._constants:
            return self._tensor(name)
        layer, _, kind = name.rpartition(".")
        if kind == "bias" and f"{layer}.weight" in self._plain:
            return torch.zeros(self._constants[f"{layer}.weight"].dims[0])
        shared = self._biases.get(f"{layer}.weight")
        if kind == "bias" and shared is not None and shared in self._constants:
            return self._tensor(shared)
        return self._transposed(f"{layer}.bias") if kind == "weight" else None

    def shaped(self, like: Tensor) -> Tensor | None:
        """The one constant with as many elements as `like` and of its type, in its shape; None where there is none."""
        for name, entry in self._constants.items():
            if int(np.prod(entry.dims)) == like.numel() and (found := self._tensor(name)).dtype == like.dtype:
                return found.view(like.shape)
        return None

    def of_shape(self, *shape: int) -> list[Tensor]:
        """The constants of that shape."""
        return [self._tensor(name) for name, entry in self._constants.items() if tuple(entry.dims) == shape]

    def _transposed(self, bias: str) -> Tensor | None:
        """The matrix of the product that `bias` is added to."""
        for node in self._sums:
            if bias in node.input:
                product = self._products.get(next(name for name in node.input if name != bias))
                if product is not None and product.input[1] in self._constants:
                    return self._tensor(product.input[1]).T
        return None

    def _tensor(self, name: str) -> Tensor:
        found = torch.from_numpy(numpy_helper.to_array(self._constants[name]).copy())
        return found.float() if found.dtype == torch.float16 else found
