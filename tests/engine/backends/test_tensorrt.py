"""The TensorRT backend on a scripted card: buffers, turns of the state, graphs, failures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from engine.backends.base import BackendFailed, OutOfDeviceMemory
from engine.backends.onnx import OnnxBackend
from engine.backends.tensorrt import TensorRtBackend
from engine.checkpoint import Checkpoint
from engine.session import Session
from models.actions import Action

ZEROS, QUIET = np.zeros(16, np.int64), np.zeros(16, np.float32)


@pytest.fixture(params=[True, False], ids=["graphs", "no graphs"])
def scripted(request: pytest.FixtureRequest, checkpoint: Checkpoint, device: Any, make_program: Any) -> TensorRtBackend:
    backend = TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", request.param)
    backend.warm_up()
    return backend


def test_every_frame_is_the_cpus(scripted: TensorRtBackend, checkpoint: Checkpoint) -> None:
    sessions = [Session(checkpoint, backend) for backend in (scripted, OnnxBackend(checkpoint, 1))]
    for session in sessions:
        session.reset(1, 5)
    for action in [Action.RIGHT, Action.JUMP, Action.NOOP, Action.LEFT] * 5:
        mine, cpus = (session.step(action) for session in sessions)
        assert np.array_equal(mine.tokens, cpus.tokens) and np.array_equal(mine.pixels, cpus.pixels)
        assert mine.entropy == cpus.entropy


def test_warm_up_and_reset_leave_zero(scripted: TensorRtBackend) -> None:
    assert all((array == 0).all() for array in scripted.get_state().values())
    for _ in range(3):
        scripted.step(ZEROS, 1, QUIET)
    assert scripted.get_state()["counter"] == 3
    scripted.reset()
    assert all((array == 0).all() for array in scripted.get_state().values())


def test_a_step_is_one_launch(checkpoint: Checkpoint, device: Any, make_program: Any) -> None:
    backend = TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", True)
    backend.warm_up()
    before = device.calls.copy()
    for _ in range(4):
        backend.step(ZEROS, 1, QUIET)
    assert device.calls - before == {"launch": 4, "synchronize": 4}


def test_state_goes_to_the_cpu_and_back(scripted: TensorRtBackend, checkpoint: Checkpoint) -> None:
    cpu = OnnxBackend(checkpoint, 1)
    for _ in range(3):
        scripted.step(ZEROS + 1, 2, QUIET)
    cpu.set_state(scripted.get_state())
    wanted = scripted.step(ZEROS, 1, QUIET).tokens
    assert np.array_equal(cpu.step(ZEROS, 1, QUIET).tokens, wanted)
    scripted.set_state(cpu.get_state())
    assert np.array_equal(scripted.step(ZEROS, 1, QUIET).tokens, cpu.step(ZEROS, 1, QUIET).tokens)
    with pytest.raises(ValueError, match="state"):
        scripted.set_state({})


def test_outputs_belong_to_the_caller(scripted: TensorRtBackend) -> None:
    first = scripted.step(ZEROS, 1, QUIET)
    tokens, picture = first.tokens.copy(), first.picture.copy()
    for action in (2, 3, 4):
        scripted.step(ZEROS, action, QUIET)
    assert np.array_equal(first.tokens, tokens) and np.array_equal(first.picture, picture)


def test_pictures_are_encoded_on_the_cpu(scripted: TensorRtBackend) -> None:
    out = scripted.step(np.arange(16) % 8, 3, QUIET)
    assert np.array_equal(scripted.encode(out.picture), out.tokens)


def test_a_step_that_fails_leaves_the_state_before_it(
    checkpoint: Checkpoint, make_device: Any, make_program: Any
) -> None:
    device = make_device()
    backend = TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", True)
    backend.warm_up()
    backend.step(ZEROS, 1, QUIET)
    device.fails["launch"] = (device.calls["launch"] + 1, BackendFailed("CUDA: the card fell off the bus"))
    with pytest.raises(BackendFailed, match="off the bus"):
        backend.step(ZEROS, 1, QUIET)
    assert backend.get_state()["counter"] == 1


def test_no_memory_is_told_at_once(checkpoint: Checkpoint, make_device: Any, make_program: Any) -> None:
    device = make_device({"allocate": (3, OutOfDeviceMemory("CUDA: Malloc: out of memory"))})
    with pytest.raises(OutOfDeviceMemory):
        TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", True)


def test_info_and_memory(scripted: TensorRtBackend, device: Any) -> None:
    info = scripted.info
    assert (info.name, info.version, info.device, info.instruction_set) == (
        "tensorrt",
        "TensorRT 1",
        "Scripted RTX 3060",
        "sm_86",
    )
    assert not info.on_cpu and scripted.memory > 1 << 20
    waits = device.calls["synchronize"]
    scripted.close()
    assert device.closed and device.calls["synchronize"] == waits + 1  # for what may still read from the engine


def test_a_card_that_answers_no_more_is_closed_all_the_same(
    checkpoint: Checkpoint, device: Any, make_program: Any
) -> None:
    backend = TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", True)
    device.fails["synchronize"] = (1, BackendFailed("CUDA: StreamSynchronize: unspecified launch failure"))
    backend.close()
    assert device.closed


def test_a_step_runs_plainly_before_it_is_recorded(checkpoint: Checkpoint, device: Any, make_program: Any) -> None:
    """With the very addresses: what a library sets up for new ones can't be recorded."""
    told: list[Any] = []

    class Program(make_program):  # type: ignore[misc]  # a fixture's class
        def bind(self, addresses: Any) -> None:
            told.append(dict(addresses))
            super().bind(addresses)

    class Device:
        def __getattr__(self, name: str) -> Any:
            return getattr(device, name)

        def capture(self, work: Any) -> Any:
            told.append("capture")
            return device.capture(work)

        def synchronize(self) -> None:
            told.append("done")
            device.synchronize()

    TensorRtBackend(checkpoint, Device(), Program(device, checkpoint), "TensorRT 1", True).warm_up()
    recorded = [number for number, what in enumerate(told) if what == "capture"]
    assert len(recorded) == 2
    for number in recorded:
        before, done, _, within = told[number - 2 : number + 2]
        assert before == within and done == "done"
    assert told[recorded[0] + 1] != told[recorded[1] + 1]


def test_half_a_recording_is_none(checkpoint: Checkpoint, make_device: Any, make_program: Any) -> None:
    device = make_device({"capture": (2, BackendFailed("CUDA: GraphInstantiate: not supported"))})
    backend = TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", True)
    backend.warm_up()
    backend.step(ZEROS, 1, QUIET)
    assert backend.info.note.startswith("no CUDA graph (") and not device.calls["launch"]


def test_a_library_that_cannot_be_recorded_still_plays(
    checkpoint: Checkpoint, make_device: Any, make_program: Any
) -> None:
    device = make_device({"capture": (1, BackendFailed("CUDA: StreamEndCapture: not permitted"))})
    backend = TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", True)
    backend.warm_up()
    assert backend.info.note == "no CUDA graph (CUDA: StreamEndCapture: not permitted)"
    assert (backend.step(ZEROS, 1, QUIET).tokens == 1).all() and backend.get_state()["counter"] == 1
