"""Policies that play the simulated worlds for training data. Owns who presses what; refuses to step the worlds.

All are vectorised over the copies of a world and draw from the generator given: same generator, same play.
The experts read the simulator through the world's `suggest`; autoplayers that see pictures only live in engine.
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from models.manifest import BadInput
from training.worlds.base import SimulatedWorld

Actions = npt.NDArray[np.int64]

# Shares of play time in a mixture: skilled play reaches the content, the rest covers what a player might press. Half of
# it changes keys often: what a key does where it can do nothing shows most at the tick when it is first pressed.
MIX: dict[str, float] = {
    "expert": 0.05,
    "noisy_expert": 0.15,
    "biased": 0.15,
    "sticky": 0.4,
    "hold": 0.1,
    "random": 0.1,
    "scripted": 0.05,
}


class Policy(Protocol):
    """Chooses an action for every copy. Bound to one world's copies, as it may remember what each of them holds."""

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N] for the tick to come, indices into `world.actions`."""
        ...


class Random:
    """A new uniform action each tick."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N]."""
        return self.rng.integers(len(world.actions), size=world.num_envs)


class Sticky:
    """Uniform actions, each held for a geometric time of `mean_ticks` on average."""

    def __init__(self, rng: np.random.Generator, mean_ticks: float = 8.0) -> None:
        self.rng = rng
        self.mean_ticks = mean_ticks
        self._held: Actions | None = None

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N]."""
        drawn = self.rng.integers(len(world.actions), size=world.num_envs)
        change = self.rng.random(world.num_envs) < 1.0 / self.mean_ticks
        self._held = drawn if self._held is None else np.where(change, drawn, self._held)
        return self._held.copy()


class Biased:
    """Sticky play with a taste: each copy prefers some actions for `taste_ticks` on average, then others.
    It walks far in one direction, and so into what a careful player avoids."""

    def __init__(self, rng: np.random.Generator, mean_ticks: float = 8.0, taste_ticks: float = 80.0) -> None:
        self.rng = rng
        self.mean_ticks = mean_ticks
        self.taste_ticks = taste_ticks
        self._taste: npt.NDArray[np.float64] | None = None  # cumulative probabilities [N,A]
        self._held: Actions | None = None

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N]."""
        copies, known = world.num_envs, len(world.actions)
        tastes = np.cumsum(self.rng.dirichlet(np.full(known, 0.4), size=copies), axis=1)
        turn, change, toss = self.rng.random((3, copies))
        if self._taste is None:
            self._taste = tastes
        self._taste = np.where((turn < 1.0 / self.taste_ticks)[:, None], tastes, self._taste)
        drawn = np.minimum((self._taste < toss[:, None]).sum(axis=1), known - 1)
        self._held = drawn if self._held is None else np.where(change < 1.0 / self.mean_ticks, drawn, self._held)
        return self._held.copy()


class Scripted:
    """The world's own open-loop scripts, each copy at its own place in one; a finished script draws the next."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self._scripts: list[Actions] = []
        self._script = np.zeros(0, np.int64)
        self._place = np.zeros(0, np.int64)

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N]; NOOP in a world without scripts."""
        if not self._scripts:
            self._begin(world)
        actions = np.array([self._scripts[s][p] for s, p in zip(self._script, self._place, strict=True)], np.int64)
        self._place += 1
        lengths = np.array([len(script) for script in self._scripts])
        for copy in np.flatnonzero(self._place >= lengths[self._script]):
            self._script[copy] = self.rng.integers(len(self._scripts))
            self._place[copy] = 0
        return actions

    def _begin(self, world: SimulatedWorld) -> None:
        for script in world.scripts.values():
            ticks = [np.full(held, world.actions.index(action), np.int64) for action, held in script]
            if sum(map(len, ticks)):
                self._scripts.append(np.concatenate(ticks))
        if not self._scripts:
            self._scripts = [np.zeros(1, np.int64)]
        self._script = self.rng.integers(len(self._scripts), size=world.num_envs)
        self._place = np.array([self.rng.integers(len(self._scripts[script])) for script in self._script], np.int64)


class Expert:
    """What the world itself suggests."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N]."""
        return np.asarray(world.suggest(self.rng), np.int64)


class NoisyExpert:
    """The expert, disturbed by bursts of sticky play: it shows mistakes and how to recover from them."""

    def __init__(self, rng: np.random.Generator, every_ticks: float = 40.0, burst_ticks: float = 10.0) -> None:
        self.rng = rng
        self.every_ticks = every_ticks
        self.burst_ticks = burst_ticks
        self._expert = Expert(rng)
        self._sticky = Sticky(rng)
        self._burst: npt.NDArray[np.bool_] | None = None

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N]."""
        return self.disturb(world, self._expert.act(world))

    def disturb(self, world: SimulatedWorld, suggested: Actions) -> Actions:
        """`suggested` int64 [N] with the copies that are in a burst playing sticky instead."""
        burst = np.zeros(world.num_envs, np.bool_) if self._burst is None else self._burst
        toss = self.rng.random(world.num_envs)
        self._burst = np.where(burst, toss >= 1.0 / self.burst_ticks, toss < 1.0 / self.every_ticks)
        return np.where(self._burst, self._sticky.act(world), suggested)


class Mixture:
    """Each copy plays one of the named policies for a stretch of `stretch` ticks, then draws another by share: those
    given, else the world's, else `MIX`."""

    def __init__(
        self, rng: np.random.Generator, shares: dict[str, float] | None = None, stretch: tuple[int, int] = (30, 200)
    ) -> None:
        self.rng = rng
        self.shares = shares
        self.stretch = stretch
        self.names: list[str] = []
        self._expert = Expert(rng)
        self._left = np.zeros(0, np.int64)

    def act(self, world: SimulatedWorld) -> Actions:
        """Actions int64 [N]."""
        if not self.names:
            self._begin(world)
        done = np.flatnonzero(self._left == 0)
        self._playing[done] = self.rng.choice(len(self.names), size=len(done), p=self._shares)
        self._left[done] = self.rng.integers(self.stretch[0], self.stretch[1] + 1, size=len(done))
        self._left -= 1
        actions = np.zeros(world.num_envs, np.int64)
        suggested: Actions | None = None
        for index, name in enumerate(self.names):
            mine = self._playing == index
            if not mine.any():
                continue
            policy = self._policies[name]
            if isinstance(policy, Expert | NoisyExpert):
                # Suggestions may cost a search: ask once a tick for both.
                suggested = self._expert.act(world) if suggested is None else suggested
                chosen = policy.disturb(world, suggested) if isinstance(policy, NoisyExpert) else suggested
            else:
                chosen = policy.act(world)
            actions[mine] = chosen[mine]
        return actions

    def _begin(self, world: SimulatedWorld) -> None:
        shares = self.shares or world.policy_shares or MIX
        self.names = list(shares)
        self._shares = np.array(list(shares.values())) / sum(shares.values())
        self._policies = {name: make_policy(name, self.rng) for name in self.names}
        self._playing, self._left = np.zeros((2, world.num_envs), np.int64)


def make_policy(name: str, rng: np.random.Generator) -> Policy:
    """A fresh policy by name. Raises BadInput on an unknown one."""
    kinds: dict[str, Any] = {
        "random": Random,
        "sticky": Sticky,
        "hold": lambda rng: Sticky(rng, mean_ticks=40.0),
        "biased": Biased,
        "scripted": Scripted,
        "expert": Expert,
        "noisy_expert": NoisyExpert,
        "mixture": Mixture,
    }
    if name not in kinds:
        raise BadInput(f"{name}: policy: expected one of {', '.join(kinds)}")
    return cast(Policy, kinds[name](rng))
