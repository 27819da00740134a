"""Pictures to start from, in a game that is being played. Owns having the network look at one and offering what it
makes of it; refuses to read files (picture_file), to show it (picture_screen) and to begin a session.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from app.drawing.notice import in_one_line
from app.play.picture_file import read_picture
from app.play.picture_screen import PictureScreen
from engine.session import Session
from engine.start_picture import EncodedPicture, encode_picture
from models.manifest import BadInput

if TYPE_CHECKING:
    from app.play.player import Player

LONG_TOAST = 6.0  # seconds


class PictureOffer:
    """A player's pictures. `refused`: what play was to begin from wasn't wanted once it had been shown."""

    def __init__(self, player: Player) -> None:
        self.refused = False
        self._player = player
        self._looked_at: Future[EncodedPicture] | None = None  # a dropped picture, being encoded

    def forget(self) -> None:
        """Drop what is being looked at: the world that was to show it is left."""
        self._looked_at = None

    def take(self, path: Path) -> None:
        """A picture was dropped on the window: have the network look at it, between two ticks. What lies over the game
        goes away for it."""
        player = self._player
        if player.round is None:
            player.hud.toast("drop a picture again once the world is there", LONG_TOAST)
            return
        if player.options.playback or player.options.measured:
            player.hud.toast("not now: a recording plays" if player.options.playback else "not while play is measured")
            return
        if player.screen is not None:
            player.close_screen()
        try:
            rgb = read_picture(path)
        except BadInput as error:
            player.hud.toast(str(error), LONG_TOAST)
            return
        self._looked_at = player.round.loop.call(partial(_encode, rgb))

    def follow(self) -> None:
        """Show what the network makes of a dropped picture, and play from it if the player wants to."""
        if self._looked_at is None or not self._looked_at.done() or self._player.round is None:
            return
        looked_at, self._looked_at = self._looked_at, None
        try:
            encoded = looked_at.result()
        except Exception as error:  # whatever a backend raises is one line for the player, and play goes on
            line = in_one_line(error)
            told = line if isinstance(error, BadInput) else f"the picture can't be shown ({line})"
            self._player.hud.toast(told, LONG_TOAST)
            return

        def accept() -> None:
            if self._player.round is not None:
                self._wear(encoded.palette)
                self._player.round.loop.request_reset(encoded.start, secrets.randbelow(1 << 31))

        self._show(encoded, accept, lambda: None)

    def begin(self, encoded: EncodedPicture) -> None:
        """Play begins from a picture: somebody who sits there is shown what became of it first."""
        self._wear(encoded.palette)
        if self._player.options.autoplay is None and self._player.options.frames is None:
            self._show(encoded, lambda: None, self._refuse)

    def _refuse(self) -> None:
        self.refused = True
        self._player.to_menu()

    def _show(self, encoded: EncodedPicture, accept: Callable[[], None], refuse: Callable[[], None]) -> None:
        player = self._player
        if player.round is not None:
            manifest, look = player.round.manifest, player.window.look
            player.open_screen(PictureScreen(encoded, manifest, player.commands, accept, refuse, look))

    def _wear(self, palette: str | None) -> None:
        """Show the world in the colours that suit a picture."""
        current = self._player.round
        if current is not None and palette is not None:
            current.picture.set_theme(palette)
            current.picture.load(current.newest.pixels)


def _encode(rgb: npt.NDArray[np.uint8], session: Session) -> EncodedPicture:
    return encode_picture(rgb, session.checkpoint, session.backend)
