"""The model's thread. Owns the order of a tick and what may be asked between ticks; refuses windows and files.

A tick waits for its deadline first and takes the action after it, so a key is as fresh as it can be; its frame is shown
when the pacer says. While play is
rewound, a tick shows a kept frame further back instead, ever faster the longer it lasts.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from engine.mailbox import ActionMailbox, FrameMailbox
from engine.measuring.telemetry import Telemetry
from engine.pacing import Pacer
from engine.recordings.recorder import Recorder
from engine.session import Session
from engine.start import Start
from engine.time_travel.moment import Moment

T = TypeVar("T")

SLOWEST, FASTEST = 0.125, 8.0  # times the world's own speed
REWIND_PATIENCE = 0.4  # seconds that getting ready to play on may take
REWIND_FASTEST = 16  # frames a tick
REWIND_DOUBLES = 1.5  # seconds after which rewinding is twice as fast


class FrameLoop:
    """Steps a session, one frame a tick, in a thread of its own.

    The session must have been reset. A request takes effect between two ticks. When a step raises, the loop ends and
    `error` keeps why; a recording is finished properly either way.
    """

    def __init__(
        self,
        session: Session,
        actions: ActionMailbox,
        frames: FrameMailbox,
        pacer: Pacer,
        telemetry: Telemetry,
        recorder: Recorder | None = None,
    ) -> None:
        self.error: Exception | None = None
        self._session = session
        self._actions = actions
        self._frames = frames
        self._pacer = pacer
        self._telemetry = telemetry
        self._recorder: Recorder | None = None
        self._asked = threading.Condition()
        # Unbounded: none may be lost. Where somebody waits for what comes of it, with that.
        self._commands: deque[tuple[Callable[[], None], Future[Any] | None]] = deque()
        self._ended = False
        self._paused = False
        self._single_steps = 0
        self._stopping = False
        self._last_shown: float | None = None
        self._capped = pacer.capped
        self._speed = 1.0
        self._cursor: int | None = None  # the frame that rewinding has come to
        self._rewound = 0  # ticks of rewinding
        self._thread = threading.Thread(target=self._run, name="frame-loop", daemon=True)
        frames.put(session.frame)
        telemetry.begin(session.backend.info)
        pacer.restart(session.checkpoint.manifest.tick_rate)
        self.set_recorder(recorder)

    @property
    def session(self) -> Session:
        """The session that is played. To be read by other threads, never stepped."""
        return self._session

    @property
    def paused(self) -> bool:
        """Whether ticks wait for resume or single_step."""
        return self._paused

    @property
    def running(self) -> bool:
        """Whether the thread lives."""
        return self._thread.is_alive()

    @property
    def speed(self) -> float:
        """Times the world's own speed."""
        return self._speed

    @property
    def rewinding(self) -> int | None:
        """The frame that rewinding has come to; None while it isn't rewound."""
        return self._cursor

    def start(self) -> None:
        """Begin to tick."""
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """End after the tick that runs, and wait for it."""
        with self._asked:
            self._stopping = True
            self._asked.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def pause(self) -> None:
        """Stop ticking until resume."""
        self._ask(lambda: self._set_paused(True))

    def resume(self) -> None:
        """Tick again."""
        self._ask(lambda: self._set_paused(False))

    def single_step(self) -> None:
        """Pause, and make one frame."""
        self._ask(self._step_once)

    def request_reset(self, start: Start, rng_seed: int) -> None:
        """Begin anew from another start."""
        self._ask(lambda: self._reset(start, rng_seed))

    def call(self, work: Callable[[Session], T]) -> Future[T]:
        """Have something short done with the session between two ticks, such as taking its moment: what it delays is
        late. What `work` raises is the future's own. What was asked before `stop` is still done; once the loop has
        ended, the future is cancelled."""
        result: Future[T] = Future()
        self._ask(lambda: self._call(work, result), result)
        return result

    def resume_at(self, moment: Moment) -> None:
        """Go on from a moment of this world. A recording must have been ended: it can't tell of another past."""
        self._ask(lambda: self._resume_at(moment))

    def set_capped(self, capped: bool) -> None:
        """Speed cap on (the world's tick rate) or off."""
        self._ask(lambda: self._set_capped(capped))

    def set_speed(self, speed: float) -> None:
        """Slow motion below 1, fast forward above, within SLOWEST and FASTEST and what the machine can."""
        self._ask(lambda: self._set_speed(min(FASTEST, max(SLOWEST, speed))))

    def rewind(self) -> None:
        """Go back through the kept frames, tick by tick, until `play_on`; also while paused."""
        self._ask(self._begin_rewind)

    def play_on(self) -> None:
        """Play (or pause, where it was paused) from the frame that rewinding has come to, or a few before it."""
        self._ask(self._end_rewind)

    def set_recorder(self, recorder: Recorder | None) -> None:
        """Record from here on, or stop recording."""
        self._ask(lambda: self._record(recorder))

    def _run(self) -> None:
        try:
            while self._may_tick():
                self._tick()
        except Exception as error:  # whatever a backend raises, the window has to show it
            self.error = error
        finally:
            with self._asked:
                self._ended = True
                left = [result for _, result in self._commands if result is not None]
            for result in left:
                result.cancel()
            self._record(None)

    def _tick(self) -> None:
        missed = self._pacer.missed
        deadline = self._pacer.wait()
        if self._cursor is not None:
            self._rewind_on(self._cursor)
            return
        action, key_time = self._actions.take()
        frame = self._session.step(action, key_time)
        if self._recorder is not None:
            self._recorder.add(frame)
        shown, last = self._pacer.hold(deadline), self._last_shown
        self._frames.put(frame)
        self._telemetry.set_backend(self._session.backend.info)
        self._last_shown = shown
        interval = None if last is None else shown - last
        judged = self._speed <= 1  # how fast it can be wound forward is the machine's affair
        late = judged and shown > deadline + self._pacer.period
        self._telemetry.add(frame, interval, late, self._pacer.missed - missed if judged else 0)
        self._telemetry.set_dropped(self._frames.dropped)

    def _may_tick(self) -> bool:
        """Carry out what was asked, wait while paused. False when the loop has to end."""
        while True:
            with self._asked:
                while self._idle and not (self._commands or self._single_steps or self._stopping):
                    self._asked.wait()
                stopping, commands = self._stopping, list(self._commands)
                self._commands.clear()
            for command, _ in commands:
                command()
            if stopping:
                return False
            if not self._idle:
                return True
            if self._single_steps:
                self._single_steps -= 1
                self._restart_grid()
                return True

    @property
    def _idle(self) -> bool:
        return self._paused and self._cursor is None

    def _ask(self, command: Callable[[], None], result: Future[Any] | None = None) -> None:
        with self._asked:
            if self._ended and result is not None:
                result.cancel()
            self._commands.append((command, result))
            self._asked.notify()

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        self._restart_grid()

    def _step_once(self) -> None:
        self._end_rewind()
        self._paused = True
        self._single_steps += 1

    def _set_capped(self, capped: bool) -> None:
        self._capped = self._pacer.capped = capped
        self._restart_grid()

    def _set_speed(self, speed: float) -> None:
        self._speed = speed
        self._pacer.restart(self._session.checkpoint.manifest.tick_rate * speed)
        self._last_shown = None

    def _begin_rewind(self) -> None:
        timeline = self._session.timeline
        if self._cursor is None and timeline is not None and timeline.oldest is not None:
            self._cursor, self._rewound = self._session.index, 0
            self._pacer.capped = True  # one goes back at a pace that can be watched, whatever the game's
            self._restart_grid()

    def _rewind_on(self, cursor: int) -> None:
        """Show a frame further back. The first tick goes one frame, so that a tap is a single step."""
        timeline = self._session.timeline
        oldest = 0 if timeline is None or timeline.oldest is None else timeline.oldest
        seconds = self._rewound / self._session.checkpoint.manifest.tick_rate
        frames = 1 if self._rewound == 0 else min(REWIND_FASTEST, 2 << int(seconds / REWIND_DOUBLES))
        self._rewound += 1
        self._cursor = max(oldest, cursor - frames)
        frame = self._session.kept_frame(self._cursor)
        if frame is not None:
            self._frames.put(frame)

    def _end_rewind(self) -> None:
        if self._cursor is None:
            return
        if self._rewound == 0:
            self._rewind_on(self._cursor)  # a tap shorter than a tick counts
        frame = self._session.rewind_to(self._cursor, REWIND_PATIENCE)
        self._leave_rewind()
        self._actions.drop_taps()
        if self._recorder is not None:
            self._recorder.add_rewind(frame.index)
        self._frames.put(frame)
        self._restart_grid()

    def _restart_grid(self) -> None:
        """A gap that was asked for is neither late nor an interval."""
        self._pacer.restart()
        self._last_shown = None

    def _leave_rewind(self) -> None:
        self._cursor = None
        self._pacer.capped = self._capped

    def _reset(self, start: Start, rng_seed: int) -> None:
        self._leave_rewind()
        frame = self._session.reset(start, rng_seed)
        if self._recorder is not None:
            self._recorder.add_reset(start, rng_seed)
            self._recorder.add(frame)
        self._frames.put(frame)
        self._restart_grid()

    def _call(self, work: Callable[[Session], T], result: Future[T]) -> None:
        self._end_rewind()
        try:
            result.set_result(work(self._session))
        except Exception as error:  # whoever asked has to hear it, whatever it is
            result.set_exception(error)

    def _resume_at(self, moment: Moment) -> None:
        self._leave_rewind()
        self._frames.put(self._session.resume(moment))
        self._restart_grid()

    def _record(self, recorder: Recorder | None) -> None:
        if self._recorder is not None:
            self._recorder.finish()
        self._recorder = recorder
        if recorder is not None:
            recorder.begin(self._session)
