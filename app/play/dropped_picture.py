"""A picture that was dropped on a game. Owns having the network look at it, between two ticks, and offering what comes
of that; refuses to read files (picture_file) and to show it (picture_screen).
"""

from __future__ import annotations

import secrets
from concurrent.futures import Future
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.drawing.notice import in_one_line
from app.play.hud import LONG_TOAST
from app.play.picture_file import read_picture
from app.play.play import Play
from app.play.round import Round
from engine.session import Session
from engine.start_picture import EncodedPicture, encode_picture
from models.manifest import BadInput


class DroppedPicture:
    """The picture that was dropped last, while it is looked at."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._looked_at: tuple[Round, Future[EncodedPicture]] | None = None

    def take(self, path: Path) -> None:
        """A picture was dropped on the window. What lies over the game goes away for it."""
        play = self._play
        if play.round is None:
            play.hud.toast("drop a picture again once the world is there", LONG_TOAST)
            return
        if play.options.playback or play.options.measured:
            play.hud.toast("not now: a recording plays" if play.options.playback else "not while play is measured")
            return
        if play.screen is not None:
            play.close_screen()
        try:
            rgb = read_picture(path)
        except BadInput as error:
            play.hud.toast(str(error), LONG_TOAST)
            return
        self._looked_at = play.round, play.round.loop.call(partial(_encode, rgb))

    def follow(self) -> None:
        """Show what the network makes of it, and play from it if the player wants to, unless the world was left."""
        if self._looked_at is None or not self._looked_at[1].done():
            return
        (current, looked_at), self._looked_at = self._looked_at, None
        if current is not self._play.round:
            return
        try:
            encoded = looked_at.result()
        except Exception as error:  # whatever a backend raises is one line for the player, and play goes on
            line = in_one_line(error)
            told = line if isinstance(error, BadInput) else f"the picture can't be shown ({line})"
            self._play.hud.toast(told, LONG_TOAST)
            return

        def accept() -> None:
            current.wear(encoded.palette)
            current.loop.request_reset(encoded.start, secrets.randbelow(1 << 31))

        self._play.offer(encoded, accept, lambda: None)


def _encode(rgb: npt.NDArray[np.uint8], session: Session) -> EncodedPicture:
    return encode_picture(rgb, session.checkpoint, session.backend)
