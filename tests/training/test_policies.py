"""Policies cover the action space and repeat with their generator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.manifest import BadInput
from training.policies import MIX, Mixture, NoisyExpert, Policy, Scripted, Sticky, make_policy
from training.worlds.puzzle import WIPE, PuzzleWorld
from training.worlds.registry import WORLDS, make_world

NAMES = [*MIX, "mixture"]


@pytest.fixture
def world(toy: Any) -> Any:
    made = make_world("toy", 16)
    made.reset(seed=0)
    return made


def play(policy: Policy, world: Any, ticks: int) -> np.ndarray:
    """Actions int64 [T,N]."""
    played = []
    for _ in range(ticks):
        actions = policy.act(world)
        played.append(actions.copy())
        world.step(actions)
    return np.stack(played)


def mean_hold(played: np.ndarray) -> float:
    changes = (played[1:] != played[:-1]).mean()
    return float(1 / changes)


@pytest.mark.parametrize("name", NAMES)
def test_same_generator_same_play(name: str, world: Any) -> None:
    runs = []
    for _ in range(2):
        world.reset(seed=0)
        runs.append(play(make_policy(name, np.random.default_rng(3)), world, 60))
    assert np.array_equal(*runs)
    assert runs[0].dtype == np.int64 and runs[0].shape == (60, 16)
    assert runs[0].min() >= 0 and runs[0].max() < len(world.actions)


@pytest.mark.parametrize("name", ["random", "sticky", "hold", "biased", "noisy_expert", "mixture"])
def test_every_action_is_played(name: str, world: Any) -> None:
    played = play(make_policy(name, np.random.default_rng(0)), world, 600)
    assert set(np.unique(played)) == set(range(len(world.actions)))


def test_sticky_holds(world: Any) -> None:
    # A redraw repeats the action one time in five, so a hold seems 5/4 as long as it is.
    rng = np.random.default_rng(0)
    assert mean_hold(play(Sticky(rng), world, 1500)) == pytest.approx(10.0, rel=0.1)
    assert mean_hold(play(make_policy("random", rng), world, 300)) == pytest.approx(1.25, rel=0.05)


def test_expert_does_what_the_world_suggests(world: Any) -> None:
    rng = np.random.default_rng(0)
    policy = make_policy("expert", rng)
    assert np.array_equal(policy.act(world), world.suggest(rng))


def test_noisy_expert_departs_in_bursts(world: Any) -> None:
    rng = np.random.default_rng(0)
    policy = NoisyExpert(rng)
    astray = []
    for _ in range(1500):
        suggested = world.suggest(rng)
        astray.append(policy.act(world) != suggested)
    assert 0.1 < np.mean(astray) < 0.25


def test_scripts_are_played_in_order(world: Any) -> None:
    played = play(Scripted(np.random.default_rng(0)), world, 30)
    right, left = 2, 1
    loops = {tuple(np.roll([right] * 3 + [left] * 2, -shift)) for shift in range(5)}
    for copy in range(world.num_envs):
        assert tuple(played[:5, copy]) in loops
        assert np.array_equal(played[:25, copy], played[5:, copy])
    assert len({tuple(column) for column in played.T}) > 1


def test_mixture_gives_each_policy_its_share(world: Any) -> None:
    rng = np.random.default_rng(0)
    # Told apart by what they do: the script never goes down or up, the expert never right.
    policy = Mixture(rng, {"scripted": 0.75, "expert": 0.25}, stretch=(20, 40))
    played = play(policy, world, 1500)
    assert np.mean(played == 2) == pytest.approx(0.75 * 3 / 5, abs=0.05)
    assert all((played[:, copy] == 2).any() and (played[:, copy] == 3).any() for copy in range(world.num_envs))


def test_a_world_has_a_mixture_of_its_own() -> None:
    """A new board comes in while a sixth of the puzzle's data is played; by the usual mixture, a twentieth."""
    world = PuzzleWorld(32)
    wiping = {}
    for shares in (None, MIX):
        world.reset(seed=0)
        policy = Mixture(np.random.default_rng(0), shares)
        counted = []
        for _ in range(900):
            world.step(policy.act(world))
            counted.append((world.state.phase == WIPE).mean())
        wiping[shares is None] = np.mean(counted)
    assert wiping[True] > 0.12 and wiping[True] > 2 * wiping[False]


def test_unknown_names() -> None:
    with pytest.raises(BadInput, match="chess: world: expected one of"):
        make_world("chess", 1)
    with pytest.raises(BadInput, match="best: policy: expected one of random"):
        make_policy("best", np.random.default_rng(0))


def test_known_worlds() -> None:
    assert {"platformer", "puzzle"} <= set(WORLDS)
