"""The painter: by keys, by gamepad and by mouse."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pygame
import pytest

from app.drawing.window import Window
from app.keys.gamepad import PAD_CODES, Gamepads
from app.keys.keymap import command_codes
from app.outcome import Outcome
from app.painter.paintings import list_paintings, open_painting
from app.painter.screen import Deed, Painter
from app.painter.stamps import patch_side
from app.settings.schema import Settings
from engine.checkpoint import load_checkpoint


@pytest.fixture
def painter(window: Window, worlds: Path, settings: Settings) -> Iterator[Painter]:
    codes = command_codes(settings.command_keys)
    made = Painter(window, load_checkpoint(worlds / "hills"), settings.saves, "day", codes, Gamepads())
    end = time.monotonic() + 10
    while not made.stamps:
        assert time.monotonic() < end
        made.turn()
    yield made
    made.close()


def press(painter: Painter, *codes: int) -> None:
    for code in codes:
        painter._key(code, True)
        painter._key(code, False)


def mouse(kind: int, place: tuple[int, int], number: int = 1) -> None:
    pygame.event.post(pygame.event.Event(kind, pos=place, button=number, rel=(0, 0), buttons=(1, 0, 0)))


def test_pieces_are_put_down_and_taken_back_by_keys(painter: Painter) -> None:
    before = painter.canvas.pixels.copy()
    press(painter, pygame.K_TAB, pygame.K_TAB, pygame.K_q, pygame.K_LEFT, pygame.K_UP)
    assert painter.stamp == 1
    painter.stamp = next(n for n, piece in enumerate(painter.stamps) if (piece != before[8:16, 8:16]).any())
    press(painter, pygame.K_SPACE)
    top, left = painter.cursor
    assert (top, left) == (8, 8)
    assert (painter.canvas.pixels[top : top + painter.side, left : left + painter.side] == painter.piece).all()
    press(painter, pygame.K_z)
    assert (painter.canvas.pixels == before).all()


def test_the_cursor_stays_on_the_board_and_goes_by_patches_or_pixels(painter: Painter) -> None:
    for _ in range(9):
        press(painter, pygame.K_RIGHT, pygame.K_DOWN)
    side = painter.side
    assert painter.cursor == (painter.manifest.height - side, painter.manifest.width - side)
    press(painter, pygame.K_f, pygame.K_LEFT)
    assert painter.cursor[1] == painter.manifest.width - side - 1
    press(painter, pygame.K_f)
    assert painter.cursor[1] % patch_side(painter.manifest) == 0


def test_a_held_direction_goes_on(painter: Painter) -> None:
    painter.cursor = (0, 0)
    painter._key(pygame.K_RIGHT, True)
    end = time.monotonic() + 5
    while painter.cursor[1] < 3 * patch_side(painter.manifest):
        assert time.monotonic() < end
        painter.turn()
    painter._key(pygame.K_RIGHT, False)
    assert painter._repeat.due() is None


def test_a_piece_taken_from_another_board_is_put_down_on_this_one(painter: Painter) -> None:
    while painter.boards[painter.board][0] != "start 2":
        press(painter, PAD_CODES["pad rt"])
    assert (painter.canvas.pixels == painter.boards[painter.board][1]).all()
    assert not painter.canvas.changed
    press(painter, PAD_CODES["pad y"])
    taken = painter.piece
    assert taken is not None
    press(painter, PAD_CODES["pad left"], PAD_CODES["pad a"])
    top, left = painter.cursor
    assert (painter.canvas.pixels[top : top + len(taken), left : left + len(taken)] == taken).all()


def test_the_mouse_alone(painter: Painter) -> None:
    places = painter._places
    before = painter.canvas.pixels.copy()
    number = next(n for n, piece in enumerate(painter.stamps) if (piece != before[:8, :8]).any())
    mouse(pygame.MOUSEBUTTONDOWN, places.stamps[number].center)
    mouse(pygame.MOUSEBUTTONUP, places.stamps[number].center)
    corner = places.canvas.left + 3, places.canvas.top + 3
    mouse(pygame.MOUSEBUTTONDOWN, corner)
    mouse(pygame.MOUSEMOTION, (corner[0] + places.canvas.width // 4, corner[1]))
    mouse(pygame.MOUSEBUTTONUP, corner)
    painter.turn()
    assert painter.stamp == number
    for left in (0, 8):
        assert (painter.canvas.pixels[:8, left : left + 8] == painter.stamps[number]).all()
    mouse(pygame.MOUSEBUTTONDOWN, corner, 3)
    pygame.event.post(pygame.event.Event(pygame.MOUSEWHEEL, y=-1, x=0))
    mouse(pygame.MOUSEBUTTONDOWN, places.deeds["undo"].center)
    painter.turn()
    mouse(pygame.MOUSEBUTTONDOWN, places.deeds["play"].center)
    painter.turn()
    assert painter.to_play is not None


def test_play_keeps_the_painting_and_leaving_does_too(painter: Painter) -> None:
    painter.canvas.put(np.full((8, 8), 3, np.uint8), 0, 0)
    painter.do(Deed.PLAY)
    assert painter.outcome is Outcome.MENU and painter.to_play is not None
    assert painter.to_play.shape == (painter.manifest.height, painter.manifest.width, 3)
    assert len(list_paintings(painter._folder)) == 1
    painter.canvas.put(np.full((8, 8), 4, np.uint8), 0, 0)
    assert painter.close().startswith("kept: ")
    assert len(list_paintings(painter._folder)) == 2
    assert painter.close() == ""


@pytest.mark.parametrize("by", ["board", "drop"])
def test_what_takes_the_place_of_a_painting_keeps_it_first(painter: Painter, tmp_path: Path, by: str) -> None:
    painter.canvas.put(np.full((8, 8), 3, np.uint8), 0, 0)
    work = painter.canvas.pixels.copy()
    picture = tmp_path / "other.png"
    pygame.image.save(pygame.Surface((32, 32)), str(picture))
    if by == "board":
        painter.do(Deed.BOARD)
    else:
        pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(picture)))
        painter.turn()
    assert (painter.canvas.pixels != work).any() and painter._notice.line.startswith("kept: ")
    (kept,) = list_paintings(painter._folder)
    assert (open_painting(kept, painter.manifest) == work).all()
    painter.do(Deed.BOARD)
    painter.do(Deed.UNDO)
    painter.do(Deed.UNDO)
    assert (painter.canvas.pixels == work).all()


def test_a_kept_painting_and_a_dropped_picture_are_boards(
    painter: Painter, window: Window, worlds: Path, settings: Settings
) -> None:
    painter.canvas.put(np.full((8, 8), 3, np.uint8), 0, 0)
    painter.do(Deed.KEEP)
    (kept,) = list_paintings(painter._folder)
    again = Painter(window, load_checkpoint(worlds / "hills"), settings.saves, "day", {}, Gamepads())
    assert again.boards[-1][0] == kept.stem
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(kept)))
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file=str(kept.with_name("none.png"))))
    again.turn()
    assert (again.canvas.pixels == again.boards[-1][1]).all()
    again.canvas.changed = False
    again.close()


@pytest.mark.parametrize("size", [(320, 240), (40, 30), (1920, 1080)])
def test_any_size_draws(painter: Painter, size: tuple[int, int]) -> None:
    pygame.display.set_mode(size, pygame.RESIZABLE)
    painter.say("/a/very/long/path/to/a/file/that/does/not/fit/into/the/window/painting-20260101-010101.png: kept")
    painter.draw()
    painter.stamps = []
    painter.draw()


def test_pieces_that_cannot_be_found_are_one_line_and_painting_goes_on(
    window: Window, worlds: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(checkpoint: object) -> None:
        raise ValueError("no patch\nmore of it")

    monkeypatch.setattr("app.painter.screen.find_stamps", broken)
    painter = Painter(window, load_checkpoint(worlds / "hills"), settings.saves, "day", {}, Gamepads())
    painter._finder.shutdown(wait=True)
    painter.turn()
    assert painter._notice.line == "no pieces were found (no patch)"
    painter.do(Deed.TAKE)
    painter.turn()
    assert painter.piece is not None
