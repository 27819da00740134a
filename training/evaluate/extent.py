"""How much is measured, and from which seeds. Owns counts and seeds of the protocol; refuses to measure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from models.manifest import BadInput
from training.evaluate.footage import MEASURED_SPLITS, SPLIT

LONGEST_RUN = 100_000  # frames


@dataclass(frozen=True)
class Extent:
    """How much is measured, on the levels of which split. `seed` is that of the copies."""

    episodes: int = 40
    reconstructed: int = 2400  # frames
    clips: int = 100
    one_step_ticks: int = 48  # of each clip
    moments: int = 120  # of control
    taught_clips: int = 4000  # that the network learns from which tells actions from clips; 0 leaves it out
    taught_steps: int = 1200
    starts: int = 40  # of coherence; the first of them are those of all long runs
    frames: int = 300  # of each start
    plays: int = 480  # of the platformer's physics: over 10,000 moving ticks
    outcomes: int = 60  # stomps, coins and spikes each, at least
    presses: int = 480  # of the puzzle's rules: half of them pushes, an eighth keys, an eighth doors
    long_runs: int = 40
    long_moves: int = 500
    boards: int = 100  # that the puzzle dreams up
    screen_runs: int = 40  # in which the platformer dreams up screens
    screen_frames: int = 300
    stable_runs: int = 10
    stable_frames: int = 3000
    seed: int = 10_000
    split: str = SPLIT

    def copy_seeds(self) -> dict[str, int]:
        """The seed of the first copy of each section."""
        names = ("reconstruction", "clips", "control", "starts", "plays", "presses", "boards")
        return {name: self.seed + 1000 * number for number, name in enumerate(names)}

    def all_copies(self) -> list[int]:
        """The seeds of all copies that any section plays, and of some more."""
        return [first + copy for first in self.copy_seeds().values() for copy in (*range(200), *range(500, 550))]


FULL = Extent()
QUICK = Extent(
    reconstructed=400,
    clips=16,
    one_step_ticks=24,
    moments=24,
    taught_clips=0,
    starts=40,
    frames=90,
    plays=40,
    outcomes=8,
    presses=64,
    long_runs=4,
    long_moves=50,
    boards=10,
    screen_runs=6,
    screen_frames=150,
    stable_runs=2,
    stable_frames=900,
)


def extent_of(quick: bool = False, frames: int | None = None, split: str = SPLIT) -> Extent:
    """The usual extent, or the quick one; `frames` sets the length of the coherence runs. Raises BadInput."""
    if split not in MEASURED_SPLITS:
        raise BadInput(f"{split}: split: expected one of {', '.join(MEASURED_SPLITS)}")
    extent = replace(QUICK if quick else FULL, split=split)
    if frames is None:
        return extent
    if not 1 <= frames <= LONGEST_RUN:
        raise BadInput(f"{frames}: frames: expected 1 to {LONGEST_RUN}")
    return replace(extent, frames=frames)
