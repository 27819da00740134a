"""Episodes survive the disk, other readers can read them, and damage is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.manifest import BadInput
from training.data.dataset import DataSetCard
from training.data.episode import Episode
from training.data.frame_codec import unpack
from training.data.shards import pack_episode, read_episodes, read_part, scan_shard, write_shard

SHAPES = [(4, 6), (3, 5, 3)]


def make_episode(ticks: int, shape: tuple[int, ...] = (4, 6), seed: int = 0) -> Episode:
    rng = np.random.default_rng([seed, ticks])
    return Episode(
        frames=rng.integers(16, size=(ticks + 1, *shape)).astype(np.uint8),
        actions=rng.integers(3, size=ticks).astype(np.uint8),
        events=rng.integers(4, size=ticks).astype(np.uint32),
        world="toy",
        version=3,
        split="train",
        seed=seed,
        policy="random",
    )


def make_card(shape: tuple[int, ...] = (4, 6), version: int = 3) -> DataSetCard:
    return DataSetCard(
        world="toy",
        version=version,
        split="train",
        seed=0,
        policy="random",
        copies=1,
        episode_ticks=1,
        segment_ticks=1,
        frames=1,
        actions=("noop", "left", "right"),
        event_names=("hit", "corner"),
        picture_shape=shape,
    )


def write(path: Path, episodes: list[Episode], segment_ticks: int = 16) -> Path:
    card = make_card()
    packed = [pack_episode(e, f"e{i}", card.event_names, segment_ticks) for i, e in enumerate(episodes)]
    write_shard(path, [segment for segments in packed for segment in segments])
    return path


def same(one: Episode, other: Episode) -> bool:
    arrays = all(np.array_equal(getattr(one, f), getattr(other, f)) for f in ("frames", "actions", "events"))
    return arrays and (one.seed, one.policy, one.self_generated) == (other.seed, other.policy, other.self_generated)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=4),
    segment_ticks=st.integers(1, 40),
    shape=st.sampled_from(SHAPES),
)
def test_round_trip(tmp_path: Path, lengths: list[int], segment_ticks: int, shape: tuple[int, ...]) -> None:
    episodes = [make_episode(ticks, shape, seed) for seed, ticks in enumerate(lengths)]
    path = write(tmp_path / "shard.tar", episodes, segment_ticks)
    card = make_card(shape)
    back = list(read_episodes(path, card))
    assert len(back) == len(episodes)
    assert all(same(a, b) for a, b in zip(episodes, back, strict=True))
    index, totals = scan_shard(path, card)
    assert index["ticks"].sum() == sum(lengths)
    assert index["ticks"].max() <= segment_ticks
    assert totals[0] == sum(int((e.events & 1).sum()) for e in episodes)
    assert not totals[2:].any()


def test_part_of_a_segment(tmp_path: Path) -> None:
    episode = make_episode(60)
    path = write(tmp_path / "shard.tar", [episode], 60)
    index, _ = scan_shard(path, make_card())
    frames, actions, events = read_part(path, index[0], (4, 6), 20, 37)
    assert np.array_equal(frames, episode.frames[20:38])
    assert np.array_equal(actions, episode.actions[20:37])
    assert np.array_equal(events, episode.events[20:37])


def test_webdataset_reads_a_shard(tmp_path: Path) -> None:
    episode = make_episode(40)
    path = write(tmp_path / "shard.tar", [episode], 16)
    samples = list(webdataset.WebDataset(str(path), shardshuffle=False))
    assert [json.loads(s["json"])["offset"] for s in samples] == [0, 16, 32]
    assert b"".join(s["actions"] for s in samples) == episode.actions.tobytes()
    meta = json.loads(samples[1]["json"])
    assert np.array_equal(unpack(samples[1]["frames"], tuple(meta["shape"]), 17), episode.frames[16:33])


def test_same_content_same_bytes(tmp_path: Path) -> None:
    one, other = (write(tmp_path / name, [make_episode(40)]).read_bytes() for name in ("a.tar", "b.tar"))
    assert one == other


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 1 << 20))
def test_a_cut_shard_is_named(tmp_path: Path, cut: int) -> None:
    whole = write(tmp_path / "whole.tar", [make_episode(20), make_episode(7)]).read_bytes()
    content = len(whole.rstrip(b"\0"))
    path = tmp_path / "cut.tar"
    path.write_bytes(whole[: cut % content])
    with pytest.raises(BadInput, match=r"cut\.tar"):
        list(read_episodes(path, make_card()))


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 1 << 20), flip=st.integers(1, 255))
def test_a_flipped_byte_never_changes_what_is_learnt(tmp_path: Path, at: int, flip: int) -> None:
    episode = make_episode(20)
    content = bytearray(write(tmp_path / "whole.tar", [episode]).read_bytes())
    content[at % len(content)] ^= flip
    path = tmp_path / "flipped.tar"
    path.write_bytes(content)
    try:
        back = list(read_episodes(path, make_card()))
    except BadInput as error:
        assert "flipped.tar" in str(error)
        assert "\n" not in str(error)
    else:
        # What the metadata says in passing (policy, seed) is not guarded; pictures, actions and events are.
        frames = np.concatenate([e.frames for e in back])
        assert {f.tobytes() for f in frames} == {f.tobytes() for f in episode.frames}
        assert np.array_equal(np.concatenate([e.actions for e in back]), episode.actions)
        assert np.array_equal(np.concatenate([e.events for e in back]), episode.events)


def test_another_version_or_size_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "shard.tar", [make_episode(20)])
    with pytest.raises(BadInput, match=r"shard\.tar: version"):
        scan_shard(path, make_card(version=4))
    with pytest.raises(BadInput, match=r"shard\.tar: shape"):
        scan_shard(path, make_card(shape=(4, 7)))


def test_an_unwritable_shard_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "shard.tar").mkdir()
    with pytest.raises(BadInput, match=r"shard\.tar: file: cannot be written"):
        write(tmp_path / "shard.tar", [make_episode(3)])
    assert [p.name for p in tmp_path.iterdir()] == ["shard.tar"]


@pytest.mark.parametrize("field", ["frames", "actions", "events"])
def test_an_episode_must_fit_together(field: str) -> None:
    episode = make_episode(5)
    parts = {f: getattr(episode, f) for f in ("frames", "actions", "events")}
    parts[field] = parts[field][:-1]
    with pytest.raises(ValueError, match="expected"):
        Episode(**parts, world="toy", version=3, split="train", seed=0, policy="random")
