"""The model's thread. Owns the order of a tick and what may be asked between ticks; refuses windows and files.

A tick waits for its deadline first and takes the action after it, so a key is as fresh as it can be.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from engine.mailbox import ActionMailbox, FrameMailbox
from engine.pacing import Pacer
from engine.recorder import Recorder
from engine.session import Session
from engine.telemetry import Telemetry


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
        self._commands: deque[Callable[[], None]] = deque()  # unbounded: none may be lost
        self._paused = False
        self._single_steps = 0
        self._stopping = False
        self._last_ready: float | None = None
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

    def request_reset(self, start: int, rng_seed: int) -> None:
        """Begin anew from another start."""
        self._ask(lambda: self._reset(start, rng_seed))

    def set_capped(self, capped: bool) -> None:
        """Speed cap on (the world's tick rate) or off."""
        self._ask(lambda: self._set_capped(capped))

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
            self._record(None)

    def _tick(self) -> None:
        missed = self._pacer.missed
        deadline = self._pacer.wait()
        action, key_time = self._actions.take()
        frame = self._session.step(action, key_time)
        self._frames.put(frame)
        if self._recorder is not None:
            self._recorder.add(frame)
        ready, last = frame.times.ready, self._last_ready
        self._last_ready = ready
        interval = None if last is None else ready - last
        late = ready > deadline + self._pacer.period
        self._telemetry.add(frame, interval, late, self._pacer.missed - missed)
        self._telemetry.set_dropped(self._frames.dropped)

    def _may_tick(self) -> bool:
        """Carry out what was asked, wait while paused. False when the loop has to end."""
        while True:
            with self._asked:
                while self._paused and not (self._commands or self._single_steps or self._stopping):
                    self._asked.wait()
                if self._stopping:
                    return False
                commands = list(self._commands)
                self._commands.clear()
            for command in commands:
                command()
            if not self._paused:
                return True
            if self._single_steps:
                self._single_steps -= 1
                self._restart_grid()
                return True

    def _ask(self, command: Callable[[], None]) -> None:
        with self._asked:
            self._commands.append(command)
            self._asked.notify()

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        self._restart_grid()

    def _step_once(self) -> None:
        self._paused = True
        self._single_steps += 1

    def _set_capped(self, capped: bool) -> None:
        self._pacer.capped = capped
        self._restart_grid()

    def _restart_grid(self) -> None:
        """A gap that was asked for is neither late nor an interval."""
        self._pacer.restart()
        self._last_ready = None

    def _reset(self, start: int, rng_seed: int) -> None:
        frame = self._session.reset(start, rng_seed)
        if self._recorder is not None:
            self._recorder.add_reset(start, rng_seed)
            self._recorder.add(frame)
        self._frames.put(frame)
        self._restart_grid()

    def _record(self, recorder: Recorder | None) -> None:
        if self._recorder is not None:
            self._recorder.finish()
        self._recorder = recorder
        if recorder is not None:
            recorder.begin(self._session)
