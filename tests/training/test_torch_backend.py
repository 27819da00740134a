"""torch as a backend: what it gives is what the module computes, its state rolls and can be handed on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.session import Session
from models.actions import Action
from training.torch_backend import TorchBackend
from training.torch_bench import _step_maker


def test_steps_are_those_of_the_module(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    manifest = checkpoint.manifest
    step = _step_maker(manifest, "tiny", None)()
    backend = TorchBackend(checkpoint, step, torch.device("cpu"), compiled=False)
    backend.warm_up()
    assert backend.info.name == "torch eager" and backend.info.on_cpu
    assert all((array == 0).all() for array in backend.get_state().values())
    state = [torch.zeros(spec.shape, dtype=getattr(torch, spec.dtype)) for spec in manifest.state]
    chance = np.random.default_rng(0)
    for action in (1, 2, 0):
        tokens = chance.integers(0, manifest.codebook, manifest.tokens)
        noise = chance.random(manifest.tokens, np.float32)
        got = backend.step(tokens, action, noise)
        with torch.inference_mode():
            given = (torch.from_numpy(tokens[None]), torch.tensor([action]), torch.from_numpy(noise[None]))
            wanted, picture, _, *state = step(*given, *state)
        assert np.array_equal(got.tokens, wanted[0].numpy()) and np.array_equal(got.picture, picture[0].numpy())
    assert all(np.array_equal(a, b.numpy()) for a, b in zip(backend.get_state().values(), state, strict=True))


def test_a_session_goes_over_to_another_backend(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    step = _step_maker(checkpoint.manifest, "tiny", None)()
    session = Session(checkpoint, TorchBackend(checkpoint, step, torch.device("cpu"), compiled=False))
    session.reset(0, 1)
    session.step(Action.RIGHT)
    state = session.backend.get_state()
    session.hand_over(OnnxBackend(checkpoint, 1))
    assert all(np.array_equal(session.backend.get_state()[name], array) for name, array in state.items())
    assert session.step(Action.RIGHT).index == 2
