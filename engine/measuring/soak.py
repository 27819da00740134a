"""Playing for hours to see whether anything gives way. Owns what is done and counted; refuses to judge it.

Leg after leg, each in another world than the last: a frame loop at the world's own pace, keys from an autoplayer, a
recording; meanwhile play is rewound, reset, paused, slowed down, saved and loaded. Some legs last longer than the past
is kept, with nothing that would forget it. After a leg every recording is verified frame by frame, one goes through a
shared file and is made again from that, a branch is led to one of its frames, and a save is loaded to see whether the
same frames follow.
"""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from engine.autoplay import AutoplayMailbox, make_autoplayer
from engine.backends.base import Backend
from engine.checkpoint import Checkpoint
from engine.frame import Frame
from engine.frame_loop import FrameLoop
from engine.free_memory import give_back
from engine.mailbox import FrameMailbox
from engine.measuring.memory import resident_mb
from engine.measuring.telemetry import Telemetry
from engine.pacing import Pacer
from engine.recordings.branch import Branch
from engine.recordings.recorder import Recorder
from engine.recordings.recording import read_session
from engine.recordings.replay import verify
from engine.recordings.share import read_share, write_share
from engine.session import Session
from engine.time_travel.save import read_save, save_bytes, write_save
from engine.time_travel.timeline import Timeline

LEG_SECONDS = 30.0  # of play, before what was recorded is verified
LONG_LEG_SECONDS = 360.0  # longer than a timeline goes back
LONG_EVERY = 10  # rounds of all worlds that one of long legs comes around
LONG_SOAK = 30.0  # minutes, from which there are long legs
SETTLED_AFTER = 300.0  # seconds, at least, until memory is taken as the measure of drift
PATIENCE = 30.0  # seconds that something asked of the loop may take
AFTER_LOADING = 60  # frames that are compared after a save is loaded
FARTHEST_BRANCH = 600  # frames that a branch makes again
INTERVALS = 1 << 16  # of a leg that are looked at

Pair = tuple[Checkpoint, Backend]


@dataclass
class SoakFigures:
    """What has been counted so far. Times in seconds, memory in units of 2**20 bytes."""

    seconds: float = 0.0
    frames: int = 0
    intervals: int = 0
    under_100_ms: int = 0
    under_40_ms: int = 0
    longest_interval: float = 0.0
    memory_settled: float | None = None  # after the first five minutes, when every world has been played
    memory_last: float | None = None
    memory_most: float | None = None
    legs: int = 0
    rewinds: int = 0
    longest_rewind: float = 0.0  # until play went on
    saves: int = 0
    loads: int = 0
    resets: int = 0
    pauses: int = 0
    branches: int = 0
    recordings: int = 0
    frames_verified: int = 0
    digest_mismatches: int = 0
    problems: list[str] = field(default_factory=list)  # exceptions and recordings that broke off, a line each

    @property
    def memory_drift(self) -> float | None:
        """How much more memory is taken than when it had settled; None before that."""
        if self.memory_settled is None or self.memory_last is None:
            return None
        return self.memory_last - self.memory_settled


class Soak:
    """Plays worlds in turn. `make` builds a world's backend; `folder` holds what is recorded and saved meanwhile."""

    def __init__(
        self,
        worlds: list[Checkpoint],
        make: Callable[[Checkpoint], Backend],
        folder: Path,
        seed: int,
        leg_seconds: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.figures = SoakFigures()
        self._pairs: list[Pair] = [(world, make(world)) for world in worlds]
        self._folder = folder
        self._chance = random.Random(seed)
        self._leg_seconds = LEG_SECONDS if leg_seconds is None else leg_seconds
        self._clock = clock
        self._began = clock()
        self._long_legs = False

    def run(self, minutes: float, tell: Callable[[SoakFigures], None]) -> SoakFigures:
        """Go on for `minutes`, at least for one leg in every world. `tell` is called after each."""
        self._long_legs = minutes >= LONG_SOAK
        for _, backend in self._pairs:
            backend.warm_up()
        while self._clock() - self._began < 60 * minutes or self.figures.legs < len(self._pairs):
            pair = self._pairs[self.figures.legs % len(self._pairs)]
            try:
                _Leg(self, pair).play()
            except Exception as error:  # it is what a soak looks for, whatever it is
                self.problem(pair[0], error)
            self.figures.legs += 1
            self._measure_memory()
            tell(self.figures)
        for _, backend in self._pairs:
            backend.close()
        return self.figures

    def problem(self, world: Checkpoint, error: Exception | str) -> None:
        """Count something that mustn't happen."""
        kind = "" if isinstance(error, str) else f"{type(error).__name__}: "
        self.figures.problems.append(f"{world.manifest.name}: {kind}{' '.join(str(error).split())}")

    def _measure_memory(self) -> None:
        give_back()  # as the next world does when it is entered
        figures = self.figures
        figures.seconds = self._clock() - self._began
        figures.memory_last = resident_mb()
        figures.memory_most = max(figures.memory_last, figures.memory_most or 0.0)
        settled = figures.seconds >= SETTLED_AFTER and figures.legs >= len(self._pairs)
        if figures.memory_settled is None and settled:
            figures.memory_settled = figures.memory_last


class _AtOwnSpeed(Telemetry):
    """Leaves out the intervals of slow motion and fast forward: they say nothing of whether frames are on time."""

    loop: FrameLoop | None = None

    def add(self, frame: Frame, interval: float | None, late: bool = False, missed: int = 0) -> None:
        slowed = self.loop is not None and self.loop.speed != 1
        super().add(frame, None if slowed else interval, late, missed)


class _Leg:
    """One world from entering it to the last check."""

    def __init__(self, soak: Soak, pair: Pair) -> None:
        self._soak, self._figures, self._chance = soak, soak.figures, soak._chance
        self._world, backend = pair
        self._clock = soak._clock
        self._place = soak._folder / f"leg-{soak.figures.legs}"
        self._recorders: list[Recorder] = []
        self._session = Session(self._world, backend, timeline=Timeline())
        self._session.reset(self._chance.randrange(self._world.starts), self._chance.getrandbits(31))
        self._long = soak._long_legs and soak.figures.legs // len(soak._pairs) % LONG_EVERY == 0
        self._kind = ("random", "sticky", "script")[soak.figures.legs // len(soak._pairs) % 3]
        if self._kind == "script" and not self._world.manifest.scripts:
            self._kind = "sticky"
        self._player = make_autoplayer(self._kind, self._world.manifest, self._chance.getrandbits(31))
        self._telemetry = _AtOwnSpeed(window=INTERVALS)
        actions, pacer = AutoplayMailbox(self._player, self._session), Pacer(self._world.manifest.tick_rate)
        self._loop = FrameLoop(self._session, actions, FrameMailbox(), pacer, self._telemetry, self._new_recorder())
        self._telemetry.loop = self._loop

    def play(self) -> None:
        """Play, then look whether all of it holds."""
        self._loop.start()
        end = self._clock() + (LONG_LEG_SECONDS if self._long else self._soak._leg_seconds)
        deeds: list[Callable[[], object]] = [self._rewind, self._pause, self._change_speed]
        deeds += [self._save] if self._long else [self._save_and_load, self._reset]
        try:
            while self._clock() < end and self._loop.running:
                time.sleep(self._chance.uniform(0.3, 8.0 if self._long else 2.0))
                self._chance.choice(deeds)()
        finally:
            self._loop.stop(PATIENCE)
            for recorder in self._recorders:
                recorder.close()
        self._count()
        self._check_save()
        for number, recorder in enumerate(self._recorders):
            self._check_recording(recorder, shared=number == 0)
        shutil.rmtree(self._place)  # an hour of videos would be a lot
        if self._session.timeline is not None:
            self._session.timeline.clear()

    def _new_recorder(self) -> Recorder:
        recorder = Recorder(self._place / f"recording-{len(self._recorders)}")
        self._recorders.append(recorder)
        return recorder

    def _wait(self, reached: Callable[[], bool]) -> None:
        end = self._clock() + PATIENCE
        while not reached() and self._loop.running:
            if self._clock() > end:
                raise TimeoutError("the loop didn't do what was asked")
            time.sleep(0.002)

    def _rewind(self) -> None:
        self._loop.rewind()
        time.sleep(self._chance.uniform(0.0, 1.5))
        began = self._clock()
        self._loop.play_on()
        self._wait(lambda: self._loop.rewinding is None)
        landed = self._session.index
        self._wait(lambda: self._session.index != landed)
        self._figures.rewinds += 1
        self._figures.longest_rewind = max(self._figures.longest_rewind, self._clock() - began)

    def _save(self) -> Path:
        moment = self._loop.call(Session.moment).result(PATIENCE)
        path = self._place / "slot.save"
        write_save(path, save_bytes(moment, self._world, None))
        self._figures.saves += 1
        return path

    def _save_and_load(self) -> None:
        """Save, play on for a moment, load: a new recording begins, for it is another past."""
        path = self._save()
        time.sleep(self._chance.uniform(0.0, 0.5))
        self._loop.set_recorder(None)
        self._loop.resume_at(read_save(path, self._world).moment)
        self._loop.set_recorder(self._new_recorder())
        self._loop.call(lambda session: None).result(PATIENCE)  # a recording that the leg's end forestalls isn't one
        self._figures.loads += 1

    def _reset(self) -> None:
        self._loop.request_reset(self._chance.randrange(self._world.starts), self._chance.getrandbits(31))
        self._figures.resets += 1

    def _pause(self) -> None:
        self._loop.pause()
        time.sleep(self._chance.uniform(0.0, 0.3))
        self._loop.resume()
        self._figures.pauses += 1

    def _change_speed(self) -> None:
        self._loop.set_speed(self._chance.choice((0.5, 2.0)))
        time.sleep(0.3)
        self._loop.set_speed(1.0)

    def _count(self) -> None:
        figures, intervals = self._figures, self._telemetry.intervals
        figures.frames += self._telemetry.snapshot().frames
        figures.intervals += len(intervals)
        figures.under_100_ms += sum(interval < 0.100 for interval in intervals)
        figures.under_40_ms += sum(interval < 0.040 for interval in intervals)
        figures.longest_interval = max([figures.longest_interval, *intervals])
        if self._loop.error is not None:
            self._soak.problem(self._world, self._loop.error)

    def _check_save(self) -> None:
        """The frames that follow a loaded save must be those that followed the moment itself."""
        path = self._place / "last.save"
        moment, session = self._session.moment(), self._session
        write_save(path, save_bytes(moment, self._world, None))
        frame, first = session.frame, []
        for _ in range(AFTER_LOADING):
            frame = session.step(self._player.next_action(frame.pixels))
            first.append(frame)
        session.resume(read_save(path, self._world).moment)
        again = [session.step(frame.action).tokens_digest for frame in first]
        pairs = zip(first, again, strict=True)
        self._figures.digest_mismatches += sum(frame.tokens_digest != digest for frame, digest in pairs)

    def _check_recording(self, recorder: Recorder, shared: bool) -> None:
        for problem in (recorder.problem, recorder.video_problem):
            if problem is not None:
                self._soak.problem(self._world, problem)
        record = read_session(recorder.folder)
        if not record.entries:
            return
        backend = self._session.backend
        report = verify(record, self._world, backend)
        self._figures.recordings += 1
        self._figures.frames_verified += report.frames
        self._figures.digest_mismatches += not report.same
        if shared:
            path = self._place / "shared.dreamcade"
            write_share(record, path)
            self._figures.digest_mismatches += not verify(read_share(path), self._world, backend).same
            branch = Branch(read_share(path), self._world, self._chance.randrange(min(FARTHEST_BRANCH, record.frames)))
            branch.begin(Session(self._world, backend))
            self._figures.branches += 1
            self._figures.digest_mismatches += branch.differs_at is not None
