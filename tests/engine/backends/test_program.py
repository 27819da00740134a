"""Loading engines: without a card the library refuses in words; with one, a step is that of the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.backends.base import Backend, BackendFailed
from engine.backends.choice import make_backend
from engine.backends.engine_cache import EngineCache
from engine.backends.library import Library
from engine.backends.opening import Parts, open_tensorrt
from engine.backends.program import EngineProgram
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint, bundled_worlds, load_checkpoint
from engine.measuring.memory import list_cards
from training import half_parity
from training.half_parity import HalfParity


@pytest.mark.skipif(bool(list_cards()), reason="a card is here")
@pytest.mark.parametrize("engine", [b"", b"no engine", bytes(5000)])
def test_what_does_not_load_is_one_line(library: Library, engine: bytes) -> None:
    with pytest.raises(BackendFailed, match=r"loads no such engine: .+") as error:
        EngineProgram(library, engine)
    assert "\n" not in str(error.value)


def _parity(checkpoint: Checkpoint, backend: Backend, frames: int, monkeypatch: pytest.MonkeyPatch) -> HalfParity:
    """What `dreamcade-train parity` measures, with `backend` in the place of the emulated half-precision graph."""

    def step(tokens: Any, action: int, noise: Any, state: dict[str, Any]) -> tuple[Any, Any]:
        backend.set_state(state)
        out = backend.step(tokens, action, noise)
        return out.tokens, out.picture

    monkeypatch.setattr(half_parity, "_half_step", lambda checkpoint, threads: step)
    return half_parity.measure_half(checkpoint.folder, frames)


def test_parity_is_measured_on_the_backend(
    checkpoint: Checkpoint, scripted_parts: Any, device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_tensorrt(checkpoint, parts=scripted_parts(device).parts).backend
    launches = device.calls["launch"]
    parity = _parity(checkpoint, backend, 20, monkeypatch)
    assert (parity.tokens, parity.pixels, device.calls["launch"] - launches) == (1, 1, 20)


@pytest.mark.gpu
@pytest.mark.parametrize("folder", bundled_worlds(), ids=lambda folder: folder.name)
def test_a_shipped_world_on_this_card(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the CPU's own states, as many of the next tokens agree as the export asks for."""
    checkpoint = load_checkpoint(folder)
    parts = Parts(cache=EngineCache(tmp_path))
    choice = make_backend(checkpoint, BackendWish(BackendName.TENSORRT), parts=parts)
    assert choice.problem is None
    parity = _parity(checkpoint, choice.backend, half_parity.FRAMES, monkeypatch)
    print(parity)
    assert parity.holds and choice.backend.info.name == "tensorrt"
    assert make_backend(checkpoint, BackendWish(BackendName.TENSORRT), parts=parts).problem is None  # from the cache
