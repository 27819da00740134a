"""A small network that tells the pressed action from a clip: what it says of made clips shows whether keys can be read
off them. Owns its training on simulated play and the macro-F1; refuses to see any made clip before it is asked.

Only clips that no other action explains are shown to it, in training and after.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.evaluate.control import TICKS, Counterfactual, true_clips
from training.evaluate.footage import Flags, Pictures, stream_moments
from training.evaluate.interval import bootstrap
from training.worlds.base import COLOURS, SimulatedWorld
from training.worlds.registry import world_class

FOLD = 4  # pixels a side that become channels
COPIES = 16
TAKEN_SHARE = 0.1  # of the calm moments of play
BATCH = 32
RATE = 2e-3

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clips:
    """Pictures uint8 [N,TICKS+1,H,W] of an action held, from the frame before it, and the action's index int64 [N]."""

    pictures: Pictures
    actions: npt.NDArray[np.int64]


class InverseDynamics(nn.Module):
    """Clips to actions: a colour is a learnt vector, 4×4 pixels of all frames are one place, the strongest place
    decides."""

    def __init__(self, actions: int, colour_size: int = 4, width: int = 48) -> None:
        super().__init__()
        self.colours = nn.Embedding(COLOURS, colour_size)
        self.fold = nn.Conv2d((TICKS + 1) * colour_size * FOLD**2, width, 1)
        self.narrow = nn.Conv2d(width, 64, 3, stride=2, padding=1)
        self.narrower = nn.Conv2d(64, 96, 3, stride=2, padding=1)
        self.head = nn.Linear(2 * 96, actions)

    def forward(self, pictures: Tensor) -> Tensor:
        """uint8 [B,T+1,H,W] → logits [B,actions]."""
        batch, _, height, width = pictures.shape
        x = self.colours(pictures.long()).permute(0, 1, 4, 2, 3).reshape(batch, -1, height, width)
        x = F.gelu(self.fold(F.pixel_unshuffle(x, FOLD)))
        x = F.gelu(self.narrower(F.gelu(self.narrow(x))))
        logits: Tensor = self.head(torch.cat([x.amax((2, 3)), x.mean((2, 3))], dim=1))
        return logits


def collect_clips(world_name: str, count: int, seed: int) -> Clips:
    """At least `count` clips of play on the training levels."""
    rng = np.random.default_rng([seed, 8])

    def calm(world: SimulatedWorld, tick: int) -> Flags:
        return world.calm & (rng.random(COPIES) < TAKEN_SHARE)

    parts: list[Clips] = []
    for _, moment in stream_moments(world_name, COPIES, seed, calm, "train"):
        truth = true_clips(world_name, moment)
        parts.append(_told_apart(moment.frames[-1], truth, truth))
        if sum(len(part.actions) for part in parts) >= count:
            break
    return _joined(parts)


def train_inverse_dynamics(world_name: str, clips: Clips, steps: int, seed: int) -> InverseDynamics:
    """Learn to tell the actions of `clips`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = InverseDynamics(len(world_class(world_name).actions))
    rng = np.random.default_rng([seed, 9])
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(steps):
        drawn = rng.integers(len(clips.actions), size=BATCH)
        pictures, actions = torch.from_numpy(clips.pictures[drawn]), torch.from_numpy(clips.actions[drawn])
        loss = F.cross_entropy(network(pictures), actions)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return network.eval()


def measure_inverse_dynamics(network: InverseDynamics, states: Sequence[Counterfactual]) -> dict[str, Any]:
    """Macro-F1 of the actions that the network reads off made clips, and its ceiling: the same off the true ones."""
    made = np.stack([_confusion(network, state.start, state.truth, state.made) for state in states])
    true = np.stack([_confusion(network, state.start, state.truth, state.truth) for state in states])
    return {
        "f1": float(_macro_f1(made.sum(0))) if made.any() else None,
        "f1_ceiling": float(_macro_f1(true.sum(0))) if true.any() else None,
        "f1_clips": int(true.sum()),
        "intervals": {"f1": bootstrap(made, _macro_f1), "f1_ceiling": bootstrap(true, _macro_f1)},
    }


@torch.no_grad()
def _confusion(network: InverseDynamics, start: Pictures, truth: Pictures, shown: Pictures) -> Floats:
    """How often each action was taken for which, float64 [A*A], in rows of the true one."""
    actions = len(truth)
    clips = _told_apart(start, truth, shown)
    counts = np.zeros((actions, actions))
    if len(clips.actions):
        np.add.at(counts, (clips.actions, network(torch.from_numpy(clips.pictures)).argmax(1).numpy()), 1)
    return counts.reshape(-1)


def _macro_f1(confusion: Floats) -> Floats:
    """Of [...,A*A]; actions that neither came nor were named don't count."""
    actions = round(confusion.shape[-1] ** 0.5)
    table = confusion.reshape(*confusion.shape[:-1], actions, actions)
    right = np.diagonal(table, axis1=-2, axis2=-1)
    named = table.sum(-1) + table.sum(-2)
    scores = 2 * right / np.maximum(named, 1)
    f1: Floats = scores.sum(-1) / np.maximum((named > 0).sum(-1), 1)
    return f1


def _told_apart(start: Pictures, truth: Pictures, shown: Pictures) -> Clips:
    """Clips of `shown` [A,T,H,W] for the actions whose true clip is unlike every other's."""
    kept = [a for a in range(len(truth)) if all((truth[a] != truth[b]).any() for b in range(len(truth)) if b != a)]
    pictures = [np.concatenate([start[None], shown[a]]) for a in kept]
    empty = np.zeros((0, TICKS + 1, *start.shape), np.uint8)
    return Clips(np.stack(pictures) if kept else empty, np.array(kept, np.int64))


def _joined(parts: Sequence[Clips]) -> Clips:
    return Clips(np.concatenate([p.pictures for p in parts]), np.concatenate([p.actions for p in parts]))
