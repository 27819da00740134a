"""A ladder of graphs from today's size far up, to find a card's limits. Owns the rungs; refuses to train them.

Their weights are random: how long a step takes and how much memory it needs doesn't depend on what was learnt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from models.dynamics import DynamicsModel
from models.manifest import BadInput, Manifest, Provenance
from models.tokenizer import Tokenizer
from training.dynamics_stage import dynamics_config
from training.export import Sampling
from training.preset import load_preset
from training.seal import Networks, seal
from training.starts import Starts, find_starts
from training.tokenizer_stage import tokenizer_config
from training.worlds.base import SimulatedWorld
from training.worlds.registry import world_class

WORLD, PRESET = "platformer", "cpu"
CODEBOOK = 1024
SMALLEST_SIDE = 128
STARTS, CONTEXT = 2, 4
PARITY_STEPS = 1  # beside torch: of the largest rungs each takes a minute, and nobody plays them
SCALE = 0.01  # of weights that begin as zeros: they must not be optimised away


@dataclass(frozen=True)
class Rung:
    """`side` of the picture in pixels; `trunk` channels in `blocks` blocks; `fine` channels of a token."""

    side: int
    trunk: int
    fine: int
    blocks: int

    @property
    def name(self) -> str:
        return f"rung-{self.side}-{self.trunk}x{self.blocks}"


RUNGS = (
    Rung(128, 160, 64, 6),
    Rung(128, 320, 96, 8),
    Rung(128, 512, 128, 12),
    Rung(128, 768, 192, 16),
    Rung(128, 1024, 256, 24),
    Rung(256, 160, 64, 6),
    Rung(256, 512, 128, 12),
    Rung(256, 768, 192, 16),
    Rung(256, 1024, 256, 24),
)


def build_ladder(
    out: Path, rungs: Sequence[Rung] = RUNGS, tell: Callable[[str], None] = lambda line: None
) -> list[Manifest]:
    """Seal every rung into a folder of its own under `out`. One that is there already is made anew. Raises BadInput."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{out}: --out: expected a folder, or a place for one ({error.strerror or error})") from error
    starts = find_starts(WORLD, STARTS, CONTEXT, "choose", 0)
    made = []
    for rung in rungs:
        manifest = build_rung(rung, starts, out / rung.name)
        made.append(manifest)
        cost = manifest.cost
        tell(f"{rung.name}: {cost.parameters / 1e6:.1f} M parameters, {cost.operations / 1e9:.2f} GFLOP a frame")
    return made


def build_rung(rung: Rung, starts: Starts, folder: Path) -> Manifest:
    """One rung as a checkpoint folder that can be measured and even played, to no purpose."""
    torch.manual_seed(0)
    preset = load_preset(PRESET, WORLD)
    shape = {"trunk_channels": rung.trunk, "token_channels": rung.fine, "blocks": rung.blocks}
    preset = preset.model_copy(
        update={
            "tokenizer": preset.tokenizer.model_copy(update={"codebook": CODEBOOK}),
            "dynamics": preset.dynamics.model_copy(update=shape),
            "export": preset.export.model_copy(update={"chance_rows": ()}),  # no rung knows where chance lies
        }
    )
    simulated = world_class(WORLD)
    tokenizer = Tokenizer(tokenizer_config(preset, (rung.side, rung.side))).eval()
    tokenizer.book.random_(0, tokenizer.config.colours)  # codes that look alike would be told apart by rounding alone
    dynamics = DynamicsModel(dynamics_config(preset, tokenizer, len(simulated.actions))).eval()
    dynamics.show(tokenizer.book)
    with torch.no_grad():
        for weight in dynamics.parameters():
            if not weight.any():
                weight.normal_(0, SCALE)
    world: type[SimulatedWorld] = type(
        "RungWorld", (simulated,), {"name": rung.name, "title": rung.name, "description": ""}
    )
    provenance = Provenance(
        preset="ladder",
        device="cpu",
        seed=0,
        frames=0,
        steps={},
        hours={},
        world_version=simulated.version,
        created=datetime.now(UTC).date().isoformat(),
    )
    networks = Networks(tokenizer, dynamics, Sampling.of(preset.export))
    return seal(networks, world, _enlarged(starts, rung.side), provenance, folder, parity_steps=PARITY_STEPS)


def _enlarged(starts: Starts, side: int) -> Starts:
    """The same pictures with larger pixels."""
    times = side // SMALLEST_SIDE
    return Starts(starts.frames.repeat(times, 2).repeat(times, 3), starts.actions, starts.level_seeds)
