"""A world that plays itself in the menu. Owns the demo's round; refuses keys and drawing."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from concurrent.futures import Future

from app.drawing.picture import Picture
from app.menu.shelf import Shelf
from app.play.round import Round, make_exchanges
from engine.autoplay import make_autoplayer
from engine.session import Session

SECONDS = 12.0  # then it begins anew somewhere else


class Demo:
    """Follows the menu's choice: as soon as that world's session is ready, it plays."""

    def __init__(self, shelf: Shelf, clock: Callable[[], float] = time.perf_counter) -> None:
        self._shelf = shelf
        self._clock = clock
        self._coming: tuple[str, Future[Session]] | None = None
        self._round: Round | None = None
        self._began = 0.0

    def follow(self, name: str) -> None:
        """Demo `name` from now on. Called again and again: also begins anew when the time is over."""
        running = self._round
        if running is not None and (running.name != name or self._clock() - self._began > SECONDS or running.error):
            self.end()
        if self._round is not None:
            return
        if self._coming is None or self._coming[0] != name:
            start = secrets.randbelow(self._shelf.checkpoint(name).starts)
            self._coming = name, self._shelf.prepare(name, start, secrets.randbelow(1 << 31))
        coming = self._coming[1]
        if coming.done() and coming.exception() is None:
            self._begin(coming.result())

    def draw_into(self, name: str, picture: Picture) -> bool:
        """Load the newest frame into the picture of `name`. False while there is no demo of it."""
        if self._round is None or self._round.name != name:
            return False
        self._round.newest = self._round.frames.take_newest() or self._round.newest
        picture.load(self._round.newest.pixels)
        return True

    def end(self) -> None:
        """Stop playing, without waiting."""
        self._coming = None
        if self._round is not None:
            self._round.end()
            self._shelf.retire(self._round.loop)
            self._round = None

    def _begin(self, session: Session) -> None:
        manifest = session.checkpoint.manifest
        kind = "script" if manifest.scripts else "sticky"
        self._coming = None
        self._began = self._clock()
        self._round = Round(make_exchanges(session, make_autoplayer(kind, manifest, session.rng_seed)), None)
        self._round.loop.start()
