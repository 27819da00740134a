"""Plays simulated worlds into shards. Owns the collecting loop and its resumption; refuses formats (shards.py).

A shard is a function of the plan in `dataset.json` and its own number alone: a fresh world, seeds and generator derived
from (seed, number). So a run that was stopped goes on by making the shards that are missing.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.atomic import TEMPORARY
from models.manifest import BadInput
from training.data.dataset import CARD_NAME, DataSetCard, read_card, shard_path, write_card
from training.data.episode import Episode
from training.data.index_cache import shard_index
from training.data.shards import PackedSegment, pack_segment, write_shard
from training.policies import make_policy
from training.worlds.base import FRAME_SIZE, SimulatedWorld
from training.worlds.registry import make_world

STUCK_TICKS = 60  # a copy that can't be won for so long is started anew at the next segment
MAX_SHARD_FRAMES = 1 << 20

OnShard = Callable[["CollectReport"], None]


@dataclass(frozen=True)
class CollectReport:
    """What a data set holds, and what this run added to it."""

    frames: int  # transitions in the folder
    target: int
    bytes: int  # of all shards
    shards: int
    new_frames: int
    seconds: float  # of this run
    events: dict[str, int]
    complete: bool

    @property
    def bytes_per_frame(self) -> float:
        """Stored bytes a frame."""
        return self.bytes / self.frames if self.frames else 0.0

    @property
    def frames_per_second(self) -> float:
        """Rate of this run."""
        return self.new_frames / self.seconds if self.seconds else 0.0

    @property
    def note(self) -> str:
        """`16,384 of 200,000 frames · 5,120 frames/s · 310 bytes a frame`."""
        rate = self.frames_per_second
        speed = f"{rate:,.0f} frames/s" if rate else "stored before"
        return f"{self.frames:,} of {self.target:,} frames · {speed} · {self.bytes_per_frame:.0f} bytes a frame"


def plan(
    world_name: str,
    frames: int,
    out: Path,
    split: str = "train",
    seed: int = 0,
    num_envs: int = 32,
    episode_ticks: int = 512,
    segment_ticks: int = 128,
    policy: str = "mixture",
) -> DataSetCard:
    """The card to collect by. A folder that was begun keeps its sizes and its target may only grow. Raises BadInput."""
    for name, value in (
        ("frames", frames),
        ("num_envs", num_envs),
        ("episode_ticks", episode_ticks),
        ("segment_ticks", segment_ticks),
    ):
        if value < 1:
            raise BadInput(f"{value}: {name}: expected at least 1")
    if seed < 0:
        raise BadInput(f"{seed}: seed: expected at least 0")
    if num_envs * episode_ticks > MAX_SHARD_FRAMES:
        raise BadInput(
            f"{num_envs * episode_ticks}: num_envs x episode_ticks: expected at most {MAX_SHARD_FRAMES} frames"
        )
    world = make_world(world_name, 1, split)
    make_policy(policy, np.random.default_rng(0))
    copies = min(num_envs, -(-frames // episode_ticks))
    card = DataSetCard(
        world=world_name,
        version=world.version,
        split=split,
        seed=seed,
        policy=policy,
        copies=copies,
        episode_ticks=episode_ticks if copies > 1 else min(episode_ticks, frames),
        segment_ticks=segment_ticks,
        frames=frames,
        actions=tuple(action.value for action in world.actions),
        event_names=world.event_names,
        picture_shape=(FRAME_SIZE, FRAME_SIZE),
    )
    if not (out / CARD_NAME).exists():
        return card
    begun = read_card(out, world.version)
    for field in ("world", "split", "seed", "policy", "actions", "event_names", "picture_shape"):
        was, wanted = getattr(begun, field), getattr(card, field)
        if was != wanted:
            raise BadInput(f"{out / CARD_NAME}: {field}: expected {wanted}, the folder was begun with {was}")
    return begun.model_copy(update={"frames": max(frames, begun.frames)})


def collect(
    world_name: str,
    frames: int,
    out: Path,
    split: str = "train",
    seed: int = 0,
    num_envs: int = 32,
    episode_ticks: int = 512,
    segment_ticks: int = 128,
    policy: str = "mixture",
    progress: OnShard | None = None,
    processes: int = 1,
) -> CollectReport:
    """Play `frames` transitions (rounded up to whole shards) into `out`, going on where an earlier run stopped, in so
    many `processes`: what is played doesn't hang on them.

    `progress` is called after every shard. A keyboard interrupt ends the run with the shards that
    are whole. Raises BadInput.
    """
    card = plan(world_name, frames, out, split, seed, num_envs, episode_ticks, segment_ticks, policy)
    write_card(out, card)
    for stale in out.glob(f".*{TEMPORARY}"):
        stale.unlink()
    began = time.monotonic()
    have = [0, 0, 0, 0]  # frames, bytes, shards, new frames
    totals = np.zeros(32, np.int64)

    def report(complete: bool) -> CollectReport:
        events = {name: int(totals[bit]) for bit, name in enumerate(card.event_names)}
        return CollectReport(
            have[0], card.frames, have[1], have[2], have[3], time.monotonic() - began, events, complete
        )

    def count(number: int, new: bool) -> None:
        path = shard_path(out, number)
        index, counts = shard_index(path, card)
        played = int(index["ticks"].sum())
        totals[:] += counts
        have[:] = have[0] + played, have[1] + path.stat().st_size, have[2] + 1, have[3] + new * played
        if progress is not None:
            progress(report(complete=have[2] == card.shards))

    missing = [number for number in range(card.shards) if not shard_path(out, number).exists()]
    try:
        for number in sorted(set(range(card.shards)) - set(missing)):
            count(number, new=False)
        for number in _make_shards(card, out, missing, processes):
            count(number, new=True)
    except KeyboardInterrupt:
        return report(complete=False)
    return report(complete=True)


def _make_shards(card: DataSetCard, out: Path, numbers: Sequence[int], processes: int) -> Iterator[int]:
    """Play and write shards; gives the number of each that is whole."""
    if processes == 1 or len(numbers) < 2:
        for number in numbers:
            yield _make_shard(card, out, number)
        return
    pool = ProcessPoolExecutor(min(processes, len(numbers)), get_context("spawn"), _leave_interrupts)
    try:
        for made in as_completed([pool.submit(_make_shard, card, out, number) for number in numbers]):
            yield made.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _make_shard(card: DataSetCard, out: Path, number: int) -> int:
    write_shard(shard_path(out, number), play_shard(card, number))
    return number


def _leave_interrupts() -> None:
    """To the process that started this one: a shard that was begun is ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def play_shard(card: DataSetCard, number: int) -> list[PackedSegment]:
    """Play shard `number`: all copies for `episode_ticks`. Returns its segments, episode after episode."""
    rng = np.random.default_rng([card.seed, number])
    world = make_world(card.world, card.copies, card.split)
    policy = make_policy(card.policy, rng)
    seeds = rng.integers(1 << 31, size=card.copies)
    world.reset(seed=seeds.tolist())
    stuck = np.zeros(card.copies, np.int64)
    begun = np.zeros(card.copies, np.int64)  # tick of the shard at which the copy's episode began
    restarts = np.zeros(card.copies, np.int64)
    packed: list[list[PackedSegment]] = [[] for _ in range(card.copies)]
    for start in range(0, card.episode_ticks, card.segment_ticks):
        hopeless = stuck > STUCK_TICKS
        if hopeless.any():
            seeds[hopeless] = rng.integers(1 << 31, size=int(hopeless.sum()))
            _restart(world, card, hopeless, seeds)
            stuck[hopeless], begun[hopeless] = 0, start
            restarts[hopeless] += 1
        ticks = min(card.segment_ticks, card.episode_ticks - start)
        level_seeds = world.current_level_seeds
        frames, actions, events, stuck_ticks = _play(world, policy.act, ticks, stuck)
        for copy in range(card.copies):
            part = Episode(
                frames=frames[copy],
                actions=actions[copy],
                events=events[copy],
                world=card.world,
                version=card.version,
                split=card.split,
                seed=int(seeds[copy]),
                level_seed=int(level_seeds[copy]),
                policy=card.policy,
            )
            name = f"{card.world}-{card.split}-{card.seed}-{number:06d}-{copy:03d}-{restarts[copy]:02d}"
            packed[copy].append(
                pack_segment(part, name, start - int(begun[copy]), card.event_names, int(stuck_ticks[copy]))
            )
    return [segment for segments in packed for segment in segments]


def _play(
    world: SimulatedWorld,
    act: Callable[[SimulatedWorld], npt.NDArray[np.int64]],
    ticks: int,
    stuck: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """Step all copies: frames uint8 [N,T+1,H,W], actions uint8 [N,T], events uint32 [N,T], stuck ticks int64 [N].
    `stuck` int64 [N], for how long each copy has been stuck on end, is brought up to date in place."""
    first = world.render_frames()
    frames = np.empty((world.num_envs, ticks + 1, *first.shape[1:]), np.uint8)
    actions = np.empty((world.num_envs, ticks), np.uint8)
    events = np.empty((world.num_envs, ticks), np.uint32)
    stuck_ticks = np.zeros(world.num_envs, np.int64)
    frames[:, 0] = first
    for tick in range(ticks):
        chosen = act(world)
        pictures, _, _, _, info = world.step(chosen)
        frames[:, tick + 1] = pictures
        actions[:, tick] = chosen
        events[:, tick] = info["events"]
        now = world.stuck
        stuck_ticks += now
        stuck[:] = np.where(now, stuck + 1, 0)
    return frames, actions, events, stuck_ticks


def _restart(
    world: SimulatedWorld, card: DataSetCard, which: npt.NDArray[np.bool_], seeds: npt.NDArray[np.int64]
) -> None:
    """Start the copies `which` bool [N] anew from `seeds` int64 [N]; the others stay as they are."""
    fresh = make_world(card.world, int(which.sum()), card.split)
    fresh.reset(seed=seeds[which].tolist())
    state = {name: values.copy() for name, values in world.snapshot().items()}
    for name, values in fresh.snapshot().items():
        state[name][which] = values
    world.restore(state)
