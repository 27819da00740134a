"""Long runs at their ends: paces counted from pictures are the simulator's own, faulty worlds fall short."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from training.evaluate.footage import Moment, find_moments, world_at
from training.evaluate.paces import PlatformerPaces, PuzzlePaces
from training.evaluate.readers.platformer import PlatformerReader
from training.evaluate.readers.puzzle import PuzzleReader
from training.evaluate.stability import measure_stability
from training.worlds.platformer import Platformer
from training.worlds.puzzle import PuzzleWorld

FRAMES = 150


@pytest.fixture(scope="module")
def starts() -> dict[str, list[Moment]]:
    return {name: find_moments(name, 2, 40) for name in ("platformer", "puzzle")}


def test_the_simulator_is_as_stable_as_itself(world_name: str, starts: Any, perfect: Any) -> None:
    figures = measure_stability(perfect(world_name), world_name, starts[world_name], FRAMES)
    assert figures["player_once"] == figures["simulator"]["player_once"] == 1.0
    assert all(ratio in (1.0, None) for ratio in figures["pace_ratios"].values())
    assert figures["tile_l1"] == figures["palette_l1"] == 0.0
    assert figures["longest_still"] == figures["simulator"]["longest_still"] < FRAMES / 2
    assert figures["frames"] == FRAMES and figures["runs"] == 2


@pytest.mark.parametrize("fault", ["frozen", "blank"])
def test_worlds_in_which_nothing_happens_fail(
    world_name: str, starts: Any, fault: str, request: pytest.FixtureRequest
) -> None:
    figures = measure_stability(request.getfixturevalue(fault)(world_name), world_name, starts[world_name], FRAMES)
    moved = "scroll" if world_name == "platformer" else "moves"
    assert figures["pace_ratios"][moved] < 0.1
    assert figures["longest_still"] >= FRAMES - 1
    if fault == "blank":
        assert figures["player_once"] == 0.0 and figures["tile_l1"] > 1.0 < figures["palette_l1"]


def test_platformer_paces_are_the_simulators_own() -> None:
    world = Platformer(2, "report")
    frames, _ = world.reset(seed=21)
    rng, camera = np.random.default_rng(0), world.camera.copy()
    readers = [PlatformerReader() for _ in frames]
    paces = [PlatformerPaces(reader) for reader in readers]
    counted = dict.fromkeys(("coin", "flag", "deaths"), 0)
    for reader, pace, frame in zip(readers, paces, frames, strict=True):
        reader.see(frame, None)
        pace.see(frame)
    for _ in range(330):
        before = world.tiles.copy()
        frames, _, _, _, info = world.step(world.suggest(rng))
        counted["coin"] += int(((before == 11) & (world.tiles == 0)).sum())
        counted["flag"] += int((info["events"] & world.event_bit("flag") > 0).sum())
        counted["deaths"] += int(sum((info["events"] & world.event_bit(f"death_{k}") > 0).sum() for k in DEATHS))
        for reader, pace, frame in zip(readers, paces, frames, strict=True):
            reader.see(frame, None)
            pace.see(frame)
    sums = {name: sum(pace.counts[name] for pace in paces) for name in paces[0].counts}
    assert sums["scroll"] == (world.camera - camera).sum() > 300
    assert sums["level_ends"] == counted["flag"] > 0
    assert sums["deaths"] == counted["deaths"]
    assert abs(sums["coins"] - counted["coin"]) <= 1 < counted["coin"]


DEATHS = ("spike", "pit", "enemy")


def test_puzzle_paces_are_the_simulators_own() -> None:
    world = PuzzleWorld(3, "report")
    frames, _ = world.reset(seed=2)
    rng, moves, solved = np.random.default_rng(0), 0, 0
    readers = [PuzzleReader() for _ in frames]
    paces = [PuzzlePaces(reader) for reader in readers]
    for _ in range(330):
        actions = world.suggest(rng)
        frames, _, _, _, info = world.step(actions)
        moves += int((info["events"] & (world.event_bit("move") | world.event_bit("push")) > 0).sum())
        solved += int((info["events"] & world.event_bit("new_board") > 0).sum())
        for i, (reader, pace) in enumerate(zip(readers, paces, strict=True)):
            reader.see(frames[i], world.actions[actions[i]])
            pace.see(frames[i])
    sums = {name: sum(pace.counts[name] for pace in paces) for name in paces[0].counts}
    assert sums["solved"] == solved > 2
    assert abs(sums["moves"] - moves) <= 6 < moves  # a first move has no rest before it that could be read


def test_a_scene_goes_on_from_its_start(starts: dict[str, list[Moment]]) -> None:
    world = world_at("puzzle", starts["puzzle"])
    assert (world.render_frames() == np.stack([start.frames[-1] for start in starts["puzzle"]])).all()
