"""What a session plays, against the arithmetic of the predictable world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.frame import tokens_digest
from engine.noise import frame_noise
from engine.session import Session
from engine.time_travel.timeline import Timeline
from models.actions import Action
from models.manifest import BadInput


def predicted(
    starts: dict[str, npt.NDArray[Any]], start: int, rng_seed: int, plays: list[int]
) -> npt.NDArray[np.int64]:
    """Tokens after `plays` (action indices), by hand: the counter stands at C - 1 when the context has been seen."""
    tokens = starts["tokens"][start, -1].copy()
    for index, action in enumerate(plays, start=1):
        count = (starts["tokens"].shape[1] - 1 + index - 1) % 8
        tokens = (tokens + action + count + (frame_noise(rng_seed, index, 16) > 0.5)) % 8
    return tokens


def test_steps_follow_start_seed_actions_and_state(session: Session, starts: dict[str, npt.NDArray[Any]]) -> None:
    plays = [Action.LEFT, Action.RIGHT_JUMP, Action.NOOP, Action.RIGHT] * 5
    numbers = [1, 4, 0, 2] * 5
    for start, seed in ((2, 11), (0, 7), (2, 12)):
        assert np.array_equal(session.reset(start, seed).tokens, starts["tokens"][start, -1])
        for count, action in enumerate(plays, start=1):
            frame = session.step(action)
            assert frame.index == count == session.index
            assert np.array_equal(frame.tokens, predicted(starts, start, seed, numbers[:count]))
            assert frame.tokens_digest == tokens_digest(action, frame.tokens)


def test_context_reaches_the_state(session: Session, starts: dict[str, npt.NDArray[Any]]) -> None:
    session.reset(1, 0)
    assert np.array_equal(session.backend.get_state()["ring"][0], starts["tokens"][1, :3].ravel())
    assert session.backend.get_state()["counter"] == 3


def test_frames_stay_as_they_were(session: Session) -> None:
    frames = [session.step(Action.RIGHT) for _ in range(6)]
    copies = [(frame.tokens.copy(), frame.pixels.copy()) for frame in frames]
    for _ in range(4):
        session.step(Action.LEFT)
    for frame, (tokens, pixels) in zip(frames, copies, strict=True):
        assert np.array_equal(frame.tokens, tokens) and np.array_equal(frame.pixels, pixels)
        with pytest.raises(ValueError, match="read-only"):
            frame.pixels[0, 0] = 1
        with pytest.raises(ValueError, match="read-only"):
            frame.tokens[0] = 1


def test_times_of_a_frame(checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    ticks = iter(range(100))
    session = Session(checkpoint, backend, clock=lambda: float(next(ticks)))
    session.reset(0, 0)
    times = session.step(Action.LEFT, key_time=-3.0).times
    assert (times.taken, times.key_time, times.compute_s) == (2.0, -3.0, 1.0)


def test_unknown_actions_let_buttons_go(session: Session) -> None:
    assert session.known_action(Action.LEFT_JUMP) in (Action.LEFT, Action.JUMP)
    assert session.known_action(Action.RIGHT_JUMP) is Action.RIGHT_JUMP
    assert session.known_action(Action.UP) is Action.NOOP
    assert session.step(Action.UP).action is Action.NOOP


def test_history_holds_every_frame_since_the_reset(session: Session) -> None:
    session.step(Action.LEFT)
    first = session.reset(1, 3)
    frames = [first, session.step(Action.JUMP), session.step(Action.UP)]
    assert list(session.history) == [(frame.action, frame.tokens_digest) for frame in frames]
    assert len(session.history) == 3


@pytest.mark.parametrize(
    ("start", "seed", "field"), [(3, 0, "start"), (-1, 0, "start"), (0, -1, "rng_seed"), (0, 1 << 63, "rng_seed")]
)
def test_bad_reset_is_bad_input_and_changes_nothing(session: Session, start: int, seed: int, field: str) -> None:
    frame = session.step(Action.LEFT)
    with pytest.raises(BadInput, match=f"predictable: {field}: expected"):
        session.reset(start, seed)
    assert session.frame is frame and session.rng_seed == 7


def test_a_session_must_be_reset_first(checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    with pytest.raises(RuntimeError, match="reset"):
        Session(checkpoint, backend).step(Action.NOOP)


def test_rgb_world(tmp_path: Path, make_world: Any) -> None:
    checkpoint = load_checkpoint(make_world(rgb=True))
    session = Session(checkpoint, OnnxBackend(checkpoint, threads=1))
    assert session.reset(0, 0).pixels.shape == session.step(Action.LEFT).pixels.shape == (32, 32, 3)


def walk(session: Session, frames: int) -> list[str]:
    """Digests of every frame of a walk from the newest frame on, that one included."""
    digests = [session.frame.tokens_digest]
    for _ in range(frames):
        action = list(Action)[session.index * 5 // 3 % 8]
        digests.append(session.step(action).tokens_digest)
    return digests


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("index", [0, 1, 29, 30, 31, 237, 400])
def test_going_back_and_on_is_the_same_again(session: Session, kept: bool, index: int) -> None:
    session.timeline = Timeline() if kept else None
    session.reset(1, 9)
    digests = walk(session, 400)
    frame = session.rewind_to(index)
    assert frame is session.frame and frame.index == index and frame.tokens_digest == digests[index]
    assert [digest for _, digest in session.history] == digests[: index + 1]
    assert walk(session, 400 - index) == digests[index:]


def test_another_way_from_the_same_frame_has_another_future(session: Session) -> None:
    session.timeline = Timeline()
    session.reset(1, 9)
    digests = walk(session, 100)
    session.rewind_to(50)
    assert session.step(Action.LEFT).index == 51
    assert session.frame.tokens_digest != digests[51]
    assert [digest for _, digest in session.history][:51] == digests[:51] and len(session.history) == 52


def test_going_back_further_than_what_is_kept(session: Session) -> None:
    session.timeline = Timeline(limit=40_000)
    session.reset(1, 9)
    digests = walk(session, 300)
    assert session.timeline.oldest is not None and session.timeline.oldest > 100
    assert session.rewind_to(100).tokens_digest == digests[100]
    assert walk(session, 200) == digests[100:]


def test_impatience_stays_at_an_earlier_frame(checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    now = [0.0]

    def clock() -> float:
        now[0] += 0.01  # three looks at the clock a step
        return now[0]

    session = Session(checkpoint, backend, clock, Timeline())
    session.reset(1, 9)
    digests = walk(session, 1000)
    frame = session.rewind_to(119, patience=0.4)
    assert 90 < frame.index < 119 and frame.tokens_digest == digests[frame.index]
    assert walk(session, 30) == digests[frame.index : frame.index + 31]


def test_frames_of_the_past_can_be_looked_at(session: Session) -> None:
    session.timeline = Timeline()
    session.reset(0, 7)
    frames = [session.step(Action.RIGHT) for _ in range(40)]
    for frame in frames:
        kept = session.kept_frame(frame.index)
        assert kept is not None and kept.action is frame.action and kept.tokens_digest == frame.tokens_digest
        assert np.array_equal(kept.pixels, frame.pixels) and np.array_equal(kept.tokens, frame.tokens)
    assert session.kept_frame(41) is None
    session.timeline = None
    assert session.kept_frame(5) is None


@pytest.mark.parametrize("index", [-1, 6])
def test_a_frame_that_is_not_there_is_refused(session: Session, index: int) -> None:
    walk(session, 5)
    with pytest.raises(ValueError, match="frame: expected 0 to 5"):
        session.rewind_to(index)


def test_another_backend_goes_on_from_the_same_state(session: Session, checkpoint: Checkpoint) -> None:
    untroubled = Session(checkpoint, OnnxBackend(checkpoint, 1))
    untroubled.reset(0, 7)
    for number in range(12):
        if number == 5:
            session.hand_over(OnnxBackend(checkpoint, 1, note="by wish"))
        action = (Action.RIGHT, Action.JUMP)[number % 2]
        assert np.array_equal(session.step(action).tokens, untroubled.step(action).tokens)
    assert [(index, info.note) for index, info in session.ran_on] == [(0, ""), (6, "by wish")]
    session.rewind_to(3)
    assert [index for index, _ in session.ran_on] == [0]
    session.reset(0, 7)
    assert [(index, info.note) for index, info in session.ran_on] == [(0, "by wish")]
