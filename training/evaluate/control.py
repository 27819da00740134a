"""Whether keys matter as they should. Owns the counterfactual, where from one moment the truth steps every action, and
what is lost by pressing other keys than the recorded ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.evaluate.fidelity import Colours, Floats, psnr_db
from training.evaluate.footage import Clip, Moment, Pictures, world_at
from training.evaluate.interval import bootstrap
from training.evaluate.known import sight_of
from training.evaluate.neural_world import Playable, each
from training.worlds.registry import world_class

TICKS = 4  # that each action is held


@dataclass(frozen=True)
class Counterfactual:
    """The frame uint8 [H,W] of a moment, and what comes of holding each action: uint8 [actions,TICKS,H,W], true and
    made."""

    start: Pictures
    truth: Pictures
    made: Pictures


def measure_control(
    playable: Playable, world_name: str, moments: Sequence[Moment]
) -> tuple[dict[str, Any], list[Counterfactual]]:
    """Where the true pictures of the actions differ: is the made clip nearest to the pressed action's?

    Actions with the same true pictures (a blocked way, a jump in the air) are one outcome. `chance` is what a model
    that draws an action blindly would reach, `chance_uniform` one in the number of actions.
    """
    states = each(playable, lambda world, number, moment: _one_moment(world, world_name, moment, number), moments)
    sums = np.stack([_score(state) for state in states]) if states else np.zeros((0, 3))
    right, tried, chance = sums.sum(0)
    figures = {
        "counterfactual": float(right / tried) if tried else None,
        "chance": float(chance / tried) if tried else None,
        "chance_uniform": 1 / len(world_class(world_name).actions),
        "states": int((sums[:, 1] > 0).sum()),
        "states_without_effect": int((sums[:, 1] == 0).sum()),
        "presses": int(tried),
        "ticks": TICKS,
        "intervals": {"counterfactual": bootstrap(sums, lambda s: s[..., 0] / np.maximum(s[..., 1], 1))},
    }
    return figures, states


def _one_moment(playable: Playable, world_name: str, moment: Moment, rng_seed: int) -> Counterfactual:
    truth = true_clips(world_name, moment)
    playable.begin(moment, rng_seed)
    start = playable.save()
    made = np.empty_like(truth)
    for action in range(len(truth)):
        playable.restore(start)
        made[action] = [playable.step(action) for _ in range(TICKS)]
    return Counterfactual(moment.frames[-1], truth, made)


def _score(state: Counterfactual) -> Floats:
    """[right, presses, expected right by chance], all zero where no action has an effect."""
    sums: Floats = np.zeros(3)
    differs = (state.truth != state.truth[:1]).any(0)
    if not differs.any():
        return sums
    outcomes = state.truth[:, differs]
    for action, made in enumerate(state.made):
        distance = (made[differs] != outcomes).sum(1)
        alike = (outcomes == outcomes[action]).all(1)
        others = distance[~alike]
        sums += bool(not len(others) or distance[action] < others.min()), 1, alike.mean()
    return sums


def true_clips(world_name: str, moment: Moment) -> Pictures:
    """What the simulator shows when each action is held: uint8 [actions,TICKS,H,W]."""
    actions = len(world_class(world_name).actions)
    world = world_at(world_name, [moment] * actions)
    held = np.arange(actions)
    return np.stack([world.step(held)[0] for _ in range(TICKS)], axis=1)


def measure_other_keys(
    playable: Playable, world_name: str, colours: Colours, clips: Sequence[Clip], made: Sequence[Pictures], seed: int
) -> dict[str, Any]:
    """PSNR on the known region after four ticks: with the recorded actions (`made`) less that with random ones."""
    sums: Floats = np.zeros((len(clips), 3))  # squared error with the recorded actions, with random ones, pixels
    rng, actions = np.random.default_rng([seed, 4]), len(world_class(world_name).actions)
    for row, clip, recorded, number in zip(sums, clips, made, range(len(clips)), strict=True):
        true = clip.frames[TICKS - 1]
        known = sight_of(world_name).known(clip.notes[0], clip.notes[TICKS])
        playable.begin(clip.moment, number)
        other = [playable.step(int(action)) for action in rng.integers(actions, size=TICKS)][-1]
        for column, got in enumerate((recorded[TICKS - 1], other)):
            row[column] = colours.squared_error(got, true)[known].sum()
        row[2] = known.sum()

    def gain(pooled: Floats) -> Floats:
        return psnr_db(pooled[..., 0], pooled[..., 2]) - psnr_db(pooled[..., 1], pooled[..., 2])

    return {"delta_psnr_db": float(gain(sums.sum(0))), "intervals": {"delta_psnr_db": bootstrap(sums, gain)}}
