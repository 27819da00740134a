"""What is kept of the past: frames exactly, states where they help, never more than the bound."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import pytest

import engine.time_travel.timeline
from engine.frame import Frame, FrameTimes
from engine.session import Session
from engine.time_travel.timeline import Timeline
from models.actions import Action

SIDE, TOKENS = 16, 8


def frame(index: int) -> Frame:
    """Frame `index` of a made-up play: hardly two pixels alike, so that it packs badly."""
    chance = np.random.default_rng(index)
    pixels = chance.integers(0, 256, (SIDE, SIDE), np.uint8)
    tokens = chance.integers(0, 70_000, TOKENS)
    return Frame(index, Action.NOOP, pixels, tokens, "0" * 16, index / 4, FrameTimes(0.0, None, 0.0))


def state(index: int, size: int) -> dict[str, npt.NDArray[np.generic]]:
    """A state that tells its frame."""
    return {"ring": np.full(size, index % 256, np.uint8)}


def fill(timeline: Timeline, last: int, state_size: int = 1000, first: int = 0) -> None:
    for index in range(first, last + 1):
        timeline.add(frame(index), partial(state, index, state_size))


def test_frames_come_back_as_they_were() -> None:
    timeline = Timeline()
    fill(timeline, 50)
    for index in (0, 17, 50):
        kept, real = timeline.frame(index), frame(index)
        assert kept is not None and kept.entropy == real.entropy
        assert np.array_equal(kept.pixels, real.pixels) and np.array_equal(kept.tokens, real.tokens)
        assert not kept.pixels.flags.writeable and not kept.tokens.flags.writeable
    assert timeline.frame(51) is None


def test_states_are_every_30_and_every_5_nearby() -> None:
    timeline = Timeline()
    fill(timeline, 1000)
    assert list(timeline._states) == [*range(0, 700, 30), *range(705, 1001, 5)]
    found = timeline.state_before(689)
    assert found is not None and found[0] == 660 and found[1]["ring"][0] == 660 % 256
    assert timeline.oldest == 0


def test_cutting_forgets_the_future_and_its_memory() -> None:
    timeline, shorter = Timeline(), Timeline()
    fill(timeline, 200)
    fill(shorter, 120)
    timeline.cut(120)
    assert timeline.bytes == shorter.bytes and timeline.frame(121) is None and timeline.frame(120) is not None
    fill(timeline, 200, first=121)
    assert timeline.frame(200) is not None
    timeline.clear()
    assert timeline.bytes == 0 and timeline.oldest is None and timeline.state_before(5) is None


def test_the_bound_holds_and_what_is_left_can_be_gone_back_to() -> None:
    timeline = Timeline(limit=200_000)
    for first in range(0, 2000, 100):
        fill(timeline, first + 99, first=first)
        assert timeline.bytes <= 200_000
    assert timeline.oldest is not None and timeline.oldest > 0
    assert min(timeline._frames) == timeline.oldest, "every frame left can be gone back to"


@pytest.mark.parametrize("state_size", [100_000, 400_000, 4_000_000, 40_000_000])
def test_states_of_any_size_leave_room_for_five_minutes(state_size: int) -> None:
    every = engine.time_travel.timeline._spacing(state_size, engine.time_travel.timeline.LIMIT)
    near = min(60 * state_size, engine.time_travel.timeline.LIMIT // 2)
    frames = 0.15 * engine.time_travel.timeline.LIMIT
    assert every % 30 == 0 and 9000 // every * state_size + near + frames <= engine.time_travel.timeline.LIMIT
    assert every == 30 or state_size > 300_000


def test_five_minutes_of_a_world_fit(session: Session) -> None:
    """The real thing: 9,000 frames of a session, far below the bound with so small a world."""
    session.timeline = Timeline()
    session.reset(0, 7)
    for tick in range(9000):
        session.step(list(Action)[tick // 7 % 8])
    assert session.timeline.oldest == 0 and session.timeline.bytes < 20 << 20


def test_a_kept_state_is_a_copy_that_nobody_changes() -> None:
    timeline, ring = Timeline(), np.arange(6, dtype=np.float32).reshape(2, 3)
    timeline.add(frame(0), lambda: {"ring": ring, "none": np.zeros((0, 2), np.uint8)})
    ring[:] = 9
    found = timeline.state_before(0)
    assert found is not None
    assert np.array_equal(found[1]["ring"], [[0, 1, 2], [3, 4, 5]]) and found[1]["none"].shape == (0, 2)
    with pytest.raises(ValueError, match="read-only"):
        found[1]["ring"][:] = 0
