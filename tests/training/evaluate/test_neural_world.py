"""What is measured is what ships: the measured world plays as a session does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.session import Session
from training.evaluate.footage import find_moments
from training.evaluate.neural_world import NeuralWorld, NeuralWorlds, Playable, each


def test_it_plays_as_a_session_does(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    backend = OnnxBackend(checkpoint, threads=1)
    moment = find_moments("puzzle", 1, 5)[0]
    actions = [entry.action for entry in checkpoint.manifest.actions]
    neural = NeuralWorld(checkpoint, backend, threads=1)
    neural.begin(moment, rng_seed=6)
    measured = [neural.step(tick % len(actions)) for tick in range(12)]

    tokens = np.stack([backend.encode(frame) for frame in moment.frames])
    same_start = replace(
        checkpoint,
        start_tokens=tokens[None],
        start_actions=moment.actions[None],
        start_pixels=moment.frames[-1][None],
    )
    session = Session(same_start, backend)
    session.reset(0, 6)
    played = [session.step(actions[tick % len(actions)]).pixels for tick in range(12)]
    assert (np.stack(measured) == np.stack(played)).all()


def test_save_and_restore_repeat_and_observe_compares(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    neural = NeuralWorld(checkpoint, OnnxBackend(checkpoint, threads=1), threads=1)
    moment = find_moments("puzzle", 1, 5)[0]
    neural.begin(moment, rng_seed=0)
    saved = neural.save()
    once = [neural.step(1) for _ in range(3)]
    neural.restore(saved)
    assert (np.stack([neural.step(1) for _ in range(3)]) == np.stack(once)).all()
    neural.observe(moment.frames[0])
    assert neural.observe(moment.frames[0]) == 1.0
    assert neural.reconstruct(moment.frames[0]).shape == (128, 128)


def test_where_one_play_fails_the_others_do_not_go_on(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    worlds = NeuralWorlds(checkpoint, [OnnxBackend(checkpoint, threads=1) for _ in range(2)], threads=1)
    moment = find_moments("puzzle", 1, 5)[0]
    begun, ended = Event(), []

    def play(world: Playable, number: int, length: int) -> None:
        world.begin(moment, number)
        if number == 0:
            assert begun.wait(10)
            raise ValueError("no such picture")
        for _ in range(length):
            world.step(0)
            begun.set()
        ended.append(number)

    with pytest.raises(ValueError, match="no such picture"):
        each(worlds, play, [1000] * 3)
    assert begun.is_set() and not ended
