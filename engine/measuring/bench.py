"""What the closed loop reaches on this machine. Owns the bench document; refuses to judge it or to guess.

What is measured is the loop that is played: frame loop, mailboxes and keys pressed at random phase, first unthrottled,
then at the world's tick rate. A window may be passed in; without one, a frame counts as seen when it is taken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psutil

from engine.backends.base import Backend, BackendFailed
from engine.backends.choice import Choice, make_backend
from engine.backends.device import find_card
from engine.backends.engine_cache import EngineCache
from engine.backends.library import one_line
from engine.backends.opening import Parts
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.frame_loop import FrameLoop
from engine.mailbox import ActionMailbox, FrameMailbox
from engine.measuring.host_time import measure_host
from engine.measuring.machine import machine
from engine.measuring.memory import VramPeak, resident_mb
from engine.measuring.projection import (
    LIMIT,
    card_seconds,
    find_card_cost,
    find_rates,
    float_cost,
    frame_seconds,
    method_error,
    projections,
)
from engine.measuring.telemetry import Spread, Telemetry, TelemetrySnapshot
from engine.measuring.unanswered import UnansweredKeys
from engine.pacing import Pacer
from engine.session import Session
from models.actions import Action
from models.manifest import BadInput, Manifest, read_manifest

SCHEMA = 3
PRESS_GAP = (0.12, 0.4)  # seconds between key events: several ticks, at no fixed phase of them
MATRIX_SIDE = 1024
MATRIX_SECONDS = 0.4
TRAFFIC_BYTES = 64 << 20  # more than a processor's caches hold
EVERYWHERE = (BackendName.AUTO, BackendName.ONNX)  # what plays on any machine
EVERY_BACKEND = (BackendWish(BackendName.ONNX), BackendWish(BackendName.TENSORRT))


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


Opener = Callable[[Checkpoint, Parts], Choice]
Tell = Callable[[str], None]
WindowDriver = Callable[[Stage], float | None]


@dataclass(frozen=True)
class BenchResult:
    """One world's figures on one backend. Times are those of the paced run; None is what wasn't measured. A cold start
    finds no engine of the world, a warm one what the cold one left. `vram_peak_mb`, from before the engine is built to
    the end of play, is what all processes used where `vram_whole_card`."""

    world: str
    backend: str
    version: str
    device: str
    note: str
    frames: int
    fps: float | None
    fps_paced: float | None
    compute_ms: Spread
    interval_ms: Spread
    key_to_screen_ms: dict[str, float | None]
    on_time: float | None
    startup_s: float | None
    cold_start_s: float | None
    warm_start_s: float | None
    rss_mb: float
    vram_peak_mb: float | None
    vram_whole_card: bool
    matrix_share: float | None


@dataclass(frozen=True)
class Skipped:
    """A backend that did not run a world, or not to the end, and why."""

    world: str
    backend: str
    reason: str


def bench(
    folders: list[Path],
    frames: int,
    window: WindowDriver | None = None,
    wishes: Sequence[BackendWish] = EVERY_BACKEND,
    clock: Callable[[], float] = time.perf_counter,
    others: Mapping[str, Opener] | None = None,
    tell: Tell = lambda line: None,
) -> dict[str, Any]:
    """Measure each world on each backend, `others` (by name) behind those wished for: `frames` frames unthrottled, as
    many paced. `tell` hears what is done next. Returns the bench document. Raises BadInput."""
    if frames < 2:
        raise BadInput(f"frames: expected at least 2, found {frames}")
    run = _Run(frames, window or drive_headless, clock, time.time() - psutil.Process().create_time(), tell)
    checkpoints = [load_checkpoint(folder) for folder in folders]
    for checkpoint in checkpoints:
        for wish in wishes:
            run.measure(checkpoint, wish.name.value, partial(_open_wish, wish))
        for name, opener in (others or {}).items():
            run.measure(checkpoint, name, opener)
    tell("the machine's own rates")
    rates = (matrix_rate(clock), traffic_rate(clock))  # last: the threads of the matrix library would count as memory
    manifests = {checkpoint.manifest.name: checkpoint.manifest for checkpoint in checkpoints}
    places = {checkpoint.manifest.name: checkpoint.folder for checkpoint in checkpoints}
    results = [_with_share(result, manifests[result.world].cost.operations, rates[0]) for result in run.results]
    facts = asdict(machine()) | {"matrix_gflops": round(rates[0] / 1e9, 1), "traffic_gbs": round(rates[1] / 1e9, 1)}
    errors = [_error(result, manifests[result.world], places[result.world], rates) for result in results]
    return {
        "schema": SCHEMA,
        "machine": facts | {"card": _card_facts()},
        "results": [asdict(result) for result in results],
        "skipped": [asdict(skipped) for skipped in run.skipped],
        "host_times": [
            {"world": checkpoint.manifest.name, **asdict(measure_host(checkpoint, frames, clock))}
            for checkpoint in checkpoints
        ],
        "method_errors": [error for error in errors if error is not None],
        **project_worlds(folders, _limit(wishes), tell),
    }


def project_worlds(folders: Sequence[Path], limit: int = LIMIT, tell: Tell = lambda line: None) -> dict[str, Any]:
    """The bench document's calculated part: `projections`, and why a world has none (`unprojected`). No graph is run.
    Raises BadInput for a folder that is no checkpoint."""
    rows: list[dict[str, Any]] = []
    without: list[dict[str, str]] = []
    for folder in folders:
        name = read_manifest(folder).name
        tell(f"{name}: counting the graph")
        try:
            rows += projections(folder, limit)
        except BadInput as error:
            without.append({"world": name, "reason": str(error)})
    return {"projections": rows, "unprojected": without}


def _limit(wishes: Sequence[BackendWish]) -> int:
    """The VRAM that projections are judged by: the least that was wished for."""
    return min((wish.vram_limit for wish in wishes if wish.vram_limit is not None), default=LIMIT)


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


def _open_wish(wish: BackendWish, checkpoint: Checkpoint, parts: Parts) -> Choice:
    """What `auto` comes to is what was wished for, whatever it is: its info says why."""
    choice = make_backend(checkpoint, wish, parts=parts)
    return Choice(choice.backend) if wish.name is BackendName.AUTO else choice


def traffic_rate(clock: Callable[[], float] = time.perf_counter) -> float:
    """Best rate of copying memory on this machine, bytes read and written a second."""
    source = np.zeros(TRAFFIC_BYTES, np.uint8)
    target = np.empty_like(source)
    best, began = float("inf"), clock()
    while clock() - began < MATRIX_SECONDS:
        start = clock()
        np.copyto(target, source)
        best = min(best, clock() - start)
    return 2 * TRAFFIC_BYTES / best


class _Run:
    """Measuring, one world on one backend at a time. `age` is what the process had lived before its first world."""

    def __init__(self, frames: int, window: WindowDriver, clock: Callable[[], float], age: float, tell: Tell) -> None:
        self.results: list[BenchResult] = []
        self.skipped: list[Skipped] = []
        self._frames = frames
        self._window = window
        self._clock = clock
        self._age = age
        self._tell = tell

    def measure(self, checkpoint: Checkpoint, name: str, opener: Opener) -> None:
        """Add a result, or why there is none. Engines go to a cache of their own, so that the first start is cold."""
        world = checkpoint.manifest.name
        self._tell(f"{world} on {name}: cold start")
        with TemporaryDirectory(prefix="dreamcade-bench-") as folder:
            parts = Parts(cache=EngineCache(Path(folder)))
            try:
                result = self._measure_cold(checkpoint, opener, parts, f"{world} on {name}")
            except Exception as error:  # whatever a runtime raises: the other rows must not go with it
                if isinstance(error, BadInput) or (name in EVERYWHERE and not isinstance(error, BackendFailed)):
                    raise  # it is the world that is broken
                self.skipped.append(Skipped(world, name, one_line(error)))
                return
            self._tell(f"{world} on {name}: warm start")
            self.results.append(self._with_warm_start(result, checkpoint, opener, parts))

    def _measure_cold(self, checkpoint: Checkpoint, opener: Opener, parts: Parts, title: str) -> BenchResult:
        """Open and play. Raises BackendFailed where what was asked for doesn't play, or not to the end."""
        with VramPeak() as vram:
            began = self._clock()
            choice = opener(checkpoint, parts)
            cold = self._clock() - began
            try:
                opened = choice.backend.info
                if choice.stands_in:
                    raise BackendFailed(opened.note)
                result = self._play_both(checkpoint, choice.backend, began, title)
                if choice.backend.info != opened:  # some frames are another backend's: no figure of either
                    raise BackendFailed(f"it did not last: {choice.backend.info.note}")
            finally:
                choice.backend.close()
        on_card = not opened.on_cpu
        return replace(
            result,
            cold_start_s=cold,
            vram_peak_mb=vram.peak_mb if on_card else None,
            vram_whole_card=vram.whole_card and on_card,
        )

    def _with_warm_start(
        self, result: BenchResult, checkpoint: Checkpoint, opener: Opener, parts: Parts
    ) -> BenchResult:
        """The result with the time of a second start, or with why there was none in its note."""
        began = self._clock()
        try:
            again = opener(checkpoint, parts)
            seconds, info = self._clock() - began, again.backend.info
            again.backend.close()
        except Exception as error:  # the figures are there: whatever breaks now must not take them along
            problem = one_line(error)
        else:
            if not again.stands_in and (info.name, info.device) == (result.backend, result.device):
                return replace(result, warm_start_s=seconds)
            problem = info.note or f"{info.name} started"
        return replace(result, note="; ".join(filter(None, (result.note, f"no warm start: {problem}"))))

    def _play_both(self, checkpoint: Checkpoint, backend: Backend, began: float, title: str) -> BenchResult:
        """Unthrottled, then paced."""
        session = Session(checkpoint, backend, self._clock)
        self._tell(f"{title}: {self._frames} frames unthrottled")
        session.reset(0, 0)
        free, shown = _play(session, self._frames, self._window, self._clock, capped=False)
        self._tell(f"{title}: {self._frames} frames paced")
        session.reset(0, 0)
        paced, _ = _play(session, self._frames, self._window, self._clock, capped=True)
        info, latency = backend.info, paced.key_to_screen_ms
        return BenchResult(
            world=checkpoint.manifest.name,
            backend=info.name,
            version=info.version,
            device=info.device,
            note=info.note,
            frames=paced.frames,
            fps=free.model_fps,
            fps_paced=paced.model_fps,
            compute_ms=paced.compute_ms,
            interval_ms=paced.interval_ms,
            key_to_screen_ms={"p50": latency.p50, "p99": latency.p99},
            on_time=paced.on_time,
            startup_s=None if shown is None else self._age + shown - began,
            cold_start_s=None,
            warm_start_s=None,
            rss_mb=resident_mb(),
            vram_peak_mb=None,
            vram_whole_card=False,
            matrix_share=None,
        )


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


def _with_share(result: BenchResult, operations: int, rate: float) -> BenchResult:
    """The share of this processor's matrix rate that a result on it reached."""
    known = operations and result.fps and result.device.startswith("CPU")
    return replace(result, matrix_share=operations * result.fps / rate) if known and result.fps else result


def _error(result: BenchResult, manifest: Manifest, folder: Path, rates: tuple[float, float]) -> dict[str, Any] | None:
    """What the projection's method says of a device that was measured; None where it can say nothing."""
    cost = manifest.cost
    if not (cost.operations and cost.kernels and result.fps):
        return None
    if result.device.startswith("CPU"):
        projected = 1 / frame_seconds(float_cost(cost), rates[0], rates[0], rates[1])
    elif (card := find_rates(result.device)) is not None:
        try:
            half = result.backend == BackendName.TENSORRT
            projected = 1 / card_seconds(find_card_cost(folder, manifest) if half else float_cost(cost), card)
        except BadInput:
            return None
    else:
        return None
    return {
        "world": result.world,
        "backend": result.backend,
        "device": result.device,
        "projected_fps": projected,
        "measured_fps": result.fps,
        "error": method_error(projected, result.fps),
    }


def _card_facts() -> dict[str, Any] | None:
    """The first NVIDIA card; None where there is none."""
    try:
        card = find_card()
    except BackendFailed:
        return None
    return {
        "name": card.name,
        "architecture": card.architecture,
        "driver": card.driver,
        "memory_gb": round(card.memory / (1 << 30), 1),
    }
