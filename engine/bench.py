"""What the closed loop reaches on this machine. Owns the bench document; refuses to judge it or to guess.

What is measured is the loop that is played: frame loop, mailboxes and keys pressed at random phase, first unthrottled,
then at the world's tick rate. A window may be passed in; without one, a frame counts as seen when it is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.frame_loop import FrameLoop
from engine.machine import machine
from engine.mailbox import ActionMailbox, FrameMailbox
from engine.memory import resident_mb
from engine.pacing import Pacer
from engine.session import Session
from engine.telemetry import Spread, Telemetry, TelemetrySnapshot
from engine.unanswered import UnansweredKeys
from models.actions import Action
from models.manifest import BadInput, Manifest

SCHEMA = 1
PRESS_GAP = (0.12, 0.4)  # seconds between key events: several ticks, at no fixed phase of them
MATRIX_SIDE = 1024
MATRIX_SECONDS = 0.4


class KeyPresses:
    """Key events at random times. A driver asks for those that are due; each keeps the time when it was to come."""

    def __init__(self, actions: list[Action], seed: int, start: float) -> None:
        self._actions = actions
        self._chance = np.random.default_rng(seed)
        self._held = Action.NOOP
        self._next = start + self._gap()

    def due(self, now: float) -> list[tuple[Action, float]]:
        """Events up to `now` as (action then held, time), for `ActionMailbox.put`."""
        events = []
        while self._next <= now:
            choices = [action for action in self._actions if action is not self._held]
            self._held = choices[int(self._chance.integers(len(choices)))] if choices else Action.NOOP
            events.append((self._held, self._next))
            self._next += self._gap()
        return events

    def until_next(self, now: float) -> float:
        """Seconds until the next event, 0 where one is due."""
        return max(0.0, self._next - now)

    def _gap(self) -> float:
        return float(self._chance.uniform(*PRESS_GAP))


@dataclass(frozen=True)
class Stage:
    """What a window driver is given: a running loop and its exchanges.

    Until `finished`, the driver puts the presses that are due into `actions`, shows the newest of `frames`, and tells
    `telemetry` of the flips that answer a press. It returns the time of its first flip, None where there was none.
    """

    loop: FrameLoop
    actions: ActionMailbox
    frames: FrameMailbox
    telemetry: Telemetry
    presses: KeyPresses
    manifest: Manifest
    wanted: int
    clock: Callable[[], float]

    @property
    def finished(self) -> bool:
        """Whether enough frames have been made, or none will come any more."""
        return self.loop.session.index >= self.wanted or not self.loop.running


WindowDriver = Callable[[Stage], float | None]


@dataclass(frozen=True)
class BenchResult:
    """One world's figures. Times are those of the paced run; None is what wasn't measured."""

    world: str
    backend: str
    device: str
    frames: int
    fps: float | None
    fps_paced: float | None
    compute_ms: Spread
    interval_ms: Spread
    key_to_screen_ms: dict[str, float | None]
    on_time: float | None
    startup_s: float | None
    rss_mb: float
    vram_peak_mb: float | None
    matrix_share: float | None


def bench(
    folders: list[Path],
    frames: int,
    window: WindowDriver | None = None,
    threads: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Any]:
    """Measure each world: `frames` frames unthrottled, as many paced. Returns the bench document. Raises BadInput."""
    if frames < 2:
        raise BadInput(f"frames: expected at least 2, found {frames}")
    age = time.time() - psutil.Process().create_time()
    measured = [_bench_world(folder, frames, window or drive_headless, threads, clock, age) for folder in folders]
    rate = matrix_rate(clock)  # last: the threads of the matrix library would count as memory
    results = [replace(result, matrix_share=_share(operations, result.fps, rate)) for result, operations in measured]
    facts = asdict(machine()) | {"matrix_gflops": round(rate / 1e9, 1)}
    return {"schema": SCHEMA, "machine": facts, "results": [asdict(result) for result in results]}


def drive_headless(stage: Stage) -> float | None:
    """A window that shows nothing: it takes every frame as soon as it is there, and presses keys between them."""
    first: float | None = None
    unanswered = UnansweredKeys()
    while not stage.finished:
        frame = stage.frames.take_newest(timeout=min(0.05, max(1e-4, stage.presses.until_next(stage.clock()))))
        now = stage.clock()
        if frame is not None:
            first = now if first is None else first
            if (pressed := unanswered.answer(frame.times.taken)) is not None:
                stage.telemetry.add_flip(now - pressed)
        for action, when in stage.presses.due(now):
            stage.actions.put(action, when)
            unanswered.add(when, stage.clock())
    return first


def matrix_rate(clock: Callable[[], float] = time.perf_counter) -> float:
    """Best rate of a float32 matrix product on this machine, operations a second (two for each multiply-add)."""
    left = np.full((MATRIX_SIDE, MATRIX_SIDE), 0.5, np.float32)
    best, began = float("inf"), clock()
    while clock() - began < MATRIX_SECONDS:
        start = clock()
        left @ left
        best = min(best, clock() - start)
    return float(2 * MATRIX_SIDE**3 / best)


def _bench_world(
    folder: Path,
    frames: int,
    window: WindowDriver,
    threads: int | None,
    clock: Callable[[], float],
    age: float,
) -> tuple[BenchResult, int]:
    """One world's figures and its operations a frame. `age` is what the process had lived before its first world."""
    began = clock()
    checkpoint = load_checkpoint(folder)
    backend = OnnxBackend(checkpoint, threads)
    try:
        backend.warm_up()
        session = Session(checkpoint, backend, clock)
        session.reset(0, 0)
        free, shown = _play(session, frames, window, clock, capped=False)
        session.reset(0, 0)
        paced, _ = _play(session, frames, window, clock, capped=True)
        latency = paced.key_to_screen_ms
        result = BenchResult(
            world=checkpoint.manifest.name,
            backend=backend.info.name,
            device=backend.info.device,
            frames=paced.frames,
            fps=free.model_fps,
            fps_paced=paced.model_fps,
            compute_ms=paced.compute_ms,
            interval_ms=paced.interval_ms,
            key_to_screen_ms={"p50": latency.p50, "p99": latency.p99},
            on_time=paced.on_time,
            startup_s=None if shown is None else age + shown - began,
            rss_mb=resident_mb(),
            vram_peak_mb=paced.vram_mb,
            matrix_share=None,
        )
        return result, checkpoint.manifest.cost.operations
    finally:
        backend.close()


def _play(
    session: Session, frames: int, window: WindowDriver, clock: Callable[[], float], *, capped: bool
) -> tuple[TelemetrySnapshot, float | None]:
    """A run's figures, and when its first frame was shown."""
    manifest = session.checkpoint.manifest
    actions, mailbox, telemetry = ActionMailbox(), FrameMailbox(), Telemetry(clock, window=frames)
    loop = FrameLoop(session, actions, mailbox, Pacer(manifest.tick_rate, clock, capped=capped), telemetry)
    presses = KeyPresses([entry.action for entry in manifest.actions], 0, clock())
    stage = Stage(loop, actions, mailbox, telemetry, presses, manifest, frames, clock)
    loop.start()
    try:
        shown = window(stage)
    finally:
        loop.stop()
    if loop.error is not None:
        raise loop.error
    return telemetry.snapshot(), shown


def _share(operations: int, fps: float | None, rate: float) -> float | None:
    return operations * fps / rate if operations and fps else None
