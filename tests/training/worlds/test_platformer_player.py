"""The scripted player gets far, and says the same for the same scene."""

from __future__ import annotations

import numpy as np

from training.worlds.platformer import Platformer


def test_it_runs_on_and_seldom_dies() -> None:
    world, rng = Platformer(24), np.random.default_rng(0)
    world.reset(seed=40)
    deaths = coins = stomps = 0
    for _ in range(360):
        events = world.step(world.suggest(rng))[4]["events"]
        deaths += int(((events & 0b111) != 0).sum())
        coins += int(((events & world.event_bit("coin")) != 0).sum())
        stomps += int(((events & world.event_bit("stomp")) != 0).sum())
    assert world.camera.min() > 300 and world.camera.mean() > 550
    assert deaths <= 4 and coins > 120 and stomps > 10


def test_same_scene_and_generator_same_suggestion() -> None:
    world = Platformer(8)
    world.reset(seed=1)
    rng = np.random.default_rng(1)
    for _ in range(61):
        world.step(world.suggest(rng))
    shot = world.snapshot()
    world.restore(shot)
    one = world.suggest(np.random.default_rng(2))
    world.restore(shot)
    assert (world.suggest(np.random.default_rng(2)) == one).all()
    assert one.dtype == np.int64 and set(one) <= set(range(6))
