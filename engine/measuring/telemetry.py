"""How play goes. Owns the figures of the overlay and of the bench; refuses to draw them or to guess one."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from engine.backends.base import BackendInfo
from engine.frame import Frame
from engine.measuring.memory import VramProbe, resident_mb
from engine.measuring.projection import card_name

WINDOW = 300  # frames that percentiles look back on: ten seconds at 30 ticks
SPARKLINE = 120  # compute times kept for drawing
FLIPS = 256  # key presses that latency percentiles look back on
MEMORY_EVERY = 1.0  # seconds between looks at the memory

TARGET_CARD = "RTX 3060"
TARGET_FPS = 8.0
TARGET_VRAM_MB = 8 * 1024.0
TARGET_LINE = f"{TARGET_CARD} target: ≥ {TARGET_FPS:.0f} FPS, ≤ {TARGET_VRAM_MB / 1024:.0f} GB"

Target = Literal["met", "not met", "not this device"]


@dataclass(frozen=True)
class Spread:
    """Percentiles of a series in milliseconds; None where nothing was measured."""

    p50: float | None
    p99: float | None
    max: float | None


@dataclass(frozen=True)
class TelemetrySnapshot:
    """Figures at one moment. None is what wasn't measured. memory in units of 2**20 bytes."""

    frames: int
    model_fps: float | None
    compute_ms: Spread
    interval_ms: Spread
    key_to_screen_ms: Spread
    compute_history_ms: tuple[float, ...]
    dropped: int
    late: int
    missed: int
    entropy: float | None
    backend: BackendInfo | None
    rss_mb: float
    vram_mb: float | None
    target: Target

    @property
    def on_time(self) -> float | None:
        """Share of all ticks, those without a frame included, whose frame came in time; None before the first."""
        return (self.frames - self.late) / (self.frames + self.missed) if self.frames else None

    @property
    def target_line(self) -> str:
        """The target and how what runs stands to it."""
        return f"{TARGET_LINE} — {self.target}"


class Telemetry:
    """Collects from the loop's thread and the window's; any thread may take a snapshot. Memory is bounded.

    `window` frames are looked back on; the bench passes as many as it runs.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter, window: int = WINDOW) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._window = window
        self._vram: VramProbe | None = None
        self._memory: tuple[float, float, float | None] | None = None
        self._backend: BackendInfo | None = None
        self._dropped = 0
        self._entropy: float | None = None
        self._clear()

    def begin(self, backend: BackendInfo) -> None:
        """A session begins on `backend`: earlier figures are not its own."""
        with self._lock:
            self._backend = backend
            self._clear()

    def set_backend(self, backend: BackendInfo) -> None:
        """Another backend has taken over, or still the same one runs: the figures go on."""
        with self._lock:
            self._backend = backend

    def add(self, frame: Frame, interval: float | None, late: bool = False, missed: int = 0) -> None:
        """A frame was made, `interval` seconds after the one before (None after a pause), `late` by a tick or more;
        before it, `missed` ticks went by without one."""
        with self._lock:
            self._frames += 1
            self._late += late
            self._missed += missed
            self._compute.append(frame.times.compute_s)
            if interval is not None:
                self._intervals.append(interval)
            self._entropy = frame.entropy

    def add_flip(self, key_to_flip_s: float) -> None:
        """A frame that a key event led to was shown, this many seconds after the event."""
        with self._lock:
            self._flips.append(key_to_flip_s)

    def set_dropped(self, dropped: int) -> None:
        """Frames that no window took, in all."""
        with self._lock:
            self._dropped = dropped

    @property
    def intervals(self) -> list[float]:
        """Seconds between the last frames, at most the window's number of them."""
        with self._lock:
            return list(self._intervals)

    def snapshot(self) -> TelemetrySnapshot:
        """The figures now."""
        rss, vram = self._memory_now()
        with self._lock:
            intervals = list(self._intervals)
            fps = len(intervals) / total if (total := sum(intervals)) > 0 else None
            return TelemetrySnapshot(
                frames=self._frames,
                model_fps=fps,
                compute_ms=spread_ms(self._compute),
                interval_ms=spread_ms(intervals),
                key_to_screen_ms=spread_ms(self._flips),
                compute_history_ms=tuple(1000 * s for s in list(self._compute)[-SPARKLINE:]),
                dropped=self._dropped,
                late=self._late,
                missed=self._missed,
                entropy=self._entropy,
                backend=self._backend,
                rss_mb=rss,
                vram_mb=vram,
                target=judge_target(self._backend, fps, vram),
            )

    def _clear(self) -> None:
        self._frames = self._late = self._missed = 0
        self._compute: deque[float] = deque(maxlen=self._window)
        self._intervals: deque[float] = deque(maxlen=self._window)
        self._flips: deque[float] = deque(maxlen=FLIPS)
        self._entropy = None

    def _memory_now(self) -> tuple[float, float | None]:
        now = self._clock()
        if self._memory is None or now - self._memory[0] >= MEMORY_EVERY:
            self._memory = (now, resident_mb(), self._vram_now())
        return self._memory[1], self._memory[2]

    def _vram_now(self) -> float | None:
        """None on the CPU: what others keep on a card that isn't used says nothing about this play."""
        if self._backend is None or self._backend.on_cpu:
            return None
        if self._vram is None:
            self._vram = VramProbe()
        return self._vram.used_mb()


def judge_target(backend: BackendInfo | None, fps: float | None, vram_mb: float | None) -> Target:
    """Judged on what runs: another device says nothing, and what wasn't measured isn't met."""
    if backend is None or backend.on_cpu or card_name(backend.device) != TARGET_CARD:
        return "not this device"
    if fps is None or vram_mb is None:
        return "not met"
    return "met" if fps >= TARGET_FPS and vram_mb <= TARGET_VRAM_MB else "not met"


def spread_ms(seconds: Iterable[float]) -> Spread:
    """p50, p99 (the nearest rank) and max of times in seconds, in milliseconds."""
    ordered = sorted(seconds)
    if not ordered:
        return Spread(None, None, None)

    def rank(share: float) -> float:
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return Spread(rank(0.5), rank(0.99), 1000 * ordered[-1])
