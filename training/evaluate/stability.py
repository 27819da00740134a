"""Whether a world stays itself for as long as someone plays: long runs beside the same player's in the simulator.

Owns runs, windows and ratios; refuses to say what happens in a picture (readers, paces).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.autoplay import Autoplayer, ScriptAutoplayer
from models.actions import Action
from training.evaluate.coherence import READERS, Watcher
from training.evaluate.footage import Moment, Pictures, world_at
from training.evaluate.interval import bootstrap
from training.evaluate.neural_world import Playable, each
from training.evaluate.paces import Paces, PlatformerPaces, PuzzlePaces
from training.evaluate.readers.base import Reader
from training.evaluate.solver_player import SolverAutoplayer
from training.worlds.base import COLOURS
from training.worlds.registry import world_class

WINDOW = 300  # frames
SAMPLED = 10  # every so manieth frame's tiles are read
SCRIPT = "hop"

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

PACES: dict[str, Callable[[Reader], Paces]] = {"platformer": PlatformerPaces, "puzzle": PuzzlePaces}
AUTOPLAYERS = {"platformer": f"script:{SCRIPT}", "puzzle": "solver that reads the picture"}


def measure_stability(
    playable: Playable, world_name: str, starts: Sequence[Moment], frames: int, watch: Watcher | None = None
) -> dict[str, Any]:
    """`frames` frames from each start, whatever becomes of them. Histograms are of all runs' frames of a window,
    against those of the simulator's runs as a whole; the worst window counts. `longest_still`: frames in a row in which
    no pixel changed, of all runs the most."""

    def play(world: Playable, number: int, start: Moment) -> _Log:
        return _play(world, world_name, start, number, frames, watch)

    made = each(playable, play, starts)
    true = _play_simulator(world_name, starts, frames)
    names = list(true[0].paces.counts)
    counts = np.stack([[list(log.paces.counts.values()) for log in logs] for logs in (made, true)], axis=1)
    minutes = frames * len(starts) / world_class(world_name).tick_rate / 60
    tile_windows, palette_windows = _windows(made, true, "tiles"), _windows(made, true, "colours")
    return {
        "frames": frames,
        "runs": len(starts),
        "autoplay": AUTOPLAYERS[world_name],
        "player_once": _once(made),
        "longest_still": _longest_still(made),
        "pace_ratios": {name: _ratio(counts[:, :, i].sum(0)) for i, name in enumerate(names)},
        "tile_l1": max(tile_windows),
        "palette_l1": max(palette_windows),
        "tile_l1_windows": tile_windows,
        "palette_l1_windows": palette_windows,
        "a_minute": {
            side: {name: float(counts[:, which, i].sum() / minutes) for i, name in enumerate(names)}
            for which, side in enumerate(("model", "simulator"))
        },
        "simulator": {
            "player_once": _once(true),
            "longest_still": _longest_still(true),
            "tile_l1": max(_windows(true, true, "tiles")),
            "palette_l1": max(_windows(true, true, "colours")),
        },
        "intervals": {name: _interval(counts[:, :, i]) for i, name in enumerate(names)},
    }


class _Log:
    """One run: its paces, frames with a player who is there once or rightly not, histograms by window."""

    def __init__(self, world_name: str, first: Pictures, frames: int) -> None:
        self._reader = READERS[world_name]()
        self.paces = PACES[world_name](self._reader)
        self._reader.see(first, None)
        self.paces.see(first)
        self.good = self.frames = 0
        self._last, self._still = first, 0
        self.longest_still = 0  # frames in a row that were the picture before again
        windows = -(-frames // WINDOW)
        self.tiles: Ints = np.zeros((windows, len(self.paces.tiles(first))), np.int64)
        self.colours: Ints = np.zeros((windows, COLOURS), np.int64)

    def add(self, picture: Pictures, action: Action) -> None:
        """Take the next frame and the action that led to it."""
        verdict = self._reader.see(picture, action)
        self.paces.see(picture)
        # Without exactly one player a frame is good where the reader finds a death or a level change in it.
        self.good += verdict.players == 1 or verdict.cause is None
        self._still = self._still + 1 if np.array_equal(picture, self._last) else 0
        self.longest_still = max(self.longest_still, self._still)
        self._last = picture
        window = self.frames // WINDOW
        self.colours[window] += np.bincount(picture.reshape(-1), minlength=COLOURS)[:COLOURS]
        if self.frames % SAMPLED == 0:
            self.tiles[window] += self.paces.tiles(picture)
        self.frames += 1


def _autoplayer(world_name: str, number: int) -> Autoplayer:
    if world_name == "puzzle":
        return SolverAutoplayer(number)
    return ScriptAutoplayer(world_class(world_name).scripts[SCRIPT])


def _play(playable: Playable, world_name: str, start: Moment, number: int, frames: int, watch: Watcher | None) -> _Log:
    actions, autoplayer = world_class(world_name).actions, _autoplayer(world_name, number)
    picture = start.frames[-1]
    log = _Log(world_name, picture, frames)
    playable.begin(start, number)
    for frame in range(1, frames + 1):
        action = autoplayer.next_action(picture)
        picture = playable.step(actions.index(action))
        log.add(picture, action)
        if watch is not None:
            watch(number, frame, picture)
    return log


def _play_simulator(world_name: str, starts: Sequence[Moment], frames: int) -> list[_Log]:
    world = world_at(world_name, starts)
    pictures = np.stack([start.frames[-1] for start in starts])
    logs = [_Log(world_name, picture, frames) for picture in pictures]
    autoplayers = [_autoplayer(world_name, number) for number in range(len(starts))]
    for _ in range(frames):
        keys = [player.next_action(picture) for player, picture in zip(autoplayers, pictures, strict=True)]
        pictures, *_ = world.step(np.array([world.actions.index(key) for key in keys]))
        for log, picture, key in zip(logs, pictures, keys, strict=True):
            log.add(picture, key)
    return logs


def _once(logs: Sequence[_Log]) -> float:
    return sum(log.good for log in logs) / sum(log.frames for log in logs)


def _longest_still(logs: Sequence[_Log]) -> int:
    return max(log.longest_still for log in logs)


def _windows(logs: Sequence[_Log], reference: Sequence[_Log], which: str) -> list[float]:
    """L1 between the shares of each window of `logs` and those of all windows of `reference`."""
    whole = _shares(sum(getattr(log, which).sum(0) for log in reference))
    return [float(np.abs(_shares(window) - whole).sum()) for window in sum(getattr(log, which) for log in logs)]


def _shares(counts: Ints) -> Floats:
    shares: Floats = counts / counts.sum()
    return shares


def _ratio(pooled: Floats) -> float | None:
    """Of the model's count to the simulator's; None where the simulator has none."""
    return float(pooled[0] / pooled[1]) if pooled[1] else None


def _interval(counts: Floats) -> tuple[float, float] | None:
    if not counts[:, 1].sum():
        return None
    return bootstrap(counts, lambda sums: sums[..., 0] / np.maximum(sums[..., 1], 1))
