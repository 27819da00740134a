"""The grid of deadlines, in time that only the test moves."""

from __future__ import annotations

import pytest

from engine.pacing import RECENT, Pacer


class HandTime:
    """A clock that moves when it is slept on, and a list of the sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sleeps: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def hand() -> HandTime:
    return HandTime()


def pacer(hand: HandTime, **kwargs: bool) -> Pacer:
    return Pacer(10, hand.clock, hand.sleep, **kwargs)


def test_ticks_stand_on_a_grid_whatever_the_work_takes(hand: HandTime) -> None:
    pace = pacer(hand)
    deadlines = []
    for work in (0.03, 0.09, 0.0, 0.05, 0.01):
        deadlines.append(pace.wait())
        hand.now += work
    assert deadlines == pytest.approx([100.0, 100.1, 100.2, 100.3, 100.4])
    assert hand.sleeps == pytest.approx([0.07, 0.01, 0.1, 0.05])


def test_a_little_late_catches_up_without_a_sleep(hand: HandTime) -> None:
    pace = pacer(hand)
    pace.wait()
    hand.now += 0.25  # deadlines 100.1 and 100.2 have passed
    assert [pace.wait(), pace.wait()] == pytest.approx([100.1, 100.2]) and not hand.sleeps
    assert pace.wait() == pytest.approx(100.3) == hand.now and pace.missed == 0


def test_far_behind_starts_a_new_grid_instead_of_a_burst(hand: HandTime) -> None:
    pace = pacer(hand)
    pace.wait()
    hand.now += 5.02
    assert pace.wait() == pytest.approx(105.02) and pace.missed == 49  # 100.1 to 104.9; that of 105.0 is made now
    assert pace.wait() == pytest.approx(105.12) and hand.sleeps == pytest.approx([0.1])
    assert pace.missed == 49


def test_a_sleep_that_wakes_early_is_slept_again(hand: HandTime) -> None:
    def short(seconds: float) -> None:
        hand.sleep(seconds if seconds < 0.001 else seconds / 2)

    pace = Pacer(10, hand.clock, short)
    pace.wait()
    assert pace.wait() == pytest.approx(100.1)
    assert hand.now >= 100.1 and len(hand.sleeps) > 2


def test_uncapped_never_sleeps_and_the_cap_can_come_back(hand: HandTime) -> None:
    pace = pacer(hand, capped=False)
    for _ in range(5):
        hand.now += 0.01
        assert pace.wait() == hand.now
    assert not hand.sleeps and pace.missed == 0
    pace.capped = True
    assert pace.wait() == pytest.approx(100.15)
    assert len(hand.sleeps) == 1


def test_restart_begins_now_with_another_rate(hand: HandTime) -> None:
    pace = pacer(hand)
    pace.wait()
    hand.now += 0.02
    pace.restart(20)
    assert [pace.wait(), pace.wait()] == pytest.approx([100.02, 100.07])


@pytest.mark.parametrize("jump", [3600.0, -3600.0, -0.5])
def test_a_clock_that_jumps_costs_no_burst_and_no_long_sleep(hand: HandTime, jump: float) -> None:
    pace = pacer(hand)
    pace.wait()
    hand.now += jump
    began = hand.now
    for _ in range(5):
        pace.wait()
    assert hand.now - began == pytest.approx(0.4) and max(hand.sleeps) <= 0.11


def test_a_clock_that_is_set_back_while_it_sleeps(hand: HandTime) -> None:
    pace = pacer(hand)
    pace.wait()
    began = hand.now

    def sleep(seconds: float) -> None:
        hand.sleeps.append(seconds)
        hand.now -= 3600

    pace._sleep = sleep
    pace.wait()
    assert len(hand.sleeps) == 1 and hand.now == began - 3600
    pace._sleep = hand.sleep
    pace.wait()
    pace.wait()
    assert hand.now == pytest.approx(began - 3600 + 0.1)


def test_frames_are_shown_evenly_though_work_is_uneven(hand: HandTime) -> None:
    pace = pacer(hand)
    shown = []
    for work in (0.06, 0.02, 0.05, 0.01, 0.06):
        deadline = pace.wait()
        hand.now += work
        shown.append(pace.hold(deadline))
    assert shown == pytest.approx([100.06, 100.16, 100.26, 100.36, 100.46])


def test_what_takes_longer_than_ever_isnt_held_and_one_accident_doesnt_hold_all(hand: HandTime) -> None:
    pace = pacer(hand)
    late_by = []
    for work in (0.02, 0.05, 0.3, 0.02, 0.02):
        deadline = pace.wait()
        hand.now += work
        late_by.append(pace.hold(deadline) - deadline)
    assert late_by[:3] == pytest.approx([0.02, 0.05, 0.3]) and late_by[-1] == pytest.approx(0.075)


def test_an_accident_is_forgotten(hand: HandTime) -> None:
    pace = pacer(hand)
    for work in (0.07, *[0.02] * RECENT):
        deadline = pace.wait()
        hand.now += work
        shown = pace.hold(deadline)
    assert shown - deadline == pytest.approx(0.02)


def test_uncapped_nothing_is_held(hand: HandTime) -> None:
    pace = pacer(hand, capped=False)
    for work in (0.05, 0.01):
        deadline = pace.wait()
        hand.now += work
        assert pace.hold(deadline) == hand.now
    assert not hand.sleeps
