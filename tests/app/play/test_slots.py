"""Save slots in the game: F5 and F9 with their pictures, damage told, loading while recording."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pygame
import pytest

from app.keys.keymap import Command
from app.play.picture_screen import PictureScreen
from app.play.player import Player
from app.play.slot_screen import SlotScreen
from app.play.slots import SLOTS, Slot, likely_slot, read_slots, slot_path
from app.settings.schema import Settings
from engine.frame import Frame
from engine.recordings.recording import read_session
from engine.start import PictureStart
from engine.start_picture import EncodedPicture
from engine.time_travel.save import read_save

Tap = Callable[..., None]
Turns = Callable[..., None]


def save(player: Player, tap: Tap, turns: Turns) -> int:
    """F5 twice: the index that was saved."""
    tap(pygame.K_F5)
    turns(player, lambda: player.screen is not None and player.round.loop.paused)
    index: int = player.round.session.index
    player.draw()
    tap(pygame.K_F5)
    turns(player, lambda: "saved: slot 1" in player.hud.message)
    assert player.screen is None and not player.round.loop.paused
    return index


def shown_by(player: Player) -> list[int]:
    """The index of every frame that the loop shows from now on, also of those that the window is too late for."""
    frames, shown = player.round.loop._frames, list[int]()
    put = frames.put

    def keep(frame: Frame) -> None:
        shown.append(frame.index)
        put(frame)

    frames.put = keep  # type: ignore[method-assign]
    return shown


def test_what_is_saved_is_loaded_and_played_on(playing: Player, tap: Tap, turns: Turns, settings: Settings) -> None:
    index = save(playing, tap, turns)
    path = slot_path(settings.saves, "hills", 1)
    kept = read_save(path, playing.round.session.checkpoint)
    assert kept.header.index == index and kept.header.palette == "day"
    turns(playing, lambda: playing.round.newest.index > index + 20)
    shown = shown_by(playing)
    tap(pygame.K_F9)
    turns(playing, lambda: playing.screen is not None)
    playing.draw()
    tap(pygame.K_RETURN)
    turns(playing, lambda: index in shown)
    assert playing.round.session.rng_seed == 5
    turns(playing, lambda: playing.round.newest.index > index + 5)


def test_loading_while_recording_goes_on_in_a_new_folder(
    playing: Player, tap: Tap, turns: Turns, settings: Settings
) -> None:
    index = save(playing, tap, turns)
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.newest.index > index + 20)
    shown = shown_by(playing)
    tap(pygame.K_F9)
    tap(pygame.K_F9)
    turns(playing, lambda: index in shown)
    turns(playing, lambda: playing.round.recorder is not None and playing.round.recorder.frames > 3)
    playing.leave()
    assert playing.recording_problems == []
    records = [read_session(folder) for folder in settings.recordings.iterdir()]
    assert sorted(record.header.video_from > index for record in records) == [False, True]


def test_an_empty_slot_loads_nothing_and_escape_goes_back(playing: Player, tap: Tap, turns: Turns) -> None:
    tap(pygame.K_F9)
    tap(pygame.K_RETURN)
    turns(playing, lambda: playing.screen is not None and playing.round.loop.paused)
    assert isinstance(playing.screen, SlotScreen)
    for key, place in ((pygame.K_RIGHT, 1), (pygame.K_DOWN, 4), (pygame.K_LEFT, 3), (pygame.K_6, 5), (pygame.K_d, 0)):
        tap(key)
        playing.poll()
        assert playing.screen.selected == place
    tap(pygame.K_ESCAPE)
    index = playing.round.session.index
    turns(playing, lambda: playing.screen is None and playing.round.session.index > index)
    assert playing.outcome is None


def test_a_pause_is_kept_behind_the_slots(playing: Player, tap: Tap, turns: Turns) -> None:
    tap(pygame.K_p)
    tap(pygame.K_F5)
    turns(playing, lambda: playing.screen is not None)
    tap(pygame.K_ESCAPE)
    turns(playing, lambda: playing.screen is None)
    turns(playing, lambda: playing.round.loop.paused)
    assert playing.hud.paused


def test_a_damaged_slot_is_told_and_left_alone(playing: Player, tap: Tap, turns: Turns, settings: Settings) -> None:
    path = slot_path(settings.saves, "hills", 2)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"dreamcade save\n and then nothing")
    slots = read_slots(settings.saves, playing.round.session.checkpoint)
    assert len(slots) == SLOTS and slots[0].problem is None and slots[0].save is None
    assert slots[1].problem is not None and "cut off or damaged" in slots[1].problem
    tap(pygame.K_F9)
    tap(pygame.K_2)
    tap(pygame.K_RETURN)
    turns(playing, lambda: playing.screen is not None and playing.screen.selected == 1)
    for size in ((320, 240), (640, 480), (2560, 1440)):
        pygame.display.set_mode(size, pygame.RESIZABLE)
        playing.draw()
    assert path.read_bytes().endswith(b"nothing")


def test_a_save_that_cannot_be_written_is_told(playing: Player, tap: Tap, turns: Turns, settings: Settings) -> None:
    settings.saves.write_text("a file where a folder should be", encoding="utf-8")
    tap(pygame.K_F5)
    tap(pygame.K_RETURN)
    turns(playing, lambda: "save" in playing.hud.message and "slot" in playing.hud.message)
    assert playing.round.loop.running


def test_a_backend_that_fails_while_saving_is_one_line_and_play_goes_on(
    playing: Player, tap: Tap, turns: Turns, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("CUDA error 700\nmore of it")

    monkeypatch.setattr(playing.round.session.backend, "get_state", broken)
    playing.round.session.timeline = None
    tap(pygame.K_F5)
    tap(pygame.K_RETURN)
    turns(playing, lambda: playing.hud.message == "slot 1: not saved (CUDA error 700)")
    index = playing.round.newest.index
    turns(playing, lambda: playing.round.newest.index > index + 3)
    assert playing.outcome is None and not slot_path(settings.saves, "hills", 1).exists()


@pytest.mark.parametrize("size", [(1280, 960), (640, 480), (400, 300)])
def test_large_letters_leave_every_card_in_the_window(
    playing: Player, settings: Settings, size: tuple[int, int]
) -> None:
    assert playing.round is not None
    slots = read_slots(settings.saves, playing.round.session.checkpoint)
    pygame.display.set_mode(size, pygame.RESIZABLE)
    screen = SlotScreen(slots, playing.round.manifest, Command.LOAD, {}, lambda slot: None)
    drawn = pygame.display.get_surface().copy()
    drawn.fill((1, 2, 3))
    screen.draw(drawn, 6)
    middle = [drawn.get_at((x, size[1] // 2)) for x in (0, size[0] - 1)]
    assert middle == [(1, 2, 3, 255)] * 2, "the edges of the window stay free"


@pytest.mark.parametrize(("pads", "named"), [(False, ["Enter", "Esc"]), (True, ["A", "B"])])
def test_the_screens_name_the_buttons_of_what_is_held(
    playing: Player, settings: Settings, monkeypatch: pytest.MonkeyPatch, pads: bool, named: list[str]
) -> None:
    assert playing.round is not None
    found: list[str] = []
    for module in ("slot_screen", "picture_screen"):
        monkeypatch.setattr(f"app.play.{module}.draw_key_row", lambda target, hints, *rest: found.extend(dict(hints)))
    manifest, session = playing.round.manifest, playing.round.session
    pixels = playing.round.newest.pixels
    start = PictureStart(playing.round.newest.tokens, pixels)
    encoded = EncodedPicture(pixels, None, start, psnr_db=40.0, exact=1.0, fit_db=40.0)
    for screen in (
        SlotScreen(read_slots(settings.saves, session.checkpoint), manifest, Command.LOAD, {}, lambda slot: None),
        PictureScreen(encoded, manifest, {}, lambda: None, lambda: None),
    ):
        screen.draw(pygame.display.get_surface(), 1, pads)
    assert [key for key in found if key.isalpha()] == 2 * named


def test_the_slot_that_is_meant(tmp_path: Path) -> None:
    slots = [Slot(number, tmp_path / f"slot-{number}") for number in range(1, 5)]
    assert likely_slot(slots, None, saving=True) == likely_slot(slots, None, saving=False) == 0
    for number, written in ((1, 30), (2, 50), (4, 40)):
        slots[number - 1].path.touch()
        os.utime(slots[number - 1].path, (written, written))
    assert likely_slot(slots, None, saving=True) == 2, "an empty one"
    assert likely_slot(slots, None, saving=False) == 1, "the newest"
    assert likely_slot(slots, 4, saving=True) == likely_slot(slots, 4, saving=False) == 3, "the last used"
    slots[2].path.touch()
    assert likely_slot(slots, None, saving=True) == 0, "the oldest"
