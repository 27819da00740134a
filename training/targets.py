"""What the project set itself: gates, and targets for the quality of each world. Owns numbers and where the figure is
found; refuses to read files (scorecard)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Compare = Literal[">=", ">", "<=", "<", "within"]


@dataclass(frozen=True)
class Target:
    """A figure of metrics.json (`path`, dotted) or of a bench result (`path` beginning with "bench.") and what it must
    be. `within` means between `bound` and `upper`. `unit` is what is printed after the figure."""

    name: str
    path: str
    compare: Compare
    bound: float
    upper: float | None = None
    unit: Literal["", "%", "dB", "FPS", "ms", "GB", "×"] = ""

    def met(self, figure: float) -> bool:
        """Whether a figure is good enough."""
        compare: dict[Compare, Callable[[float], bool]] = {
            ">=": lambda value: value >= self.bound,
            ">": lambda value: value > self.bound,
            "<=": lambda value: value <= self.bound,
            "<": lambda value: value < self.bound,
            "within": lambda value: self.bound <= value <= (self.upper or self.bound),
        }
        return compare[self.compare](figure)

    @property
    def wanted(self) -> str:
        """As it is printed: `≥ 98 %`."""
        if self.compare == "within":
            return f"{self.bound:g}–{self.upper:g}"
        sign = {">=": "≥", "<=": "≤"}.get(self.compare, self.compare)
        return f"{sign} {self.shown(self.bound)}"

    def shown(self, figure: float) -> str:
        """A figure with its unit."""
        if self.unit == "%":
            return f"{figure * 100:.4g} %"
        digits = ".1f" if self.unit in ("dB", "FPS", "ms") else ".3g"
        return f"{figure:{digits}} {self.unit}".rstrip() if self.unit else f"{figure:.3g}"


GATES = (
    Target("reconstruction", "reconstruction.psnr_db", ">", 30, unit="dB"),
    Target("memory in play", "bench.memory_gb", "<", 8, unit="GB"),
    Target("student like its teacher", "student.similarity", ">", 0.6),
    Target("coherent for 10 seconds, most starts", "coherence.coherent_300", ">=", 0.5, unit="%"),
    Target("speed on an RTX 3060", "bench3060.fps", ">=", 8, unit="FPS"),
    Target("key to screen, p99", "bench.key_to_screen_ms.p99", "<", 100, unit="ms"),
    Target("frames on time", "bench.on_time", ">=", 0.99, unit="%"),
)
# What a student's likeness to its teacher below the gate means, by its lower bound.
SIMILARITY_PLANS = ((0.5, "go on"), (0.3, "plan B"), (0.0, "plan C"))
# What speed on the card means, by its lower bound.
SPEED_TIERS = (
    (30, "tier 30"),
    (15, "tier 15"),
    (8, "tier 8: go"),
    (5, "tier 5: optimise further"),
    (0, "lower resolution"),
)

_STABLE = (
    Target("long runs: player there once", "stability.player_once", ">=", 0.99, unit="%"),
    Target("long runs: tiles, L1 of the worst window", "stability.tile_l1", "<=", 0.1),
)
_TAUGHT = (
    Target("student: worst retention", "student.retention", ">=", 0.9),
    Target("student: faster than its teacher", "student.speedup", ">=", 5, unit="×"),
)
_FAST = (
    Target("paced at 30: compute p99", "bench.compute_ms.p99", "<=", 25, unit="ms"),
    Target("unthrottled", "bench.fps", ">=", 60, unit="FPS"),
)


def _pace(name: str) -> Target:
    label = name.replace("_", " ")
    return Target(
        f"long runs: {label} a minute, × the simulator's", f"stability.pace_ratios.{name}", "within", 0.7, 1.4
    )


TARGETS: dict[str, tuple[Target, ...]] = {
    "platformer": (
        Target("reconstruction", "reconstruction.psnr_db", ">=", 40, unit="dB"),
        Target("exact pixels", "reconstruction.exact_pixels", ">=", 0.9995, unit="%"),
        Target("one step: changed pixels", "one_step.changed_pixels", ">=", 0.97, unit="%"),
        Target("rollout, 10 frames, known region", "rollout.10.psnr_known_db", ">=", 38, unit="dB"),
        Target("rollout, 32 frames, known region", "rollout.32.psnr_known_db", ">=", 32, unit="dB"),
        Target("physics: within 2 px after 16 ticks", "physics.within_2px_16", ">=", 0.95, unit="%"),
        Target("physics: landing within a tick", "physics.landing", ">=", 0.95, unit="%"),
        Target("physics: stomps, coins, spikes, the worst", "physics.outcomes", ">=", 0.95, unit="%"),
        Target("physics: player lost", "physics.lost", "<", 0.001, unit="%"),
        Target("dreamt screens that can be passed", "levels.valid", ">=", 0.95, unit="%"),
        Target("clip nearest to the pressed key's", "control.counterfactual", ">=", 0.98, unit="%"),
        *(_pace(name) for name in ("scroll", "coins", "deaths", "level_ends")),
        *_STABLE,
        *_TAUGHT,
        *_FAST,
    ),
    "puzzle": (
        Target("reconstruction", "reconstruction.psnr_db", ">=", 45, unit="dB"),
        Target("exact pixels", "reconstruction.exact_pixels", ">=", 0.9999, unit="%"),
        Target("one step: changed pixels", "one_step.changed_pixels", ">=", 0.995, unit="%"),
        Target("rollout, 10 frames, known region", "rollout.10.psnr_known_db", ">=", 42, unit="dB"),
        Target("rollout, 32 frames, known region", "rollout.32.psnr_known_db", ">=", 38, unit="dB"),
        Target("rollout, 64 frames, known region", "rollout.64.psnr_known_db", ">=", 38, unit="dB"),
        Target("rules: exact board after a move", "rules.exact_board", ">=", 0.995, unit="%"),
        Target("rules: all conserved over 500 moves", "rules.conserved_500", ">=", 0.95, unit="%"),
        Target("rules: pushes among those moves", "rules.conserved.push_share", ">=", 0.2, unit="%"),
        Target("dreamt boards that can be solved", "levels.valid", ">=", 0.9, unit="%"),
        Target("clip nearest to the pressed key's", "control.counterfactual", ">=", 0.98, unit="%"),
        *(_pace(name) for name in ("moves", "solved")),
        *_STABLE,
        *_TAUGHT,
        *_FAST,
    ),
}
