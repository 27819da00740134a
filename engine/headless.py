"""Play without a window. Owns the loop of an autoplayer and a session; refuses threads: nobody waits for a screen."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.autoplay import Autoplayer
from engine.backends.base import Backend
from engine.checkpoint import Checkpoint
from engine.measuring.telemetry import Spread, spread_ms
from engine.pacing import Pacer
from engine.recordings.recorder import Recorder
from engine.session import Begin, Session
from models.manifest import BadInput


@dataclass(frozen=True)
class HeadlessReport:
    """What a run did. `frames` were generated after the start; `last_digest` is the last one's."""

    world: str
    frames: int
    seconds: float
    fps: float
    compute_ms: Spread
    last_digest: str
    recording: str | None
    recording_problem: str | None
    video_problem: str | None


def play_headless(
    checkpoint: Checkpoint,
    backend: Backend,
    autoplayer: Autoplayer,
    frames: int,
    record_dir: Path | None = None,
    rng_seed: int = 0,
    start: int = 0,
    paced: bool = False,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
    begin: Begin | None = None,
) -> HeadlessReport:
    """Generate `frames` frames, as fast as can be or at the world's tick rate. Raises BadInput before playing.

    `begin` leads to the frame to play on from, in place of `start` and `rng_seed`.
    """
    if frames < 1:
        raise BadInput(f"frames: expected at least 1, found {frames}")
    session = Session(checkpoint, backend, clock)
    frame = session.reset(start, rng_seed) if begin is None else begin(session)
    recorder = None if record_dir is None else Recorder(record_dir)
    if recorder is not None:
        recorder.begin(session)
    pacer = Pacer(checkpoint.manifest.tick_rate, clock, sleep, capped=paced)
    compute: list[float] = []
    began = clock()
    try:
        for _ in range(frames):
            pacer.wait()
            frame = session.step(autoplayer.next_action(frame.pixels))
            compute.append(frame.times.compute_s)
            if recorder is not None:
                recorder.add(frame, wait=not paced)
    finally:
        seconds = clock() - began
        if recorder is not None:
            recorder.close()
    return HeadlessReport(
        world=checkpoint.manifest.name,
        frames=frames,
        seconds=seconds,
        fps=frames / seconds if seconds > 0 else 0.0,
        compute_ms=spread_ms(compute),
        last_digest=frame.tokens_digest,
        recording=None if record_dir is None else str(record_dir),
        recording_problem=None if recorder is None else recorder.problem,
        video_problem=None if recorder is None else recorder.video_problem,
    )
