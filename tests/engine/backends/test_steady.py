"""Going on elsewhere: the next frame continues from the same tokens and state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engine.backends.base import Backend, BackendFailed, OutOfDeviceMemory
from engine.backends.onnx import OnnxBackend
from engine.backends.steady import KEEP_EVERY, SteadyBackend
from engine.backends.tensorrt import TensorRtBackend
from engine.checkpoint import Checkpoint
from engine.session import Session
from models.actions import Action

LOST = BackendFailed("CUDA: the card fell off the bus")
SHORT = OutOfDeviceMemory("CUDA: Malloc: out of memory")
PLAY = [Action.RIGHT, Action.JUMP, Action.NOOP, Action.LEFT, Action.RIGHT_JUMP]


@pytest.fixture
def make_steady(checkpoint: Checkpoint, make_device: Any, make_program: Any) -> Callable[..., Any]:
    """A steady backend on a scripted card, and that card."""

    def make(spare: Callable[[BackendFailed], Backend] | None = None) -> tuple[SteadyBackend, Any]:
        device = make_device()
        first = TensorRtBackend(checkpoint, device, make_program(device, checkpoint), "TensorRT 1", True)
        first.warm_up()
        return SteadyBackend(first, spare or (lambda error: OnnxBackend(checkpoint, 1, str(error)))), device

    return make


@pytest.mark.parametrize("survives", [True, False], ids=["state can be read", "state is lost"])
@pytest.mark.parametrize("at", [1, KEEP_EVERY - 5, KEEP_EVERY + 9, 3 * KEEP_EVERY])
def test_a_session_goes_on_from_its_last_frame(
    checkpoint: Checkpoint, make_steady: Any, survives: bool, at: int
) -> None:
    steady, device = make_steady()
    session, untroubled = Session(checkpoint, steady), Session(checkpoint, OnnxBackend(checkpoint, 1))
    session.reset(2, 9)
    untroubled.reset(2, 9)
    for number in range(at + 40):
        if number == at:
            device.fails["launch"] = (1, LOST)
            if not survives:
                device.fails["download"] = (1, LOST)
        action = PLAY[number % len(PLAY)]
        assert np.array_equal(session.step(action).tokens, untroubled.step(action).tokens)
    assert session.backend.info.name == "onnx" and "off the bus" in session.backend.info.note
    assert device.closed


def test_a_reset_forgets_what_was_before(checkpoint: Checkpoint, make_steady: Any) -> None:
    steady, device = make_steady()
    session, untroubled = Session(checkpoint, steady), Session(checkpoint, OnnxBackend(checkpoint, 1))
    for _ in range(2):
        for one in (session, untroubled):
            one.reset(1, 3)
        for number in range(KEEP_EVERY + 3):
            action = PLAY[number % len(PLAY)]
            assert np.array_equal(session.step(action).tokens, untroubled.step(action).tokens)
    session.reset(0, 1)
    untroubled.reset(0, 1)
    device.fails = {"launch": (1, LOST), "download": (1, LOST)}
    assert np.array_equal(session.step(Action.JUMP).tokens, untroubled.step(Action.JUMP).tokens)


def test_a_state_that_was_set_survives_too(checkpoint: Checkpoint, make_steady: Any) -> None:
    steady, device = make_steady()
    tokens, noise = np.zeros(16, np.int64), np.zeros(16, np.float32)
    state = steady.get_state()
    state["counter"][...] = 5
    steady.set_state(state)
    device.fails = {"launch": (1, LOST), "download": (1, LOST)}
    assert (steady.step(tokens, 0, noise).tokens == 5).all()


def test_where_nothing_is_left_the_failure_is_told(make_steady: Any) -> None:
    def nothing(error: BackendFailed) -> Backend:
        raise error

    steady, device = make_steady(nothing)
    device.fails["launch"] = (1, LOST)
    with pytest.raises(BackendFailed, match="off the bus"):
        steady.step(np.zeros(16, np.int64), 0, np.zeros(16, np.float32))
    assert device.closed
    for use in (steady.get_state, steady.reset, lambda: steady.encode(np.zeros((32, 32), np.uint8))):
        with pytest.raises(BackendFailed, match=r"nothing is left to play on: .*off the bus"):
            use()  # and not on the closed card, which would tell
    steady.close()


@pytest.mark.parametrize("survives", [True, False], ids=["state can be read", "state is lost"])
def test_one_that_fails_while_it_takes_over_is_passed_over(
    checkpoint: Checkpoint, make_steady: Any, make_device: Any, make_program: Any, survives: bool
) -> None:
    second = make_device()

    def spare(error: BackendFailed) -> Backend:
        if second.closed:
            return OnnxBackend(checkpoint, 1, str(error))
        backend = TensorRtBackend(checkpoint, second, make_program(second, checkpoint), "TensorRT 1", True)
        backend.warm_up()
        second.fails = {"upload" if survives else "launch": (1, SHORT)}
        return backend

    steady, device = make_steady(spare)
    session, untroubled = Session(checkpoint, steady), Session(checkpoint, OnnxBackend(checkpoint, 1))
    for one in (session, untroubled):
        one.reset(2, 9)
    for number in range(20):
        if number == 7:
            device.fails = {"launch": (1, LOST)} if survives else {"launch": (1, LOST), "download": (1, LOST)}
        action = PLAY[number % len(PLAY)]
        assert np.array_equal(session.step(action).tokens, untroubled.step(action).tokens)
    assert device.closed and second.closed and session.backend.info.note == str(SHORT)
