"""Which frame answers which key."""

from __future__ import annotations

from engine.measuring.unanswered import UnansweredKeys


def test_the_oldest_key_of_a_frame_counts() -> None:
    keys = UnansweredKeys()
    assert keys.answer(5.0) is None
    keys.add(1.0, 1.1)
    keys.add(1.2, 1.3)
    keys.add(1.4, 1.5)
    assert keys.answer(1.4) == 1.0
    assert keys.answer(1.45) is None
    assert keys.answer(1.6) == 1.4
    assert keys.answer(9.0) is None


def test_a_frame_taken_before_the_loop_had_the_key_does_not_answer_it() -> None:
    keys = UnansweredKeys()
    keys.add(1.0, 2.0)
    assert keys.answer(1.9) is None
    assert keys.answer(2.0) == 1.0


def test_the_keys_of_a_frame_that_nobody_saw_wait_for_the_next() -> None:
    keys = UnansweredKeys()
    keys.add(1.0, 1.0)  # the frame taken at 1.01 is dropped
    assert keys.answer(1.05) == 1.0


def test_what_is_forgotten_is_not_answered() -> None:
    keys = UnansweredKeys()
    keys.add(1.0, 1.0)
    keys.clear()
    assert keys.answer(2.0) is None
