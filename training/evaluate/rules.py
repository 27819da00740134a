"""Whether the puzzle's rules hold: single moves from true boards, and what is conserved in long play.

Owns both protocols; refuses the reading of pictures (readers) and new boards (dreams).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.evaluate.footage import SPLIT, Flags, Moment, stream_moments, world_at
from training.evaluate.interval import wilson
from training.evaluate.neural_world import Playable, each
from training.evaluate.readers.puzzle import STRAY_GOLD, look
from training.evaluate.solver_player import SolverAutoplayer
from training.worlds.base import SimulatedWorld
from training.worlds.puzzle import MOVE_TICKS, PLAY, PuzzleWorld
from training.worlds.puzzle_levels import (
    BOX,
    BOX_ON_GOAL,
    DIRECTION_ACTIONS,
    DOOR,
    GOAL,
    KEY,
    WALL,
    Board,
    board_is_valid,
    cells_of,
    move,
    position_of,
)

KINDS = ("push", "key", "door", "walk")  # moves that change the board
BLOCKED = "blocked"
SHARES = {"push": 0.5, "key": 0.125, "door": 0.125, "walk": 0.125, BLOCKED: 0.125}  # of the moves that are tried
COPIES = 32
WATCHED_SHARE = 0.3  # of the boards at rest that are looked at
MOST_WATCHED = 60  # moments looked at for each that is wanted
READ_LATE = 2  # ticks after a move that the board may take to be readable
LONGEST_SILENCE = 100  # ticks without a board that can be read: longer than a level change
LONGEST_IDLENESS = 300  # ticks at the same board
TICKS_A_MOVE = 16  # of a run at most, level changes counted in


@dataclass(frozen=True)
class Press:
    """A true board at rest, an action index for it, what kind of move that is and the board that it leads to."""

    moment: Moment
    action: int
    kind: str
    expected: Board


def find_presses(count: int, seed: int, split: str = SPLIT) -> list[Press]:
    """About `count` moves, by `SHARES` as far as they are found; most good play comes by the rare ones soon."""
    left = {kind: round(count * share) for kind, share in SHARES.items()}
    rng = np.random.default_rng([seed, 5])
    presses: list[Press] = []
    moments = stream_moments(
        "puzzle", COPIES, seed, lambda world, _: _at_rest(world) & (rng.random(COPIES) < 0.3), split
    )
    for watched, (_, moment) in enumerate(moments):
        if not any(left.values()) or watched >= MOST_WATCHED * count:
            break
        world = world_at("puzzle", [moment])
        assert isinstance(world, PuzzleWorld)
        kinds = _kinds(world.board(0))
        wanted = [d for d in rng.permutation(4).tolist() if left[kinds[d]]]
        if not wanted:
            continue
        direction = min(wanted, key=lambda d: ("key", "door", "push").index(kinds[d]) if kinds[d] in KINDS[:3] else 3)
        action = world.actions.index(DIRECTION_ACTIONS[direction])
        for tick in range(MOVE_TICKS):
            world.step(np.array([action if tick == 0 else 0]))
        presses.append(Press(moment, action, kinds[direction], world.board(0)))
        left[kinds[direction]] -= 1
    return presses


def _at_rest(world: SimulatedWorld) -> Flags:
    assert isinstance(world, PuzzleWorld)
    at_rest: Flags = (world.state.phase == PLAY) & (world.state.progress == 0)
    return at_rest


def _kinds(board: Board) -> list[str]:
    """What a press in each direction would be."""
    before = position_of(board)
    kinds = []
    for direction in range(4):
        after = move(before, direction)
        changes = (after.boxes != before.boxes, after.key != before.key, after.door != before.door, after != before)
        kinds.append(next((kind for kind, change in zip(KINDS, changes, strict=True) if change), BLOCKED))
    return kinds


def measure_moves(playable: Playable, presses: Sequence[Press]) -> dict[str, Any]:
    """One move from each true board, one key for one tick: `exact_board` is the share of moves that change the board
    after which all of it is read as the simulator has it, `illegal_moves` that of blocked presses that change it."""
    right: Counter[str] = Counter()
    tried = Counter(press.kind for press in presses)
    boards = each(playable, lambda world, number, press: _read_after(world, press, number), presses)
    for press, board in zip(presses, boards, strict=True):
        right[press.kind] += board == press.expected
    moved, exact = sum(tried[kind] for kind in KINDS), sum(right[kind] for kind in KINDS)
    illegal = tried[BLOCKED] - right[BLOCKED]
    return {
        "exact_board": exact / moved if moved else None,
        "illegal_moves": illegal / tried[BLOCKED] if tried[BLOCKED] else None,
        **{kind: right[kind] / tried[kind] if tried[kind] else None for kind in KINDS},
        "counts": {kind: tried[kind] for kind in SHARES},
        "intervals": {"exact_board": wilson(exact, moved), "illegal_moves": wilson(illegal, tried[BLOCKED])},
    }


def _read_after(playable: Playable, press: Press, rng_seed: int) -> Board | None:
    playable.begin(press.moment, rng_seed)
    picture = playable.step(press.action)
    for _ in range(MOVE_TICKS - 1):
        picture = playable.step(0)
    for _ in range(READ_LATE):
        board = look(picture).board()
        if board is not None:
            return board
        picture = playable.step(0)
    return None


@dataclass
class Run:
    """What came of one long run. `breach` is what ended it, None where nothing did; `dreamt` are the new boards."""

    moves: int = 0
    pushes: int = 0
    wrong: int = 0  # moves after which the board wasn't what the rules say
    breach: str | None = None
    dreamt: list[Board] = field(default_factory=list)

    def follow(self, last: Board | None, board: Board, changed: bool) -> None:
        """Take the next board that could be read; `changed` says that a level change came before it."""
        if last is None:
            return
        if changed:
            self.dreamt.append(board)
            self.breach = "unsolved level changed" if GOAL in last.cells else None
            return
        self.breach = _breach(last, board)
        before, after = position_of(last), position_of(board)
        if before != after:
            self.moves += 1
            self.pushes += before.boxes != after.boxes
            self.wrong += after not in [move(before, direction) for direction in range(4)]


def measure_conservation(playable: Playable, starts: Sequence[Moment], moves: int) -> dict[str, Any]:
    """A player that reads and solves the boards makes `moves` moves from each start, through as many levels as come.

    Within a level walls, goals, boxes, key and door must stay what they are but for what its moves do: `conserved_500`
    is the share of runs in which they do to the end. What the reader can't make sense of for long ends a run too.
    """
    runs = each(playable, lambda world, number, start: _long_run(world, start, number, moves), starts)
    kept = sum(run.breach is None for run in runs)
    made, pushes = sum(run.moves for run in runs), sum(run.pushes for run in runs)
    boards = [board for run in runs for board in run.dreamt]
    return {
        "conserved_500": kept / len(runs) if runs else None,
        "conserved": {
            "runs": len(runs),
            "moves": made,
            "moves_wanted": moves,
            "push_share": pushes / made if made else None,
            "breaches": dict(Counter(run.breach for run in runs if run.breach is not None)),
            "moves_wrong": sum(run.wrong for run in runs),
            "boards": len(boards),
            "boards_valid": sum(board_is_valid(board) for board in boards) / len(boards) if boards else None,
        },
        "intervals": {"conserved_500": wilson(kept, len(runs))},
    }


def _long_run(playable: Playable, start: Moment, number: int, moves: int) -> Run:
    run, player, actions = Run(), SolverAutoplayer(number), list(PuzzleWorld.actions)
    playable.begin(start, number)
    picture = start.frames[-1]
    last: Board | None = None
    changing = False  # whether the level has begun to change since the last board
    silent = idle = 0  # ticks since the last board that could be read, since the last that differed
    for _ in range(moves * TICKS_A_MOVE):
        action = player.next_action(picture)
        board = player.seen.board() if player.seen is not None else None
        silent = 0 if board is not None else silent + 1
        idle = 0 if board is not None and board != last else idle + 1
        if player.seen is not None and player.seen.gold > STRAY_GOLD:
            changing = True
        if board is not None:
            run.follow(last, board, changing)
            last, changing = board, False
        if silent > LONGEST_SILENCE or idle > LONGEST_IDLENESS:
            run.breach = "no board" if silent else "nothing moves"
        if run.breach is not None or run.moves >= moves:
            return run
        picture = playable.step(actions.index(action))
    run.breach = "too few moves"
    return run


def _breach(last: Board, board: Board) -> str | None:
    """What of a level's board is no longer so, where no level change came between."""
    for what, kinds in (("wall", (WALL,)), ("goal", (GOAL, BOX_ON_GOAL))):
        if last.where(*kinds) != board.where(*kinds):
            return f"{what} changed"
    boxes, left = (len(cells_of(each.where(BOX, BOX_ON_GOAL))) for each in (last, board))
    if boxes != left:
        return "box lost" if left < boxes else "box appeared"
    keys, now = (len(cells_of(each.where(KEY))) + each.carrying for each in (last, board))
    doors, still = (len(cells_of(each.where(DOOR))) for each in (last, board))
    if now > keys or still > doors:
        return "key or door appeared"
    # A key in hand is used up by its door and by nothing else.
    return "key lost" if keys - now != doors - still else None
