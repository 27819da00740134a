"""A scripted player of the platformer that tries a few plans in the simulator and takes the best one's first step.

Owns the choice; refuses noise and mixtures, which policies add outside.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from models.actions import Action
from training.worlds.platformer_levels import BODY_WIDTH, COIN
from training.worlds.platformer_physics import Beetles, Bodies, Flags, Ground, Ints, drowned, meets, move, pricked, walk

HORIZON = 22  # ticks: a full jump and its landing
PATIENCE = 4  # ticks that a chosen plan is followed

# (cost in pixels of progress, (action, ticks)...); the last action goes on to the horizon
_PLANS: tuple[tuple[int, tuple[tuple[Action, int], ...]], ...] = (
    (0, ((Action.RIGHT, HORIZON),)),
    (3, ((Action.RIGHT_JUMP, HORIZON),)),
    (3, ((Action.RIGHT_JUMP, 3), (Action.RIGHT, HORIZON))),
    (2, ((Action.RIGHT, 3), (Action.RIGHT_JUMP, HORIZON))),
    (5, ((Action.LEFT, 2), (Action.RIGHT_JUMP, HORIZON))),
    (3, ((Action.RIGHT_JUMP, 7), (Action.NOOP, HORIZON))),
    (3, ((Action.JUMP, 6), (Action.RIGHT, HORIZON))),
    (4, ((Action.NOOP, HORIZON),)),
    (8, ((Action.LEFT, HORIZON),)),
    (12, ((Action.LEFT_JUMP, HORIZON),)),
)
_DEATH, _COIN, _STOMP = 1000, 3, 12  # pixels of progress that each is worth
_WHIM = 4.0  # spread of taste, so that like scenes aren't always played alike
# Some places want a detour: after so many choices that led no further it is twice as great, then thrice, up to a bound.
_BORED, _MOST_BORED = 3, 45


def _unrolled(plan: tuple[tuple[Action, int], ...]) -> list[Action]:
    return [action for action, ticks in plan for _ in range(ticks)][:HORIZON]


_ACTIONS = [_unrolled(plan) for _, plan in _PLANS]
_STEERS = np.array([[("right" in a.buttons) * 1 - ("left" in a.buttons) * 1 for a in plan] for plan in _ACTIONS])
_JUMPS = np.array([["jump" in a.buttons for a in plan] for plan in _ACTIONS])
_COSTS = np.array([[cost] for cost, _ in _PLANS])


class Planner:
    """Weighs the plans anew every few ticks and follows the chosen ones between; `actions` is the world's own list."""

    def __init__(self, num_envs: int, actions: tuple[Action, ...]) -> None:
        self._chosen = np.zeros(num_envs, np.int64)
        self.forget()
        self._indices = np.array([[actions.index(action) for action in plan] for plan in _ACTIONS])

    def forget(self) -> None:
        """Weigh anew at the next tick: the world was reset or restored."""
        self._age = 0
        # Where the last choice was made, pixels, and how many were in vain.
        self._last, self._vain = np.zeros((2, len(self._chosen)), np.int64)

    def act(self, ground: Ground, bodies: Bodies, beetles: Beetles, rng: np.random.Generator) -> Ints:
        """Actions int64 [N] for this tick."""
        if self._age == 0:
            self._vain = np.clip(self._vain + np.where(bodies.x > self._last, -1, 1), 0, _MOST_BORED)
            self._last = bodies.x.copy()
            self._chosen = _best_plans(ground, bodies, beetles, _WHIM * (1 + self._vain // _BORED), rng)
        action: Ints = self._indices[self._chosen, self._age]
        self._age = (self._age + 1) % PATIENCE
        return action


def _best_plans(
    ground: Ground, bodies: Bodies, beetles: Beetles, whim: npt.NDArray[Any], rng: np.random.Generator
) -> Ints:
    """The best of `_PLANS` for every copy: int64 [N]. `whim` float [N] is how many pixels chance is worth."""
    n, plans = len(bodies.x), len(_PLANS)
    ahead = Bodies(*(np.broadcast_to(part, (plans, n)) for part in vars(bodies).values()))
    alive = np.ones((plans, n), np.bool_)
    gains = rng.random((plans, n)) * whim - _COSTS
    stomped = np.zeros((plans, n, beetles.x.shape[1]), np.bool_)
    for tick in range(HORIZON):
        old_y = ahead.y
        ahead = move(ground, ahead, _STEERS[:, tick : tick + 1], _JUMPS[:, tick : tick + 1])
        beetles = walk(ground, beetles)
        alive &= ~pricked(ground, ahead.x, ahead.y) & ~drowned(ahead.y)
        if tick % 2:  # often enough not to run past a coin
            gains = gains + _COIN * (alive & _over_coin(ground, ahead))
        touch, above = meets(beetles, ahead, old_y)
        touch &= ~stomped
        alive &= ~(touch & ~above).any(2)
        stomped |= touch & above
    gains = gains + _STOMP * stomped.any(2)
    best: Ints = (gains + np.where(alive, ahead.x - bodies.x, -_DEATH)).argmax(0)
    return best


def _over_coin(ground: Ground, bodies: Bodies) -> Flags:
    middle = bodies.x + BODY_WIDTH // 2
    over: Flags = (ground.kinds(middle, bodies.y + 3) == COIN) | (ground.kinds(middle, bodies.y + 10) == COIN)
    return over
