"""Windows lie inside segments, repeat exactly, and favour what is rare."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.manifest import BadInput
from training.data.batches import Batch, Windows
from training.data.collect import collect
from training.data.dataset import DataSetCard, read_card, shard_path, shard_paths, write_card
from training.data.episode import Episode
from training.data.reading_bench import measure_reading
from training.data.shards import pack_episode, read_episodes, write_shard

TICKS = 60


def make_set(folder: Path, episodes: list[Episode], shards: int = 1) -> Path:
    card = DataSetCard(
        world="toy",
        version=3,
        split="train",
        seed=0,
        policy="random",
        copies=1,
        episode_ticks=TICKS,
        segment_ticks=TICKS,
        frames=TICKS * len(episodes),
        actions=("noop", "left", "right"),
        event_names=("often", "rare"),
        picture_shape=(4, 4),
    )
    write_card(folder, card)
    for shard in range(shards):
        mine = list(enumerate(episodes))[shard::shards]
        packed = [pack_episode(e, f"e{i}", card.event_names, TICKS) for i, e in mine]
        write_shard(shard_path(folder, shard), [segment for segments in packed for segment in segments])
    return folder


def numbered(number: int, rare_at: int | None = None, idle: bool = False) -> Episode:
    """An episode whose pictures tell its number (first row) and the tick (second row)."""
    frames = np.zeros((TICKS + 1, 4, 4), np.uint8)
    frames[:, 0] = number
    frames[:, 1] = 0 if idle else np.arange(TICKS + 1)[:, None]
    events = np.where(np.arange(TICKS) % 3 == 0, 1, 0).astype(np.uint32)
    if rare_at is not None:
        events[rare_at] |= 2
    actions = (np.arange(TICKS) % 3).astype(np.uint8)
    return Episode(frames, actions, events, "toy", 3, "train", number, "random")


def numbers(batch: Batch) -> np.ndarray:
    return batch.frames[:, 0, 0, 0]


def equal(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, f), getattr(other, f)) for f in ("frames", "actions", "events"))


def test_windows_are_runs_of_one_episode(tmp_path: Path) -> None:
    windows = Windows(make_set(tmp_path, [numbered(i) for i in range(20)], shards=3), 17, 8)
    seen: set[int] = set()
    for step in range(40):
        batch = windows.batch(step)
        assert batch.frames.shape == (8, 18, 4, 4) and batch.frames.dtype == np.uint8
        assert batch.actions.shape == (8, 17) and batch.actions.dtype == np.int64
        assert (batch.frames[:, :, 0, 0] == numbers(batch)[:, None]).all()
        ticks = batch.frames[:, :, 1, 0].astype(int)
        assert (np.diff(ticks, axis=1) == 1).all()
        assert np.array_equal(batch.actions, ticks[:, :-1] % 3)
        assert np.array_equal(batch.events, (ticks[:, :-1] % 3 == 0).astype(np.uint32))
        seen |= set(numbers(batch).tolist())
    assert seen == set(range(20))


def test_every_place_is_drawn(tmp_path: Path) -> None:
    windows = Windows(make_set(tmp_path, [numbered(0)]), 50, 16)
    starts = {at.start for step in range(20) for at in windows.windows(step)}
    assert starts == set(range(11))


def test_a_batch_is_a_function_of_seed_and_step(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [numbered(i, rare_at=5) for i in range(9)])
    one, other = Windows(folder, 16, 4, seed=5), Windows(folder, 16, 4, seed=5)
    later = other.batch(7)
    assert equal(one.batch(7), later)
    assert not equal(one.batch(8), later)
    assert not equal(Windows(folder, 16, 4, seed=6).batch(7), later)


def test_processes_share_one_sequence(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [numbered(i) for i in range(9)])
    alone = Windows(folder, 16, 4)
    for rank in range(2):
        assert equal(Windows(folder, 16, 4, rank=rank, world_size=2).batch(3), alone.batch(6 + rank))


@pytest.mark.parametrize("threads", [1, 3])
def test_prefetch_keeps_the_order(tmp_path: Path, threads: int) -> None:
    windows = Windows(make_set(tmp_path, [numbered(i) for i in range(9)]), 16, 4)
    ahead = windows.prefetch(10, threads=threads)
    assert all(equal(next(ahead), windows.batch(step)) for step in range(10, 22))
    ahead.close()


def test_prefetch_passes_errors_on(tmp_path: Path) -> None:
    windows = Windows(make_set(tmp_path, [numbered(i) for i in range(9)]), 16, 4)
    shard_paths(tmp_path)[0].write_bytes(b"")
    with pytest.raises(BadInput, match=r"shard-000000\.tar"):
        next(windows.prefetch())


def test_rare_events_are_seen_more_often(tmp_path: Path) -> None:
    # One tick of 3,000 has the event; a third of them has the common one, which must not count.
    folder = make_set(tmp_path, [numbered(i, rare_at=30 if i == 7 else None) for i in range(50)])

    def share(rare_share: float) -> float:  # of the windows with the event
        windows = Windows(folder, 6, 50, rare_share=rare_share)
        return float(np.mean([(windows.batch(step).events & 2).any(axis=1).mean() for step in range(20)]))

    assert share(0.0) < 0.01
    assert share(0.4) == pytest.approx(0.4, abs=0.05)
    assert share(1.0) == 1


def test_what_isnt_over_an_event_lies_anywhere(tmp_path: Path) -> None:
    # Were the other windows drawn from segments with events more often, what chance brings there would seem likelier.
    folder = make_set(tmp_path, [numbered(i, rare_at=30 if i == 7 else None) for i in range(10)])
    windows = Windows(folder, 6, 50, rare_share=0.4)
    there = np.mean([(numbers(windows.batch(step)) == 7).mean() for step in range(40)])
    assert there == pytest.approx(0.4 + 0.6 / 10, abs=0.04)


def test_without_rare_events_all_windows_lie_anywhere(tmp_path: Path) -> None:
    windows = Windows(make_set(tmp_path, [numbered(i) for i in range(9)]), 16, 50, rare_share=1.0)
    assert {number for step in range(9) for number in numbers(windows.batch(step)).tolist()} == set(range(9))


def test_events_that_are_named_count_as_rare_as_said(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [numbered(i, rare_at=30 if i == 7 else None) for i in range(50)])
    names = Windows(folder, 6, 4).card.event_names

    def share(rarity: dict[str, float]) -> float:  # of the windows with the rare event
        windows = Windows(folder, 6, 50, rare_share=1.0, rarity=rarity)
        return float(np.mean([(windows.batch(step).events & 2).any(axis=1).mean() for step in range(20)]))

    assert share({}) == 1
    assert share({names[1]: 0.0}) < 0.02
    assert share({names[0]: 1.0}) < 0.1
    with pytest.raises(BadInput, match=r"^rarity: leap: expected one of "):
        Windows(folder, 6, 4, rarity={"leap": 1.0})


def test_early_events_come_at_the_beginning_of_a_window(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [numbered(i, rare_at=30) for i in range(4)])
    rarity = {"often": 0.0, "rare": 1.0}

    def ticks(early: list[str], window: int = 6) -> set[int]:  # of a window at which the rare event comes
        windows = Windows(folder, window, 50, rare_share=1.0, rarity=rarity, early=early)
        return {int(tick) for step in range(4) for tick in np.nonzero(windows.batch(step).events & 2)[1]}

    assert ticks([]) == {0, 1, 2, 3, 4, 5} and ticks(["rare"]) == {1} and ticks(["rare"], window=1) == {0}
    with pytest.raises(BadInput, match=r"^early: leap: expected one of "):
        Windows(folder, 6, 4, early=["leap"])


def test_early_events_that_come_too_late_are_left_out(tmp_path: Path) -> None:
    # A window over the last ticks begins long before them, and would be chosen for what its draws came to.
    folder = make_set(tmp_path, [numbered(i, rare_at=58) for i in range(4)])
    windows = Windows(folder, 6, 50, rare_share=1.0, rarity={"often": 0.0, "rare": 1.0}, early=["rare"])
    assert len({at.start for step in range(4) for at in windows.windows(step)}) > 20


def test_idle_segments_are_seen_less_often(tmp_path: Path) -> None:
    windows = Windows(make_set(tmp_path, [numbered(i, idle=i < 5) for i in range(10)]), 16, 50)
    idle = np.mean([(numbers(windows.batch(step)) < 5).mean() for step in range(30)])
    assert 0 < idle < 0.12


def test_folders_are_mixed_by_their_frames(tmp_path: Path) -> None:
    one = make_set(tmp_path / "one", [numbered(1)])
    many = make_set(tmp_path / "many", [numbered(2) for _ in range(9)], shards=2)
    windows = Windows([one, many], 16, 50)
    share = float(np.mean([(numbers(windows.batch(step)) == 1).mean() for step in range(12)]))
    assert share == pytest.approx(0.1, abs=0.04)


def test_short_segments_are_left_out(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [numbered(0), numbered(1).part(0, 9)])
    windows = Windows(folder, 10, 8)
    assert all((numbers(windows.batch(step)) == 0).all() for step in range(10))
    with pytest.raises(BadInput, match="expected at least one segment of 61 ticks"):
        Windows(folder, 61, 8)


@pytest.mark.usefixtures("toy")
def test_collected_windows_are_in_the_episodes(tmp_path: Path) -> None:
    collect("toy", 1200, tmp_path, num_envs=4, episode_ticks=150, segment_ticks=64)
    card = read_card(tmp_path)
    episodes = [e for path in shard_paths(tmp_path) for e in read_episodes(path, card)]
    batch = Windows(tmp_path, 16, 8, version=3).batch(0)
    for frames, actions in zip(batch.frames, batch.actions, strict=True):
        assert any(
            np.array_equal(e.frames[t : t + 17], frames) and np.array_equal(e.actions[t : t + 16], actions)
            for e in episodes
            for t in range(e.ticks - 15)
        )


def test_wrong_data_is_refused(tmp_path: Path) -> None:
    folder = make_set(tmp_path / "set", [numbered(0)])
    with pytest.raises(BadInput, match=r"dataset\.json: version"):
        Windows(folder, 16, 4, version=4)
    with pytest.raises(BadInput, match=r"nothing.dataset\.json"):
        Windows(tmp_path / "nothing", 16, 4)
    with pytest.raises(BadInput, match="at least one"):
        Windows([], 16, 4)
    (tmp_path / "empty").mkdir()
    write_card(tmp_path / "empty", read_card(folder))
    with pytest.raises(BadInput, match="found 0 segments"):
        Windows(tmp_path / "empty", 16, 4)
    write_card(tmp_path / "empty", read_card(folder).model_copy(update={"event_names": ("other",)}))
    with pytest.raises(BadInput, match="event_names"):
        Windows([folder, tmp_path / "empty"], 16, 4)


def test_an_action_that_the_world_lacks(tmp_path: Path) -> None:
    episode = numbered(0)
    folder = make_set(
        tmp_path, [Episode(episode.frames, episode.actions + 2, episode.events, "toy", 3, "train", 0, "x")]
    )
    with pytest.raises(BadInput, match="indices below 3"):
        Windows(folder, 16, 4).batch(0)


def test_reading_is_measured(tmp_path: Path) -> None:
    folder = make_set(tmp_path, [numbered(i) for i in range(9)])
    report = measure_reading(folder, seconds=0.05)
    assert report.frames_stored == 9 * TICKS
    assert report.frames_per_core_second > 0
    assert report.rss_after_mb > 0


def test_no_torch_video_or_window_is_imported() -> None:
    code = (
        "import sys, training.data.collect, training.data.reading_bench\n"
        "print([m for m in ('torch', 'pygame', 'av', 'webdataset', 'huggingface_hub') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
