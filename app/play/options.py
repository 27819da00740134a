"""How play was asked for. Owns what the command line and the menus can choose; refuses to play."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.play.beginnings import Beginning


@dataclass(frozen=True)
class PlayOptions:
    """What was asked for. None: start and rng_seed by chance, the settings' theme, no end."""

    start: int | None = None
    rng_seed: int | None = None
    theme: str | None = None
    autoplay: str | None = None
    frames: int | None = None
    record: Path | None = None
    capped: bool = True
    playback: bool = False  # a recording decides what happens: no new start, no other world
    beginning: Beginning | None = None  # of the world that is played first
    measured: bool = False  # by the bench: no command but leaving, for any other would show in the figures

    @property
    def attended(self) -> bool:
        """Whether somebody is expected to sit there."""
        return self.autoplay is None and self.frames is None
