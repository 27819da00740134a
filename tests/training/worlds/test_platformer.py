"""The platformer's rules as they are seen from outside: state, camera, events, pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from training.worlds import platformer as module
from training.worlds import platformer_art as art
from training.worlds import platformer_levels as levels
from training.worlds.platformer import ALIVE, DEAD, RING, SQUASHED, WALKING, Platformer
from training.worlds.platformer_physics import pricked

NOOP, LEFT, RIGHT, JUMP, LEFT_JUMP, RIGHT_JUMP = range(6)
FLOOR_Y = levels.HOME_ROW * 8 - levels.BODY_HEIGHT


def mixed(world: Platformer, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Mostly skilled play with enough nonsense to die of."""
    nonsense = rng.integers(0, 6, world.num_envs)
    return np.where(rng.random(world.num_envs) < 0.7, world.suggest(rng), nonsense)


def scene(**tiles: tuple[int, int, int]) -> Platformer:
    """One copy standing at the opening, with single tiles put in: name=(column, row, kind). A kind below the floor
    line that is `PIT_TOP` clears the column into a pit."""
    world = Platformer(1)
    world.reset(seed=0)
    for column in range(RING):
        world.tiles[0, column] = np.frombuffer(levels.first_column(0), np.uint8)
    world.enemy_state[:] = 0
    for column, row, kind in tiles.values():
        world.tiles[0, column, row] = kind
        if kind == levels.PIT_TOP:
            world.tiles[0, column, row + 1 : levels.FRIEZE] = levels.PIT_BODY
    world.restore(world.snapshot())
    return world


def play(world: Platformer, *moves: tuple[int, int]) -> int:
    """Play (action, ticks) pairs; the union of the events of copy 0."""
    seen = 0
    for action, ticks in moves:
        for _ in range(ticks):
            seen |= int(world.step(np.array([action]))[4]["events"][0])
    return seen


def names(world: Platformer, mask: int) -> set[str]:
    return {name for name in world.event_names if mask & world.event_bit(name)}


def test_same_seed_and_actions_give_same_frames() -> None:
    one, two = Platformer(6, "choose"), Platformer(6, "choose")
    first, _ = one.reset(seed=7)
    assert (first == two.reset(seed=7)[0]).all()
    assert first.shape == (6, 128, 128) and first.dtype == np.uint8
    rng = np.random.default_rng(0)
    for _ in range(200):
        actions = mixed(one, rng)
        a, _, _, _, info_a = one.step(actions)
        b, _, _, _, info_b = two.step(actions)
        assert (a == b).all() and (info_a["events"] == info_b["events"]).all() and a.max() < 16
    one.reset(seed=7)
    assert (one.render_frames() == first).all()


def test_seeds_and_splits_differ() -> None:
    world, other = Platformer(8, "train"), Platformer(8, "report")
    for each in (world, other):
        each.reset(seed=0)
        for _ in range(200):
            each.step(np.full(8, RIGHT_JUMP))
    assert len({world.tiles[i].tobytes() for i in range(8)}) == 8
    assert not (world.tiles == other.tiles).all((1, 2)).any()


def test_a_copy_of_a_snapshot_goes_on_alike_in_a_smaller_world() -> None:
    world, rng = Platformer(8), np.random.default_rng(1)
    world.reset(seed=3)
    for _ in range(150):
        world.step(mixed(world, rng))
    picked = np.array([5, 5, 0])
    small = Platformer(3)
    small.restore({name: value[picked] for name, value in world.snapshot().items()})
    assert (small.render_frames() == world.render_frames()[picked]).all()
    for _ in range(200):
        actions = mixed(world, rng)
        frames, _, _, _, info = world.step(actions)
        again, _, _, _, info_again = small.step(actions[picked])
        assert (frames[picked] == again).all() and (info["events"][picked] == info_again["events"]).all()


def test_a_snapshot_is_not_changed_by_later_play() -> None:
    world = Platformer(2)
    world.reset(seed=0)
    before = world.snapshot()
    kept = {name: value.copy() for name, value in before.items()}
    for _ in range(60):
        world.step(np.full(2, RIGHT_JUMP))
    assert all((before[name] == kept[name]).all() for name in kept)
    with pytest.raises(ValueError, match="2 copies"):
        Platformer(3).restore(before)


def test_camera_follows_and_never_goes_back() -> None:
    world, rng = Platformer(16), np.random.default_rng(2)
    world.reset(seed=1)
    before = world.camera.copy()
    for _ in range(200):
        world.step(np.where(rng.random(16) < 0.3, LEFT, mixed(world, rng)))
        assert (world.camera >= before).all() and (world.camera - before <= levels.PACE).all()
        assert (world.x >= world.camera).all() and (world.x - world.camera <= module.PLAYER_SCREEN_X).all()
        before = world.camera.copy()


def test_every_event_occurs() -> None:
    world, rng = Platformer(48), np.random.default_rng(3)
    world.reset(seed=2)
    seen = np.uint32(0)
    for _ in range(500):
        seen |= np.bitwise_or.reduce(world.step(mixed(world, rng))[4]["events"])
        if names(world, int(seen)) == set(world.event_names):
            break
    assert names(world, int(seen)) == set(world.event_names)


def test_the_screen_scrolls_by_whole_pixels() -> None:
    world = Platformer(1)
    world.reset(seed=0)
    play(world, (RIGHT, 20))
    before, camera = world.render_frames()[0], int(world.camera[0])
    play(world, (RIGHT, 1))
    step = int(world.camera[0]) - camera
    assert step == levels.PACE
    assert (world.render_frames()[0, 110:, :-step] == before[110:, step:]).all()


def test_a_pit_kills_and_the_player_comes_back_from_above() -> None:
    world = scene(**{f"pit{c}": (c, levels.HOME_ROW, levels.PIT_TOP) for c in (7, 8, 9)})
    seen = 0
    for _ in range(60):
        seen |= play(world, (RIGHT, 1))
        if world.state[0] == DEAD:
            break
    assert "death_pit" in names(world, seen) and world.beat[0] == world.gravity.death + 1
    camera = int(world.camera[0])
    heights = []
    while world.state[0] == DEAD:
        heights.append(int(world.y[0]))
        seen |= play(world, (LEFT_JUMP, 1))
    assert min(heights) < heights[0] < max(heights) and "respawn" in names(world, seen)
    assert (world.x[0], world.y[0]) == (camera + module.RESPAWN_SCREEN_X, -levels.BODY_HEIGHT)
    assert world.beat[0] == world.gravity.falls
    play(world, (LEFT, 6))
    assert world.x[0] < camera + module.RESPAWN_SCREEN_X and world.camera[0] == camera


def test_a_spike_kills() -> None:
    world = scene(spike=(8, levels.HOME_ROW - 1, levels.SPIKE))
    assert names(world, play(world, (RIGHT, 16))) == {"death_spike", "behind"}
    assert world.state[0] == DEAD


def test_what_kills_is_seen_to_be_touched_before_it_does() -> None:
    world = scene(spike=(8, levels.HOME_ROW - 1, levels.SPIKE))
    while not pricked(world._ground(), world.x, world.y)[0]:
        assert names(world, play(world, (RIGHT, 1))) <= {"behind"}
    assert world.state[0] == ALIVE and (x := int(world.x[0])) + levels.BODY_WIDTH == 8 * 8 + levels.PACE
    assert names(world, play(world, (LEFT, 1))) == {"death_spike", "behind"}
    assert world.state[0] == DEAD and world.x[0] == x


def test_what_enters_is_told_as_its_first_pixels_come() -> None:
    standing = {levels.SPIKE, levels.BLOCK, *range(levels.DECORATION, levels.DECORATION + levels.BIOMES)}
    world = Platformer(4)
    world.reset(seed=3)
    told = 0
    for _ in range(400):
        edge = (world.camera + 127) // 8
        events = world.step(world.suggest(np.random.default_rng(0)))[4]["events"]
        last = (world.camera + 127) // 8
        for copy in range(4):
            seen = set(world.tiles[copy, last[copy] % RING, : levels.FRIEZE].tolist())
            beetle = (world.enemy_x[copy] == last[copy] * 8 + 1) & (world.enemy_state[copy] == WALKING)
            new = last[copy] > edge[copy] and bool(standing & seen or beetle.any())
            assert ("enters" in names(world, int(events[copy]))) == new
            told += new
    assert told > 10


def test_things_are_drawn_before_who_moves_and_that_is_told() -> None:
    world = scene(bush=(7, levels.HOME_ROW - 1, levels.DECORATION))
    bush, drawn = world.render_frames()[0, 88:96, 56:64].copy(), art.BUSH != art.CLEAR
    behind = []
    for tick in range(20):
        if "behind" in names(world, play(world, (RIGHT, 1))):
            behind.append(tick)
        left = 56 - int(world.camera[0])
        assert (world.render_frames()[0, 88:96, left : left + 8] == bush)[drawn].all()
    assert behind == list(range(behind[0], behind[0] + (8 + levels.BODY_WIDTH) // levels.PACE - 1))


def test_a_beetle_behind_things_is_told() -> None:
    world = scene(bush=(12, levels.HOME_ROW - 1, levels.DECORATION))
    world.enemy_x[0, 0], world.enemy_y[0, 0], world.enemy_state[0, 0] = 108, (levels.HOME_ROW - 1) * 8, WALKING
    told = [int(world.enemy_x[0, 0]) for _ in range(30) if "behind" in names(world, play(world, (LEFT, 1)))]
    assert told == list(range(12 * 8 + 7, 12 * 8 - 8, -1))


def test_where_one_stops_by_what_is_solid_is_seen() -> None:
    world = scene(upper=(7, levels.HOME_ROW - 2, levels.BLOCK), lower=(7, levels.HOME_ROW - 1, levels.BLOCK))
    assert "blocked" in names(world, play(world, (RIGHT, 20)))
    shown = world.render_frames()[0]
    block = shown[80:88, 56 - int(world.camera[0]) :][:, :8]
    assert (block[:, 0] != art.tile_set()[levels.BLOCK][:, 0]).any(), "what hangs over of the sprite hides some of it"


def test_a_coin_vanishes_when_taken() -> None:
    world = scene(coin=(7, levels.HOME_ROW - 2, levels.COIN))
    drawn = world.render_frames()[0, 80:88, 56:64].copy()
    assert names(world, play(world, (RIGHT, 20))) == {"coin"}
    assert world.tiles[0, 7, levels.HOME_ROW - 2] == levels.EMPTY
    assert (drawn == 10).any()  # it was gold
    at = 56 - int(world.camera[0])
    assert not (world.render_frames()[0, 80:88, at : at + 8] == 10).any()


def test_a_wall_blocks() -> None:
    world = scene(block=(7, levels.HOME_ROW - 1, levels.BLOCK))
    assert names(world, play(world, (RIGHT, 20))) == {"blocked"}
    assert world.x[0] == 7 * 8 - levels.BODY_WIDTH


def put_enemy(world: Platformer, x: int, right: int = 0) -> None:
    world.enemy_x[0, 0], world.enemy_y[0, 0] = x, (levels.HOME_ROW - 1) * 8
    world.enemy_right[0, 0], world.enemy_state[0, 0] = right, WALKING


def test_walking_into_an_enemy_kills() -> None:
    world = scene()
    put_enemy(world, 64)
    assert names(world, play(world, (RIGHT, 10))) == {"death_enemy"}


def test_falling_on_an_enemy_squashes_it_for_four_visible_ticks() -> None:
    world = scene()
    world.x[:], world.y[:], world.beat[:], world.on_ground[:], world.coyote[:] = 40, 58, 9, False, 0
    put_enemy(world, 36, right=1)
    seen, looks = 0, []
    for _ in range(20):
        seen |= play(world, (JUMP, 1))
        if world.enemy_state[0, 0] >= SQUASHED:
            looks.append(world.render_frames()[0, 86:96, 36:64].tobytes())
        if looks and world.enemy_state[0, 0] == 0:
            break
    assert "stomp" in names(world, seen) and "death_enemy" not in names(world, seen)
    assert len(looks) == len(set(looks)) == 4


def test_an_enemy_turns_at_ledge_wall_spike_and_screen_edge() -> None:
    ledge = {"pit": (10, levels.HOME_ROW, levels.PIT_TOP)}
    wall = {"block": (10, levels.HOME_ROW - 1, levels.BLOCK)}
    spike = {"spike": (10, levels.HOME_ROW - 1, levels.SPIKE)}
    for tiles in (ledge, wall, spike):
        world = scene(**tiles)
        put_enemy(world, 9 * 8 - 3, right=1)
        play(world, (NOOP, 4))
        assert world.enemy_right[0, 0] == 0 and world.enemy_x[0, 0] <= 9 * 8
    world = scene()
    put_enemy(world, 117, right=1)
    play(world, (NOOP, 4))
    assert world.enemy_right[0, 0] == 0 and world.enemy_x[0, 0] + 9 <= 128


def test_a_flag_goes_up_once_and_holds_nobody() -> None:
    world = scene()
    world.flag_column[0] = 8
    while not world._at_flag()[0]:
        assert world._poses()[0] != art.HERO_CHEER and play(world, (RIGHT, 1)) == 0
    assert world.banner[0] == 0 and world._poses()[0] == art.HERO_CHEER
    x = int(world.x[0])
    assert names(world, play(world, (RIGHT, 1))) == {"flag"}
    assert world.banner[0] == module.BANNER_STEP and world.x[0] == x + levels.PACE
    play(world, (RIGHT, 11))
    assert world.banner[0] == module.BANNER_TOP and world._poses()[0] != art.HERO_CHEER
    assert play(world, (LEFT, 12)) == 0 and world.banner[0] == module.BANNER_TOP


def test_tiles_ahead_begin_at_the_players_column() -> None:
    world = scene(coin=(6, 8, levels.COIN))
    ahead = world.tiles_ahead(10)
    assert ahead.shape == (1, 16, 10) and ahead[0, 8, 1] == levels.COIN and ahead[0, 8, 0] == levels.EMPTY


def test_a_visible_column_follows_from_its_left_neighbour() -> None:
    """Over many columns of real play: rows 0-14 are a function of the column to the left, coins apart."""
    world, rng = Platformer(24), np.random.default_rng(4)
    world.reset(seed=9)
    checked = 0
    made = world.columns_made.copy()
    for _ in range(300):
        world.step(np.full(24, RIGHT_JUMP) if rng.random() < 0.5 else world.suggest(rng))
        for i in np.nonzero(world.columns_made > made)[0]:
            newest = int(world.columns_made[i]) - 1
            left, new = world.tiles[i, (newest - 1) % RING], world.tiles[i, newest % RING]
            assert levels.next_column(left.tobytes()) == new[: levels.FRIEZE].tobytes()
            checked += 1
        made = world.columns_made.copy()
    assert checked > 1000


def test_hidden_ground_stays_hidden() -> None:
    """What the levels hold beyond the next column never shows: same visible tiles, same frame, whatever the stream."""
    world = Platformer(1)
    world.reset(seed=0)
    shot: dict[str, Any] = world.snapshot()
    shot["stream"] = shot["stream"] + 1
    other = Platformer(1)
    other.restore(shot)
    assert (other.render_frames() == world.render_frames()).all()
    for _ in range(8):  # until the first new column's rune comes into view
        a, b = world.step(np.array([NOOP]))[0], other.step(np.array([NOOP]))[0]
        assert (a == b).all()


def test_who_goes_astray_is_told_the_way_back() -> None:
    world, beyond, wrong, down, free = Platformer(4), 0, 0, 0, 0
    world.go_astray(np.array([True, True, False, False]))
    world.reset(seed=3)
    for tick in range(1500):
        world.step(world.suggest(np.random.default_rng(tick)))
        for chance in world.chances():
            newest = world.tiles[chance.copy, (int(world.camera[chance.copy]) + 127) // 8 % RING]
            ground = levels.surface(newest.tobytes())[0]
            assert ground >= (levels.ASTRAY_ROWS[0] if chance.copy < 2 else levels.TOP_ROW)
            assert chance.odds.sum() == pytest.approx(1)
            rising = [levels.RUNE + op for op in (levels.Op.UP1, levels.Op.UP2)]
            shown = [world.scenery.tiles[kind][:, 0] for kind in rising]  # told by the first pixels
            if ground <= levels.TOP_ROW and len(chance.odds) > 1:
                begun = 128 - ((int(world.camera[chance.copy]) + 127) // 8 * 8 - int(world.camera[chance.copy]))
                assert not any((patch[:, 8 - begun] == look).all() for patch in chance.patches for look in shown)
                if ground < levels.TOP_ROW:
                    beyond += 1
                    falling = [world.scenery.tiles[levels.RUNE + op][:, 0] for op in (levels.Op.DOWN1, levels.Op.DOWN2)]
                    looks = [patch[:, 8 - begun] for patch in chance.patches]
                    down += any((look == fall).all() for look in looks for fall in falling)
                    free += len(chance.odds) > 2  # nothing was begun that must end first
            if chance.came is None:
                wrong += 1
                assert chance.copy < 2
    assert beyond > 20 and wrong > 3 and down == free > 5


def test_a_flag_off_home_has_its_banner_at_its_own_foot() -> None:
    world, seen = Platformer(8), 0
    world.go_astray(np.ones(8, np.bool_))
    frames, _ = world.reset(seed=5)
    banner = world.scenery.banner
    height, width = banner.pixels.shape
    for tick in range(1200):
        for i in np.flatnonzero((world.flag_column > 0) & (world.banner == 0)):
            column = world.tiles[i, world.flag_column[i] % RING].tobytes()
            left = int(world.flag_column[i] * 8 + art.BANNER_RIGHT - world.camera[i])
            if not 80 < left < 128 - width or levels.surface(column)[0] == levels.HOME_ROW:
                continue
            top = (levels.surface(column)[0] - 1) * 8 - 1
            shown = frames[i, top : top + height, left : left + width]
            seen += bool((shown == banner.pixels)[banner.drawn].all())
            assert (shown == banner.pixels)[banner.drawn].mean() > 0.5, "a beetle may hide a part"
        frames = world.step(world.suggest(np.random.default_rng(tick)))[0]
    assert seen > 20


def test_what_chance_might_have_brought_is_told_as_it_comes() -> None:
    world, frames = Platformer(6), None
    world.reset(seed=2)
    told = flags = certain = 0
    for tick in range(900):
        before = (world.camera + 127) // 8
        frames, *_ = world.step(world.suggest(np.random.default_rng(tick)))
        columns = (world.camera + 127) // 8
        chances = {chance.copy: chance for chance in world.chances()}
        new = {i for i in range(6) if columns[i] > before[i] and columns[i] >= 40}
        assert set(chances) >= new
        for i, chance in chances.items():
            assert (chance.row, chance.column) == (15, 15) and chance.odds.sum() == pytest.approx(1)
            assert (chance.patches[chance.came] == frames[i, 120:, 120:]).all()
            if columns[i] == before[i]:  # nothing begins to come in
                assert chance.odds.tolist() == [1.0]
                certain += 1
                continue
            looks = {patch.tobytes() for patch in chance.patches}
            assert len(looks) == len(chance.odds), "each is told by its first pixels"
            home = levels.surface(world.tiles[i, columns[i] % RING].tobytes())[0] == levels.HOME_ROW
            flag = [odds for patch, odds in zip(chance.patches, chance.odds, strict=True) if _is_flag(patch)]
            assert not flag or home
            told, flags = told + 1, flags + bool(flag)
    assert told > 300 and flags > 20 and certain > 2 * told


def _is_flag(patch: np.ndarray) -> bool:
    return any((patch[:, 8 - n :] == art.RUNES[levels.Op.FLAG][:, :n]).all() for n in (1, 2)) and patch[3, 7] == 14
