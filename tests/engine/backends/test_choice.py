"""Which backend plays, and what is said about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.backends.base import BackendFailed, NoCard, OutOfDeviceMemory
from engine.backends.choice import Choice, make_backend
from engine.backends.engine_cache import EngineCache
from engine.backends.library import Library
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint
from engine.session import Session
from models.actions import Action

SHORT = OutOfDeviceMemory("CUDA: Malloc: out of memory")


def _raise(error: Exception) -> Any:
    raise error


def _plays(checkpoint: Checkpoint, choice: Choice) -> bool:
    session = Session(checkpoint, choice.backend)
    session.reset(0, 0)
    return session.step(Action.RIGHT).tokens.shape == (16,)


def test_onnx_when_asked_for(checkpoint: Checkpoint) -> None:
    choice = make_backend(checkpoint, BackendWish(BackendName.ONNX, threads=1))
    assert choice.problem is None and choice.backend.info.name == "onnx" and choice.backend.info.note == ""


def test_tensorrt_where_all_is_here(checkpoint: Checkpoint, scripted_parts: Any) -> None:
    for name in (BackendName.AUTO, BackendName.TENSORRT):
        choice = make_backend(checkpoint, BackendWish(name), parts=scripted_parts().parts)
        assert choice.problem is None and choice.backend.info.name == "tensorrt" and _plays(checkpoint, choice)


@pytest.mark.parametrize(
    ("what", "error"),
    [
        ("make_device", NoCard("no NVIDIA driver is running here")),
        ("find_library", BackendFailed("TensorRT is not installed: `pip install dreamcade[rtx]`")),
        ("make_program", BackendFailed("TensorRT 1 loads no such engine: damaged")),
        ("make_device", BackendFailed("CUDA: GetDeviceCount: unknown error")),
    ],
)
@pytest.mark.parametrize("name", [BackendName.AUTO, BackendName.TENSORRT])
def test_whatever_fails_the_cpu_plays_and_says_why(
    checkpoint: Checkpoint, scripted_parts: Any, what: str, error: Exception, name: BackendName
) -> None:
    parts = replace(scripted_parts().parts, **{what: lambda *given: _raise(error)})
    choice = make_backend(checkpoint, BackendWish(name, threads=1), parts=parts)
    assert choice.backend.info.name == "onnx" and _plays(checkpoint, choice)
    assert choice.backend.info.note == f"no TensorRT: {error}"
    if name is BackendName.AUTO and isinstance(error, NoCard):
        assert choice.problem is None
    else:
        assert choice.problem == f"no TensorRT: {error}; the CPU plays" and choice.stands_in


def test_what_went_otherwise_on_the_card_is_told(
    checkpoint: Checkpoint, scripted_parts: Any, make_device: Any, cache: EngineCache
) -> None:
    """It plays there, so nothing stands in; but the player hears why a start was slow or memory is short."""
    make_backend(checkpoint, parts=scripted_parts().parts)
    for path in cache.folder.iterdir():
        path.write_bytes(b"")
    choice = make_backend(checkpoint, parts=scripted_parts().parts)
    assert choice.problem is not None and choice.problem.startswith("made anew: ") and not choice.stands_in
    choice = make_backend(checkpoint, parts=scripted_parts(make_device({"allocate": (1, SHORT)})).parts)
    assert choice.problem == "memory is short: a smaller workspace" and not choice.stands_in


def test_this_machine_plays_whatever_it_has(checkpoint: Checkpoint) -> None:
    for name in BackendName:
        assert _plays(checkpoint, make_backend(checkpoint, BackendWish(name, threads=1)))


def test_an_unsupported_chip(checkpoint: Checkpoint, scripted_parts: Any, make_device: Any) -> None:
    device = make_device()
    device.card = replace(device.card, name="An old card", capability=(6, 1))
    choice = make_backend(checkpoint, BackendWish(threads=1), parts=scripted_parts(device).parts)
    assert choice.problem is not None and "compute capability 6.1" in choice.problem
    assert _plays(checkpoint, choice) and device.closed


def test_a_limit_that_is_too_low(checkpoint: Checkpoint, scripted_parts: Any) -> None:
    wish = BackendWish(threads=1, vram_limit=1 << 20)
    choice = make_backend(checkpoint, wish, parts=scripted_parts().parts)
    assert choice.problem is not None and "the limit is 1 MiB" in choice.problem


@pytest.fixture
def played(checkpoint: Checkpoint, scripted_parts: Any) -> Callable[..., Any]:
    """A session beside an untroubled one, and the cards that it was given."""

    def play(*devices: Any) -> Any:
        seen = scripted_parts(*devices)
        sessions = [
            Session(checkpoint, make_backend(checkpoint, wish, parts=seen.parts).backend)
            for wish in (BackendWish(threads=1), BackendWish(BackendName.ONNX, threads=1))
        ]
        for session in sessions:
            session.reset(0, 3)
        return *sessions, seen

    return play


def _step_both(mine: Session, cpus: Session, steps: int) -> None:
    for number in range(steps):
        action = (Action.RIGHT, Action.JUMP, Action.NOOP)[number % 3]
        assert np.array_equal(mine.step(action).tokens, cpus.step(action).tokens)


def test_out_of_memory_in_play_steps_down_and_goes_on(played: Any, make_device: Any) -> None:
    mine, cpus, seen = played(make_device())
    _step_both(mine, cpus, 5)
    seen.devices[0].fails["launch"] = (1, SHORT)
    _step_both(mine, cpus, 5)
    info = mine.backend.info
    assert info.name == "tensorrt" and info.note == f"memory is short: no CUDA graph ({SHORT})"
    assert seen.devices[0].closed and not seen.devices[1].calls["capture"]
    assert [engine for engine, _ in seen.loaded] == 2 * [seen.loaded[0][0]]  # the engine is the same: nothing is built
    seen.devices[1].fails["enqueue"] = (1, SHORT)
    _step_both(mine, cpus, 5)
    assert mine.backend.info.name == "onnx" and mine.backend.info.note == f"TensorRT stopped: {SHORT}"
    assert len(seen.devices) == 2


def test_play_never_waits_for_a_build(played: Any, make_device: Any, cache: EngineCache) -> None:
    mine, cpus, seen = played(make_device())
    _step_both(mine, cpus, 5)
    cache.clear()
    seen.devices[0].fails["launch"] = (1, SHORT)
    _step_both(mine, cpus, 5)
    assert mine.backend.info.name == "onnx" and "building one would halt play" in mine.backend.info.note


def test_a_second_card_that_fails_on_the_way_leads_to_the_cpu(played: Any, make_device: Any) -> None:
    """It warms up, but not even the steps that bring the state back succeed."""
    waiting = make_device()
    mine, cpus, seen = played(make_device(), waiting)
    _step_both(mine, cpus, 5)
    seen.devices[0].fails = {"launch": (1, SHORT), "download": (1, SHORT)}  # the state is lost
    waiting.fails["enqueue"] = (7, SHORT)  # six of warming up
    _step_both(mine, cpus, 5)
    assert mine.backend.info.name == "onnx" and waiting.closed


def test_another_failure_in_play_goes_to_the_cpu_at_once(played: Any, make_device: Any) -> None:
    mine, cpus, seen = played(make_device())
    _step_both(mine, cpus, 5)
    seen.devices[0].fails["launch"] = (1, BackendFailed("CUDA: GraphLaunch: unspecified launch failure"))
    _step_both(mine, cpus, 5)
    assert mine.backend.info.note == "TensorRT stopped: CUDA: GraphLaunch: unspecified launch failure"
    assert len(seen.devices) == 1


def test_a_library_that_refuses_the_graph(checkpoint: Checkpoint, scripted_parts: Any, library: Library) -> None:
    class Parser:
        num_errors = 0

        def __init__(self, *given: Any) -> None: ...
        def parse(self, graph: bytes) -> bool:
            return False

    class Module:
        OnnxParser = Parser

        def __getattr__(self, name: str) -> Any:
            return getattr(library.module, name)

    parts = replace(scripted_parts().parts, find_library=lambda: replace(library, module=Module()))
    choice = make_backend(checkpoint, BackendWish(threads=1), parts=parts)
    assert choice.problem is not None and "refuses the graph" in choice.problem and _plays(checkpoint, choice)
