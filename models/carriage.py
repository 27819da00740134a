"""Which way what moves on a course of its own is carried from picture to picture. Needs torch. Refuses pixels.

The thing that most of the carried patches belong to is the picture's mover: one shift is chosen for all of it, so that
it stays in one piece even where its way is misjudged. Patches of something else choose for themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

SURE = 40.0  # nats between a shift that explains all of a patch and one that explains nothing
FITS = -0.8  # evidence of a shift that explains a patch as well as the best, or nearly
STILL, MOVER, OTHER = range(3)  # what a patch belongs to: what stands or scrolls, the picture's mover, something else
SEEMS_STILL = 5.0  # nats that a patch is likelier to stand or scroll, before anything is learnt
SOME = 0.01  # of a patch: what keeps a mean over none of them finite


@dataclass(frozen=True)
class Carriage:
    """How the P patches of N pictures are carried, in log probabilities: each of D shifts for the picture's mover,
    float [N,D]; what each patch belongs to, float [N,P,3]; each shift for a patch that goes its own way, float
    [N,P,D]."""

    mover: Tensor
    belongs: Tensor
    own: Tensor

    def likeliest(self, evidence: Tensor | None = None) -> Tensor:
        """The shift of each patch, int64 [N,P]; where there is evidence, float [N,P,D], as it says."""
        mover = self.mover.argmax(-1, keepdim=True)
        follows = self.belongs[..., MOVER] >= self.belongs[..., OTHER]
        own = self.own
        if evidence is not None:
            mover = self._moved_by(evidence)
            follows = torch.where(_asked(evidence), _fits(evidence, mover), follows)
            own = own + evidence
        return torch.where(follows, mover, own.argmax(-1))

    def misled(self, evidence: Tensor) -> Tensor:
        """How unlikely all this makes the evidence: float [N,P,D] → float [N] in nats."""
        mover, asked = self._moved_by(evidence), _asked(evidence)
        own = -(self.own + evidence).logsumexp(-1).sum(1)
        kind = torch.where(asked, torch.where(_fits(evidence, mover), MOVER, OTHER), STILL)
        kinds = -self.belongs.gather(-1, kind.unsqueeze(-1)).sum((1, 2))
        whole = -(self.mover + _votes(evidence)).logsumexp(-1)
        nats: Tensor = own + kinds + whole
        return nats

    def _moved_by(self, evidence: Tensor) -> Tensor:
        """The mover's shift, int64 [N,1]: one that most patches bear witness to."""
        return (self.mover + _votes(evidence)).argmax(-1, keepdim=True)


def _asked(evidence: Tensor) -> Tensor:
    """Patches that there is evidence of, bool [N,P]."""
    return evidence.amin(-1) < 0


def _fits(evidence: Tensor, shift: Tensor) -> Tensor:
    """Whether the shift of each picture, int64 [N,1], explains each patch: bool [N,P]."""
    patches = evidence.shape[1]
    return evidence.gather(-1, shift.unsqueeze(1).expand(-1, patches, 1)).squeeze(-1) > FITS


def _votes(evidence: Tensor) -> Tensor:
    """Log likelihood of each shift for the mover up to a constant, float [N,D]: the fewer patches it explains than the
    best does, the less."""
    votes = ((evidence > FITS) & _asked(evidence).unsqueeze(-1)).sum(1)
    return SURE * (votes / votes.amax(-1, keepdim=True).clamp(min=1) - 1) * votes.any(-1, keepdim=True)


class Choice(nn.Module):
    """Which way each patch is carried. What has moved moves on, so the last tick's movement is seen at first hand, or
    its way is bent by keys, weight and walls; and what belongs together moves together: the mover's patches are asked
    all at once.

    Shapes as in the compositor; G numbers that are known of the whole picture.
    """

    def __init__(self, features: int, scene: int, fixed: int, carried: int) -> None:
        super().__init__()
        self.fixed = fixed
        self.own = nn.Conv2d(features, carried, 1)
        self.follow = nn.Conv2d(carried, carried, 3, padding=1, bias=False)
        self.whole = nn.Sequential(nn.Linear(scene + carried, 256), nn.ReLU(), nn.Linear(256, carried))
        # Two convolutions, summed: TensorRT-RTX builds no engine of one over both inputs joined.
        self.bent_seen = nn.Conv2d(features, 128, 1)
        self.bent_moved = nn.Conv2d(carried, 128, 1, bias=False)
        self.bend = nn.Sequential(nn.ReLU(), nn.Conv2d(128, carried, 1))
        self.belongs = nn.Conv2d(features, 3, 1)
        self.mover = nn.Sequential(nn.Linear(features + scene + carried, 128), nn.ReLU(), nn.Linear(128, carried))
        for last in (self.follow, self.whole[2], self.bend[1], self.belongs, self.mover[2]):
            for parameter in last.parameters():
                nn.init.zeros_(parameter)
        with torch.no_grad():
            self.belongs.bias[STILL] = SEEMS_STILL  # type: ignore[index]  # a convolution without a bias has None

    def forward(self, features: Tensor, scene: Tensor, movement: Tensor) -> Carriage:
        """features float [N,E,h,w], scene float [N,G], movement float [N,2(M+D),h,w]."""
        sharp = movement[:, movement.shape[1] // 2 :]
        # How much better each explains a patch than those that explain what stands and scrolls.
        lone = F.relu(sharp[:, self.fixed :] - sharp[:, : self.fixed].amax(1, keepdim=True))
        together = self.whole(torch.cat([scene, lone.amax((2, 3))], 1))
        bent = self.bend(self.bent_seen(features) + self.bent_moved(F.max_pool2d(lone, 3, 1, 1)))
        chosen = self.own(features) + self.follow(lone) + bent + together[..., None, None]
        own = chosen.flatten(2).transpose(1, 2).float().log_softmax(-1)
        belongs = self.belongs(features).flatten(2).transpose(1, 2).float().log_softmax(-1)
        # Which patches are the mover's, and what each says, isn't learnt from what they say together: where they
        # disagree, the quickest way to be less wrong would be to call none of them its own.
        part = belongs[..., MOVER : MOVER + 1].exp().detach()
        known = torch.cat([features, lone], 1).flatten(2).transpose(1, 2)
        known = (part * known).sum(1) / (part.sum(1) + SOME)
        # Were its patches to judge each on its own, their judgements would multiply.
        judged = (part * own.detach()).sum(1) + self.mover(torch.cat([known, scene], 1))
        return Carriage(judged.log_softmax(-1), belongs, own)
