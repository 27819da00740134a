"""What is kept of a measurement to be looked at. Owns which frames are shown; refuses their layout (contact_sheet)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from training.evaluate.contact_sheet import contact_sheet, write_clip, write_png
from training.evaluate.footage import Clip, Pictures
from training.evaluate.plot import Points, write_chart
from training.evaluate.rollout import HORIZONS
from training.worlds.base import SimulatedWorld

CLIPS = 6  # of rollouts
STARTS = 8
LONGEST = 300  # frames of a start that are kept
EVERY = 30  # frames between the pictures of a strip
PER_ROW = 4  # starts side by side in the clip
FAR = 300  # frames between the pictures of a long run's strip
TILE_LIMIT = 0.1  # L1 that a world should stay within


class Showing:
    """Writes into a folder: `rollouts.png` and `rollouts.mp4` (truth above, model below), `starts.png` (strips of
    closed loops, a picture a second) and `starts.mp4`; a start that was lost stands still. `long.png` are strips of the
    long runs and `long.mp4` their last seconds. Charts are `rollout.svg`, `coherence.svg` and `stability.svg`."""

    def __init__(self, world: type[SimulatedWorld], folder: Path) -> None:
        """Colours are those of the world's first palette."""
        self._palette = np.array(next(iter(world.palettes.values())), np.uint8)
        self._tick_rate, self._folder = world.tick_rate, folder
        self._frames: dict[int, list[Pictures]] = {}
        self._far: dict[int, list[Pictures]] = {}
        self._newest: dict[int, deque[Pictures]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def rollouts(self, clips: Sequence[Clip], made: Sequence[Pictures]) -> None:
        """Show the first clips."""
        shown = list(zip(clips, made, strict=True))[:CLIPS]
        rows = []
        for clip, got in shown:
            start = clip.moment.frames[-1]
            for frames in (clip.frames, got):
                rows.append([self._coloured(p) for p in (start, *(frames[horizon - 1] for horizon in HORIZONS))])
        write_png(contact_sheet(rows), self._folder / "rollouts.png")
        pictures = [
            contact_sheet([[self._coloured(side[tick]) for side in row] for row in _sides(shown)])
            for tick in range(HORIZONS[-1])
        ]
        write_clip(pictures, self._folder / "rollouts.mp4", self._tick_rate)

    def watch(self, start: int, frame: int, picture: Pictures) -> None:
        """Keep a frame of a closed loop."""
        if start < STARTS and frame <= LONGEST:
            self._frames.setdefault(start, []).append(picture)

    def starts(self) -> None:
        """Show what was watched."""
        runs = [self._frames[start] for start in sorted(self._frames)]
        self._strips([run[::EVERY] for run in runs], "starts.png")
        self._side_by_side(runs, "starts.mp4")

    def watch_long(self, start: int, frame: int, picture: Pictures) -> None:
        """Keep a frame of a long run."""
        if start >= STARTS:
            return
        if frame % FAR == 0:
            self._far.setdefault(start, []).append(picture)
        self._newest.setdefault(start, deque(maxlen=LONGEST)).append(picture)

    def long_runs(self) -> None:
        """Show what was watched of long runs."""
        self._strips([self._far[start] for start in sorted(self._far)], "long.png")
        self._side_by_side([list(self._newest[start]) for start in sorted(self._newest)], "long.mp4")

    def rollout_chart(self, rollout: dict[str, Any]) -> None:
        """PSNR by horizon."""
        names = {
            "psnr_known_db": "known region",
            "copy_last_psnr_known_db": "copy-last, known",
            "psnr_db": "whole frame",
            "psnr_changed_db": "changed pixels",
        }
        lines = {
            name: [(h, rollout[str(h)][key]) for h in HORIZONS if rollout[str(h)][key] is not None]
            for key, name in names.items()
        }
        write_chart(self._folder / "rollout.svg", "Rollouts with the recorded actions", "frames", "PSNR, dB", lines)

    def coherence_chart(self, coherence: dict[str, Any]) -> None:
        """Share of starts that are still coherent, by frame."""
        frames, lost = coherence["frames"], sorted(run["lost_at"] or 0 for run in coherence["runs"])
        lost = [at for at in lost if 0 < at <= frames]
        starts = coherence["starts"]
        points = [(0.0, 1.0)]
        for number, at in enumerate(lost, start=1):
            points += [(at, points[-1][1]), (at, 1 - number / starts)]
        lines: dict[str, Points] = {"model": [*points, (frames, points[-1][1])], "simulator": [(0, 1), (frames, 1)]}
        write_chart(self._folder / "coherence.svg", "Starts still coherent", "frames", "share", lines)

    def stability_chart(self, stability: dict[str, Any]) -> None:
        """Histograms' distance from the simulator's, window by window."""
        lines: dict[str, Points] = {
            name: [(number, value) for number, value in enumerate(stability[f"{key}_l1_windows"], start=1)]
            for key, name in (("tile", "tiles"), ("palette", "colours"))
        }
        lines["limit for tiles"] = [(1, TILE_LIMIT), (max(2, len(lines["tiles"])), TILE_LIMIT)]
        title = "Histograms of long runs against the simulator's"
        write_chart(self._folder / "stability.svg", title, "windows of 300 frames", "L1", lines)

    def _strips(self, runs: Sequence[Sequence[Pictures]], name: str) -> None:
        """A sheet with a row a run."""
        if any(runs):
            write_png(contact_sheet([[self._coloured(p) for p in run] for run in runs if run]), self._folder / name)

    def _side_by_side(self, runs: Sequence[Sequence[Pictures]], name: str) -> None:
        """A clip of runs at the same time; one that is over stands still."""
        rows = [runs[at : at + PER_ROW] for at in range(0, len(runs), PER_ROW)]
        pictures = [
            contact_sheet([[self._coloured(run[min(tick, len(run) - 1)]) for run in row] for row in rows])
            for tick in range(max(map(len, runs), default=0))
        ]
        if pictures:
            write_clip(pictures, self._folder / name, self._tick_rate)

    def _coloured(self, picture: Pictures) -> Pictures:
        coloured: Pictures = self._palette[picture]
        return coloured


def _sides(shown: Sequence[tuple[Clip, Pictures]]) -> tuple[list[Pictures], list[Pictures]]:
    """Two rows: true frames and made ones."""
    return [clip.frames for clip, _ in shown], [got for _, got in shown]
