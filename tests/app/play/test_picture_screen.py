"""A picture dropped on the game: what the network makes of it is shown first, and play begins only if one wants to."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pygame
import pytest

from app.drawing.window import Window
from app.menu.shelf import Shelf
from app.outcome import Outcome
from app.play.beginnings import begin_from_picture
from app.play.options import PlayOptions
from app.play.picture_screen import PictureScreen
from app.play.player import Player
from app.play.slot_screen import SlotScreen
from app.settings.schema import Settings
from engine.backends.onnx import OnnxBackend
from engine.recordings.recording import read_session
from engine.recordings.replay import verify
from engine.start import PictureStart
from models.manifest import BadInput

Tap = Callable[..., None]
Turns = Callable[..., None]


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture that a tiny world can show: blocks of its day colours, eight pixels wide."""
    day = np.array([[level * 30, 255 - level * 20, level * 10] for level in range(8)], np.uint8)
    indices = np.random.default_rng(8).integers(0, 8, (4, 4)).repeat(40, 0).repeat(40, 1)
    path = tmp_path / "blocks.png"
    pygame.image.save(pygame.surfarray.make_surface(day[indices].swapaxes(0, 1)), str(path))
    return path


def drop(path: Path) -> None:
    """Let a file fall on the window."""
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(path)))


def test_a_dropped_picture_is_shown_and_then_played(
    playing: Player, picture: Path, tap: Tap, turns: Turns, settings: Settings
) -> None:
    tap(pygame.K_t)
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None)
    assert playing.round.picture.theme == "night"
    drop(picture)
    turns(playing, lambda: isinstance(playing.screen, PictureScreen))
    turns(playing, lambda: playing.round.loop.paused)
    for size in ((320, 240), (640, 480), (1920, 1080)):
        pygame.display.set_mode(size, pygame.RESIZABLE)
        playing.draw()
    tap(pygame.K_RETURN)
    turns(playing, lambda: isinstance(playing.round.session.start, PictureStart))
    turns(playing, lambda: playing.round.session.index > 5)
    assert playing.round.picture.theme == "day" and playing.screen is None
    playing.stage.overlay_shown = True
    playing.draw()
    checkpoint = playing.round.session.checkpoint
    playing.leave()
    (folder,) = settings.recordings.iterdir()
    record = read_session(folder)
    assert "start_tokens" in (folder / "actions.ndjson").read_text(encoding="utf-8")
    assert verify(record, checkpoint, OnnxBackend(checkpoint, 1)).same


def test_refused_the_game_goes_on_as_it_was(playing: Player, picture: Path, tap: Tap, turns: Turns) -> None:
    drop(picture)
    turns(playing, lambda: isinstance(playing.screen, PictureScreen))
    index = playing.round.session.index
    tap(pygame.K_ESCAPE)
    turns(playing, lambda: playing.screen is None and playing.round.session.index > index)
    assert playing.round.session.start == 1 and playing.outcome is None and playing.round.picture.theme == "day"


def test_what_is_no_picture_is_told(playing: Player, tmp_path: Path, turns: Turns) -> None:
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    drop(tmp_path / "notes.txt")
    turns(playing, lambda: "expected a PNG, JPEG or BMP file" in playing.hud.message)
    assert playing.screen is None


def test_a_picture_takes_the_place_of_another_screen(playing: Player, picture: Path, tap: Tap, turns: Turns) -> None:
    tap(pygame.K_F5)
    turns(playing, lambda: isinstance(playing.screen, SlotScreen))
    drop(picture)
    turns(playing, lambda: isinstance(playing.screen, PictureScreen))
    tap(pygame.K_ESCAPE)
    index = playing.round.session.index
    turns(playing, lambda: playing.screen is None and playing.round.session.index > index)


def test_a_picture_dropped_before_the_world_is_there_is_answered(player: Player, picture: Path, turns: Turns) -> None:
    player.enter("hills")
    drop(picture)
    player.poll()
    assert player.round is None and "once the world is there" in player.hud.message
    player.draw()


def test_an_encoder_that_fails_is_one_line_and_play_goes_on(
    playing: Player, picture: Path, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(pixels: object) -> None:
        raise RuntimeError("out of memory\nmore of it")

    monkeypatch.setattr(playing.round.session.backend, "encode", broken)
    drop(picture)
    turns(playing, lambda: playing.hud.message == "the picture can't be shown (out of memory)")
    index = playing.round.newest.index
    turns(playing, lambda: playing.round.newest.index > index + 3)
    assert playing.outcome is None and playing.screen is None


def begun(picture: Path, worlds: Path, window: Window, shelf: Shelf, settings: Settings, **options: object) -> Player:
    beginning, _ = begin_from_picture(picture, str(worlds / "hills"), 5)
    return Player(window, shelf, settings, PlayOptions(beginning=beginning, **options))  # type: ignore[arg-type]


def test_start_shows_the_picture_before_anything_moves(
    picture: Path, worlds: Path, window: Window, shelf: Shelf, settings: Settings, tap: Tap, turns: Turns
) -> None:
    player = begun(picture, worlds, window, shelf, settings, theme="night")
    player.enter("hills")
    turns(player, lambda: isinstance(player.screen, PictureScreen))
    assert player.round is not None and player.round.session.index == 0
    tap(pygame.K_RETURN)
    turns(player, lambda: player.round.session.index > 3)
    assert isinstance(player.round.session.start, PictureStart) and player.round.picture.theme == "day"
    player.leave()
    again = begun(picture, worlds, window, shelf, settings)
    again.enter("hills")
    turns(again, lambda: again.screen is not None)
    tap(pygame.K_ESCAPE)
    turns(again, lambda: again.outcome is Outcome.MENU)
    again.leave()


def test_nobody_there_plays_at_once_and_records_the_start(
    picture: Path, worlds: Path, window: Window, shelf: Shelf, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "rec"
    player = begun(picture, worlds, window, shelf, settings, autoplay="random", frames=10, record=folder)
    assert player.run("hills") is Outcome.QUIT
    record = read_session(folder)
    assert record.header.start_tokens is not None and record.header.rng_seed == 5
    line = json.loads((folder / "actions.ndjson").read_text(encoding="utf-8").splitlines()[0])
    assert line["index"] == 0


def test_a_picture_needs_a_world(picture: Path) -> None:
    with pytest.raises(BadInput, match="--start: expected --world with a picture"):
        begin_from_picture(picture, None, 5)
