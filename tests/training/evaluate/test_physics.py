"""The platformer's physics at their ends: the simulator gets full marks, worlds with a fault fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.evaluate.physics import GONE, KINDS, POSITION_TICK, measure_physics
from training.evaluate.plays import LEAST_MOVING, TICKS, Play, find_plays, follow
from training.worlds.platformer import Platformer


@pytest.fixture(scope="module")
def plays() -> tuple[list[Play], list[Play]]:
    return find_plays(10, 8, seed=13)


def test_plays_are_what_the_simulator_did(plays: tuple[list[Play], list[Play]]) -> None:
    moving, others = plays
    assert len(moving) == 10 and all(play.moving >= LEAST_MOVING and play.alive[0] for play in moving)
    for event in ("stomp", "coin", "death_spike"):
        assert sum(bool(play.ticks_of(event)) for play in [*moving, *others]) >= 3
    for play in [*moving, *others]:
        assert len(play.x) == len(play.events) == TICKS + 1 == len(play.clip.actions) + 1
        assert {cell.tick for cell in play.taken} == set(play.ticks_of("coin"))


def test_the_simulator_gets_full_marks(plays: tuple[list[Play], list[Play]], perfect: Any) -> None:
    """Also for a stomp after which the player dies of something else."""
    stomps = [(play, tick) for play in [*plays[0], *plays[1]] for tick in play.ticks_of("stomp")]
    assert any(play.alive[tick : tick + GONE + 1].all() and not play.alive.all() for play, tick in stomps)
    figures = measure_physics(perfect("platformer"), *plays)
    assert figures["within_2px_16"] == figures["landing"] == figures["outcomes"] == 1.0
    assert figures["lost"] == 0.0
    assert all(figures["counts"][kind] >= 2 for kind in KINDS)
    assert figures["counts"]["moving_ticks"] > 100 and figures["counts"]["landings"] > 3
    assert figures["copy_last"]["within_2px_16"] < 0.3


def test_a_second_beetle_is_not_taken_for_the_one_that_was_stomped(
    plays: tuple[list[Play], list[Play]], perfect: Any
) -> None:
    """Plays in which the one that is stomped is followed by another."""
    stomped = [play for play in plays[1] if len(play.ticks_of("stomp")) == 1 and play.alive.all()]
    followed = [(_followed(play), play.ticks_of("stomp")[0]) for play in stomped]
    told = [
        play
        for play, tick in followed
        if tick + GONE <= TICKS and play.alive[tick : tick + GONE + 1].all() and len(play.ticks_of("stomp")) == 1
    ]
    assert told
    figures = measure_physics(perfect("platformer"), [], told)
    assert figures["stomp"] == 1.0 and figures["counts"]["stomp"] >= len(told)


def _followed(play: Play) -> Play:
    """The same with another beetle, 11 pixels behind the one that is stomped."""
    first = int(np.flatnonzero(play.beetles[0, :, 0] >= 0)[0])
    other = int(np.flatnonzero(play.beetles[0, :, 0] < 0)[0])
    scene = {name: values.copy() for name, values in play.clip.moment.scene.items()}
    for name in ("enemy_x", "enemy_y", "enemy_right", "enemy_state"):
        scene[name][0, other] = scene[name][0, first]
    scene["enemy_x"][0, other] += -11 if scene["enemy_right"][0, first] else 11
    return follow([replace(play.clip, moment=replace(play.clip.moment, scene=scene))])[0]


@pytest.mark.parametrize("fault", ["frozen", "blank", "film"])
def test_worlds_that_only_look_like_one_fail(
    plays: tuple[list[Play], list[Play]], fault: str, request: pytest.FixtureRequest
) -> None:
    figures = measure_physics(request.getfixturevalue(fault)("platformer"), *plays)
    assert figures["within_2px_16"] < 0.6 and figures["outcomes"] < 0.6 and figures["landing"] < 0.6
    assert (figures["lost"] == 1.0) is (fault == "blank")


def test_a_player_who_jumps_too_high_is_noticed(plays: tuple[list[Play], list[Play]], perfect: Any) -> None:
    """The truth in which jumps have another strength."""

    class Lighter(perfect):  # type: ignore[misc]
        def step(self, action: int) -> Any:
            assert isinstance(self.world, Platformer)
            rising = (self.world.beat >= 2) & (self.world.beat <= 6) & (self.world.state == 0)
            self.world.y = self.world.y - 2 * rising
            return super().step(action)

    figures = measure_physics(Lighter("platformer"), *plays)
    jumped = sum(np.ptp(play.y[: POSITION_TICK + 1]) > 8 for play in plays[0])
    assert jumped > 3 and figures["within_2px_16"] < 1.0 and figures["landing"] < 1.0
