"""A player of the puzzle that reads the board from the picture and solves it. Owns the plan; refuses the simulator's
state: neural and simulated world are played alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from models.actions import Action
from training.evaluate.readers.puzzle import Sighting, look
from training.worlds.puzzle import MOVE_TICKS
from training.worlds.puzzle_levels import (
    DIRECTION_ACTIONS,
    STEPS,
    Position,
    Push,
    cells_of,
    move,
    position_of,
    solve_pushes,
    step_towards,
)

NODES = 600  # boards that the solver looks at before it gives up
SLIP = 0.05  # share of presses that go anywhere, but push nothing


class SolverAutoplayer:
    """Presses one key a move and waits until it is done. Where it knows no solution it pushes what can be pushed, so
    that it never stands still at a board that it can read. `seen` is what it made of the picture, None where it didn't
    look."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._waiting = 0
        self._plan: tuple[Push, ...] = ()
        self._met: tuple[int, int, int] | None = None  # boxes, walls and goals that the plan was made for
        self.seen: Sighting | None = None

    def next_action(self, pixels: npt.NDArray[np.uint8]) -> Action:
        """The action for the frame uint8 [128,128] that is shown now."""
        self.seen = None
        if self._waiting:
            self._waiting -= 1
            return Action.NOOP
        self.seen = look(pixels)
        board = self.seen.board()
        if board is None:
            return Action.NOOP
        self._waiting = MOVE_TICKS - 1
        return DIRECTION_ACTIONS[self._direction(position_of(board))]

    def _direction(self, position: Position) -> int:
        slip = int(self._chance.integers(4))
        if self._chance.random() < SLIP and move(position, slip).boxes == position.boxes:
            return slip
        met = (position.boxes, position.walls, position.goals)
        if met != self._met:
            # The plan's own push leads to boxes that it knows: go on with the rest of it.
            if self._plan and met == self._after_push():
                self._plan = self._plan[1:]
            else:
                self._plan = solve_pushes(position, NODES) or ()
            self._met = met
        for push in self._plan[:1] or self._any_push(position):
            direction = step_towards(position, push)
            if direction is not None:
                return direction
        return slip

    def _after_push(self) -> tuple[int, int, int] | None:
        if self._met is None:
            return None
        boxes, walls, goals = self._met
        push = self._plan[0]
        return boxes ^ (1 << push.box) ^ (1 << (push.box + STEPS[push.direction])), walls, goals

    def _any_push(self, position: Position) -> list[Push]:
        """Pushes that the rules allow, shuffled; whether their box can be reached is not asked."""
        pushes = [
            Push(box, direction)
            for box in cells_of(position.boxes)
            for direction, step in enumerate(STEPS)
            if move(position._replace(player=box - step), direction).boxes != position.boxes
            and not (position.walls | position.boxes | position.door) >> (box - step) & 1
        ]
        return [pushes[i] for i in self._chance.permutation(len(pushes))]
