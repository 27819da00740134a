"""Measures reading. Owns the clock and the memory figure; refuses to judge them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from training.data.batches import Windows
from training.data.dataset import shard_paths


@dataclass(frozen=True)
class ReadingReport:
    """How fast windows come out of a data set, and what that holds in memory."""

    frames_stored: int
    bytes_stored: int
    segments: int
    open_seconds: float
    frames_read: int
    frames_per_core_second: float  # frames of the batches for each second of processor time
    rss_before_mb: float
    rss_after_mb: float


def measure_reading(folder: Path, seconds: float = 5.0, window: int = 16, batch_size: int = 16) -> ReadingReport:
    """Read random batches for about `seconds` on one core. Raises BadInput."""
    process = psutil.Process()
    before = process.memory_info().rss
    began = time.perf_counter()
    windows = Windows(folder, window, batch_size)
    opened = time.perf_counter()
    cpu = time.process_time()
    step = 0
    while step == 0 or time.perf_counter() - opened < seconds:
        windows.batch(step)
        step += 1
    frames = step * batch_size * (window + 1)
    return ReadingReport(
        frames_stored=windows.frames,
        bytes_stored=sum(path.stat().st_size for path in shard_paths(folder)),
        segments=windows.segments,
        open_seconds=opened - began,
        frames_read=frames,
        frames_per_core_second=frames / max(time.process_time() - cpu, 1e-9),
        rss_before_mb=before / 2**20,
        rss_after_mb=process.memory_info().rss / 2**20,
    )
