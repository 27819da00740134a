"""How long a world holds together in closed loop, as its pictures are read. Owns runs and their figures; refuses to
read pictures itself. The same player in the simulator, read by the same reader, shows the reader's own errors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median_low
from typing import Any

import numpy as np

from engine.autoplay import Autoplayer, StickyAutoplayer
from training.evaluate.footage import Moment, Pictures, world_at
from training.evaluate.interval import wilson
from training.evaluate.neural_world import Playable, each
from training.evaluate.readers.base import LOST_AFTER, Reader, RunLog
from training.evaluate.readers.platformer import PlatformerReader
from training.evaluate.readers.puzzle import PuzzleReader
from training.worlds.registry import world_class

READERS: dict[str, Callable[[], Reader]] = {"platformer": PlatformerReader, "puzzle": PuzzleReader}
HORIZONS = (90, 300, 3000)  # frames that the share of coherent starts is given for

Watcher = Callable[[int, int, Pictures], None]  # start, frame counted from 1, picture


def measure_coherence(
    playable: Playable, world_name: str, moments: Sequence[Moment], frames: int, watch: Watcher | None = None
) -> dict[str, Any]:
    """Sticky play from each moment for `frames` frames, or until the run is lost; beside it the simulator's."""

    def play(world: Playable, start: int, moment: Moment) -> RunLog:
        return _play(world, world_name, moment, start, frames, watch)

    neural = each(playable, play, moments)
    return {
        "autoplay": "sticky",
        "frames": frames,
        "starts": len(moments),
        **_summary(neural, frames),
        "runs": [
            {"lost_at": log.lost_at, "lost_by": log.lost_by, "first_incoherent": log.first_incoherent} for log in neural
        ],
        "simulator": _summary(_play_simulator(world_name, moments, frames), frames),
    }


def _autoplayer(world_name: str, start: int) -> Autoplayer:
    return StickyAutoplayer(list(world_class(world_name).actions), seed=start)


def _play(
    playable: Playable, world_name: str, moment: Moment, start: int, frames: int, watch: Watcher | None
) -> RunLog:
    actions = world_class(world_name).actions
    reader, log, autoplayer = READERS[world_name](), RunLog(), _autoplayer(world_name, start)
    picture = moment.frames[-1]
    playable.begin(moment, rng_seed=start)
    reader.see(picture, None)
    # A few frames more, so that what goes wrong at the very end is told from a slip.
    for number in range(1, frames + LOST_AFTER + 1):
        action = autoplayer.next_action(picture)
        picture = playable.step(actions.index(action))
        if watch is not None:
            watch(start, number, picture)
        log.add(reader.see(picture, action))
        if log.lost_at is not None:
            break
    return log


def _play_simulator(world_name: str, moments: Sequence[Moment], frames: int) -> list[RunLog]:
    world = world_at(world_name, moments)
    readers = [READERS[world_name]() for _ in moments]
    logs = [RunLog() for _ in moments]
    autoplayers = [_autoplayer(world_name, start) for start in range(len(moments))]
    pictures = np.stack([moment.frames[-1] for moment in moments])
    for reader, picture in zip(readers, pictures, strict=True):
        reader.see(picture, None)
    for _ in range(frames + LOST_AFTER):
        actions = [player.next_action(picture) for player, picture in zip(autoplayers, pictures, strict=True)]
        pictures, *_ = world.step(np.array([world.actions.index(action) for action in actions]))
        for reader, log, picture, action in zip(readers, logs, pictures, actions, strict=True):
            log.add(reader.see(picture, action))
    return logs


def _summary(logs: Sequence[RunLog], frames: int) -> dict[str, Any]:
    runs, seen = len(logs), sum(log.frames for log in logs)
    incoherent: Counter[str] = Counter()
    for log in logs:
        incoherent.update(log.incoherent)
    # A run that wasn't lost lasted longer than it was watched: such a median is a lower bound.
    lasted = median_low([frames + 1 if log.lost_at is None else min(log.lost_at, frames + 1) for log in logs])
    tried = sum(log.keys_tried for log in logs)
    kept = {horizon: _kept(logs, horizon) for horizon in HORIZONS}
    return {
        **{f"coherent_{horizon}": kept[horizon] / runs if horizon <= frames else None for horizon in HORIZONS},
        "median_frames": min(lasted, frames),
        "median_is_lower_bound": lasted > frames,
        "lost": runs - _kept(logs, frames),
        "lost_by": dict(Counter(log.lost_by for log in logs if log.lost_by is not None)),
        "incoherent_frames": dict(incoherent),
        "frames_read": seen,
        "player_once": sum(log.player_once for log in logs) / seen,
        "keys_obeyed": sum(log.keys_obeyed for log in logs) / tried if tried else None,
        "keys_tried": tried,
        "intervals": {f"coherent_{h}": wilson(kept[h], runs) if h <= frames else None for h in HORIZONS},
    }


def _kept(logs: Sequence[RunLog], frames: int) -> int:
    """Runs that were coherent through so many frames."""
    return sum(log.lost_at is None or log.lost_at > frames for log in logs)
