from __future__ import annotations

import numpy as np
import pytest
import torch

from training.dynamics_stage import load_dynamics
from training.evaluate.footage import Moment, find_moments
from training.evaluate.teacher_world import TeacherWorld
from training.run import PICTURE, Run
from training.teacher_stage import begin_as
from training.tokenizer_stage import load_tokenizer


@pytest.fixture
def world(begun_run: Run) -> TeacherWorld:
    tokenizer = load_tokenizer(begun_run.preset, PICTURE, begun_run.folder)
    torch.manual_seed(0)
    return TeacherWorld(tokenizer, begin_as(load_dynamics(begun_run.preset, tokenizer, 5, begun_run.folder)), 2, 0.1)


@pytest.fixture(scope="module")
def moment() -> Moment:
    return find_moments("puzzle", 1, 5, "choose")[0]


def test_the_same_seed_plays_the_same_and_a_saved_state_is_gone_back_to(world: TeacherWorld, moment: Moment) -> None:
    world.begin(moment, 3)
    first = [world.step(action) for action in (1, 2)]
    saved = world.save()
    then = [world.step(action) for action in (3, 4)]
    world.restore(saved)
    assert all(np.array_equal(one, world.step(action)) for one, action in zip(then, (3, 4), strict=True))
    world.begin(moment, 3)
    assert all(np.array_equal(one, world.step(action)) for one, action in zip(first, (1, 2), strict=True))


def test_a_true_frame_takes_the_place_of_the_predicted_one(world: TeacherWorld, moment: Moment) -> None:
    world.begin(moment, 3)
    shown = world.step(1)
    assert world.observe(shown) >= 0.9
    assert 0 <= world.observe(moment.frames[0]) <= 1
    again = world.reconstruct(moment.frames[0])
    world.begin(moment, 3)
    assert again.shape == shown.shape == (128, 128)
    assert (again == moment.frames[0]).mean() > 0.5
