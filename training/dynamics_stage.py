"""The dynamics model's stage: learn the next frame's tokens from data. Owns the objective and how contexts are
corrupted; refuses to change the tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from models.dynamics import DynamicsConfig, DynamicsModel, sample_tokens
from models.tokenizer import Tokenizer
from training.data.batches import Batch
from training.preset import DynamicsPreset, Preset
from training.stage import Objective, Stage, StageReport, load_weights

FIRST_WEIGHT = 0.2  # of the first tick of a window, when speeds can't be known yet
CERTAIN = 1.0  # nats; where the model is less certain than this, its own draw may rightly differ from what was recorded


class NextTokens(Objective):
    """Cross-entropy of the next frame's tokens, from contexts like those that the model will meet in its own
    rollouts."""

    outer = ("embedding", "position", "action_embedding", "head.1")

    def __init__(
        self, model: DynamicsModel, tokenizer: Tokenizer, preset: DynamicsPreset, device: torch.device
    ) -> None:
        super().__init__()
        self.model = model
        self.frozen = (tokenizer.eval(),)  # in a tuple: not a part that is trained or saved
        self.preset = preset
        self.device = device

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        assert isinstance(self.model, DynamicsModel)
        frames = torch.from_numpy(batch.frames).to(self.device)
        actions = torch.from_numpy(batch.actions).to(self.device)
        with torch.no_grad():
            tokens = self.frozen[0].encode(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        true, target = tokens[:, :-1], tokens[:, 1:]
        context = true
        if progress >= self.preset.own_after:
            context = self._own_predictions(true, actions, generator)
        context = self._corrupt(context, generator)
        logits, _ = self.model(context, actions, self.model.initial_state(len(true), self.device))
        losses = F.cross_entropy(logits.flatten(0, 2), target.flatten(), reduction="none").view(target.shape)
        changed = target != true
        heavier = 1 + (self.preset.changed_weight - 1) * max(0.0, 1 - 2 * progress)
        weights = torch.where(changed, heavier, 1.0)
        weights[:, 0] *= FIRST_WEIGHT
        right = logits.detach().argmax(-1) == target
        figures = {"right": right.float().mean(), "changed_right": right[changed].float().mean()}
        return (losses * weights).sum() / weights.sum(), figures

    def _corrupt(self, tokens: Tensor, generator: torch.Generator) -> Tensor:
        """Replace a share of tokens, drawn anew for each clip and frame, by tokens from elsewhere in the batch."""
        shape = tokens.shape
        share = torch.rand(shape[:2], generator=generator) * self.preset.corruption
        share = share * (torch.rand(shape[:2], generator=generator) < 0.7)  # the rest stay clean
        hit = (torch.rand(shape, generator=generator) < share.unsqueeze(-1)).to(self.device)
        order = torch.randperm(tokens.numel(), generator=generator).to(self.device)
        return torch.where(hit, tokens.flatten()[order].view(shape), tokens)

    @torch.no_grad()
    def _own_predictions(self, true: Tensor, actions: Tensor, generator: torch.Generator) -> Tensor:
        """Replace frames of half of the clips by what the model would have drawn from the frames before: one rollout
        step, for all frames in one pass (a cheap form of self-forcing: Huang et al. 2025)."""
        assert isinstance(self.model, DynamicsModel)
        chosen = torch.rand(len(true), generator=generator) < 0.5
        if not chosen.any():
            return true
        some, keys = true[chosen], actions[chosen]
        logits, _ = self.model(some, keys, self.model.initial_state(len(some), self.device))
        noise = torch.rand(some.shape, generator=generator).to(self.device)
        drawn, entropy = sample_tokens(logits[:, :-1], noise[:, 1:], 0.1)
        frame = (torch.rand(some.shape[:2], generator=generator) < 0.5).to(self.device)
        trusted = frame[:, 1:, None] & (entropy < CERTAIN)
        mixed = true.clone()
        mixed[chosen] = torch.cat([some[:, :1], torch.where(trusted, drawn, some[:, 1:])], 1)
        return mixed


def dynamics_config(preset: Preset, tokenizer: Tokenizer, actions: int) -> DynamicsConfig:
    """The configuration for that tokenizer's tokens and a world of `actions` actions."""
    mine = preset.dynamics
    return DynamicsConfig(
        codebook=tokenizer.config.codebook,
        actions=actions,
        grid=tokenizer.config.grid,
        fold=mine.fold,
        token_channels=mine.token_channels,
        trunk_channels=mine.trunk_channels,
        blocks=mine.blocks,
        taps=mine.taps,
        temporal_every=mine.temporal_every,
        fine_blocks=mine.fine_blocks,
    )


def train_dynamics(
    preset: Preset,
    tokenizer: Tokenizer,
    actions: int,
    feed: Callable[[int], Iterator[Batch]],
    folder: Path,
    accelerator: Accelerator,
) -> tuple[DynamicsModel, StageReport]:
    """Train, or go on training, the dynamics model of the run in `folder`. Returns its averaged weights."""
    torch.manual_seed(preset.seed + 1)
    model = DynamicsModel(dynamics_config(preset, tokenizer, actions)).to(accelerator.device)
    objective = NextTokens(model, tokenizer.to(accelerator.device), preset.dynamics, accelerator.device)
    stage = Stage("dynamics", objective, feed, preset.dynamics.stage, folder, preset.seed, accelerator)
    report = stage.run()
    assert isinstance(stage.average, DynamicsModel)
    return stage.average, report


def load_dynamics(preset: Preset, tokenizer: Tokenizer, actions: int, folder: Path) -> DynamicsModel:
    """The averaged weights that a run has reached. Raises BadInput."""
    model = DynamicsModel(dynamics_config(preset, tokenizer, actions))
    load_weights(model, folder / "dynamics.pt")
    return model.eval()
