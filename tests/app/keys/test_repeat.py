"""A held direction."""

from __future__ import annotations

from app.keys.repeat import FIRST, NEXT, Repeat


def test_it_waits_then_goes_on_until_it_is_let_go() -> None:
    now = [0.0]
    repeat = Repeat(lambda: now[0])
    assert repeat.due() is None
    repeat.press(5)
    assert repeat.due() is None
    now[0] = FIRST
    assert repeat.due() == 5 and repeat.due() is None
    now[0] += NEXT
    assert repeat.due() == 5
    repeat.release(4)
    now[0] += NEXT
    assert repeat.due() == 5
    repeat.release(5)
    now[0] += NEXT
    assert repeat.due() is None
