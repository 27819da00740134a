"""The chance stage: one layer of the dynamics model learns a world's own odds from the simulator. Read `train_chance`
as what happens.

What a world's grammar says is worth hundredths of a nat beside pixels worth hundreds: from what happens to come it is
learnt last, a little of it for each time it has come. The simulator knows what might have come as well, so the layer is
told the odds themselves (Hinton et al., "Distilling the Knowledge in a Neural Network", 2015), and what is certain
where nothing is left to chance: it speaks there too. All else stays as it is.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from engine.atomic import whole_file
from models.dynamics import DynamicsModel, Reading
from models.manifest import BadInput
from training.policies import make_policy
from training.preset import ChancePreset, Preset
from training.progress import progress_line
from training.stage import StageReport, device_name, load_state
from training.worlds.base import Chance, SimulatedWorld
from training.worlds.registry import world_class

NAME = "chance"
SEEN = 8  # ticks before a copy's draws count: the network has seen a few by then
HELD_OUT = 8  # the last draws, one of so many, aren't learnt from: half choose when to stop, half are reported on
PATIENCE = 500  # ticks without a choice that the network has codes for
PLAYER = "expert"  # gets on
ASTRAY = 4  # one copy of so many goes where the rules don't lead: what is drawn wrongly once must not lead on and on
RESTART = 2000  # ticks after which all begin anew, should some be stuck


@dataclass(frozen=True)
class Distance:
    """Mean nats from the odds, of draws that leave a choice and of those that are certain; None of none."""

    choice: float | None
    certain: float | None

    def __str__(self) -> str:
        shown = ("-" if each is None else f"{each:.4f}" for each in (self.choice, self.certain))
        return "{} where there is a choice, {} where there is none".format(*shown)


@dataclass(frozen=True)
class _Known:
    """A chance of the world's whose outcomes have codes: copy, row and column of the patch, codes and their odds."""

    copy: int
    row: int
    column: int
    codes: list[int]
    odds: list[float]

    @property
    def leaves_choice(self) -> bool:
        return sum(odds > 0 for odds in self.odds) > 1


@dataclass(frozen=True)
class Draws:
    """N draws: what the layer of odds is shown, `fine` float16 [N,C,h,W] of the last columns that it looks at, and
    `scene` float [N,Q]; what is known of the patch without it, `features` float [N,E] and `mixture` float [N,S,C]; its
    row and column among those, `place` int64 [N,2]; the codes that may come, int64 [N,M], and their `odds`, float
    [N,M], zero for codes that are none."""

    fine: Tensor
    scene: Tensor
    place: Tensor
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
    """Train the layer of odds of `model`, the averaged dynamics model of the run in `folder`, and keep it beside that.
    One that was finished is kept. Raises BadInput."""
    path, simulated = folder / f"{NAME}.pt", world_class(world)
    origin = origin_of(model, preset.chance, simulated)
    state = _kept(path)
    if state is None or state.get("origin") != origin:
        began = time.monotonic()
        model.to(accelerator.device).eval()
        with progress_line(NAME) as line:
            draws = gather(model, simulated, preset.chance, preset.seed, accelerator, line.update)
            steps, before, after = learn(model, draws, preset.chance, preset.seed, line.update)
            line.update(1.0, f"{len(draws)} draws  nats from the odds: {before} before, {after} now")
        assert model.odds is not None
        state = {
            "layer": model.odds.state_dict(),
            "origin": origin,
            "nats": {"before": vars(before), "after": vars(after)},
            "step": steps,
            "elapsed": time.monotonic() - began,
            "device": device_name(accelerator.device),
        }
        with whole_file(path) as file:
            torch.save(state, file)
    return StageReport(state["step"], state["elapsed"] / 3600, state["device"])


def load_chance(model: DynamicsModel, preset: Preset, world: str, folder: Path) -> bool:
    """Give the averaged dynamics model of a run its layer of odds, and say whether one was trained. Raises BadInput
    where that was for other weights, another preset or another world than these."""
    path = folder / f"{NAME}.pt"
    state = _kept(path) if model.odds is not None else None
    if model.odds is None or state is None:
        return False
    if state.get("origin") != origin_of(model, preset.chance, world_class(world)):
        raise BadInput(f"{path}: origin: expected the odds of this run's network and preset: train the stage again")
    model.odds.load_state_dict(state["layer"])
    return True


def origin_of(model: DynamicsModel, preset: ChancePreset, world: type[SimulatedWorld]) -> str:
    """What the layer's training depends on, as one SHA-256: weights, preset, world and how it is played."""
    played = f"{PLAYER} {SEEN} {ASTRAY} {RESTART}"
    digest = hashlib.sha256(f"{world.name} {world.version} {played} {preset.model_dump_json()}".encode())
    for name, weight in model.state_dict().items():
        digest.update(name.encode() + weight.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _kept(path: Path) -> dict[str, Any] | None:
    """A finished stage's file."""
    return load_state(path) if path.is_file() else None


@torch.no_grad()
def gather(
    model: DynamicsModel,
    world: type[SimulatedWorld],
    preset: ChancePreset,
    seed: int,
    accelerator: Accelerator,
    report: Callable[[float, str], None],
) -> Draws:
    """Play the simulator with the network looking on, until `preset.choices` patches have come that the world might
    have drawn otherwise; some that it might not are kept beside them: fewer than come, so where what the layer looks
    at doesn't tell both apart it will take too much for a choice. `report` is told the share done and a note. Raises
    BadInput where the codebook can't show what may come, or more may come than the preset has room for."""
    layer = model.odds
    assert layer is not None
    copies, player = preset.copies, make_policy(PLAYER, np.random.default_rng([seed, 1]))
    toss = np.random.default_rng([seed, 2])
    played = world(copies)
    played.go_astray(np.arange(copies) % ASTRAY == ASTRAY - 1)
    book = {patch.cpu().numpy().tobytes(): code for code, patch in enumerate(model.book)}
    parts: list[Draws] = []
    choices, certain, tick, last = 0, 0, 0, 0  # met so far; `last` is the tick of the last choice
    beyond = model.config.grid[1] - layer.columns
    while choices < preset.choices:
        if tick % RESTART == 0:
            frames, _ = played.reset(seed=seed * 1_000_000 + tick)
            state = model.initial_state(copies, accelerator.device)
        pressed = player.act(played)
        pictures = torch.from_numpy(np.ascontiguousarray(frames)).to(accelerator.device)[:, None]
        actions = torch.from_numpy(pressed).to(accelerator.device)[:, None]
        reading, state = model.read(pictures, actions, state)  # in float32, as it will be played
        frames, *_ = played.step(pressed)
        tick += 1
        told = [one for one in played.chances() if tick % RESTART > SEEN and one.column >= beyond]
        known = [draw for draw in (_known(one, book) for one in told) if draw is not None]
        left_open = sum(draw.leaves_choice for draw in known)
        choices, certain = choices + left_open, certain + len(known) - left_open
        if left_open:
            last = tick
        elif tick - last > PATIENCE:
            raise BadInput(f"{NAME}: codebook: expected codes of what may come in, found none in {PATIENCE} ticks")
        share = preset.certain * choices / max(certain, 1)
        kept = [draw for draw in known if draw.leaves_choice or toss.random() < share]
        if kept:
            parts.append(_draws(model, reading, kept, preset.most))
        report(0.5 * min(choices / preset.choices, 1.0), f"{choices} choices in {tick * copies} frames")
    return Draws(*(torch.cat(each) for each in zip(*(vars(part).values() for part in parts), strict=True)))


def _draws(model: DynamicsModel, reading: Reading, met: Sequence[_Known], most: int) -> Draws:
    """What is kept of a tick. Raises BadInput."""
    layer = model.odds
    assert layer is not None
    if (wanted := max(len(draw.codes) for draw in met)) > most:
        raise BadInput(f"preset: chance.most: expected at least {wanted}, got {most}")
    places = torch.tensor([(draw.copy, draw.row, draw.column) for draw in met], device=reading.fine.device)
    copies, number = places[:, 0].unique(return_inverse=True)
    row, column = places[:, 1], places[:, 2]
    theirs = reading.at(copies)  # composing is most of the work: only what is kept is
    mixture = model.compose(theirs).composition.mixture((number, row, column))
    return Draws(
        theirs.fine[number, ..., -layer.columns :].half().cpu(),
        theirs.scene[number].cpu(),
        torch.stack([row, column - (model.config.grid[1] - layer.columns)], 1).cpu(),
        theirs.features[number, :, row, column].cpu(),
        mixture.cpu(),
        _padded([torch.tensor(draw.codes) for draw in met], most),
        _padded([torch.tensor(draw.odds, dtype=torch.float32) for draw in met], most),
    )


def learn(
    model: DynamicsModel, draws: Draws, preset: ChancePreset, seed: int, report: Callable[[float, str], None]
) -> tuple[int, Distance, Distance]:
    """Fit the layer of odds to them. Returns steps, and how far from the odds the probabilities were before and are
    after, of held-out draws. Others that are held out choose the epoch; none may be the best."""
    layer = model.odds
    assert layer is not None
    model.cpu()
    generator = torch.Generator().manual_seed(seed)
    count = len(draws) // HELD_OUT  # the last ones: what comes at one time looks alike
    learnt, chosen_by, reported = torch.arange(len(draws)).tensor_split([len(draws) - count, len(draws) - count // 2])
    _, looks = torch.unique(model.book, dim=0, return_inverse=True)
    model.settle()
    parameters = list(layer.parameters())
    adam = torch.optim.AdamW(parameters, lr=preset.learning_rate, weight_decay=preset.weight_decay)
    before = _distance(model, draws.at(reported), looks)
    best = float(_each_nats(model, draws.at(chosen_by), looks).mean())
    kept = {name: value.clone() for name, value in layer.state_dict().items()}
    batch = min(preset.batch, len(learnt))
    steps, step = preset.epochs * (len(learnt) // batch), 0
    for _ in range(preset.epochs):
        shuffled = learnt[torch.randperm(len(learnt), generator=generator)]
        for first in range(0, len(learnt) - batch + 1, batch):
            for group in adam.param_groups:
                group["lr"] = preset.learning_rate * (1 - step / steps)
            loss = nats(model, draws.at(shuffled[first : first + batch]), looks).mean()
            for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
                parameter.grad = slope
            adam.step()
            step += 1
        now = float(_each_nats(model, draws.at(chosen_by), looks).mean())
        report(0.5 + 0.5 * step / steps, f"step {step}  {now:.4f} nats from the odds")
        if now < best:
            best, kept = now, {name: value.clone() for name, value in layer.state_dict().items()}
    layer.load_state_dict(kept)
    after = _distance(model, draws.at(reported), looks)
    model.settled = None
    return steps, before, after


def nats(model: DynamicsModel, draws: Draws, looks: Tensor) -> Tensor:
    """How far the model's probabilities are from the odds: Kullback-Leibler divergence of each draw, float [N]. `looks`
    int64 [K] tells which codes look alike: together they are one thing that may come."""
    assert model.odds is not None
    added = _at(model.odds(draws.fine.float(), draws.scene), draws.place)
    logs = model.logits(draws.features + added, draws.mixture).log_softmax(-1)
    # Logarithms all the way: what the model is sure of and wrong about must not be rounded to nothing.
    empty = logs.new_full((len(draws), int(looks.max()) + 1), -torch.inf)
    most = empty.scatter_reduce(1, looks.expand(len(draws), -1), logs.detach(), "amax")
    shares = torch.zeros_like(most).index_add(1, looks, (logs - most[:, looks]).exp())
    told = (most + shares.clamp_min(1.0).log()).gather(-1, looks[draws.codes])
    return (draws.odds * (draws.odds.clamp_min(1e-9).log() - told)).sum(-1)


def _distance(model: DynamicsModel, draws: Draws, looks: Tensor) -> Distance:
    far, choice = _each_nats(model, draws, looks), draws.odds.count_nonzero(1) > 1
    return Distance(*(float(far[which].mean()) if which.any() else None for which in (choice, ~choice)))


@torch.no_grad()
def _each_nats(model: DynamicsModel, draws: Draws, looks: Tensor) -> Tensor:
    some = torch.arange(len(draws)).split(512)
    return torch.cat([nats(model, draws.at(each), looks) for each in some])


def _known(chance: Chance, book: dict[bytes, int]) -> _Known | None:
    """What may come, by its codes; None where one that is likely has no code."""
    known = [(book.get(patch.tobytes()), float(odds)) for patch, odds in zip(chance.patches, chance.odds, strict=True)]
    codes = [(code, odds) for code, odds in known if code is not None]
    whole = sum(odds for _, odds in codes)
    if whole <= 0.99:
        return None
    return _Known(
        chance.copy, chance.row, chance.column, [code for code, _ in codes], [odds / whole for _, odds in codes]
    )


def _at(added: Tensor, place: Tensor) -> Tensor:
    """What is added at one place of each picture: float [N,C,h,W], rows and columns int64 [N,2] → float [N,C]."""
    row, column = place.T
    return added[torch.arange(len(place)), :, row, column]


def _padded(rows: list[Tensor], width: int) -> Tensor:
    """Rows [m] of whatever lengths, zeros behind: [N,width]."""
    return torch.stack([F.pad(row, (0, width - len(row))) for row in rows])
