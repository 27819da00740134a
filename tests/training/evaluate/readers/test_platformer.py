"""The reader of platformer pictures: true frames are read exactly, doctored ones are found out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from models.actions import Action
from training.evaluate.readers.base import RunLog
from training.evaluate.readers.platformer import PlatformerReader, camera_phase, find_heroes, look
from training.worlds import platformer_art as art
from training.worlds.platformer import Platformer


@pytest.fixture(scope="module")
def played() -> list[tuple[npt.NDArray[np.uint8], int, int, int]]:
    """(frame, hit box x on the screen, y, camera) of skilled play."""
    world = Platformer(2, "report")
    world.reset(seed=1)
    rng, shown = np.random.default_rng(0), []
    for tick in range(160):
        frames, *_ = world.step(world.suggest(rng))
        if tick % 4 == 0 and (world.state != 1).all():
            shown += [
                (frames[i], int(world.x[i] - world.camera[i]), int(world.y[i]), int(world.camera[i])) for i in (0, 1)
            ]
    return shown


def test_player_and_scroll_are_read_exactly(played: list[tuple[npt.NDArray[np.uint8], int, int, int]]) -> None:
    for frame, x, y, camera in played:
        seen = look(frame)
        assert seen.hero is not None
        assert (seen.players, seen.hero.x, seen.hero.y, seen.phase) == (1, x, y, camera % 8)
        assert not seen.inside


@pytest.fixture(scope="module")
def behind() -> list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], tuple[int, int]]]:
    """(frame, the same without its player, hit box's top left) where something is before a living player."""
    world = Platformer(8, "report")
    world.reset(seed=1)
    rng, shown = np.random.default_rng(0), []
    for _ in range(500):
        frames, *_ = world.step(world.suggest(rng))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world, "_paste_players", lambda: None)
            empty = world.render_frames()
            patch.setattr(world, "enemy_state", np.zeros_like(world.enemy_state))
            hidden = world._behind_things() & (world.state == 0) & (world.y > 0)
        shown += [
            (frames[i], empty[i], (int(world.x[i] - world.camera[i]), int(world.y[i]))) for i in np.flatnonzero(hidden)
        ]
    return shown


def test_a_player_behind_things_is_read_exactly_and_nobody_where_none_is(
    behind: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], tuple[int, int]]],
) -> None:
    assert len(behind) > 100
    for frame, empty, place in behind:
        hero = look(frame).hero
        assert hero is not None and (hero.x, hero.y) == place
        assert look(empty).players == 0


def test_half_a_player_behind_things_is_none(
    behind: list[tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], tuple[int, int]]],
) -> None:
    rng, found = np.random.default_rng(0), 0
    for frame, empty, _ in behind:
        found += look(np.where(rng.random(frame.shape) < 0.5, frame, empty)).players
    assert found < 0.1 * len(behind)


def strewn(frame: npt.NDArray[np.uint8], share: float, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """With this share of the frieze's pixels in whatever ink."""
    frame = frame.copy()
    wrong = rng.random((8, 128)) < share
    frame[-8:][wrong] = rng.integers(0, 16, int(wrong.sum()))
    return frame


def test_the_scroll_is_read_at_every_phase_and_through_wrong_pixels() -> None:
    world, rng = Platformer(8, "report"), np.random.default_rng(2)
    world.reset(seed=5)
    world.x += np.arange(8)  # so that the cameras are at all phases
    phases = set()
    for tick in range(200):
        frames, *_ = world.step(world.suggest(rng))
        for frame, phase in zip(frames, world.camera % 8, strict=True) if tick % 5 == 0 else ():
            phases.add(int(phase))
            assert camera_phase(frame) == camera_phase(strewn(frame, 0.02, rng)) == phase
            assert camera_phase(strewn(frame, 0.1, rng)) == phase
    assert len(phases) == 8


@pytest.mark.parametrize("rune", art.RUNES)
@pytest.mark.parametrize("phase", range(8))
def test_the_scroll_is_read_where_all_runes_are_the_same(rune: npt.NDArray[np.uint8], phase: int) -> None:
    frame = np.zeros((128, 128), np.uint8)
    frame[-8:] = np.tile(rune, 17)[:, phase : phase + 128]
    rng = np.random.default_rng(phase)
    assert camera_phase(frame) == camera_phase(strewn(frame, 0.02, rng)) == phase


def paste(frame: npt.NDArray[np.uint8], x: int, y: int) -> npt.NDArray[np.uint8]:
    sprite = art.HERO[0][art.HERO_STAND]
    frame = frame.copy()
    np.copyto(frame[y : y + 16, x : x + 12], sprite.pixels, where=sprite.drawn)
    return frame


def without_player(frame: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The sky where a player in the air was: the scene is flat ground."""
    found = find_heroes(frame)[0]
    frame = frame.copy()
    frame[found.y : found.y + 16, found.x : found.x + 12] = art.SKY[found.y : found.y + 16]
    return frame


@pytest.fixture
def standing() -> npt.NDArray[np.uint8]:
    """A player on plain ground, at the start of an episode."""
    world = Platformer(1, "report")
    world.reset(seed=3)
    frames, *_ = world.step(np.array([0]))
    picture: npt.NDArray[np.uint8] = frames[0]
    return picture


def run(frames: list[npt.NDArray[np.uint8]], action: Action = Action.NOOP) -> RunLog:
    reader, log = PlatformerReader(), RunLog()
    for frame in frames:
        log.add(reader.see(frame, action))
    return log


def test_standing_still_is_coherent(standing: npt.NDArray[np.uint8]) -> None:
    seen = look(standing)
    assert seen.standing and not seen.hovering and not seen.inside
    log = run([standing] * 30)
    assert log.incoherent == {} and log.keys_obeyed == log.keys_tried > 10


def test_two_players_and_none_are_found_out(standing: npt.NDArray[np.uint8]) -> None:
    assert run([standing, *[paste(standing, 90, 70)] * 7]).lost_by == "player twice"
    assert run([standing, *[without_player(standing)] * 7]).lost_by == "player missing"


def test_a_player_in_the_ground_is_found_out(standing: npt.NDArray[np.uint8]) -> None:
    found = find_heroes(standing)[0]
    sunk = paste(without_player(standing), found.x, found.y + 8)
    assert look(sunk).inside
    assert run([standing, *[sunk] * 9]).lost_by == "in the ground"


def test_a_player_on_air_is_found_out(standing: npt.NDArray[np.uint8]) -> None:
    found = find_heroes(standing)[0]
    hovering = paste(without_player(standing), found.x, found.y - 20)
    assert run([standing, *[hovering] * 12]).lost_by == "hovering"


def test_ground_that_is_no_ground_is_found_out(standing: npt.NDArray[np.uint8]) -> None:
    mush = standing.copy()
    mush[104:] = np.random.default_rng(0).integers(0, 16, mush[104:].shape)
    assert camera_phase(mush) is None
    assert run([standing, *[mush] * 7]).lost_by == "ground unreadable"


def test_keys_that_do_nothing_are_found_out(standing: npt.NDArray[np.uint8]) -> None:
    for action in (Action.RIGHT, Action.JUMP, Action.RIGHT_JUMP):
        log = run([standing] * 30, action)
        assert log.lost_by == "key not obeyed"
    assert run([standing] * 30, Action.NOOP).lost_at is None


def test_walking_the_other_way_is_found_out() -> None:
    world = Platformer(1, "report")
    world.reset(seed=3)
    right = world.actions.index(Action.RIGHT)
    frames = [world.step(np.array([right]))[0][0] for _ in range(24)]
    assert run(frames, Action.RIGHT).incoherent == {}
    assert run(frames, Action.LEFT).lost_by == "key not obeyed"


def test_a_death_is_coherent_an_endless_one_is_not() -> None:
    """Walking on and on ends in a pit, on spikes or at an enemy."""
    world = Platformer(5, "report")
    world.reset(seed=0)
    right = world.actions.index(Action.RIGHT)
    readers, logs, deaths = [PlatformerReader() for _ in range(5)], [RunLog() for _ in range(5)], 0
    dead = None
    for _ in range(150):
        frames, _, _, _, info = world.step(np.full(5, right))
        deaths += int((info["events"] & world.event_bit("respawn") > 0).sum())
        for reader, log, frame in zip(readers, logs, frames, strict=True):
            log.add(reader.see(frame, Action.RIGHT))
        lying = np.flatnonzero((world.state == 1) & (world.y < 80))
        dead = frames[lying[0]] if len(lying) else dead
    assert deaths >= 3 and dead is not None
    assert all(log.incoherent == {} for log in logs)
    assert run([dead] * 90).lost_by == "endless death"
