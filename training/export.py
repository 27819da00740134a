"""Export: networks to ONNX graphs, checked against torch before anything is sealed. Owns the graphs; refuses the
manifest (seal.py)."""

from __future__ import annotations

import logging
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import torch
from torch import Tensor, nn

from engine.measuring.graph_cost import count_card_cost, count_cost
from models.dynamics import CANDIDATES, DynamicsModel
from models.manifest import BadInput, Cost, StateSpec
from models.patches import cut, join
from models.tokenizer import Tokenizer
from training.preset import ExportPreset

ENCODER, STEP, DECODER = "encoder.onnx", "step.onnx", "decoder.onnx"
OPSET = 18
PARITY_STEPS = 16
_DTYPES: dict[torch.dtype, Literal["int64", "uint8", "float32"]] = {
    torch.int64: "int64",
    torch.uint8: "uint8",
    torch.float32: "float32",
}


class EncoderGraph(nn.Module):
    """picture uint8 [1,H,W] or [1,H,W,3] → tokens int64 [1,P]."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer

    def forward(self, picture: Tensor) -> Tensor:
        return self.tokenizer.encode(picture)


@dataclass(frozen=True)
class Sampling:
    """How the step graph draws tokens: see `ExportPreset`."""

    min_p: float
    shared_noise: bool
    chance_rows: tuple[int, ...] = ()
    candidates: int = CANDIDATES

    @classmethod
    def of(cls, export: ExportPreset) -> Sampling:
        """As a preset says."""
        return cls(export.min_p, export.shared_noise, export.chance_rows, export.candidates)


class DecoderGraph(nn.Module):
    """tokens int64 [1,P] → picture uint8 [1,H,W] or [1,H,W,3], as the step graph shows them."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        with torch.no_grad():
            lifted = tokenizer.lifted()
        self.lifted = nn.Parameter(lifted, requires_grad=False)

    def forward(self, tokens: Tensor) -> Tensor:
        painted = self.tokenizer.paint(tokens, self.lifted)
        return self.tokenizer.frames(self.tokenizer.to_patches(painted))


class StepGraph(nn.Module):
    """One frame of play: dynamics, sampling and picture as a single graph.

    tokens int64 [1,P], action int64 [1], noise float32 [1,P], state… → next tokens int64 [1,P], picture uint8, entropy
    float32 [1] (mean nats a token, those that aren't drawn counting as sure), rolled state…. The state begins with what
    this graph drew last, int64 [1,P], one added so that zero stands for nothing, and with the classes that it showed
    for that, uint8 [1,H,W]: tokens that it is given back are seen as they were shown, others as the codebook has them.
    """

    def __init__(self, tokenizer: Tokenizer, dynamics: DynamicsModel, sampling: Sampling) -> None:
        """Raises BadInput where it is to draw in rows that there aren't."""
        super().__init__()
        if max(sampling.chance_rows, default=0) >= (rows := dynamics.config.grid[0]):
            wanted = f"expected rows below {rows}, got {max(sampling.chance_rows)}"
            raise BadInput(f"preset: export.chance_rows: {wanted}")
        self.decoder = DecoderGraph(tokenizer)
        self.dynamics = dynamics
        dynamics.settle()
        self.sampling = sampling

    def initial_state(self) -> list[Tensor]:
        """Nothing drawn, nothing shown; then the model's own."""
        height, width = self.dynamics.compositor.size
        shown = torch.zeros(1, height, width, dtype=torch.uint8)
        return [torch.zeros(1, self.dynamics.config.tokens, dtype=torch.int64), shown, *self.dynamics.initial_state(1)]

    def forward(self, tokens: Tensor, action: Tensor, noise: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        model = self.dynamics
        drawn, shown, *rest = state
        same = (tokens + 1 == drawn).unsqueeze(2)
        now = join(torch.where(same, cut(shown, model.config.patch), model.book[tokens]), model.config.grid)
        prediction, rolled = model(now.unsqueeze(1), action.unsqueeze(1), rest)
        if self.sampling.shared_noise:
            noise = noise[:, :1].expand_as(noise)
        sampling = self.sampling
        chosen, shown, entropy = model.draw(
            prediction, noise, sampling.min_p, sampling.candidates, sampling.chance_rows
        )
        palette = self.decoder.tokenizer.config.pixels == "palette"
        picture = shown if palette else self.decoder(chosen)
        return chosen, picture, entropy.mean(-1), chosen + 1, shown, *rolled


@dataclass(frozen=True)
class Exported:
    """What the manifest says of the graphs."""

    tokens: int
    codebook: int
    state: list[StateSpec]
    cost: Cost


def export_graphs(
    tokenizer: Tokenizer, dynamics: DynamicsModel, sampling: Sampling, folder: Path, parity_steps: int = PARITY_STEPS
) -> Exported:
    """Write the graphs into `folder` and compare them with torch. Raises BadInput where they differ."""
    tokenizer, dynamics = tokenizer.cpu().eval(), dynamics.cpu().eval()
    config = tokenizer.config
    shape = (1, config.height, config.width) + ((3,) if config.pixels == "rgb" else ())
    colours = config.colours if config.pixels == "palette" else 256
    picture = torch.randint(0, colours, shape, dtype=torch.uint8)
    _export(EncoderGraph(tokenizer).eval(), (picture,), ["picture"], ["tokens"], folder / ENCODER)
    step = StepGraph(tokenizer, dynamics, sampling).eval()
    example = tokenizer.encode(picture)
    _export(step.decoder, (example,), ["tokens"], ["picture"], folder / DECODER)
    zeros = step.initial_state()
    names = ["drawn", "shown", "before", *(f"ring_{index}" for index in range(len(zeros) - 3))]
    state = [
        StateSpec(name=name, shape=tuple(part.shape), dtype=_DTYPES[part.dtype])
        for name, part in zip(names, zeros, strict=True)
    ]
    arguments = (example, torch.zeros(1, dtype=torch.int64), torch.zeros(1, tokenizer.tokens), *zeros)
    inputs = ["tokens", "action", "noise", *names]
    outputs = ["next_tokens", "picture", "entropy", *(spec.output_name for spec in state)]
    _export(step, arguments, inputs, outputs, folder / STEP)
    check_parity(tokenizer, step, folder, colours, parity_steps)
    used = (*dynamics.parameters(), *step.decoder.tokenizer.head.parameters(), *tokenizer.decoder.parameters())
    parameters = sum(p.numel() for p in used)
    counted = count_cost(folder / STEP)
    cost = Cost(**asdict(counted), parameters=parameters, card=count_card_cost(folder / STEP))
    return Exported(tokenizer.tokens, tokenizer.config.codebook, state, cost)


def _export(module: nn.Module, arguments: tuple[Any, ...], inputs: list[str], outputs: list[str], path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            module,
            arguments,
            str(path),
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    strip_notes(path)


def strip_notes(path: Path) -> None:
    """Remove what the exporter notes at every node: the sources' places on the machine that it ran on, mostly."""
    model = onnx.load(path)
    graph = model.graph
    for part in (graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    onnx.save(model, path)


@torch.no_grad()
def check_parity(tokenizer: Tokenizer, step: StepGraph, folder: Path, colours: int, steps: int = PARITY_STEPS) -> None:
    """Run the graphs beside torch on random inputs, the step graph `steps` times on its own state. Raises BadInput
    where they differ.

    Sums are rounded in another order there, so a token whose two likeliest codes lie within that may differ: at most
    one in a thousand.
    """
    rng = np.random.default_rng(0)
    config = tokenizer.config
    shape = (1, config.height, config.width) + ((3,) if config.pixels == "rgb" else ())
    encoder = ort.InferenceSession(str(folder / ENCODER), providers=["CPUExecutionProvider"])
    graph = ort.InferenceSession(str(folder / STEP), providers=["CPUExecutionProvider"])
    decoder = ort.InferenceSession(str(folder / DECODER), providers=["CPUExecutionProvider"])
    state = [part.numpy() for part in step.initial_state()]
    names = [entry.name for entry in graph.get_inputs()]
    worst = 0.0
    same: dict[str, list[float]] = {"tokens": [], "next_tokens": [], "picture": [], "decoded": []}
    for _ in range(steps):
        picture = rng.integers(0, colours, shape, dtype=np.uint8)
        tokens = tokenizer.encode(torch.from_numpy(picture)).numpy()
        same["tokens"].append(share_equal(encoder.run(None, {"picture": picture})[0], tokens))
        action = rng.integers(0, step.dynamics.config.actions, 1)
        noise = rng.random(tokens.shape, np.float32)
        wanted = [out.numpy() for out in step(*map(torch.from_numpy, (tokens, action, noise, *state)))]
        got = graph.run(None, dict(zip(names, (tokens, action, noise, *state), strict=True)))
        same["next_tokens"].append(share_equal(got[0], wanted[0]))
        same["picture"].append(share_equal(got[1], wanted[1]))
        painted = tokenizer.decode(torch.from_numpy(wanted[0])).numpy()
        same["decoded"].append(share_equal(decoder.run(None, {"tokens": wanted[0]})[0], painted))
        rings = slice(6, None)  # behind tokens, picture, entropy, and what was drawn, shown and there before
        if not np.isfinite(got[2]).all():
            raise BadInput(f"{folder}: parity: expected a finite entropy, got {got[2]}")
        worst = max([worst, *(relative_error(g, w) for g, w in zip(got[rings], wanted[rings], strict=True))])
        state = wanted[3:]
    shares = {name: float(np.mean(values)) if values else 0.0 for name, values in same.items()}
    lowest = min(shares, key=lambda name: shares[name])
    if shares[lowest] < 0.999 or worst > 1e-3:
        raise BadInput(
            f"{folder}: parity: expected 99.9 % of {lowest} equal and state within 0.001 of torch, "
            f"got {100 * shares[lowest]:.2f} % and {worst:.4f}"
        )


def share_equal(got: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Share of equal elements."""
    return float((got == wanted).mean())


def relative_error(got: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Largest difference over the largest value."""
    return float(np.abs(got - wanted).max() / (np.abs(wanted).max() + 1e-6))
