"""Frames keep their numbers through rewinds and resets."""

from __future__ import annotations

from engine.recordings.numbering import Numbering


def test_what_was_rewound_or_lies_before_a_reset_counts() -> None:
    numbers = Numbering(3)
    assert [numbers.number(index) for index in range(4)] == [0, 1, 2, None]
    assert [numbers.add(), numbers.add()] == [3, 4]
    numbers.rewind_to(1)
    assert numbers.add() == 5
    assert [numbers.number(index) for index in range(4)] == [0, 1, 5, None]
    numbers.reset()
    assert numbers.number(0) is None and numbers.add() == 6 and numbers.number(0) == 6
