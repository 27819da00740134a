"""The known region against play in the simulator."""

from __future__ import annotations

import numpy as np
import pytest

from models.manifest import BadInput
from training.evaluate.known import PlatformerSight, PuzzleSight, sight_of
from training.worlds.platformer import Platformer
from training.worlds.puzzle import CELEBRATE, PLAY, WIPE, PuzzleWorld
from training.worlds.puzzle_levels import WIPE_ORDER


def test_platformer_knows_what_the_screen_has_shown() -> None:
    sight, world = PlatformerSight(), Platformer(1, "report")
    world.reset(seed=5)
    seen = sight.notes(world)[0]
    right = world.actions.index("right")
    for _ in range(40):
        world.step(np.array([right]))
    now = sight.notes(world)[0]
    scrolled = int(now[0] - seen[0])
    assert scrolled > 0
    known = sight.known(seen, now)
    assert known[:, : 128 - scrolled].all() and not known[:, 128 - scrolled :].any()
    assert sight.known(now, now).all() and not sight.changes_level(now)


def test_puzzle_knows_no_cell_that_has_come_in_since() -> None:
    sight = PuzzleSight()
    play, celebrating = np.array([3, 64, PLAY]), np.array([3, 64, CELEBRATE])
    early, late, done = np.array([4, 2, WIPE]), np.array([4, 10, WIPE]), np.array([4, 64, PLAY])
    assert sight.known(play, celebrating).all()
    assert [sight.changes_level(notes) for notes in (play, celebrating, early)] == [False, True, True]
    assert sight.known(play, early).mean() == pytest.approx(62 / 64)
    assert sight.known(early, late).mean() == pytest.approx(56 / 64)
    assert sight.known(early, done).mean() == pytest.approx(2 / 64)
    assert not sight.known(play, np.array([5, 64, PLAY])).any()
    row, column = divmod(WIPE_ORDER[5], 8)
    assert not sight.known(early, late)[row * 16 : row * 16 + 16, column * 16 : column * 16 + 16].any()


def test_puzzle_notes_follow_a_wipe() -> None:
    """Pixels outside the known region of one tick are exactly those of the cell that shows its glyph now."""
    sight, world = PuzzleSight(), PuzzleWorld(6, "report")
    frames, _ = world.reset(seed=2)
    rng, wipes = np.random.default_rng(0), 0
    notes = sight.notes(world)
    for _ in range(250):
        before, last = notes, frames
        frames, *_ = world.step(world.suggest(rng))
        notes = sight.notes(world)
        for copy in range(world.num_envs):
            known = sight.known(before[copy], notes[copy])
            if known.all():
                continue
            wipes += 1
            timer = int(world.state.timer[copy])
            row, column = divmod(WIPE_ORDER[timer - 1], 8)
            assert (~known).sum() == 256
            assert not known[row * 16, column * 16]
            assert (frames[copy] != last[copy])[~known].any()
    assert wipes > 50


def test_a_world_without_a_sight_is_refused() -> None:
    with pytest.raises(BadInput, match=r"tetris: world: can be measured for platformer, puzzle"):
        sight_of("tetris")
