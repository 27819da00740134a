"""Where the window's and the loop's thread meet. Owns newest-wins exchange both ways; refuses to block either side."""

from __future__ import annotations

import threading
from collections import deque

from engine.frame import Frame
from models.actions import Action

MOST_TAPS = 8  # that wait for a tick of their own: more would be played long after the player meant them
_BY_BUTTONS = {action.buttons: action for action in Action}


class ActionMailbox:
    """What the player holds, for the loop to take once a tick.

    The newest action wins. A tap, buttons pressed and let go between two takes, still counts for one tick: together
    with other taps and with what is held where they form an action, before them in its turn otherwise.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = Action.NOOP
        self._taps: deque[tuple[frozenset[str], float]] = deque(maxlen=MOST_TAPS)  # and when they ended
        self._pressed: frozenset[str] = frozenset()  # since the last take
        self._time: float | None = None

    def put(self, action: Action, time: float) -> None:
        """The player now holds `action`, by a key event at `time` (the loop's clock, seconds)."""
        with self._lock:
            if action is self._held:
                return
            released = self._held.buttons - action.buttons
            if tapped := released & self._pressed:
                self._taps.append((tapped, time))
            self._pressed = (self._pressed | (action.buttons - self._held.buttons)) - released
            self._held = action
            if self._time is None:
                self._time = time

    def take(self) -> tuple[Action, float | None]:
        """The action for this tick and the time of the oldest key event that it answers, None where no key changed."""
        with self._lock:
            time, self._time = self._time, None
            self._pressed = frozenset()
            if not self._taps:
                return self._held, time
            now, _ = self._taps.popleft()
            while self._taps and not now & self._taps[0][0] and now | self._taps[0][0] in _BY_BUTTONS:
                now |= self._taps.popleft()[0]
            if self._taps:
                self._time = self._taps[0][1]
                return _BY_BUTTONS[now], time
            return _BY_BUTTONS.get(self._held.buttons | now) or _BY_BUTTONS[now], time

    def drop_taps(self) -> None:
        """Forget what was tapped: it was meant for what isn't there any more."""
        with self._lock:
            self._time = None
            self._pressed = frozenset()
            self._taps.clear()

    @property
    def held(self) -> Action:
        """What is held now."""
        with self._lock:
            return self._held

    def clear(self) -> None:
        """Forget everything, as when the window loses the keyboard."""
        self.drop_taps()
        with self._lock:
            self._held = Action.NOOP


class FrameMailbox:
    """The newest frame, for the window. A frame that was replaced before anyone took it counts as dropped."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._frame: Frame | None = None
        self._dropped = 0

    def put(self, frame: Frame) -> None:
        """Offer a frame. Never blocks."""
        with self._changed:
            self._dropped += self._frame is not None
            self._frame = frame
            self._changed.notify()

    def take_newest(self, timeout: float = 0.0) -> Frame | None:
        """The frame that nobody has taken yet, waiting up to `timeout` seconds for one; None where there is none."""
        with self._changed:
            if self._frame is None and timeout > 0:
                self._changed.wait(timeout)
            frame, self._frame = self._frame, None
            return frame

    @property
    def dropped(self) -> int:
        """Frames that were never taken."""
        with self._changed:
            return self._dropped
