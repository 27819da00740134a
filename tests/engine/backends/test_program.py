"""Loading engines: without a card the library refuses in words; with one, a step is that of the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.backends.base import BackendFailed
from engine.backends.choice import make_backend
from engine.backends.engine_cache import EngineCache
from engine.backends.library import Library
from engine.backends.onnx import OnnxBackend
from engine.backends.opening import Parts
from engine.backends.program import EngineProgram
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import bundled_worlds, load_checkpoint
from engine.measuring.memory import list_cards
from engine.session import Session
from models.actions import Action


@pytest.mark.skipif(bool(list_cards()), reason="a card is here")
@pytest.mark.parametrize("engine", [b"", b"no engine", bytes(5000)])
def test_what_does_not_load_is_one_line(library: Library, engine: bytes) -> None:
    with pytest.raises(BackendFailed, match=r"loads no such engine: .+") as error:
        EngineProgram(library, engine)
    assert "\n" not in str(error.value)


@pytest.mark.gpu
@pytest.mark.parametrize("folder", bundled_worlds(), ids=lambda folder: folder.name)
def test_a_shipped_world_on_this_card(folder: Path, tmp_path: Path) -> None:
    """From the CPU's own states, at least 99.9 % of the next tokens agree."""
    checkpoint = load_checkpoint(folder)
    parts = Parts(cache=EngineCache(tmp_path))
    choice = make_backend(checkpoint, BackendWish(BackendName.TENSORRT), parts=parts)
    assert choice.problem is None
    session = Session(checkpoint, OnnxBackend(checkpoint))
    session.reset(0, 0)
    same = []
    actions = [entry.action for entry in checkpoint.manifest.actions]
    chance = np.random.default_rng(0)
    from engine.noise import frame_noise
    from engine.session import action_indices

    indices = action_indices(checkpoint.manifest)
    for _ in range(300):
        choice.backend.set_state(session.backend.get_state())
        last, action = session.frame.tokens, actions[int(chance.integers(len(actions)))]
        frame = session.step(action)
        noise = frame_noise(0, frame.index, checkpoint.manifest.tokens)
        same.append((choice.backend.step(last, indices[action], noise).tokens == frame.tokens).mean())
    assert np.mean(same) >= 0.999
    assert make_backend(checkpoint, BackendWish(BackendName.TENSORRT), parts=parts).problem is None  # from the cache
    assert session.step(Action.NOOP).index == 301
