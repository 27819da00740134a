"""The puzzle's rules at their ends: the simulator gets full marks, worlds with a fault fail."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.evaluate.footage import Moment, find_moments
from training.evaluate.rules import KINDS, SHARES, Press, find_presses, measure_conservation, measure_moves
from training.worlds.puzzle import PuzzleWorld
from training.worlds.puzzle_levels import BOX, FLOOR


@pytest.fixture(scope="module")
def presses() -> list[Press]:
    return find_presses(32, seed=7)


@pytest.fixture(scope="module")
def starts() -> list[Moment]:
    return find_moments("puzzle", 2, 4)


def test_presses_come_in_the_shares_asked_for(presses: list[Press]) -> None:
    kinds = [press.kind for press in presses]
    assert {kind: kinds.count(kind) for kind in SHARES} == {kind: round(32 * share) for kind, share in SHARES.items()}


def test_moves_of_the_simulator_are_exact(presses: list[Press], perfect: Any) -> None:
    figures = measure_moves(perfect("puzzle"), presses)
    assert figures["exact_board"] == 1.0 and figures["illegal_moves"] == 0.0
    assert all(figures[kind] == 1.0 for kind in KINDS)


@pytest.mark.parametrize("fault", ["frozen", "blank", "deaf", "film"])
def test_moves_of_worlds_that_only_look_like_one_are_not(
    presses: list[Press], fault: str, request: pytest.FixtureRequest
) -> None:
    assert measure_moves(request.getfixturevalue(fault)("puzzle"), presses)["exact_board"] < 0.3


def test_long_play_in_the_simulator_conserves_everything(starts: list[Moment], perfect: Any) -> None:
    figures = measure_conservation(perfect("puzzle"), starts, 60)
    assert figures["conserved_500"] == 1.0 and figures["conserved"]["breaches"] == {}
    assert figures["conserved"]["moves"] == 120 and figures["conserved"]["moves_wrong"] == 0
    assert figures["conserved"]["push_share"] >= 0.2
    assert figures["conserved"]["boards"] > 1 and figures["conserved"]["boards_valid"] == 1.0


@pytest.mark.parametrize("fault", ["frozen", "blank"])
def test_long_play_fails_where_nothing_moves(starts: list[Moment], fault: str, request: pytest.FixtureRequest) -> None:
    figures = measure_conservation(request.getfixturevalue(fault)("puzzle"), starts, 60)
    assert figures["conserved_500"] == 0.0
    assert set(figures["conserved"]["breaches"]) <= {"no board", "nothing moves"}


def test_a_box_that_vanishes_is_noticed(starts: list[Moment], perfect: Any) -> None:
    class Thief(perfect):  # type: ignore[misc]
        def step(self, action: int) -> Any:
            assert isinstance(self.world, PuzzleWorld)
            self.steps = getattr(self, "steps", 0) + 1
            boxes = np.argwhere(self.world.state.cells == BOX)
            if self.steps >= 40 and len(boxes) and not hasattr(self, "stolen"):  # the first that is on no goal
                self.stolen = boxes[0]
                state = self.world.snapshot()
                state["cells"][tuple(boxes[0])] = FLOOR
                self.world.restore(state)
            return super().step(action)

    figures = measure_conservation(Thief("puzzle"), starts[:1], 60)
    assert figures["conserved"]["breaches"] == {"box lost": 1}
