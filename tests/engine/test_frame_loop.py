"""The order of a tick and what may be asked between ticks, in time that only the test moves."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.backends.base import StepOutput
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.decoder import decode
from engine.frame import Frame
from engine.frame_loop import FrameLoop
from engine.mailbox import ActionMailbox, FrameMailbox
from engine.measuring.telemetry import Telemetry
from engine.pacing import Pacer
from engine.recordings.recorder import Recorder
from engine.recordings.recording import RewindEvent, read_session
from engine.recordings.replay import verify
from engine.session import Session
from engine.start_picture import encode_picture
from engine.time_travel.moment import Moment
from engine.time_travel.timeline import Timeline
from models.actions import Action
from models.manifest import BadInput

PATIENCE = 60.0  # seconds that a test waits for the other thread before it fails


Deed = tuple[Callable[[int], bool], Callable[[], None]]


class Watched(FrameMailbox):
    """Keeps every frame that was put, and follows a script in the thread that puts: each deed is done when a frame's
    index is as it says, after those before it."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Frame] = []
        self.script: deque[Deed] = deque()

    def put(self, frame: Frame) -> None:
        super().put(frame)
        self.shown.append(frame)
        if self.script and self.script[0][0](frame.index):
            self.script[0][1]()
            self.script.popleft()


class Stand:
    """A frame loop on a hand-moved clock: sleeping takes no time, and `on_sleep` is called with the tick's number.

    Nothing holds it back, so it may be any number of frames further when the test looks; what has to be asked at a
    certain frame stands in the script of its frames.
    """

    def __init__(self, session: Session) -> None:
        self.now = 0.0
        self.slept = 0
        self.on_sleep: Callable[[int], None] = lambda tick: None
        self.actions, self.frames = ActionMailbox(), Watched()
        self.telemetry = Telemetry(lambda: self.now)
        session._clock = lambda: self.now
        pacer = Pacer(30, lambda: self.now, self.sleep)
        self.loop = FrameLoop(session, self.actions, self.frames, pacer, self.telemetry)

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        self.now += seconds
        self.on_sleep(self.slept)

    def wait(self, reached: Callable[[], bool]) -> None:
        """Wait for the loop's thread; the test fails where it never gets there."""
        end = time.monotonic() + PATIENCE
        while not reached():
            assert time.monotonic() < end, "the loop never got there"
            time.sleep(0.0005)


@pytest.fixture
def stand(session: Session) -> Iterator[Stand]:
    stand = Stand(session)
    yield stand
    stand.loop.stop()
    assert not stand.loop.running


def collect(stand: Stand, ticks: int) -> list[Frame]:
    """Every frame of the first `ticks` ticks; then the loop is paused."""
    stand.frames.script.append((lambda index: index == ticks, stand.loop.pause))
    stand.loop.start()
    stand.wait(lambda: stand.loop.paused)
    return stand.frames.shown[1:]


def test_the_action_is_taken_after_the_wait(stand: Stand) -> None:
    """A key that comes while the loop sleeps counts in that very tick."""
    plays = {1: Action.LEFT, 2: Action.RIGHT, 3: Action.JUMP}
    stand.on_sleep = lambda tick: stand.actions.put(plays.get(tick, Action.NOOP), stand.now)
    frames = collect(stand, 5)
    assert [frame.action for frame in frames[:4]] == [Action.NOOP, Action.LEFT, Action.RIGHT, Action.JUMP]
    assert [frame.times.key_time for frame in frames[1:4]] == pytest.approx([1 / 30, 2 / 30, 3 / 30])
    assert all(frame.times.taken == frame.times.key_time for frame in frames[1:4])


def test_frames_come_at_the_tick_rate(stand: Stand) -> None:
    frames = collect(stand, 40)
    assert [frame.index for frame in frames] == list(range(1, 41))
    assert [frame.times.taken for frame in frames] == pytest.approx([tick / 30 for tick in range(40)])
    snapshot = stand.telemetry.snapshot()
    assert snapshot.frames == 40 and snapshot.model_fps == pytest.approx(30) and snapshot.late == 0
    assert snapshot.dropped == 40  # nobody took any but the newest


def test_pause_single_step_resume(stand: Stand) -> None:
    session = stand.loop.session
    collect(stand, 3)
    assert session.index == 3
    stand.loop.single_step()
    stand.wait(lambda: session.index == 4)
    stand.loop.single_step()
    stand.loop.single_step()
    stand.wait(lambda: session.index == 6)
    assert stand.loop.paused
    stand.loop.resume()
    stand.wait(lambda: session.index > 10)
    assert stand.telemetry.snapshot().late == 0


def test_no_request_is_lost_however_many(stand: Stand) -> None:
    for _ in range(200):
        stand.loop.single_step()
    stand.loop.start()
    stand.wait(lambda: stand.loop.session.index == 200)


def test_ticks_lost_in_a_stall_count_against_it(stand: Stand) -> None:
    def stall(tick: int) -> None:
        stand.now += 1.0 if tick == 10 else 0.0

    stand.on_sleep = stall
    collect(stand, 40)
    snapshot = stand.telemetry.snapshot()
    assert (snapshot.frames, snapshot.late) == (40, 1)
    assert 28 <= snapshot.missed <= 30
    assert snapshot.on_time == pytest.approx(39 / (40 + snapshot.missed))


def test_what_delays_a_tick_is_late(stand: Stand) -> None:
    """Such as a save: nobody asked for a hitch."""

    def dawdle(session: Session) -> None:
        stand.now += 0.08

    stand.frames.script.append((lambda index: index == 10, lambda: stand.loop.call(dawdle)))
    collect(stand, 40)
    snapshot = stand.telemetry.snapshot()
    assert snapshot.late > 0
    assert snapshot.interval_ms.max is not None and snapshot.interval_ms.max > 50


def test_a_pause_is_no_interval(stand: Stand) -> None:
    collect(stand, 5)
    stand.now += 100
    stand.loop.resume()
    stand.wait(lambda: stand.loop.session.index > 12)
    stand.loop.stop()
    interval = stand.telemetry.snapshot().interval_ms.max
    assert interval is not None and interval < 50


def test_reset_between_ticks(stand: Stand) -> None:
    collect(stand, 3)
    stand.loop.request_reset(2, 99)
    stand.wait(lambda: stand.frames.shown[-1].index == 0)
    frame = stand.frames.take_newest()
    assert frame is not None and frame.index == 0
    assert (stand.loop.session.start, stand.loop.session.rng_seed) == (2, 99)


def test_cap_off_stops_sleeping(stand: Stand) -> None:
    collect(stand, 3)
    stand.loop.set_capped(False)
    slept = stand.slept
    stand.loop.resume()
    stand.wait(lambda: stand.loop.session.index > 30)
    assert stand.slept == slept


class Breaking:
    """A backend that fails at its step number `at`."""

    def __init__(self, real: OnnxBackend, at: int) -> None:
        self._real, self._left = real, at

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    def step(self, tokens: npt.NDArray[np.int64], action: int, noise: npt.NDArray[np.float32]) -> StepOutput:
        self._left -= 1
        if self._left == 0:
            raise RuntimeError("the card fell off the bus")
        return self._real.step(tokens, action, noise)


def test_a_backend_that_fails_ends_the_loop_and_closes_the_recording(
    checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path
) -> None:
    session = Session(checkpoint, Breaking(backend, at=3 + 8))  # three steps see the context
    session.reset(0, 1)
    stand, recorder = Stand(session), Recorder(tmp_path / "rec")
    stand.loop.set_recorder(recorder)
    stand.loop.start()
    stand.wait(lambda: not stand.loop.running)
    assert str(stand.loop.error) == "the card fell off the bus"
    recorder.close()
    record = read_session(tmp_path / "rec")
    assert recorder.problem is None and record.frames == 8 and not record.torn
    stand.loop.stop()  # harmless afterwards


def test_recording_from_the_middle_with_a_reset_verifies(stand: Stand, checkpoint: Checkpoint, tmp_path: Path) -> None:
    stand.on_sleep = lambda tick: stand.actions.put(list(Action)[tick % 8], stand.now)
    collect(stand, 20)
    recorder = Recorder(tmp_path / "rec")
    stand.loop.set_recorder(recorder)
    stand.frames.script += [
        (lambda index: index == 40, lambda: stand.loop.request_reset(1, 8)),
        (lambda index: index == 10, lambda: stand.loop.set_recorder(None)),
    ]
    stand.loop.resume()
    stand.wait(lambda: not recorder.active)
    recorder.close()
    record = read_session(tmp_path / "rec")
    assert record.header.video_from == 20 and record.frames == 41 + 11
    report = verify(record, checkpoint, OnnxBackend(checkpoint, threads=1))
    assert report.same and report.frames == record.frames


def test_stop_before_and_after_start(session: Session) -> None:
    stand = Stand(session)
    stand.loop.stop()
    stand.loop.start()
    stand.wait(lambda: not stand.loop.running)
    assert session.index == 0 and threading.current_thread().is_alive()


def test_what_is_asked_before_the_end_is_done_and_what_comes_later_is_cancelled(session: Session) -> None:
    stand = Stand(session)
    before = stand.loop.call(Session.moment)
    stand.loop.stop()
    stand.loop.start()
    assert before.result(PATIENCE).frame.index == 0
    stand.wait(lambda: not stand.loop.running)
    assert stand.loop.call(Session.moment).cancelled()


def test_what_is_asked_of_a_loop_that_breaks_is_cancelled(checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    session = Session(checkpoint, Breaking(backend, at=3 + 8))
    session.reset(0, 1)
    stand = Stand(session)
    asked: list[Future[Moment]] = []
    stand.frames.script.append((lambda index: index == 7, lambda: asked.append(stand.loop.call(Session.moment))))
    stand.on_sleep = lambda tick: asked.append(stand.loop.call(Session.moment)) if session.index == 7 else None
    stand.loop.start()
    stand.wait(lambda: not stand.loop.running)
    assert asked[0].result(PATIENCE).frame.index == 7
    assert asked[1].cancelled()


@pytest.fixture
def keeping(checkpoint: Checkpoint, backend: OnnxBackend) -> Iterator[Stand]:
    """A stand whose session keeps its past."""
    session = Session(checkpoint, backend, timeline=Timeline())
    session.reset(0, 7)
    stand = Stand(session)
    stand.on_sleep = lambda tick: stand.actions.put(list(Action)[tick // 3 % 8], stand.now)
    yield stand
    stand.loop.stop()
    assert not stand.loop.running


def test_rewinding_shows_the_past_and_plays_on_from_there(keeping: Stand) -> None:
    collect(keeping, 200)
    loop, played = keeping.loop, keeping.frames.shown.copy()
    keeping.frames.script += [(lambda index: index < 60, loop.play_on), (lambda index: True, lambda: None)]
    loop.rewind()
    keeping.wait(lambda: not keeping.frames.script)
    shown = keeping.frames.shown[len(played) :]
    assert [frame.tokens_digest for frame in shown] == [played[frame.index].tokens_digest for frame in shown]
    steps = [before.index - after.index for before, after in pairwise(shown[:-1])]
    assert shown[0].index == 199, "a tap is one frame"
    assert steps == sorted(steps) and {2, 4} <= set(steps), "the longer it is held the faster it goes"
    landed = loop.session.index
    assert loop.rewinding is None and shown[-1].index == landed < 60
    loop.resume()
    keeping.wait(lambda: loop.session.index > landed + 20)


def test_a_tap_while_paused_goes_one_frame_back(keeping: Stand) -> None:
    frames = collect(keeping, 50)
    loop = keeping.loop

    def tap() -> None:
        loop.rewind()
        loop.play_on()

    keeping.frames.script += [(lambda index: index == 51, tap)]
    loop.single_step()
    keeping.wait(lambda: not keeping.frames.script and loop.session.index == 50)
    assert loop.paused and loop.session.frame.tokens_digest == frames[49].tokens_digest


def test_without_a_kept_past_nothing_is_rewound(stand: Stand) -> None:
    collect(stand, 20)
    stand.loop.rewind()
    stand.loop.play_on()
    stand.loop.single_step()
    stand.wait(lambda: stand.loop.session.index == 21)


def test_rewinding_stops_at_the_oldest_kept_frame(keeping: Stand) -> None:
    collect(keeping, 50)
    loop = keeping.loop
    loop.rewind()
    keeping.wait(lambda: loop.rewinding == 0)
    loop.play_on()
    keeping.wait(lambda: loop.rewinding is None)
    assert loop.session.index == 0


def test_a_recording_with_rewinds_verifies(keeping: Stand, checkpoint: Checkpoint, tmp_path: Path) -> None:
    collect(keeping, 100)
    loop, recorder = keeping.loop, Recorder(tmp_path / "rec")
    loop.set_recorder(recorder)
    rewound: list[Deed] = [(lambda index: index > 130, loop.rewind), (lambda index: index < 70, loop.play_on)]
    keeping.frames.script += [
        *rewound * 4,
        (lambda index: index > 100, lambda: loop.request_reset(2, 4)),
        (lambda index: index == 10, lambda: loop.set_recorder(None)),
    ]
    loop.resume()
    keeping.wait(lambda: not recorder.active)
    recorder.close()
    record = read_session(tmp_path / "rec")
    assert sum(isinstance(entry, RewindEvent) for entry in record.entries) == 4
    report = verify(record, checkpoint, OnnxBackend(checkpoint, threads=1))
    assert report.same and report.frames == record.frames


def test_slow_motion_and_fast_forward(stand: Stand) -> None:
    collect(stand, 5)
    for speed, expected in ((0.25, 0.25), (4.0, 4.0), (1e-9, 0.125), (1e9, 8.0)):
        stand.loop.set_speed(speed)
        period = pytest.approx(1 / 30 / expected)
        stand.wait(lambda period=period: stand.loop._pacer.period == period)
        assert stand.loop.speed == expected
    stand.loop.resume()
    stand.wait(lambda: stand.loop.session.index > 10)


def test_fast_forward_beyond_the_machine_is_not_late(stand: Stand) -> None:
    stand.on_sleep = lambda tick: setattr(stand, "now", stand.now + 0.2)
    stand.loop.set_speed(8.0)
    collect(stand, 30)
    snapshot = stand.telemetry.snapshot()
    assert (snapshot.late, snapshot.missed) == (0, 0)


def test_a_call_between_two_ticks(stand: Stand) -> None:
    collect(stand, 10)
    moment = stand.loop.call(Session.moment).result(PATIENCE)
    assert moment.frame.index == 10 == stand.loop.session.index
    with pytest.raises(ValueError, match="frame: expected 0 to 10"):
        stand.loop.call(lambda session: session.rewind_to(99)).result(PATIENCE)
    stand.loop.single_step()
    stand.wait(lambda: stand.loop.session.index == 11)
    digest = stand.loop.session.frame.tokens_digest
    stand.loop.resume_at(moment)
    stand.loop.single_step()
    stand.wait(lambda: stand.loop.session.index == 11)
    assert stand.loop.session.frame.tokens_digest == digest


def test_files_swapped_under_a_running_session_are_not_used(
    make_world: Callable[..., Path], checkpoint: Checkpoint
) -> None:
    """The step graph is in memory; what is loaded later is checked again."""
    folder = make_world()
    own = load_checkpoint(folder)
    session = Session(own, OnnxBackend(own, threads=1))
    session.reset(0, 7)
    first = session.step(Action.LEFT).tokens_digest
    for name in ("step.onnx", "encoder.onnx", "decoder.onnx", "start_frames.npz"):
        (folder / name).write_bytes((checkpoint.folder / "step.onnx").read_bytes() + b"x")
    session.reset(0, 7)
    assert session.step(Action.LEFT).tokens_digest == first
    with pytest.raises(BadInput, match=r"encoder\.onnx: size: expected"):
        encode_picture(np.zeros((8, 8, 3), np.uint8), own, session.backend)
    with pytest.raises(BadInput, match=r"decoder\.onnx: size: expected"):
        decode(own, session.frame.tokens)
