"""The chance stage: the dynamics model's edge layer learns a world's own odds from the simulator. Read `train_chance`
as what happens.

What a world's grammar says is worth hundredths of a nat beside pixels worth hundreds: from what happens to come it is
learnt last, a little of it for each time it has come. The simulator knows what might have come as well, so the layer is
told the odds themselves (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015). All else stays as it is.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from engine.atomic import whole_file
from models.actions import Action
from models.dynamics import DynamicsModel, EdgeBlock
from models.manifest import BadInput
from training.preset import ChancePreset, Preset
from training.progress import progress_line
from training.stage import StageReport, device_name, load_state
from training.worlds.base import Chance, SimulatedWorld
from training.worlds.registry import world_class

NAME = "chance"
SEEN = 8  # ticks before a copy's draws count: the network has seen a few by then
HELD_OUT = 4  # one draw of so many is not learnt from: half of those choose when to stop, half are reported on
CHANGES = 0.12  # how likely a tick is to change what is pressed
PATIENCE = 500  # ticks without a draw that the network has codes for
RIGHT = 0.92  # share of what is pressed that gets on


@dataclass(frozen=True)
class Draws:
    """N draws: what the edge layer is shown, `edge` float16 [N,C,h,W] and `scene` float [N,Q]; what is known of the
    patch without it, `features` float [N,E] and `mixture` float [N,S,C]; its row, int64 [N]; the codes that may come,
    int64 [N,M], and their `odds`, float [N,M], zero for codes that are none."""

    edge: Tensor
    scene: Tensor
    row: Tensor
    features: Tensor
    mixture: Tensor
    codes: Tensor
    odds: Tensor

    def __len__(self) -> int:
        return len(self.odds)

    def at(self, chosen: Tensor) -> Draws:
        """Those with the numbers `chosen`, int64 [n]."""
        return Draws(*(each[chosen] for each in vars(self).values()))


def train_chance(
    preset: Preset, world: str, model: DynamicsModel, folder: Path, accelerator: Accelerator
) -> StageReport:
    """Train the edge layer of `model`, the averaged dynamics model of the run in `folder`, and keep it beside that.
    One that was finished is kept. Raises BadInput."""
    path, simulated = folder / f"{NAME}.pt", world_class(world)
    origin = origin_of(model, preset.chance, simulated)
    state = _state_of(path, origin)
    if state is None:
        began = time.monotonic()
        model.to(accelerator.device).eval()
        with progress_line(NAME) as line:
            draws = gather(model, simulated, preset.chance, preset.seed, accelerator, line.update)
            steps, (before, after) = learn(model, draws, preset.chance, preset.seed)
            line.update(1.0, f"{len(draws)} draws  {before:.4f} to {after:.4f} nats from the odds, held out")
        assert model.edge is not None
        state = {
            "edge": model.edge.state_dict(),
            "origin": origin,
            "nats": (before, after),
            "step": steps,
            "elapsed": time.monotonic() - began,
            "device": device_name(accelerator.device),
        }
        with whole_file(path) as file:
            torch.save(state, file)
    return StageReport(state["step"], state["elapsed"] / 3600, state["device"])


def load_chance(model: DynamicsModel, preset: Preset, world: str, folder: Path) -> bool:
    """Give the averaged dynamics model of a run its edge layer, and say whether there is one that was trained for it as
    it is. Raises BadInput."""
    if model.edge is None:
        return False
    state = _state_of(folder / f"{NAME}.pt", origin_of(model, preset.chance, world_class(world)))
    if state is not None:
        model.edge.load_state_dict(state["edge"])
    return state is not None


def origin_of(model: DynamicsModel, preset: ChancePreset, world: type[SimulatedWorld]) -> str:
    """What an edge layer's training depends on, as one SHA-256: weights, preset and world."""
    digest = hashlib.sha256(f"{world.name} {world.version} {preset.model_dump_json()}".encode())
    for name, weight in model.state_dict().items():
        digest.update(name.encode() + weight.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _state_of(path: Path, origin: str) -> dict[str, Any] | None:
    """A finished stage of that origin."""
    if not path.is_file():
        return None
    state = load_state(path)
    return state if state.get("origin") == origin else None


@torch.no_grad()
def gather(
    model: DynamicsModel,
    world: type[SimulatedWorld],
    preset: ChancePreset,
    seed: int,
    accelerator: Accelerator,
    report: Callable[[float, str], None],
) -> Draws:
    """Play the simulator, mostly to the right, with the network looking on, until chance has been at work
    `preset.draws` times. `report` is told the share done and a note. Raises BadInput where the codebook can't show what
    may come, or more may come than the preset has room for."""
    assert model.edge is not None
    shown: dict[str, Tensor] = {}

    def look(layer: EdgeBlock, seen: tuple[Tensor, Tensor]) -> None:
        shown["fine"], shown["scene"] = seen[0][..., -layer.columns :], seen[1]

    copies, rng = preset.copies, np.random.default_rng([seed, 1])
    played = world(copies)
    frames, _ = played.reset(seed=seed * 1000)
    book = {patch.cpu().numpy().tobytes(): code for code, patch in enumerate(model.book)}
    state = model.initial_state(copies, accelerator.device)
    pressed = np.zeros(copies, np.int64)
    parts: list[Draws] = []
    count, tick = 0, 0
    hook = model.edge.register_forward_pre_hook(look)
    try:
        while count < preset.draws:
            pressed = np.where(rng.random(copies) < CHANGES, _press(world.actions, rng, copies), pressed)
            pictures = torch.from_numpy(np.ascontiguousarray(frames)).to(accelerator.device)[:, None]
            actions = torch.from_numpy(pressed).to(accelerator.device)[:, None]
            prediction, state = model(pictures, actions, state)  # in float32, as it will be played
            frames, *_ = played.step(pressed)
            tick += 1
            known = [one for one in played.chances() if tick > SEEN and _codes(one, book) is not None]
            if not known:
                if tick > PATIENCE and not parts:
                    raise BadInput(f"{NAME}: codebook: expected codes of what may come in, found none in {tick} ticks")
                continue
            rows = torch.tensor([one.copy for one in known], device=accelerator.device)
            row = torch.tensor([one.row for one in known], device=accelerator.device)
            last = torch.full_like(row, model.config.grid[1] - 1)
            fine, scene = shown["fine"][rows], shown["scene"][rows]
            added = model.edge(fine, scene)[torch.arange(len(known)), :, row, -1]
            if (most := max(len(one.odds) for one in known)) > preset.most:
                raise BadInput(f"preset: chance.most: expected at least {most}, got {preset.most}")
            codes, odds = zip(*(_codes(one, book) or ((), ()) for one in known), strict=True)
            parts.append(
                Draws(
                    fine.half().cpu(),
                    scene.cpu(),
                    row.cpu(),
                    (prediction.features[rows, row * model.config.grid[1] + last] - added).cpu(),
                    prediction.composition.mixture((rows, row, last)).cpu(),
                    _padded([torch.tensor(each) for each in codes], preset.most),
                    _padded([torch.tensor(each, dtype=torch.float32) for each in odds], preset.most),
                )
            )
            count += len(known)
            report(0.9 * min(count / preset.draws, 1.0), f"{count} draws in {tick * copies} frames")
    finally:
        hook.remove()
    return Draws(*(torch.cat(each) for each in zip(*(vars(part).values() for part in parts), strict=True)))


def learn(model: DynamicsModel, draws: Draws, preset: ChancePreset, seed: int) -> tuple[int, tuple[float, float]]:
    """Fit the edge layer to the odds. Returns steps, and how far from the odds the probabilities of held-out draws were
    before and are after, in nats. Others that are held out choose the epoch; none may be the best."""
    assert model.edge is not None
    model.cpu()
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(draws), generator=generator)
    count = len(draws) // HELD_OUT
    chosen_by, reported, learnt = order[: count // 2], order[count // 2 : count], order[count:]
    model.settle()
    parameters = list(model.edge.parameters())
    adam = torch.optim.AdamW(parameters, lr=preset.learning_rate, weight_decay=preset.weight_decay)
    before, best = _mean_nats(model, draws, reported), _mean_nats(model, draws, chosen_by)
    kept = {name: value.clone() for name, value in model.edge.state_dict().items()}
    batch = min(preset.batch, len(learnt))
    steps, step = preset.epochs * (len(learnt) // batch), 0
    for _ in range(preset.epochs):
        shuffled = learnt[torch.randperm(len(learnt), generator=generator)]
        for first in range(0, len(learnt) - batch + 1, batch):
            for group in adam.param_groups:
                group["lr"] = preset.learning_rate * (1 - step / steps)
            loss = _nats(model, draws.at(shuffled[first : first + batch])).mean()
            for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = slope
            adam.step()
            step += 1
        after = _mean_nats(model, draws, chosen_by)
        if after < best:
            best, kept = after, {name: value.clone() for name, value in model.edge.state_dict().items()}
    model.edge.load_state_dict(kept)
    after = _mean_nats(model, draws, reported)
    model.settled = None
    return steps, (before, after)


def _nats(model: DynamicsModel, draws: Draws) -> Tensor:
    """How far the model's probabilities are from the odds: Kullback-Leibler divergence of each draw, float [N]."""
    assert model.edge is not None
    edge = model.edge(draws.edge.float(), draws.scene)[torch.arange(len(draws)), :, draws.row, -1]
    logits = model.logits(draws.features + edge, draws.mixture)
    logs = logits.log_softmax(-1).gather(-1, draws.codes)
    return (draws.odds * (draws.odds.clamp_min(1e-9).log() - logs)).sum(-1)


@torch.no_grad()
def _mean_nats(model: DynamicsModel, draws: Draws, chosen: Tensor) -> float:
    return float(torch.cat([_nats(model, draws.at(some)) for some in chosen.split(512)]).mean())


def _codes(chance: Chance, book: dict[bytes, int]) -> tuple[list[int], list[float]] | None:
    """The codes that show what may come, and their odds; None where one that is likely has no code."""
    known = [(book.get(patch.tobytes()), float(odds)) for patch, odds in zip(chance.patches, chance.odds, strict=True)]
    codes = [(code, odds) for code, odds in known if code is not None]
    whole = sum(odds for _, odds in codes)
    return ([code for code, _ in codes], [odds / whole for _, odds in codes]) if whole > 0.99 else None


def _press(actions: tuple[Action, ...], rng: np.random.Generator, copies: int) -> npt.NDArray[np.int64]:
    """What gets on, and now and then anything: numbers of actions, int64 [copies]."""
    on = [number for number, action in enumerate(actions) if Action.RIGHT.value in action.buttons]
    return np.where(rng.random(copies) < RIGHT, rng.choice(on, copies), rng.integers(len(actions), size=copies))


def _padded(rows: list[Tensor], width: int) -> Tensor:
    """Rows [m] of whatever lengths, zeros behind: [N,width]."""
    return torch.stack([F.pad(row, (0, width - len(row))) for row in rows])
