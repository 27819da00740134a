"""What is kept of a measurement to be looked at. Owns which frames are shown; refuses their layout (contact_sheet)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from training.evaluate.contact_sheet import contact_sheet, write_clip, write_png
from training.evaluate.footage import Clip, Pictures
from training.evaluate.rollout import HORIZONS
from training.worlds.base import SimulatedWorld

CLIPS = 6  # of rollouts
STARTS = 8
LONGEST = 300  # frames of a start that are kept
EVERY = 30  # frames between the pictures of a strip
PER_ROW = 4  # starts side by side in the clip


class Showing:
    """Writes into a folder: `rollouts.png` and `rollouts.mp4` (truth above, model below), `starts.png` (strips of
    closed loops, a picture a second) and `starts.mp4`; a start that was lost stands still."""

    def __init__(self, world: type[SimulatedWorld], folder: Path) -> None:
        """Colours are those of the world's first palette."""
        self._palette = np.array(next(iter(world.palettes.values())), np.uint8)
        self._tick_rate, self._folder = world.tick_rate, folder
        self._frames: dict[int, list[Pictures]] = {}
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
        if not self._frames:
            return
        runs = [self._frames[start] for start in sorted(self._frames)]
        write_png(
            contact_sheet([[self._coloured(p) for p in run[::EVERY]] for run in runs]), self._folder / "starts.png"
        )
        rows = [runs[at : at + PER_ROW] for at in range(0, len(runs), PER_ROW)]
        pictures = [
            contact_sheet([[self._coloured(run[min(tick, len(run) - 1)]) for run in row] for row in rows])
            for tick in range(max(map(len, runs)))
        ]
        write_clip(pictures, self._folder / "starts.mp4", self._tick_rate)

    def _coloured(self, picture: Pictures) -> Pictures:
        coloured: Pictures = self._palette[picture]
        return coloured


def _sides(shown: Sequence[tuple[Clip, Pictures]]) -> tuple[list[Pictures], list[Pictures]]:
    """Two rows: true frames and made ones."""
    return [clip.frames for clip, _ in shown], [got for _, got in shown]
