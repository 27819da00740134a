"""The dynamics model's stage: learn the next frame from data. Owns the objective and how contexts are
corrupted; refuses to change the tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from torch import Tensor

from models.dynamics import DynamicsConfig, DynamicsModel, Prediction
from models.patches import by_rows, by_twos, cut, join, quads
from models.tokenizer import Tokenizer
from training.corruption import corrupt
from training.data.batches import Batch, Feed
from training.preset import DynamicsPreset, Preset
from training.stage import Objective, Stage, StageReport, load_weights

NAME = "dynamics"
RGB_CLASSES = 32  # colours that the dynamics model tells apart in an rgb world
KMEANS_ROUNDS = 20
NAMED = 0.1  # share of the patches whose code is asked for; the pixels of all of them are
NAME_WEIGHT = 0.3  # of a patch's name, beside its pixels
TOLD = 0.75  # share of the clips whose patches are carried as they were, not as the model would
CARRY_WEIGHT = 10.0  # of a patch's choice of shift, beside its pixels
RESTART = 0.1  # share of a rollout's frames that are as recorded, so that there are rollouts of all lengths
CERTAIN = -3.0  # log probability of a patch; what is less certain may rightly differ from what was recorded
MISLED = 0.15  # share of a picture's patches from which not a few of them but the whole is misjudged
KNOWN = 2  # frames of a rollout before speeds are known
LED = 0.5  # share of the rollouts that move as recorded
TORN = 0.5  # share of the rollouts that begin with something wrong


@dataclass(frozen=True)
class Lesson:
    """N = B·T steps: contexts uint8 [B,T,H,W] and the actions taken at them, int64 [B,T]; what follows, uint8 [N,H,W],
    its tokens int64 [N,P], and which of its pixels are news, bool [N,H,W]: they aren't as in the picture before, be it
    moved as a whole. A teacher's lesson also has what was thought of each patch, float [N,P,S,C], pixels by twos."""

    context: Tensor
    actions: Tensor
    target: Tensor
    tokens: Tensor
    news: Tensor
    beliefs: Tensor | None = None


class NextFrame(Objective):
    """Log-likelihood of the next frame's pixels, and of its patches' names, from contexts like those that the model
    will meet in its own rollouts."""

    outer: tuple[str, ...] = (
        "position",
        "action_embedding",
        "motion",
        "opinion",
        "codes",
        "edge",
        "surroundings",
        "compositor.choice",
        "compositor.head",
        "compositor.seen",
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
        return self.learn(self.lesson(batch, generator, progress), generator)

    def lesson(self, batch: Batch, generator: torch.Generator, progress: float) -> Lesson:
        """What was recorded, as it follows on contexts that are like those of play."""
        assert isinstance(self.model, DynamicsModel)
        frames = torch.from_numpy(batch.frames).to(self.device)
        actions = torch.from_numpy(batch.actions).to(self.device)
        tokens, named = self._named(frames)
        pictures = named if frames.ndim == 5 else frames
        true, target = pictures[:, :-1], pictures[:, 1:].flatten(0, 1)
        evidence = self.model.compositor.evidence(true.flatten(0, 1), target).unflatten(0, true.shape[:2])
        moving = (evidence < 0).any(-1)
        context = self._as_named(true, named[:, :-1], generator)
        if progress >= self.preset.own_after and torch.rand(1, generator=generator) < self.preset.own_share:
            if torch.rand(1, generator=generator) < TORN:
                context = self._corrupt(context, moving, generator)
            context = self._own_rollout(context, true, actions, evidence, generator)
        context = self._corrupt(context, moving, generator)
        return Lesson(context, actions, target, tokens[:, 1:].flatten(0, 1), self.news(true.flatten(0, 1), target))

    def news(self, before: Tensor, after: Tensor) -> Tensor:
        """Which pixels of the pictures `after` aren't as in `before`, moved as a whole by the fixed shift that explains
        most: what has come in, has moved by itself or was uncovered. uint8 [N,H,W] twice → bool [N,H,W]."""
        assert isinstance(self.model, DynamicsModel)
        compositor = self.model.compositor
        same = compositor.look(before, compositor.shifts) == after.unsqueeze(-1)
        best = same.flatten(1, 2).sum(1).argmax(-1).view(-1, 1, 1, 1)
        news: Tensor = ~same.take_along_dim(best, -1).squeeze(-1)
        return news

    def learn(self, lesson: Lesson, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of a lesson, and figures."""
        assert isinstance(self.model, DynamicsModel)
        context = lesson.context
        clips, ticks = context.shape[:2]
        evidence = self.model.compositor.evidence(context.flatten(0, 1), lesson.target)
        told = (torch.rand(clips, 1, 1, 1, generator=generator) < TOLD).to(self.device)
        told = told.expand(-1, ticks, -1, -1).flatten(0, 1)
        prediction, open_ = self.predict(lesson, evidence, told, generator)
        composed = prediction.composition
        weights = torch.ones(clips, ticks, device=self.device)
        weights[:, 0] = 0.0  # speeds can't be known yet: that loss is mostly luck, and would outweigh all others
        weights = weights.flatten().unsqueeze(1)
        likelihood = composed.likelihood(quads(lesson.target, self.model.config.patch))
        if lesson.beliefs is None:
            pixels = -(likelihood + 1e-6).log().sum((3, 4, 5)).flatten(1)
        else:
            pixels = -(lesson.beliefs * (composed.mixture() + 1e-6).log()).sum((2, 3))
        if open_ is not None:
            pixels = pixels * open_
        counts = self._counts(lesson.news)
        pixels = pixels * counts
        misled = composed.carriage.misled(evidence) if composed.carriage else pixels.new_zeros(len(pixels))
        nats = pixels.sum(1, keepdim=True) + CARRY_WEIGHT * misled.unsqueeze(1)
        by_pixel = (nats * weights).sum() / weights.sum() / pixels.shape[1]
        names, right = self._names(prediction, lesson.tokens, weights, counts, generator)
        with torch.no_grad():
            news = quads(lesson.news & (weights > 0).unsqueeze(-1), self.model.config.patch)
            wrong = (news & (likelihood < 0.5)).sum() / news.sum()
        figures = {
            "pixels": pixels.detach().mean(),
            "misled": misled.detach().mean(),
            "right": right,
            "news_wrong": wrong,
        }
        return by_pixel + NAME_WEIGHT * names, figures

    def _counts(self, news: Tensor) -> Tensor:
        """How much each patch counts, float [N,P], by where it lies and the pixels that are news, bool [N,H,W]."""
        assert isinstance(self.model, DynamicsModel)
        counts: Tensor = torch.where(cut(news, self.model.config.patch).any(-1), self.preset.news_weight, 1.0)
        counts = counts.unflatten(1, self.model.config.grid)
        counts[..., -1] *= self.preset.entering_weight
        return counts.flatten(1)

    def predict(
        self, lesson: Lesson, evidence: Tensor, told: Tensor, generator: torch.Generator
    ) -> tuple[Prediction, Tensor | None]:
        """The model's answer to a lesson, carried as in `evidence` float [N,P,D] where `told`, bool [N,1,1]; and of
        which patches the answer counts, bool [N,P], if not of all."""
        assert isinstance(self.model, DynamicsModel)
        state = self.model.initial_state(len(lesson.context), self.device)
        return self.model(lesson.context, lesson.actions, state, evidence * told)[0], None

    @torch.no_grad()
    def _named(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Frames uint8 [B,T,...] → tokens int64 [B,T,P] and the pictures of their codes, uint8 [B,T,H,W]."""
        assert isinstance(self.model, DynamicsModel)
        with torch.autocast(self.device.type, enabled=False):  # the nearest of thousands hangs on small differences
            tokens = encode_once(self.frozen[0], frames.flatten(0, 1))
        pictures = join(self.model.book[tokens], self.model.config.grid)
        return tokens.unflatten(0, frames.shape[:2]), pictures.unflatten(0, frames.shape[:2])

    def _names(
        self, prediction: Prediction, tokens: Tensor, weights: Tensor, counts: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the codes of some patches (of a step's work the dearest part), and the share right.
        `weights` are the pictures', float [N,1], `counts` their patches', float [N,P]."""
        assert isinstance(self.model, DynamicsModel)
        wanted = tokens.flatten()
        composed = prediction.composition
        # Half of them where the pixels are least certain: there a name decides, and elsewhere none is needed.
        certain = (composed.shares.detach().amax(-1).log().sum((3, 4, 5)).flatten(1) * weights).flatten()
        half = int(len(wanted) * NAMED / 2)
        drawn = torch.randperm(len(wanted), generator=generator)[:half].to(self.device)
        some = torch.cat([certain.topk(half, largest=False).indices, drawn])
        height, width = self.model.config.grid
        places = some // (height * width), some // width % height, some % width
        # The pixels have their own reasons: a name must not make them blur.
        mixture = composed.mixture(places).detach()
        with torch.autocast(self.device.type, enabled=False):
            logits = self.model.logits(prediction.features.flatten(0, 1)[some].float(), mixture.float())
        losses = F.cross_entropy(logits, wanted[some], reduction="none")
        weight = (weights * counts).flatten()[some]
        right = (logits.detach().argmax(-1) == wanted[some]).float().mean()
        return (losses * weight).sum() / weight.sum(), right

    def _as_named(self, true: Tensor, named: Tensor, generator: torch.Generator) -> Tensor:
        """A quarter of the clips as the tokenizer shows them: so play begins."""
        chosen = (torch.rand(len(true), generator=generator) < 0.25).to(self.device)
        return torch.where(chosen.view(-1, 1, 1, 1), named, true)

    def _corrupt(self, pictures: Tensor, moving: Tensor, generator: torch.Generator) -> Tensor:
        return corrupt(pictures, moving, self.preset.corruption, generator)

    @torch.no_grad()
    def _own_rollout(
        self, context: Tensor, true: Tensor, actions: Tensor, evidence: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The clips frame by frame as the model would have played them (self-forcing: Huang et al. 2025).

        What it could not have known stays as recorded, and now and then a whole frame does, as where the scroll was
        misjudged. So the clips stay in step with the game, whose next frame is what is asked for. In some of them what
        goes its own way is carried as it was, by `evidence` float [B,T,P,D], but comes out as the model draws it: there
        a sprite that has come apart is seen and mended. In the others it may hang or go astray, where the model is
        sure of that, and is seen to be caught up with."""
        assert isinstance(self.model, DynamicsModel)
        state = self.model.initial_state(len(true), self.device)
        played = [context[:, 0]]
        told = (torch.rand(len(true), 1, 1, 1, generator=generator) < LED).to(self.device)
        evidence = evidence * told
        near = F.max_pool2d((evidence < 0).any(-1).float().unflatten(2, self.model.config.grid), 3, 1, 1).flatten(2) > 0
        for now in range(true.shape[1] - 1):
            seen, action = played[-1][:, None].contiguous(), actions[:, now : now + 1].contiguous()
            prediction, state = self.model(seen, action, state, evidence[:, now].contiguous())
            likeliest, classes = prediction.composition.mixture().max(-1)
            again = torch.rand(len(true), 1, generator=generator).to(self.device) < RESTART
            truth = by_twos(cut(true[:, now + 1], self.model.config.patch))
            unknowable = (likeliest.log().sum(-1) < CERTAIN) & ~near[:, now]
            wrong = (classes != truth).any(-1) & ~near[:, now]
            misled = (unknowable | wrong).sum(-1, keepdim=True) > MISLED * truth.shape[1]
            patches = torch.where((again | misled | unknowable).unsqueeze(-1), truth, classes.to(torch.uint8))
            picture = join(by_rows(patches), self.model.config.grid)
            played.append(picture if now >= KNOWN else context[:, now + 1])
        return torch.stack(played, 1)


def carried_shifts(preset: DynamicsPreset) -> tuple[tuple[int, int], ...]:
    """Those listed, and all pairs of the preset's rows and columns, but for standing still."""
    rows, columns = preset.carried_rows, preset.carried_columns
    pairs = [(down, across) for across in columns for down in rows if (down, across) != (0, 0)]
    return (*preset.carried, *pairs)


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
        pixel_blocks=mine.pixel_blocks,
        pixel_channels=mine.pixel_channels,
        detail_channels=mine.detail_channels,
        token_channels=mine.token_channels,
        trunk_channels=mine.trunk_channels,
        trunk=mine.trunk,
        blocks=mine.blocks,
        taps=mine.taps,
        temporal_every=mine.temporal_every,
        column_channels=mine.column_channels,
        edge_columns=mine.edge_columns,
        surroundings=mine.surroundings,
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
    feed: Feed,
    folder: Path,
    accelerator: Accelerator,
) -> tuple[DynamicsModel, StageReport]:
    """Train, or go on training, the dynamics model of the run in `folder`. Returns its averaged weights."""
    torch.manual_seed(preset.seed + 1)
    model = DynamicsModel(dynamics_config(preset, tokenizer, actions)).to(accelerator.device)
    model.show(pixel_classes(tokenizer))
    objective = NextFrame(model, tokenizer.to(accelerator.device), preset.dynamics, accelerator.device)
    stage = Stage(NAME, objective, feed, preset.dynamics.stage, folder, preset.seed, accelerator)
    report = stage.run()
    assert isinstance(stage.average, DynamicsModel)
    return stage.average, report


def load_dynamics(preset: Preset, tokenizer: Tokenizer, actions: int, folder: Path, stage: str = NAME) -> DynamicsModel:
    """The averaged weights that a stage of a run has reached, this one or the student's. Raises BadInput."""
    model = DynamicsModel(dynamics_config(preset, tokenizer, actions))
    load_weights(model, folder / f"{stage}.pt")
    return model.eval()
