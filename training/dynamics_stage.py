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

RGB_CLASSES = 32  # colours that the dynamics model tells apart in an rgb world
KMEANS_ROUNDS = 20
FIRST_WEIGHT = 0.2  # of the first tick of a window, when speeds can't be known yet
NAMED = 0.25  # share of the patches whose code is asked for; the pixels of all of them are
CARRY_WEIGHT = 10.0  # of a patch's choice of shift, beside its pixels
RESTART = 0.1  # share of a rollout's frames that are as recorded, so that there are rollouts of all lengths
CERTAIN = 1.0  # nats; where the model is less certain than this, its own draw may rightly differ from what was recorded


class NextTokens(Objective):
    """Cross-entropy of the next frame's tokens, from contexts like those that the model will meet in its own
    rollouts."""

    outer = (
        "own",
        "motion",
        "codes",
        "position",
        "action_embedding",
        "opinion",
        "compositor.share",
        "compositor.colour",
        "compositor.choice",
    )

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
            tokens = encode_once(self.frozen[0], frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        true, target = tokens[:, :-1], tokens[:, 1:]
        context = true
        if progress >= self.preset.own_after:
            context = self._own_rollout(true, actions, generator)
        context = self._corrupt(context, generator)
        features, _ = self.model.features(context, actions, self.model.initial_state(len(true), self.device))
        composed = self.model.compose(features, context)
        changed = target != true
        heavier = 1 + (self.preset.changed_weight - 1) * max(0.0, 1 - 2 * progress)
        weights = torch.where(changed, heavier, 1.0)
        weights[:, 0] *= FIRST_WEIGHT
        weights, wanted = weights.flatten(), target.flatten()
        before, after = self.model.book[context.flatten(0, 1)], self.model.book[wanted]
        likelihood, misled = self.model.compositor.likelihood(composed, before, after)
        pixels = -(likelihood + 1e-6).log().sum(1)
        # All codes are compared for some of the patches only: of a step's work that is the dearest part.
        some = torch.randperm(len(wanted), generator=generator)[: int(len(wanted) * NAMED)].to(self.device)
        logits = self.model.logits(features[some], composed[some])
        names = F.cross_entropy(logits, wanted[some], reduction="none")
        right, moved = logits.detach().argmax(-1) == wanted[some], changed.flatten()[some]
        figures = {
            "pixels": pixels.detach().mean(),
            "misled": misled.detach().mean(),
            "right": right.float().mean(),
            "changed_right": right[moved].float().mean(),
        }
        by_pixel = ((pixels + CARRY_WEIGHT * misled) * weights).sum() / weights.sum()
        return by_pixel + (names * weights[some]).sum() / weights[some].sum(), figures

    def _corrupt(self, tokens: Tensor, generator: torch.Generator) -> Tensor:
        """Replace a share of tokens, drawn anew for each clip and frame, by tokens from elsewhere in the batch."""
        shape = tokens.shape
        share = torch.rand(shape[:2], generator=generator) * self.preset.corruption
        share = share * (torch.rand(shape[:2], generator=generator) < 0.5)  # the rest stay clean
        hit = (torch.rand(shape, generator=generator) < share.unsqueeze(-1)).to(self.device)
        order = torch.randperm(tokens.numel(), generator=generator).to(self.device)
        return torch.where(hit, tokens.flatten()[order].view(shape), tokens)

    @torch.no_grad()
    def _own_rollout(self, true: Tensor, actions: Tensor, generator: torch.Generator) -> Tensor:
        """Half of the clips, frame by frame, as the model would have played them (self-forcing: Huang et al. 2025).

        What it could not have known stays as recorded, and now and then a whole frame does: so the clips stay in step
        with the game, whose next frame is what is asked for."""
        assert isinstance(self.model, DynamicsModel)
        chosen = torch.rand(len(true), generator=generator) < 0.5
        if not chosen.any():
            return true
        some, keys = true[chosen], actions[chosen]
        state = self.model.initial_state(len(some), self.device)
        played = [some[:, 0]]
        for now in range(some.shape[1] - 1):
            logits, state = self.model(played[-1][:, None], keys[:, now : now + 1], state)
            noise = torch.rand(logits.shape[:-1], generator=generator).to(self.device)
            drawn, entropy = sample_tokens(logits, noise, 0.1)
            again = (torch.rand(len(some), 1, generator=generator) < RESTART).to(self.device)
            recorded = again | (entropy[:, 0] > CERTAIN) | (now == 0)  # speeds can't be known from one frame
            played.append(torch.where(recorded, some[:, now + 1], drawn[:, 0]))
        mixed = true.clone()
        mixed[chosen] = torch.stack(played, 1)
        return mixed


def carried_shifts(preset: DynamicsPreset) -> tuple[tuple[int, int], ...]:
    """All pairs of the preset's rows and columns, but for standing still."""
    rows, columns = preset.carried_rows, preset.carried_columns
    return tuple((down, across) for across in columns for down in rows if (down, across) != (0, 0))


def encode_once(tokenizer: Tokenizer, frames: Tensor) -> Tensor:
    """`Tokenizer.encode` with each different patch looked up once: a clip shows few of them, many times."""
    patches = tokenizer.patches(frames)
    flat = patches.flatten(2).flatten(0, 1).long()
    factors = torch.randint(2**62, (flat.shape[1],), generator=torch.Generator().manual_seed(0)).to(flat.device)
    kinds, inverse = torch.unique((flat * factors).sum(1), return_inverse=True)
    number = torch.arange(len(inverse), device=flat.device)
    example = torch.zeros_like(kinds).scatter_(0, inverse, number)
    channels = tokenizer.channels(patches.flatten(0, 1)[example].unsqueeze(0))
    tokens: Tensor = tokenizer.codebook(channels.flatten(2))[0][inverse]
    return tokens.view(patches.shape[:2])


def dynamics_config(preset: Preset, tokenizer: Tokenizer, actions: int) -> DynamicsConfig:
    """The configuration for that tokenizer's tokens and a world of `actions` actions."""
    mine = preset.dynamics
    return DynamicsConfig(
        codebook=tokenizer.config.codebook,
        actions=actions,
        grid=tokenizer.config.grid,
        patch=tokenizer.config.patch,
        classes=tokenizer.config.channels if tokenizer.config.pixels == "palette" else RGB_CLASSES,
        shifts=mine.shifts,
        carried=carried_shifts(mine),
        fold=mine.fold,
        token_channels=mine.token_channels,
        trunk_channels=mine.trunk_channels,
        blocks=mine.blocks,
        taps=mine.taps,
        temporal_every=mine.temporal_every,
        fine_blocks=mine.fine_blocks,
        hidden=mine.hidden,
    )


def pixel_classes(tokenizer: Tokenizer) -> Tensor:
    """The codes' patches as the dynamics model sees them, uint8 [K,S]: palette indices, or for rgb the nearest of a few
    colours that are found by k-means among the codes' own."""
    if tokenizer.config.pixels == "palette":
        return tokenizer.book
    values = tokenizer.book.flatten(0, 1).float()
    generator = torch.Generator().manual_seed(0)
    pick = torch.randperm(len(values), generator=generator)[:RGB_CLASSES].to(values.device)
    centres = values[pick]
    nearest = torch.cdist(values, centres).argmin(1)
    for _ in range(KMEANS_ROUNDS):
        total = torch.zeros_like(centres).index_add(0, nearest, values)
        count = torch.bincount(nearest, minlength=len(centres)).unsqueeze(1)
        centres = torch.where(count > 0, total / count.clamp(min=1), centres)
        nearest = torch.cdist(values, centres).argmin(1)
    return nearest.to(torch.uint8).view(tokenizer.book.shape[:2])


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
    model.show(pixel_classes(tokenizer))
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
