"""The puzzle world: box pushing on one screen. Owns time, animation, drawing and reading pictures; no levels, no art.

A move takes four ticks of 4 px; the tick that reads the input already moves. When all goals are covered, eight ticks
turn the border gold column by column, then the next board comes in cell by cell (`WIPE_ORDER`): each tick shows, on
dark, what the next cell will be as a glyph in its top-left 8×8 patch and what is owed before it as a mark in its
top-right one, and the cell before it in full. One tick more completes the last cell. The mark follows from the glyph
and mark of the cell before, which lies beside it: so whoever draws glyphs need not look far. Nothing else is random and
nothing is hidden: every phase can be read from the picture.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from models.actions import Action
from training.worlds import puzzle_art as art
from training.worlds.base import FRAME_SIZE, Chance, Frames, SimulatedWorld, Snapshot
from training.worlds.puzzle_levels import (
    BOX,
    BOX_ON_GOAL,
    CELLS,
    DOOR,
    ENTRANCE,
    FLOOR,
    GOAL,
    KEY,
    LAST_COLUMN,
    OWED_KINDS,
    OWED_PLAYER,
    PAIR_COUNTS,
    PLAYER,
    SIDE,
    STEPS,
    WALL,
    WIPE_ORDER,
    WIPE_RANK,
    Board,
    Level,
    Position,
    Push,
    chances_after,
    generate_level,
    in_dead_corner,
    move,
    owed_marks,
    solve_pushes,
    step_towards,
)

PLAY, CELEBRATE, WIPE = range(3)
MOVE_TICKS = 4
CELEBRATE_TICKS = SIDE
ENTRANCE_TICK = WIPE_RANK[ENTRANCE] + 1  # of a wipe: when the player enters
WIPE_TICKS = CELLS + 1
WIPE_COLUMNS = range(2, SIDE - 1)  # that are half in at an event of their own, so that data is drawn from there
_DOWN = 1
_HALF = art.CELL // 2
_RESOLVE_NODES = 400

_STEPS = np.array(STEPS)
_ORDER = np.array(WIPE_ORDER)
_RANK = np.array(WIPE_RANK)
_BENEATH = np.array([FLOOR, WALL, GOAL, FLOOR, GOAL, KEY, DOOR], np.uint8)  # the same cell without its box
_WITH_BOX = np.array([BOX, WALL, BOX_ON_GOAL, BOX, BOX_ON_GOAL, KEY, DOOR], np.uint8)
_STRIDE = np.array([-FRAME_SIZE, FRAME_SIZE, -1, 1])  # one pixel that way, in a flat frame
_SPRITE_PIXELS = (np.arange(art.CELL)[:, None] * FRAME_SIZE + np.arange(art.CELL)).ravel()
_FLAT_SPRITES = art.SPRITES.reshape(len(art.SPRITES), -1)
_SPRITE_MASKS = _FLAT_SPRITES != art.CLEAR

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@lru_cache(maxsize=4096)
def _level(level_seed: int) -> Level:
    return generate_level(level_seed)


def _mixed(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The splitmix64 finaliser: a bijection that spreads every input bit."""
    value = (value ^ value >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ value >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return np.asarray(value ^ value >> np.uint64(31))


@dataclass
class PuzzleState:
    """All that a copy is; every array's first axis is the copy. In a move, box and player already are where they will
    arrive; a key or door stays until they have."""

    seed: Ints  # [N] of the copy's level-seed stream
    level: Ints  # [N] boards begun in this episode
    cells: npt.NDArray[np.uint8]  # [N,64] kinds FLOOR to DOOR, row by row
    player: Ints  # [N] cell
    facing: Ints  # [N] 0 up, 1 down, 2 left, 3 right
    carrying: Bools  # [N]
    progress: Ints  # [N] ticks into a move, 0 at rest
    pushing: Bools  # [N] the move takes a box along
    strain: Bools  # [N] the last press was blocked
    phase: Ints  # [N] PLAY, CELEBRATE or WIPE
    timer: Ints  # [N] ticks into the phase, 0 in play
    next_cells: npt.NDArray[np.uint8]  # [N,64] the board that is wiping in
    next_marks: npt.NDArray[np.uint8]  # [N,64] what is owed before each of its cells
    next_player: Ints  # [N]
    stuck: Bools  # [N] no solution any more, as far as known


@dataclass
class _Plan:
    """How a copy's board is to be solved: `boxes[i]` is where they stand before push i. No pushes: none known."""

    level: int
    boxes: list[int]
    pushes: tuple[Push, ...]
    done: int = 0


class PuzzleWorld(SimulatedWorld):
    """Push every box onto a goal. See the module docstring for time and picture."""

    name: ClassVar[str] = "puzzle"
    title: ClassVar[str] = "Crate Temple"
    genre: ClassVar[str] = "puzzle"
    description: ClassVar[str] = "Push every crate onto a goal; fetch the key to open the door."
    version: ClassVar[int] = 5
    actions: ClassVar[tuple[Action, ...]] = (Action.NOOP, Action.UP, Action.DOWN, Action.LEFT, Action.RIGHT)
    default_keys: ClassVar[dict[Action, tuple[str, ...]]] = {
        Action.UP: ("up", "w"),
        Action.DOWN: ("down", "s"),
        Action.LEFT: ("left", "a"),
        Action.RIGHT: ("right", "d"),
    }
    palettes: ClassVar[dict[str, list[tuple[int, int, int]]]] = art.PALETTES
    knows_chances: ClassVar[bool] = True
    event_names: ClassVar[tuple[str, ...]] = (
        "move",
        "push",
        "blocked_wall",
        "blocked_box",
        "blocked_door",
        "box_on_goal",
        "box_off_goal",
        "onto_goal",
        "off_goal",
        "key",
        "door",
        "solved",
        "new_board",
        "stuck",
        "entrance",
        "due",
        *(f"column_{column}" for column in WIPE_COLUMNS),
    )
    scripts: ClassVar[dict[str, list[tuple[Action, int]]]] = {
        "pacing": [(Action.RIGHT, 16), (Action.NOOP, 4), (Action.LEFT, 16), (Action.NOOP, 4)],
        "rounds": [(Action.RIGHT, 20), (Action.DOWN, 12), (Action.LEFT, 20), (Action.UP, 12)],
    }

    # A new board is dozens of draws and comes only to who solves the one before: seldom played, it is hardly learnt.
    policy_shares: ClassVar[dict[str, float] | None] = {
        "expert": 0.65,
        "noisy_expert": 0.1,
        "biased": 0.05,
        "sticky": 0.1,
        "hold": 0.03,
        "random": 0.03,
        "scripted": 0.04,
    }

    def __init__(self, num_envs: int, split: str = "train") -> None:
        super().__init__(num_envs, split)
        self._bit = {name: np.uint32(self.event_bit(name)) for name in self.event_names}
        self._canvas = np.zeros((num_envs, FRAME_SIZE, FRAME_SIZE), np.uint8)
        self._tiles = self._canvas.reshape(num_envs, SIDE, art.CELL, SIDE, art.CELL)
        self._pixels = self._canvas.reshape(-1)
        self._plans: list[_Plan | None] = [None] * num_envs
        self._last = np.zeros(num_envs, np.int64)
        self._all = np.arange(num_envs)
        self._reset_copies(self._all)

    @property
    def stuck(self) -> Bools:
        """bool [N]: the board cannot be solved any more, as far as known: dead corner, or `suggest` gave up."""
        return self.state.stuck.copy()

    @property
    def calm(self) -> Bools:
        """bool [N]: a board is in play and, as far as known, can still be solved."""
        return np.asarray((self.state.phase == PLAY) & ~self.state.stuck)

    def board(self, copy: int) -> Board:
        """The board of one copy as it is, or will be once its move has arrived."""
        position, cells = self._position(copy), self.state.cells[copy].copy()
        if self.state.progress[copy] and cells[position.player] in (KEY, DOOR):
            cells[position.player] = FLOOR
        return Board(cells.tobytes(), position.player, position.carrying)

    # ---- time

    def _reset_copies(self, seeds: Ints) -> None:
        n = self.num_envs
        zeros, no = np.zeros(n, np.int64), np.zeros(n, np.bool_)
        cells, player = np.zeros((n, CELLS), np.uint8), zeros.copy()
        self.state = PuzzleState(
            seed=seeds.copy(),
            level=zeros.copy(),
            cells=cells,
            player=player,
            facing=np.full(n, _DOWN),
            carrying=no.copy(),
            progress=zeros.copy(),
            pushing=no.copy(),
            strain=no.copy(),
            phase=zeros.copy(),
            timer=zeros.copy(),
            next_cells=cells.copy(),
            next_marks=cells.copy(),
            next_player=player.copy(),
            stuck=no.copy(),
        )
        self._draw_next_boards(self._all)
        self._put_next_boards(self._all)
        self._forget()

    @property
    def current_level_seeds(self) -> Ints:
        """int64 [N]: of the boards in play; while one wipes in, of that one."""
        return self._level_seed(self._all)

    def _level_seed(self, copies: Ints) -> Ints:
        """The level seeds of the boards that these copies are at, inside the split."""
        stream = _mixed(self.state.seed[copies].astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15))
        drawn = _mixed(stream + self.state.level[copies].astype(np.uint64))
        return (drawn % np.uint64(len(self.level_seeds))).astype(np.int64) + self.level_seeds.start

    def _draw_next_boards(self, copies: Ints) -> None:
        s = self.state
        for copy, level_seed in zip(copies.tolist(), self._level_seed(copies).tolist(), strict=True):
            board = _level(level_seed).board
            s.next_cells[copy] = np.frombuffer(board.cells, np.uint8)
            s.next_marks[copy] = owed_marks(board)
            s.next_player[copy] = board.player

    def _put_next_boards(self, copies: Ints) -> None:
        s = self.state
        s.cells[copies] = s.next_cells[copies]
        s.player[copies] = s.next_player[copies]
        s.facing[copies] = _DOWN
        s.carrying[copies] = s.stuck[copies] = False
        s.phase[copies], s.timer[copies] = PLAY, 0

    def _advance(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
        s = self.state
        events = np.zeros(self.num_envs, np.uint32)
        s.strain[:] = False
        playing = s.phase == PLAY
        under_way = playing & (s.progress > 0)
        pressed = np.flatnonzero(playing & ~under_way & (actions > 0))
        waiting = np.flatnonzero(~playing)
        s.progress += under_way
        if pressed.size:
            self._press(pressed, np.asarray(actions[pressed], np.int64) - 1, events)
        arrived = np.flatnonzero(s.progress == MOVE_TICKS)
        if arrived.size:
            self._arrive(arrived, events)
        if waiting.size:
            self._wait(waiting, events)
        self._draw_play(np.flatnonzero(playing))
        return events

    def _press(self, copies: Ints, direction: Ints, events: npt.NDArray[np.uint32]) -> None:
        """Copies at rest read a direction: they start to move, or strain."""
        s = self.state
        s.facing[copies] = direction
        leaves = s.cells[copies, s.player[copies]] == GOAL
        step = _STEPS[direction]
        target = s.player[copies] + step
        kind = s.cells[copies, target]
        beyond = np.where(kind == WALL, target, target + step)
        behind = s.cells[copies, beyond]
        boxed = (kind == BOX) | (kind == BOX_ON_GOAL)
        pushes = boxed & ((behind == FLOOR) | (behind == GOAL))
        walks = (kind == FLOOR) | (kind == GOAL) | (kind == KEY) | ((kind == DOOR) & s.carrying[copies])
        moves = pushes | walks
        for name, happened in (
            ("move", walks),
            ("push", pushes),
            ("blocked_wall", kind == WALL),
            ("blocked_box", boxed & ~pushes),
            ("blocked_door", (kind == DOOR) & ~walks),
            ("box_off_goal", pushes & (kind == BOX_ON_GOAL)),
            ("onto_goal", moves & ((kind == GOAL) | (kind == BOX_ON_GOAL))),
            ("off_goal", moves & leaves),
        ):
            events[copies[happened]] |= self._bit[name]
        s.strain[copies] = ~moves
        s.progress[copies] = moves
        s.pushing[copies] = pushes
        s.player[copies] = np.where(moves, target, s.player[copies])
        pushers = copies[pushes]
        s.cells[pushers, target[pushes]] = _BENEATH[kind[pushes]]
        s.cells[pushers, beyond[pushes]] = _WITH_BOX[behind[pushes]]

    def _arrive(self, copies: Ints, events: npt.NDArray[np.uint32]) -> None:
        """The fourth tick of a move: key and door change hands, the box settles, the board may be solved."""
        s = self.state
        s.progress[copies] = 0
        here = s.player[copies]
        kind = s.cells[copies, here]
        for kind_met, name, carrying in ((KEY, "key", True), (DOOR, "door", False)):
            met = copies[kind == kind_met]
            s.carrying[met] = carrying
            s.cells[met, s.player[met]] = FLOOR
            events[met] |= self._bit[name]
        for copy in copies[s.pushing[copies]].tolist():
            box = int(s.player[copy] + STEPS[s.facing[copy]])
            if s.cells[copy, box] == BOX_ON_GOAL:
                events[copy] |= self._bit["box_on_goal"]
                if not (s.cells[copy] == GOAL).any():
                    events[copy] |= self._bit["solved"]
                    s.phase[copy] = CELEBRATE
            elif in_dead_corner(box, _set_of(s.cells[copy] == WALL)):
                events[copy] |= self._bit["stuck"]
                s.stuck[copy] = True
        s.pushing[copies] = False

    def _wait(self, copies: Ints, events: npt.NDArray[np.uint32]) -> None:
        """One tick of celebration or wipe."""
        s = self.state
        s.timer[copies] += 1
        wiping = copies[(s.phase[copies] == CELEBRATE) & (s.timer[copies] > CELEBRATE_TICKS)]
        if wiping.size:
            s.phase[wiping], s.timer[wiping] = WIPE, 1
            s.level[wiping] += 1
            self._draw_next_boards(wiping)
        golden = copies[s.phase[copies] == CELEBRATE]
        if golden.size:
            column = s.timer[golden] - 1
            self._draw_cells(golden[:, None], np.arange(SIDE) * SIDE + column[:, None])
            self._draw_cells(golden, s.player[golden])
            self._draw_players(golden)
        changing = copies[s.phase[copies] == WIPE]
        if changing.size:
            rank = s.timer[changing, None] - np.array([1, 2])
            self._draw_cells(changing[:, None], _ORDER[np.clip(rank, 0, CELLS - 1)])
            self._draw_players(changing)
            events[changing[s.timer[changing] == ENTRANCE_TICK]] |= self._bit["entrance"]
            events[changing[self._due(changing)]] |= self._bit["due"]
            for column in WIPE_COLUMNS:
                half_in = s.timer[changing] == SIDE * column + SIDE // 2
                events[changing[half_in]] |= self._bit[f"column_{column}"]
        complete = changing[s.timer[changing] == WIPE_TICKS]
        if complete.size:
            self._put_next_boards(complete)
            events[complete] |= self._bit["new_board"]

    def _due(self, copies: Ints) -> Bools:
        """Of copies that wipe: whether a board in its last columns shows that it still lacks a box or a goal."""
        s = self.state
        cell = _ORDER[np.minimum(s.timer[copies], CELLS) - 1]
        pairs, owed = np.divmod(s.next_marks[copies, cell] % (OWED_KINDS * PAIR_COUNTS), OWED_KINDS)
        return np.asarray(
            (cell % SIDE >= LAST_COLUMN) & (cell % SIDE < SIDE - 1) & ((owed > OWED_PLAYER) | (pairs == 0))
        )

    def chances(self) -> list[Chance]:
        """The glyphs of the inner cells that come next, and their marks, which nothing is left to but what was before:
        a mark that is wrong misleads all that come after it."""
        s = self.state
        found = []
        for copy in np.flatnonzero((s.phase == WIPE) & (s.timer <= CELLS)).tolist():
            rank = int(s.timer[copy]) - 1
            cell = WIPE_ORDER[rank]
            row, column = divmod(cell, SIDE)
            if not (0 < row < SIDE - 1 and 0 < column < SIDE - 1) or cell == ENTRANCE:
                continue
            kinds = s.next_cells[copy, _ORDER]
            seed = int(self._level_seed(np.array([copy]))[0]) * CELLS + rank
            odds = chances_after(kinds[:rank].tobytes(), int(kinds[rank]), seed)  # what came is the first
            glyphs = art.TILES[art.FIRST_GLYPH_TILE + np.array(list(odds))][:, :_HALF, :_HALF]
            found.append(Chance(copy, 2 * row, 2 * column, glyphs, np.array(list(odds.values())), 0))
            mark = art.MARKS[s.next_marks[copy, cell]][None]
            found.append(Chance(copy, 2 * row, 2 * column + 1, mark, np.ones(1), 0))
        return found

    # ---- drawing

    def render_frames(self) -> Frames:
        return self._canvas.copy()

    def _draw_cells(self, copies: Ints, cells: Ints) -> None:
        """Draw cells at rest, without players and moving boxes. `copies` and `cells` broadcast against each other."""
        s = self.state
        copies, cells = np.broadcast_arrays(copies, cells)
        phase, timer, rank = s.phase[copies], s.timer[copies], _RANK[cells]
        tile = s.cells[copies, cells].astype(np.int64)
        gold = (phase == WIPE) | ((phase == CELEBRATE) & (cells % SIDE < timer))
        row, column = np.divmod(cells, SIDE)
        border = (row % (SIDE - 1) == 0) | (column % (SIDE - 1) == 0)
        tile = np.where(gold & border, art.GOLD_TILE, tile)
        if (phase == WIPE).any():
            coming = s.next_cells[copies, cells].astype(np.int64)
            glyph = np.where(cells == s.next_player[copies], PLAYER, coming) + art.FIRST_GLYPH_TILE
            wiped = (phase == WIPE) & (rank < timer)
            tile = np.where(wiped, np.where(rank == timer - 1, glyph, coming), tile)
        self._tiles[copies, row, :, column, :] = art.TILES[tile]
        marked = (phase == WIPE) & (rank == timer - 1)
        if marked.any():
            marks = art.MARKS[s.next_marks[copies[marked], cells[marked]]]
            self._tiles[copies[marked], row[marked], :_HALF, column[marked], _HALF:] = marks

    def _draw_sprites(self, copies: Ints, sprites: Ints, corners: Ints) -> None:
        """Draw sprites [K,16,16] with their top-left corners at these pixels of the flat frame."""
        mask = _SPRITE_MASKS[sprites]
        places = (copies * FRAME_SIZE**2 + corners)[:, None] + _SPRITE_PIXELS
        self._pixels[places[mask]] = _FLAT_SPRITES[sprites][mask]

    def _draw_players(self, copies: Ints) -> None:
        """Draw the player of each copy, in a wipe the old and the new one as far as they show."""
        s = self.state
        phase, timer = s.phase[copies], s.timer[copies]
        step = np.array([art.STAND, art.STEP, art.STAND, art.OTHER_STEP])[s.progress[copies]]
        pose = np.where(s.strain[copies], art.STRAIN, step)
        pose = np.where((phase == WIPE) | ((phase == CELEBRATE) & (timer > 0)), art.CHEER, pose)
        sprite = art.PLAYER_SPRITES[pose, s.facing[copies], s.carrying[copies].astype(np.int64)]
        shown = (phase != WIPE) | (_RANK[s.player[copies]] >= timer)
        self._draw_sprites(copies[shown], sprite[shown], self._corners(copies[shown], s.player[copies[shown]]))
        entered = copies[(phase == WIPE) & (_RANK[s.next_player[copies]] < timer - 1)]
        if entered.size:
            standing = np.full(entered.size, art.PLAYER_SPRITES[art.STAND, _DOWN, 0])
            self._draw_sprites(entered, standing, _corner(s.next_player[entered]))

    def _corners(self, copies: Ints, cells: Ints) -> Ints:
        """Where a sprite's corner is that will arrive at `cells` with the copy's move."""
        s = self.state
        behind = np.where(s.progress[copies] > 0, art.CELL - art.CELL // MOVE_TICKS * s.progress[copies], 0)
        return np.asarray(_corner(cells) - behind * _STRIDE[s.facing[copies]])

    def _draw_play(self, copies: Ints) -> None:
        """Draw what one tick of play can change: the cells along the player's way, its sprite and a moving box."""
        if not copies.size:
            return
        s = self.state
        step = _STEPS[s.facing[copies]]
        along = s.player[copies, None] + step[:, None] * np.array([-1, 0, 1, 2])
        self._draw_cells(copies[:, None], np.where((along < 0) | (along >= CELLS), s.player[copies, None], along))
        pushing = copies[s.pushing[copies]]
        if pushing.size:
            target = s.player[pushing] + _STEPS[s.facing[pushing]]
            row, column = np.divmod(target, SIDE)
            self._tiles[pushing, row, :, column, :] = art.TILES[_BENEATH[s.cells[pushing, target]]]
            crates = np.full(pushing.size, art.CRATE_SPRITE)
            self._draw_sprites(pushing, crates, self._corners(pushing, target))
        self._draw_players(copies)

    def _draw_all(self) -> None:
        self._draw_cells(self._all[:, None], np.arange(CELLS)[None])
        self._draw_players(self._all)
        self._draw_play(np.flatnonzero(self.state.phase == PLAY))

    # ---- state

    def snapshot(self) -> Snapshot:
        return {field.name: getattr(self.state, field.name).copy() for field in fields(PuzzleState)}

    def restore(self, snapshot: Snapshot) -> None:
        for field in fields(PuzzleState):
            if len(snapshot[field.name]) != self.num_envs:
                raise ValueError(f"{field.name}: expected {self.num_envs} copies, got {len(snapshot[field.name])}")
        self.state = PuzzleState(**{field.name: snapshot[field.name].copy() for field in fields(PuzzleState)})
        self._forget()

    def _forget(self) -> None:
        """Drop what was worked out for the state before: plans and pictures."""
        self._plans = [None] * self.num_envs
        self._draw_all()

    # ---- the solver-driven player

    def suggest(self, rng: np.random.Generator) -> Ints:
        """Actions int64 [N] of a player that knows the solution, works it out anew when the boxes have left the plan,
        and presses at random where there is none. Between decisions it goes on holding its last key."""
        s = self.state
        deciding = np.flatnonzero((s.phase == PLAY) & (s.progress == 0))
        random_presses = rng.integers(1, len(self.actions), deciding.size).tolist()
        for copy, random_press in zip(deciding.tolist(), random_presses, strict=True):
            direction = None if s.stuck[copy] else self._next_step(copy)
            self._last[copy] = random_press if direction is None else direction + 1
        return self._last.copy()

    def _next_step(self, copy: int) -> int | None:
        position = self._position(copy)
        plan = self._plans[copy]
        if plan is None or plan.level != self.state.level[copy]:
            plan = self._new_plan(copy, position)
        elif plan.boxes[plan.done] != position.boxes:
            plan.done = min(plan.done + 1, len(plan.boxes) - 1)
            if plan.boxes[plan.done] != position.boxes:
                plan = self._plan(position, self.state.level[copy], solve_pushes(position, _RESOLVE_NODES))
        self._plans[copy] = plan
        if plan.done >= len(plan.pushes):
            self.state.stuck[copy] = True
            return None
        return step_towards(position, plan.pushes[plan.done])

    def _new_plan(self, copy: int, position: Position) -> _Plan:
        level = _level(int(self._level_seed(np.array([copy]))[0]))
        plan = self._plan(position, self.state.level[copy], level.pushes)
        if _set_of(np.isin(np.frombuffer(level.board.cells, np.uint8), (BOX, BOX_ON_GOAL))) == position.boxes:
            return plan
        return self._plan(position, self.state.level[copy], solve_pushes(position, _RESOLVE_NODES))

    @staticmethod
    def _plan(position: Position, level: int, pushes: tuple[Push, ...] | None) -> _Plan:
        boxes = [position.boxes]
        for push in pushes or ():
            boxes.append(boxes[-1] ^ (1 << push.box) ^ (1 << (push.box + STEPS[push.direction])))
        return _Plan(int(level), boxes, pushes or ())

    def _position(self, copy: int) -> Position:
        """The copy's board as sets of cells, once its move has arrived."""
        s = self.state
        cells = s.cells[copy]
        position = Position(
            walls=_set_of(cells == WALL),
            goals=_set_of((cells == GOAL) | (cells == BOX_ON_GOAL)),
            boxes=_set_of((cells == BOX) | (cells == BOX_ON_GOAL)),
            key=_set_of(cells == KEY),
            door=_set_of(cells == DOOR),
            player=int(s.player[copy]),
            carrying=bool(s.carrying[copy]),
        )
        if not s.progress[copy]:
            return position
        before = position._replace(player=position.player - STEPS[s.facing[copy]])
        return move(before, int(s.facing[copy])) if not s.pushing[copy] else position


def _set_of(members: Bools) -> int:
    """A bool [64] as a set of cells."""
    return int.from_bytes(np.packbits(members, bitorder="little").tobytes(), "little")


def _corner(cells: Ints) -> Ints:
    """The top-left pixel of cells in a flat frame."""
    row, column = np.divmod(cells, SIDE)
    return np.asarray(row * (art.CELL * FRAME_SIZE) + column * art.CELL)


@dataclass(frozen=True)
class TileMeaning:
    """What a picture of a cell at rest says. `kind`: FLOOR to DOOR, None for a wipe's glyph; gold walls are WALL."""

    kind: int | None
    player: bool = False
    carrying: bool = False


def _resting_tiles() -> tuple[npt.NDArray[np.uint8], tuple[TileMeaning, ...]]:
    pictures = list(art.TILES)
    meanings = [TileMeaning(WALL if kind == art.GOLD_TILE else kind) for kind in range(art.FIRST_GLYPH_TILE)]
    meanings += [TileMeaning(None)] * (len(pictures) - len(meanings))
    seen: set[bytes] = set()
    for pose in (art.STAND, art.STRAIN, art.CHEER):
        for facing in range(4):
            for carrying in (False, True):
                sprite = art.SPRITES[art.PLAYER_SPRITES[pose, facing, int(carrying)]]
                if sprite.tobytes() in seen:
                    continue
                seen.add(sprite.tobytes())
                for kind in (FLOOR, GOAL):
                    pictures.append(art.laid_over(art.TILES[kind], sprite, 0, 0))
                    meanings.append(TileMeaning(kind, True, carrying))
    return np.stack(pictures), tuple(meanings)


# uint8 [T,16,16] pictures of every cell content at rest, and what each says.
RESTING_TILES, TILE_MEANINGS = _resting_tiles()


def render_board(board: Board, facing: int = _DOWN) -> Frames:
    """A board at rest as a picture uint8 [128,128]. `facing` 0 up, 1 down, 2 left, 3 right."""
    tiles = art.TILES[np.frombuffer(board.cells, np.uint8)]
    sprite = art.SPRITES[art.PLAYER_SPRITES[art.STAND, facing, int(board.carrying)]]
    tiles[board.player] = art.laid_over(tiles[board.player], sprite, 0, 0)
    grid = tiles.reshape(SIDE, SIDE, art.CELL, art.CELL).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(grid.reshape(FRAME_SIZE, FRAME_SIZE))


def match_tiles(frame: Frames) -> tuple[Ints, Ints]:
    """For each of the 64 cells of a picture uint8 [128,128]: its nearest of `RESTING_TILES`, and the pixels wrong."""
    cells = frame.reshape(SIDE, art.CELL, SIDE, art.CELL).transpose(0, 2, 1, 3).reshape(CELLS, 1, -1)
    wrong = (cells != RESTING_TILES.reshape(1, len(RESTING_TILES), -1)).sum(-1)
    nearest = wrong.argmin(-1)
    return nearest, wrong[np.arange(CELLS), nearest]


def read_board(frame: Frames, most_wrong: int = 24) -> Board | None:
    """The board that a picture shows, or None: a cell is more than `most_wrong` pixels from every tile at rest, shows a
    glyph, or there is not exactly one player (so also None during moves and wipes)."""
    nearest, wrong = match_tiles(frame)
    meanings = [TILE_MEANINGS[tile] for tile in nearest.tolist()]
    players = [cell for cell, meaning in enumerate(meanings) if meaning.player]
    kinds = [meaning.kind for meaning in meanings if meaning.kind is not None]
    if wrong.max() > most_wrong or len(players) != 1 or len(kinds) != CELLS:
        return None
    return Board(bytes(kinds), players[0], meanings[players[0]].carrying)
