"""Random windows of data sets, stacked. Owns sampling and reading ahead; refuses tensors and devices (the stages).

`Windows.batch(step)` is a function of (data, seed, step) alone, so a run that goes on at step n sees what it would have
seen. Only an index of some 60 bytes a segment is held in memory; pictures are read where they lie and dropped.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from models.manifest import BadInput
from training.data.dataset import DataSetCard, read_card, shard_paths
from training.data.index_cache import shard_index
from training.data.shards import INDEX, Index, read_part

RARE_SHARE = 0.01  # an event of fewer ticks than this share is rare, the more so the fewer
IDLE_WEIGHT = 0.05  # of a segment in which no pixel changes
QUIET_WEIGHT = 0.25  # of one in which hardly any does, rising to 1 where every second picture or more is new
STUCK_WEIGHT = 0.25  # of a segment that is mostly beyond winning
READERS = max(1, min(8, (os.cpu_count() or 1) // 2))  # threads: a GPU takes batches faster than one core reads them


@dataclass(frozen=True)
class Batch:
    """B windows of T transitions.

    frames: uint8 [B,T+1,H,W] palette indices or [B,T+1,H,W,3]. actions: int64 [B,T]; actions[:,t]
    leads from frames[:,t] to frames[:,t+1]. events: uint32 [B,T].
    """

    frames: npt.NDArray[np.uint8]
    actions: npt.NDArray[np.int64]
    events: npt.NDArray[np.uint32]


Feed = Callable[[int], Iterator[Batch]]  # from a step on


@dataclass(frozen=True)
class Window:
    """Where a window lies: segment number, first tick in it."""

    segment: int
    start: int


class Windows:
    """Batches of random windows from one folder or a mix of several.

    folders: data sets of the same world, version and picture size. window: T, transitions. batch_size: B.
    rare_share: of the windows, so many are placed over a rare event, the rarer the more; the others lie anywhere,
    whatever comes in them: were they drawn from segments with events more often, what chance brings there would be
    thought likelier than it is. rarity: of events by name, 0 to 1, instead of how rare they are: what is hard isn't
    always rare. early: events that chance itself brings: their window begins a tick before, and what its first tick
    brings isn't asked for, so that the draw that made the event isn't learnt from for having made it. A little of such
    choosing is left: a segment counts by its rarest event, so where few of them come each is met the more often.
    rank, world_size: this process's place among several that share one sequence of batches.
    version: the world version that the data must be of, where known.
    """

    def __init__(
        self,
        folders: Path | Sequence[Path],
        window: int,
        batch_size: int,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        version: int | None = None,
        rare_share: float = 0.4,
        rarity: Mapping[str, float] = MappingProxyType({}),
        early: Sequence[str] = (),
    ) -> None:
        if window < 1 or batch_size < 1 or seed < 0 or not 0 <= rank < world_size:
            raise ValueError("expected window, batch_size >= 1, seed >= 0 and 0 <= rank < world_size")
        if not 0 <= rare_share <= 1:
            raise ValueError("expected 0 <= rare_share <= 1")
        self.folders = [folders] if isinstance(folders, Path) else list(folders)
        self.window = window
        self.batch_size = batch_size
        self.seed = seed
        self.rare_share = rare_share
        self.rank = rank
        self.world_size = world_size
        self.card, self.cards = self._read_cards(version)
        self._paths: list[Path] = []
        self._totals = np.zeros(32, np.int64)
        indices = [self._scan(folder, card) for folder, card in zip(self.folders, self.cards, strict=True)]
        self._index: Index = np.concatenate(indices)
        self.frames = int(self._index["ticks"].sum())
        self.rarity = _rarity(self._totals, self.frames)
        for name, value in rarity.items():
            self.rarity[self._bit("rarity", name)] = value
        self._early = np.uint32(sum({1 << self._bit("early", name) for name in early}))
        weights = self._weights()
        self._anywhere, self._over = np.cumsum(weights), np.cumsum(weights * self._rarest())

    def _bit(self, field: str, name: str) -> int:
        """Of an event in the records. Raises BadInput."""
        if name not in self.card.event_names:
            raise BadInput(f"{field}: {name}: expected one of {', '.join(self.card.event_names) or 'no events'}")
        return self.card.event_names.index(name)

    @property
    def segments(self) -> int:
        """Number of segments."""
        return len(self._index)

    def windows(self, step: int) -> list[Window]:
        """The B windows of this process's batch number `step`."""
        rng = np.random.default_rng([self.seed, step * self.world_size + self.rank])
        over_event = (rng.random(self.batch_size) < self.rare_share) & (self._over[-1] > 0)
        return [self._window(self._over if over else self._anywhere, bool(over), rng) for over in over_event]

    def batch(self, step: int) -> Batch:
        """This process's batch number `step`. Raises BadInput where a shard is damaged."""
        shape = (self.batch_size, self.window)
        frames = np.empty((self.batch_size, self.window + 1, *self.card.picture_shape), np.uint8)
        actions, events = np.empty(shape, np.int64), np.empty(shape, np.uint32)
        for row, at in enumerate(self.windows(step)):
            entry = self._index[at.segment]
            path = self._paths[entry["shard"]]
            frames[row], actions[row], events[row] = read_part(
                path, entry, self.card.picture_shape, at.start, at.start + self.window
            )
            if actions[row].max() >= len(self.card.actions):
                raise BadInput(f"{path}: actions: expected indices below {len(self.card.actions)}")
        return Batch(frames, actions, events)

    def prefetch(self, start_step: int = 0, threads: int = READERS, ahead: int = 4 * READERS) -> Iterator[Batch]:
        """Batches from `start_step` on, in order and without end, made by `threads` in the background, at most `ahead`
        of them at a time. Close the generator (or let it go) to end the threads."""
        waiting: deque[Future[Batch]] = deque()
        pool = ThreadPoolExecutor(threads, thread_name_prefix="batches")
        try:
            step = start_step
            while True:
                while len(waiting) < ahead:
                    waiting.append(pool.submit(self.batch, step))
                    step += 1
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _read_cards(self, version: int | None) -> tuple[DataSetCard, list[DataSetCard]]:
        if not self.folders:
            raise BadInput("data: folders: expected at least one")
        cards = [read_card(folder, version) for folder in self.folders]
        for folder, card in zip(self.folders, cards, strict=True):
            for field in ("world", "version", "actions", "event_names", "picture_shape"):
                if getattr(card, field) != getattr(cards[0], field):
                    raise BadInput(f"{folder}: {field}: expected the same as in {self.folders[0]}")
        return cards[0], cards

    def _scan(self, folder: Path, card: DataSetCard) -> Index:
        found = []
        for path in shard_paths(folder):
            index, totals = shard_index(path, card, len(self._paths))
            self._paths.append(path)
            self._totals += totals
            found.append(index)
        index = np.concatenate(found) if found else np.zeros(0, INDEX)
        if not (index["ticks"] >= self.window).any():
            raise BadInput(
                f"{folder}: data: expected at least one segment of {self.window} ticks, found {len(index)} segments"
            )
        return index

    def _weights(self) -> npt.NDArray[np.float64]:
        """Of every segment; every place that a window can have counts alike."""
        index = self._index
        lively = np.minimum(2.0 * index["changed"] / index["ticks"], 1.0)
        weights = np.where(lively == 0, IDLE_WEIGHT, QUIET_WEIGHT + (1.0 - QUIET_WEIGHT) * lively)
        weights *= np.where(2 * index["stuck"] > index["ticks"], STUCK_WEIGHT, 1.0)
        weights *= np.maximum(index["ticks"].astype(np.int64) - self.window + 1, 0)
        return np.asarray(weights)

    def _rarest(self) -> npt.NDArray[np.float64]:
        """The rarity of every segment's rarest event."""
        rarest = np.zeros(len(self._index))
        for bit in np.flatnonzero(self.rarity):
            rarest = np.maximum(rarest, (self._index["events"] >> np.uint32(bit) & 1) * self.rarity[bit])
        return rarest

    def _window(self, cumulative: npt.NDArray[np.float64], over_event: bool, rng: np.random.Generator) -> Window:
        """One by the segments' weights, over an event or anywhere."""
        segment = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right"))
        last = int(self._index[segment]["ticks"]) - self.window
        if not over_event:
            return Window(segment, int(rng.integers(last + 1)))
        events = self._events(segment)
        score = np.zeros(len(events))
        for bit in np.flatnonzero(self.rarity):
            score = np.maximum(score, (events >> np.uint32(bit) & 1) * self.rarity[bit])
        early = events & self._early > 0
        lead = min(1, self.window - 1)
        score[early & (np.arange(len(events)) > last + lead)] = 0.0  # a window that ends there begins too long before
        if not score.any():
            return Window(segment, int(rng.integers(last + 1)))
        tick = int(np.searchsorted(np.cumsum(score), rng.random() * score.sum(), side="right"))
        offset = lead if early[tick] else int(rng.integers(self.window))
        return Window(segment, min(max(tick - offset, 0), last))

    def _events(self, segment: int) -> npt.NDArray[np.uint32]:
        entry = self._index[segment]
        path = self._paths[entry["shard"]]
        try:
            with path.open("rb") as file:
                file.seek(int(entry["events_at"]))
                payload = file.read(4 * int(entry["ticks"]))
        except OSError as error:
            raise BadInput(f"{path}: file: cannot be read ({error.strerror})") from error
        events = np.frombuffer(payload[: len(payload) // 4 * 4], "<u4")
        if len(events) != entry["ticks"] or np.bitwise_or.reduce(events) != entry["events"]:
            raise BadInput(f"{path}: events: the shard is damaged or changed while it was in use")
        return events.astype(np.uint32)


def close(batches: Iterator[Batch]) -> None:
    """End the threads that read ahead, where there are some."""
    if (end := getattr(batches, "close", None)) is not None:
        end()


def _rarity(totals: npt.NDArray[np.int64], ticks: int) -> npt.NDArray[np.float64]:
    """How rare each event is, float64 [32]: towards 1 for the rarest, 0 from RARE_SHARE of the ticks on."""
    share = totals / max(ticks, 1)
    return np.where(totals > 0, np.clip(1.0 - share / RARE_SHARE, 0.0, 1.0), 0.0)
