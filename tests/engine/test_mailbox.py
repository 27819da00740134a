"""The exchanges between window and loop."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.frame import Frame
from engine.mailbox import MOST_TAPS, ActionMailbox, FrameMailbox
from engine.session import Session
from models.actions import Action


def test_newest_held_action_wins_and_stays() -> None:
    box = ActionMailbox()
    assert box.take() == (Action.NOOP, None)
    box.put(Action.LEFT, 1.0)
    assert box.take() == (Action.LEFT, 1.0)
    assert box.take() == (Action.LEFT, None)
    box.put(Action.RIGHT, 2.0)
    assert box.held is Action.RIGHT
    assert [box.take(), box.take()] == [(Action.RIGHT, 2.0), (Action.RIGHT, None)]
    box.put(Action.NOOP, 3.0)
    assert box.take() == (Action.NOOP, 3.0)


def test_putting_the_same_again_is_no_key_event() -> None:
    box = ActionMailbox()
    box.put(Action.LEFT, 1.0)
    box.take()
    box.put(Action.LEFT, 2.0)
    assert box.take() == (Action.LEFT, None)


@pytest.mark.parametrize(
    ("before", "during", "taken"),
    [
        (Action.NOOP, [Action.JUMP, Action.NOOP], [Action.JUMP, Action.NOOP]),
        (Action.RIGHT, [Action.RIGHT_JUMP, Action.RIGHT], [Action.RIGHT_JUMP, Action.RIGHT]),
        (Action.RIGHT, [Action.LEFT, Action.RIGHT], [Action.LEFT, Action.RIGHT]),
        (Action.NOOP, [Action.LEFT, Action.NOOP, Action.UP], [Action.LEFT, Action.UP]),
        (Action.NOOP, [Action.LEFT, Action.NOOP, Action.JUMP, Action.NOOP], [Action.LEFT_JUMP, Action.NOOP]),
        (Action.NOOP, [Action.RIGHT_JUMP, Action.RIGHT, Action.NOOP], [Action.RIGHT_JUMP, Action.NOOP]),
        (Action.NOOP, [Action.LEFT, Action.NOOP, Action.UP, Action.NOOP], [Action.LEFT, Action.UP, Action.NOOP]),
        (Action.NOOP, [Action.RIGHT, Action.NOOP] * 2, [Action.RIGHT, Action.RIGHT, Action.NOOP]),
        (Action.RIGHT, [Action.LEFT, Action.RIGHT, Action.UP], [Action.LEFT, Action.RIGHT, Action.UP]),
        (Action.LEFT, [Action.NOOP], [Action.NOOP, Action.NOOP]),
        (Action.LEFT, [Action.NOOP, Action.RIGHT], [Action.RIGHT, Action.RIGHT]),
    ],
)
def test_a_tap_shorter_than_a_tick_counts_for_one_tick(
    before: Action, during: list[Action], taken: list[Action]
) -> None:
    box = ActionMailbox()
    box.put(before, 0.0)
    box.take()
    for action in during:
        box.put(action, 1.0)
    assert [box.take()[0] for _ in taken] == taken


@given(st.lists(st.one_of(st.none(), st.sampled_from(list(Action)))))
def test_it_settles_on_what_is_held(events: list[Action | None]) -> None:
    """Whatever the player does (None is a tick), when the taps have had theirs the loop plays what is held."""
    box, held = ActionMailbox(), Action.NOOP
    for event in events:
        if event is None:
            box.take()
        else:
            box.put(event, 0.0)
            held = event
    for _ in range(MOST_TAPS + 1):
        box.take()
    assert box.take() == (held, None)


def test_the_oldest_key_event_of_a_tick_counts_for_latency() -> None:
    box = ActionMailbox()
    box.put(Action.JUMP, 1.0)
    box.put(Action.NOOP, 1.01)
    assert box.take() == (Action.JUMP, 1.0)
    assert box.take() == (Action.NOOP, None)


def test_a_tap_that_waits_has_a_time_of_its_own() -> None:
    box = ActionMailbox()
    for action, time in ((Action.LEFT, 1.0), (Action.NOOP, 1.01), (Action.UP, 1.02), (Action.NOOP, 1.03)):
        box.put(action, time)
    assert [box.take(), box.take(), box.take()] == [(Action.LEFT, 1.0), (Action.UP, 1.03), (Action.NOOP, None)]


def test_dropped_taps_leave_what_is_held() -> None:
    box = ActionMailbox()
    for action in (Action.LEFT, Action.NOOP, Action.RIGHT):
        box.put(action, 1.0)
    box.drop_taps()
    assert box.take() == (Action.RIGHT, None)


def test_clear_forgets(session: Session) -> None:
    box = ActionMailbox()
    box.put(Action.LEFT, 1.0)
    box.put(Action.RIGHT, 1.0)
    box.clear()
    assert box.take() == (Action.NOOP, None)


def test_newest_frame_wins_and_drops_are_counted(session: Session) -> None:
    box = FrameMailbox()
    assert box.take_newest() is None
    frames = [session.step(Action.LEFT) for _ in range(4)]
    for frame in frames[:3]:
        box.put(frame)
    assert box.take_newest() is frames[2] and box.dropped == 2
    assert box.take_newest() is None
    box.put(frames[3])
    assert box.take_newest(timeout=5.0) is frames[3] and box.dropped == 2


def test_waiting_for_a_frame_ends_when_it_comes(session: Session) -> None:
    box, frame = FrameMailbox(), replace(session.frame, index=99)
    taken: list[Frame | None] = []
    taker = threading.Thread(target=lambda: taken.append(box.take_newest(timeout=threading.TIMEOUT_MAX)), daemon=True)
    taker.start()
    box.put(frame)
    taker.join(60)
    assert taken == [frame]
    assert box.take_newest(timeout=0.001) is None
