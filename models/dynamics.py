"""The dynamics model: pictures, named by tokens, and an action to the next picture and its tokens, in one pass. Needs
torch.

A trunk on a folded grid of patches, of blocks whose past is state: a ring of fixed shape for each of them, so a step
costs the same for ever and exports to plain operators. One forward pass over a clip (training) and repeated single
steps (play) compute the same thing.

What the trunk decides becomes the next picture in the compositor. Its patches are named by the nearest codes, drawn at
random where several are likely; and what was drawn settles every pixel that the compositor left open (`paint`). So a
patch that the codebook lacks can be shown, and one that is a matter of chance comes out whole.

One-pass prediction of the next frame from true frames: "block teacher forcing", Dedieu et al., "Improving Transformer
World Models for Data-Efficient RL", 2025.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.compositor import Composition, Compositor, Shift, marks_within_a_byte
from models.layers import ChannelNorm, PixelBlock, PixelTable
from models.odds import EdgeBlock, SurroundingsBlock
from models.patches import by_rows, by_twos, cut, join
from models.trunk import AttentionBlock, ColumnBlock, ConvolutionBlock

CANDIDATES = 8  # codes that a draw chooses among, where nothing else is said: the likeliest
GROUP = 16  # codes of which the best is looked up first
TRUST = 100.0  # times likelier a pixel is than the compositor says where the drawn code has it


@dataclass(frozen=True)
class DynamicsConfig:
    """`fold`: a trunk position stands for fold×fold patches. `trunk`: what its blocks are made of. `taps`: frames
    that one with a past sees, the newest included. `temporal_every`: which blocks have one. `column_channels`: of
    what is known of a trunk position to the whole of its column, 0 for no such layer. `edge_columns`: of patches at
    the right edge, that what comes in there is named by, 0 for no such layer. `surroundings`: rows and columns of
    trunk positions around a patch, that it is named by wherever it is, zeros for no such layer; a model has one of
    the two. `shifts` and `carried`: how pixels may move from frame to frame, in rows and columns (see the
    compositor). `match`: dimensions in which pictures are compared with codes; `learnt`: more of them, without that
    meaning. `pixel_blocks`: of the compositor, at each of its two scales. Channels: of 2×2 pixels, 4×4 pixels, a
    patch, a trunk position."""

    codebook: int
    actions: int
    grid: tuple[int, int] = (16, 16)
    patch: int = 8
    classes: int = 16
    shifts: tuple[Shift, ...] = ((0, 0),)
    carried: tuple[Shift, ...] = ()
    match: int = 32
    learnt: int = 8
    fold: int = 2
    pixel_blocks: int = 1
    pixel_channels: int = 24
    detail_channels: int = 48
    token_channels: int = 64
    trunk_channels: int = 128
    trunk: Literal["convolution", "attention"] = "convolution"
    blocks: int = 4
    taps: int = 3
    temporal_every: int = 2
    column_channels: int = 0
    edge_columns: int = 0
    surroundings: tuple[int, int] = (0, 0)

    @property
    def tokens(self) -> int:
        """P, of a picture."""
        return self.grid[0] * self.grid[1]

    def __post_init__(self) -> None:
        if any(size % self.fold for size in self.grid):
            raise ValueError(f"fold: expected a divisor of the token grid {self.grid}, got {self.fold}")
        if self.edge_columns > self.grid[1]:
            raise ValueError(f"edge_columns: expected at most {self.grid[1]}, got {self.edge_columns}")
        middle = all(size > 0 and size % 2 for size in self.surroundings)
        if any(self.surroundings) and (self.edge_columns or not middle):
            wanted = "expected odd numbers, and edge_columns 0"
            raise ValueError(f"surroundings: {wanted}, got {self.surroundings}, {self.edge_columns}")
        if self.patch % 4:
            raise ValueError(f"patch: expected a multiple of 4, got {self.patch}")


@dataclass(frozen=True)
class Glimpse:
    """What is already known of N next pictures, as features: of 4×4 pixels, float [N,F,H/4,W/4], and of 2×2 pixels,
    float [N,G,H/2,W/2]. See the teacher."""

    detail: Tensor
    pixels: Tensor


@dataclass(frozen=True)
class Reading:
    """Of N pictures, what is known before the next ones are composed. `fine` float [N,E,h,w]: of each patch, by what
    lies near it; `features` float [N,E,h,w]: by all else, too; `scene` float [N,Q]: of the whole. The others are for
    the compositor: `detail` float [N,F,H/4,W/4], `marked` uint8 [N,H,W], `movement` float [N,2·shifts,h,w]."""

    fine: Tensor
    features: Tensor
    scene: Tensor
    detail: Tensor
    marked: Tensor
    movement: Tensor

    def at(self, chosen: Tensor) -> Reading:
        """Of the pictures with the numbers `chosen`, int64 [n]."""
        return Reading(*(each[chosen] for each in vars(self).values()))


@dataclass(frozen=True)
class Prediction:
    """Of N pictures of P patches: what is known of each patch, `features` float [N,P,E], and the pixels."""

    features: Tensor
    composition: Composition


class DynamicsModel(nn.Module):
    """Shapes: B batch, T time, P = h·w tokens, K codebook, S pixels of a patch, N = B·T pictures of H×W, C classes.

    State: the picture before the newest, uint8 [B,H,W], then one float ring a temporal block; zeros before the first
    frame. `book` holds the pixel classes of each code's patch, uint8 [K,S]: see `show`.
    """

    book: Tensor
    projection: Tensor

    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__()
        self.config = config
        self.settled: Tensor | None = None
        detail, fine, trunk = config.detail_channels, config.token_channels, config.trunk_channels
        numbers = config.patch**2 * config.classes
        self.register_buffer("book", torch.zeros(config.codebook, config.patch**2, dtype=torch.uint8))
        self.register_buffer("projection", torch.randn(numbers, config.match) / config.match**0.5)
        height, width = config.grid[0] * config.patch, config.grid[1] * config.patch
        marks = len(config.shifts[: marks_within_a_byte(config.classes)])
        self.table = PixelTable(config.classes, marks, (height // 2, width // 2))
        self.look = nn.Conv2d(4 * self.table.numbers, detail, 2, stride=2)
        self.detail = PixelBlock(detail)
        step = config.patch // 4
        self.gather = nn.Sequential(ChannelNorm(detail), nn.PixelUnshuffle(step), nn.Conv2d(step**2 * detail, fine, 1))
        self.position = nn.Parameter(torch.zeros(1, fine, *config.grid))
        self.motion = nn.Conv2d(2 * (len(config.shifts) + len(config.carried)), fine, 1)
        self.before = PixelBlock(fine)
        self.action_embedding = nn.Embedding(config.actions, 64)
        cells = config.fold**2
        self.down = nn.Sequential(nn.PixelUnshuffle(config.fold), nn.Conv2d(cells * fine, trunk, 1))
        block = ConvolutionBlock if config.trunk == "convolution" else AttentionBlock
        self.trunk = nn.ModuleList(
            block(trunk, 64, config.taps if index % config.temporal_every == 0 else 1) for index in range(config.blocks)
        )
        rows = config.grid[0] // config.fold
        self.columns = ColumnBlock(trunk, config.column_channels, rows) if config.column_channels else None
        edge = config.edge_columns
        whole = 64 + 2 * trunk
        self.edge = EdgeBlock(fine, edge, config.grid[0], whole) if edge else None
        size = config.surroundings
        self.surroundings = SurroundingsBlock(fine, config.fold, size, config.grid[1], whole) if any(size) else None
        self.scene = ChannelNorm(trunk)
        self.up = nn.Sequential(ChannelNorm(trunk), nn.Conv2d(trunk, cells * fine, 1), nn.PixelShuffle(config.fold))
        self.after = nn.Sequential(PixelBlock(fine), ChannelNorm(fine))
        self.compositor = Compositor(
            fine,
            detail,
            config.pixel_channels,
            config.grid,
            config.patch,
            config.classes,
            config.shifts,
            config.carried,
            config.pixel_blocks,
            whole,
        )
        # What the picture can't say: which of several continuations, and how surely.
        self.opinion = nn.Linear(fine, config.match + config.learnt + 1)
        self.codes = nn.Parameter(torch.randn(config.codebook, config.learnt) * 0.02)
        nn.init.zeros_(self.opinion.weight)
        nn.init.zeros_(self.opinion.bias)

    def show(self, book: Tensor) -> None:
        """Tell the model what the codes look like: pixel classes uint8 [K,S]."""
        self.book.copy_(book)

    @property
    def odds(self) -> EdgeBlock | SurroundingsBlock | None:
        """The layer that tells what chance may bring; see the chance stage."""
        return self.edge or self.surroundings

    def exit(self) -> Tensor:
        """What a patch is compared with to be named: float [K,match+learnt+1]."""
        if self.settled is not None:
            return self.settled
        places = F.one_hot(by_twos(self.book).long(), self.config.classes).float().flatten(1) @ self.projection
        return torch.cat([places, self.codes, -0.5 * places.square().sum(1, keepdim=True)], 1)

    @torch.no_grad()
    def settle(self) -> None:
        """Compute once what depends on the weights alone: for play, when nothing is learnt any more."""
        self.settled = None
        self.settled = self.exit()

    def state_shapes(self, batch: int) -> list[tuple[int, ...]]:
        """Shape of each tensor of the state."""
        config = self.config
        height, width = (size // config.fold for size in config.grid)
        kept = [block.memory for block in self._blocks() if block.memory]
        return [(batch, *self.compositor.size), *[(batch, config.taps - 1, each, height, width) for each in kept]]

    def _blocks(self) -> list[ConvolutionBlock | AttentionBlock]:
        return [block for block in self.trunk if isinstance(block, ConvolutionBlock | AttentionBlock)]

    def initial_state(self, batch: int, device: torch.device | None = None) -> list[Tensor]:
        """The state before the first frame: zeros."""
        before, *rings = self.state_shapes(batch)
        state = [torch.zeros(before, dtype=torch.uint8, device=device)]
        return state + [torch.zeros(shape, device=device) for shape in rings]

    def forward(
        self,
        pictures: Tensor,
        actions: Tensor,
        state: list[Tensor],
        evidence: Tensor | None = None,
        glimpse: Glimpse | None = None,
    ) -> tuple[Prediction, list[Tensor]]:
        """pictures uint8 [B,T,H,W] and the actions int64 [B,T] taken at them → the frames after, state. In training
        the compositor may be given `evidence`, float [N,P,D]; a teacher gives a glimpse of what comes."""
        reading, rolled = self.read(pictures, actions, state, glimpse)
        return self.compose(reading, evidence, glimpse), rolled

    def read(
        self, pictures: Tensor, actions: Tensor, state: list[Tensor], glimpse: Glimpse | None = None
    ) -> tuple[Reading, list[Tensor]]:
        """The first half of a step: what is known of the pictures uint8 [B,T,H,W], by the actions int64 [B,T] taken at
        them and what came before → of N = B·T pictures, state. Of the glimpse it takes `detail`."""
        batch = pictures.shape[0]
        before = torch.cat([state[0].unsqueeze(1), pictures[:, :-1]], 1).flatten(0, 1)
        rolled = [pictures[:, -1]]
        now = pictures.flatten(0, 1)
        marked = self.compositor.marked(before, now)
        detail = self.look(self.table(cut(marked.unsqueeze(-1), 2)))
        detail = self.detail(detail if glimpse is None else detail + glimpse.detail)
        movement = self.compositor.movement(before, now)
        fine = self.before(self.gather(detail) + self.position + self.motion(movement))
        action = self.action_embedding(actions.flatten())
        h = self.down(fine)
        rings = iter(state[1:])
        for number, block in enumerate(self._blocks()):
            h, ring = block(h, action, next(rings) if block.memory else None, batch)
            if ring is not None:
                rolled.append(ring)
            if number == 0 and self.columns is not None:
                h = self.columns(h)
        features = self.after(fine + self.up(h))
        seen = self.scene(h)
        scene = torch.cat([action, seen.mean((2, 3)), seen.amax((2, 3))], 1)
        return Reading(fine, features, scene, detail, marked, movement), rolled

    def compose(self, reading: Reading, evidence: Tensor | None = None, glimpse: Glimpse | None = None) -> Prediction:
        """The second half: the next pictures' pixels, and what their patches are named by. `evidence` float [N,P,D]; of
        the glimpse, the one that `read` was given, it takes `pixels`."""
        known = glimpse.pixels if glimpse is not None else None
        features, scene = reading.features, reading.scene
        composition = self.compositor(
            features, reading.detail, scene, reading.marked, reading.movement, evidence, known
        )
        if self.odds is not None:
            features = features + self.odds(reading.fine, scene)
        return Prediction(features.flatten(2).transpose(1, 2), composition)

    def logits(self, features: Tensor, mixtures: Tensor) -> Tensor:
        """Of the codes, for some patches: features float [...,E] and the composed pixels' probabilities float
        [...,S,C], pixels by twos, → [...,K]. The nearer a code's patch to the composed one, the likelier; beside that
        the model has an opinion of its own."""
        config = self.config
        opinion, learnt, doubt = self.opinion(features).split([config.match, config.learnt, 1], -1)
        sharpness = 2 * (-doubt).exp()
        place = mixtures.flatten(-2) @ self.projection
        return torch.cat([sharpness * place + opinion, learnt, sharpness], -1) @ self.exit().T

    def draw(
        self,
        prediction: Prediction,
        noise: Tensor,
        min_p: float,
        candidates: int = CANDIDATES,
        rows: Sequence[int] = (),
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens int64 [N,P] by `sample_tokens` from noise float [N,P], of the patches in some `rows` alone where any
        are named, the others' being the likeliest; the picture that the tokens settle, uint8 [N,H,W]; and their entropy
        float [N,P], zero where nothing is drawn."""
        mixture = prediction.composition.mixture()
        logits = self.logits(prediction.features, mixture)
        if not rows:
            drawn, entropy = sample_tokens(logits, noise, min_p, candidates)
            return drawn, self.paint(mixture, drawn), entropy
        across = self.config.grid[1]
        drawn_at = [row * across + column for row in rows for column in range(across)]
        some, doubt = sample_tokens(logits[:, drawn_at], noise[:, drawn_at], min_p, candidates)
        # One small gather behind puts both together; writing some among others is what runtimes are slow at.
        order = list(range(self.config.tokens))
        for number, place in enumerate(drawn_at):
            order[place] = self.config.tokens + number
        drawn = torch.cat([likeliest(logits, 1)[1].squeeze(-1), some], 1)[:, order]
        entropy = torch.cat([torch.zeros_like(noise), doubt], 1)[:, order]
        return drawn, self.paint(mixture, drawn), entropy

    def paint(self, mixture: Tensor, tokens: Tensor) -> Tensor:
        """The likeliest picture where the codes `tokens` int64 [N,P] were drawn from `mixture` float [N,P,S,C], pixels
        by twos: each as the compositor has it, unless it left that open. uint8 [N,H,W]."""
        kinds = torch.eye(self.config.classes, device=mixture.device, dtype=mixture.dtype)
        drawn = F.embedding(by_twos(self.book)[tokens].int(), TRUST * kinds)
        patches = ((mixture + 1e-6) * (1 + drawn)).argmax(-1).to(torch.uint8)
        return join(by_rows(patches), self.config.grid)


def sample_tokens(logits: Tensor, noise: Tensor, min_p: float, candidates: int = CANDIDATES) -> tuple[Tensor, Tensor]:
    """Draw each token by inverse CDF from one uniform number, among so many of the likeliest codes.

    logits float [...,K], noise float [...] in [0,1). Codes less likely than `min_p` times the likeliest are dropped
    (min-p: Nguyen et al. 2024), so what is certain can't flicker. Returns tokens int64 [...] and the entropy of the
    candidates, float [...] in nats.
    """
    values, codes = likeliest(logits, min(candidates, logits.shape[-1]))
    logs = values.log_softmax(-1)  # finite even where a probability is zero
    probabilities = logs.exp()
    entropy = -(probabilities * logs).sum(-1)
    kept = torch.where(probabilities >= min_p * probabilities[..., :1], probabilities, 0.0)
    cumulative = kept.cumsum(-1)
    place = (cumulative <= noise.unsqueeze(-1) * cumulative[..., -1:]).sum(-1, keepdim=True)
    place = place.clamp(max=codes.shape[-1] - 1)
    return codes.gather(-1, place).squeeze(-1), entropy


def likeliest(logits: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The `count` highest of K, as `torch.topk`: values and int64 codes, [...,count]. Of a large codebook, looks for
    the best groups first, among which they all are: several times faster where this runs."""
    codes = logits.shape[-1]
    if codes % GROUP or codes < 2 * count * GROUP:
        best = logits.topk(count, -1)
        return best.values, best.indices
    groups = logits.unflatten(-1, (-1, GROUP))
    chosen = groups.amax(-1).topk(count, -1).indices
    among = groups.gather(-2, chosen.unsqueeze(-1).expand(*chosen.shape, GROUP)).flatten(-2)
    values, places = among.topk(count, -1)
    return values, chosen.gather(-1, places // GROUP) * GROUP + places % GROUP
