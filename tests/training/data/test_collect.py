"""Collecting goes on where it stopped and gives the same data every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.manifest import BadInput
from training.data import collect as module
from training.data.collect import CollectReport, collect
from training.data.dataset import CARD_NAME, read_card, shard_paths
from training.data.shards import read_episodes
from training.worlds.base import SPLITS
from training.worlds.registry import make_world

pytestmark = pytest.mark.usefixtures("toy")


def gather(out: Path, frames: int = 900, **settings: Any) -> CollectReport:
    return collect("toy", frames, out, **({"num_envs": 3, "episode_ticks": 150, "segment_ticks": 40} | settings))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".index"}


@pytest.mark.parametrize("name", ["toy", "platformer", "puzzle"])
def test_an_episode_is_what_the_world_shows(tmp_path: Path, name: str) -> None:
    report = collect(name, 480, tmp_path, num_envs=2, episode_ticks=120, segment_ticks=40)
    assert report.complete and report.frames == report.new_frames == 480 and report.shards == 2
    card = read_card(tmp_path)
    paths = shard_paths(tmp_path)
    assert report.bytes == sum(path.stat().st_size for path in paths)
    events = 0
    for path in paths:
        for episode in read_episodes(path, card):
            world = make_world(name, 1)
            frames, _ = world.reset(seed=[episode.seed])
            for tick in range(episode.ticks):
                assert np.array_equal(frames[0], episode.frames[tick])
                frames, _, _, _, info = world.step(episode.actions[tick : tick + 1].astype(np.int64))
                assert info["events"][0] == episode.events[tick]
            events += sum(int((episode.events >> bit & 1).sum()) for bit in range(len(card.event_names)))
    assert sum(report.events.values()) == events > 0


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    gather(tmp_path / "whole", 1800)
    gather(tmp_path / "stopped", 1800)
    missing = shard_paths(tmp_path / "stopped")[2:]
    for path in missing:
        path.unlink()
    stale = tmp_path / "stopped" / f".{missing[0].name}.123.tmp"
    stale.write_bytes(b"half a shard")
    report = gather(tmp_path / "stopped", 1800)
    assert (report.frames, report.new_frames, report.complete) == (1800, 900, True)
    assert contents(tmp_path / "stopped") == contents(tmp_path / "whole")


def test_a_longer_run_keeps_what_is_there(tmp_path: Path) -> None:
    gather(tmp_path / "long", 1800)
    gather(tmp_path / "short", 450)
    gather(tmp_path / "short", 1800, num_envs=9)
    assert contents(tmp_path / "short") == contents(tmp_path / "long")


def test_an_interrupt_keeps_whole_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play = module.play_shard

    def interrupted(card: Any, number: int) -> Any:
        if number == 1:
            raise KeyboardInterrupt
        return play(card, number)

    monkeypatch.setattr(module, "play_shard", interrupted)
    report = gather(tmp_path)
    assert (report.complete, report.shards, report.frames) == (False, 1, 450)
    assert sorted(contents(tmp_path)) == [CARD_NAME, "shard-000000.tar"]


def test_seeds_differ_and_stay_in_their_split(tmp_path: Path) -> None:
    gather(tmp_path, split="choose")
    card = read_card(tmp_path)
    episodes = [e for path in shard_paths(tmp_path) for e in read_episodes(path, card)]
    assert len({e.seed for e in episodes}) == len(episodes) >= 6
    world = make_world("toy", len(episodes), "choose")
    world.reset(seed=[e.seed for e in episodes])
    assert all(level in SPLITS["choose"] for level in world.snapshot()["level_seed"])


def test_a_stuck_copy_is_started_anew(tmp_path: Path) -> None:
    gather(tmp_path, policy="hold", seed=2)
    card = read_card(tmp_path)
    episodes = [e for path in shard_paths(tmp_path) for e in read_episodes(path, card)]
    assert sum(e.ticks for e in episodes) == 900
    assert len(episodes) > 6
    assert any(e.ticks < 150 for e in episodes)


def test_few_frames_make_a_small_shard(tmp_path: Path) -> None:
    assert collect("toy", 70, tmp_path).frames == 70


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"frames": 0}, "frames"),
        ({"num_envs": 0}, "num_envs"),
        ({"seed": -1}, "seed"),
        ({"split": "test"}, "expected one of train, choose, report"),
        ({"policy": "best"}, "expected one of random"),
        ({"num_envs": 1 << 20}, "at most"),
    ],
)
def test_bad_settings(tmp_path: Path, settings: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        gather(tmp_path, **settings)
    assert not list(tmp_path.iterdir())


def test_unknown_world(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected one of moon, platformer, puzzle"):
        collect("chess", 10, tmp_path)


@pytest.mark.parametrize("change", [{"seed": 7}, {"split": "choose"}, {"policy": "random"}])
def test_a_folder_holds_one_kind_of_data(tmp_path: Path, change: dict[str, Any]) -> None:
    gather(tmp_path)
    with pytest.raises(BadInput, match=next(iter(change))):
        gather(tmp_path, **change)


def test_a_folder_of_another_version(tmp_path: Path) -> None:
    gather(tmp_path)
    path = tmp_path / CARD_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": 2}))
    with pytest.raises(BadInput, match=r"dataset\.json: version: expected toy version 3, found 2"):
        gather(tmp_path)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"world": 3}', "\x00"])
def test_a_broken_card(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD_NAME).write_text(text)
    with pytest.raises(BadInput, match=r"dataset\.json") as caught:
        gather(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_damaged_shard_is_named(tmp_path: Path) -> None:
    gather(tmp_path)
    shard_paths(tmp_path)[1].write_bytes(b"not a tar file")
    with pytest.raises(BadInput, match=r"shard-000001\.tar"):
        gather(tmp_path)


def test_the_folder_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(BadInput, match="cannot be made"):
        gather(tmp_path / "out")


def test_progress_tells_of_every_shard(tmp_path: Path) -> None:
    notes: list[str] = []
    gather(tmp_path, progress=lambda report: notes.append(report.note))
    assert len(notes) == 2
    assert notes[-1].startswith("900 of 900 frames")
    assert "bytes a frame" in notes[-1]


def test_several_processes_play_what_one_plays(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    alone = collect("puzzle", 384, one, num_envs=2, episode_ticks=64)
    together = collect("puzzle", 384, two, num_envs=2, episode_ticks=64, processes=2)
    assert alone.events == together.events and alone.shards == together.shards == 3
    assert contents(one) == contents(two)
