"""The player on SDL's dummy driver, with real worlds and a real loop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pygame
import pytest

from app.drawing.look import look_of
from app.drawing.window import Window
from app.menu.shelf import Shelf, build_session
from app.outcome import Outcome
from app.play.options import PlayOptions
from app.play.player import Player
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from engine.backends.onnx import OnnxBackend
from engine.backends.wish import BackendWish
from engine.recordings.recording import RewindEvent, read_session
from engine.recordings.replay import verify
from engine.session import Session
from models.actions import Action
from models.manifest import BadInput

Tap = Callable[..., None]
Turns = Callable[..., None]


def test_world_plays_and_is_drawn_with_its_palette(playing: Player, window: Window) -> None:
    assert playing.round is not None
    playing.draw()
    _, place = playing.stage.layout(playing.round)
    newest = playing.round.newest
    colours = np.array(playing.round.manifest.palettes["day"])
    shown = window.surface.get_at((place.left + 1, place.top + 1))[:3]
    assert tuple(shown) == tuple(colours[newest.pixels[0, 0]])
    assert playing.round.session.start == 1
    assert playing.round.session.rng_seed == 5


def test_a_key_becomes_the_action_and_its_latency_is_stamped(playing: Player, tap: Tap, turns: Turns) -> None:
    assert playing.round is not None
    tap(pygame.K_RIGHT)
    tap(pygame.K_SPACE)
    turns(playing, lambda: playing.round.newest.action is Action.RIGHT_JUMP)
    tap(pygame.K_RIGHT, down=False)
    turns(playing, lambda: playing.round.newest.action is Action.JUMP)
    latency = playing.round.telemetry.snapshot().key_to_screen_ms
    assert latency.p50 is not None and latency.p50 > 0


def test_losing_the_keyboard_lets_every_key_go_and_pauses(playing: Player, tap: Tap, turns: Turns) -> None:
    assert playing.round is not None
    tap(pygame.K_LEFT)
    turns(playing, lambda: playing.round.newest.action is Action.LEFT)
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    turns(playing, lambda: playing.round.loop.paused)
    assert playing.hud.paused and "background" in playing.hud.message
    tap(pygame.K_p)
    turns(playing, lambda: playing.round.newest.action is Action.NOOP)


def test_a_world_that_comes_while_nobody_is_there_waits(player: Player, tap: Tap, turns: Turns) -> None:
    player.enter("hills")
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    turns(player, lambda: player.round is not None)
    assert player.round is not None and player.hud.paused and "background" in player.hud.message
    turns(player, lambda: player.round.loop.running and player.round.loop.paused)
    assert player.round.session.index == 0
    tap(pygame.K_p)
    turns(player, lambda: player.round.newest.index > 3)


@pytest.mark.parametrize("there", [pygame.event.Event(pygame.WINDOWFOCUSGAINED), None])
def test_who_is_back_before_the_world_comes_plays_at_once(
    player: Player, tap: Tap, turns: Turns, there: pygame.event.Event | None
) -> None:
    player.enter("hills")
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    pygame.event.post(there or pygame.event.Event(pygame.KEYDOWN, key=pygame.K_LEFT))
    turns(player, lambda: player.round is not None and player.round.newest.index > 3)
    assert not player.hud.paused


@pytest.mark.parametrize("by_player", [True, False])
def test_a_pause_goes_on_in_the_next_world(playing: Player, tap: Tap, turns: Turns, by_player: bool) -> None:
    if by_player:
        tap(pygame.K_p)
    tap(pygame.K_TAB)
    playing.poll()
    if not by_player:
        pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    turns(playing, lambda: playing.round is not None and playing.round.name == "boxes")
    assert playing.round is not None and playing.hud.paused
    turns(playing, lambda: playing.round.loop.running and playing.round.loop.paused)
    assert playing.round.session.index == 0
    tap(pygame.K_p)
    turns(playing, lambda: playing.round.newest.index > 3)
    playing.hud.paused = True
    playing.leave()
    playing.enter("hills")  # from the menu: nobody wants that pause any more
    turns(playing, lambda: playing.round is not None and playing.round.newest.index > 3)


def test_pause_and_single_step(playing: Player, tap: Tap, turns: Turns) -> None:
    assert playing.round is not None
    tap(pygame.K_p)
    turns(playing, lambda: playing.round.loop.paused)
    for _ in range(5):
        playing.turn()
    index = playing.round.session.index
    for number in range(1, 4):
        tap(pygame.K_n)
        turns(playing, lambda number=number: playing.round.newest.index == index + number)
    tap(pygame.K_p)
    turns(playing, lambda: playing.round.newest.index > index + 5)
    assert not playing.hud.paused


def rewind(player: Player, tap: Tap, turns: Turns) -> tuple[int, int]:
    """Hold the rewind key for a while and let it go: the frame before and the one that play goes on from."""
    tap(pygame.K_BACKSPACE)
    turns(player, lambda: player.round.loop.rewinding is not None)
    newest = player.round.session.index
    turns(player, lambda: player.round.newest.index < newest - 10)
    assert player.round.rewound.seconds > 0 and 0 <= player.round.rewound.left < 1
    player.draw()
    tap(pygame.K_BACKSPACE, down=False)
    turns(player, lambda: player.round.loop.rewinding is None)
    return newest, player.round.session.index


def test_holding_rewind_goes_back_and_letting_go_plays_on(playing: Player, tap: Tap, turns: Turns) -> None:
    assert playing.round is not None
    turns(playing, lambda: playing.round.newest.index > 60)
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None)
    before, after = rewind(playing, tap, turns)
    assert after < before - 10
    turns(playing, lambda: playing.round.newest.index > after + 10)
    assert playing.round.rewound is None
    recorder, checkpoint = playing.round.recorder, playing.round.session.checkpoint
    playing.leave()
    record = read_session(recorder.folder)
    assert any(isinstance(entry, RewindEvent) for entry in record.entries)
    assert verify(record, checkpoint, OnnxBackend(checkpoint, 1)).same


def test_rewinding_says_why_it_goes_no_further(playing: Player, tap: Tap, turns: Turns) -> None:
    assert playing.round is not None
    tap(pygame.K_BACKSPACE)
    turns(playing, lambda: playing.hud.message == "this is where play began")
    tap(pygame.K_BACKSPACE, down=False)
    turns(playing, lambda: playing.round.loop.rewinding is None)
    moment = playing.round.loop.call(Session.moment)
    turns(playing, moment.done)
    playing.round.loop.request_reset(2, 9)
    playing.round.loop.resume_at(moment.result())
    turns(playing, lambda: playing.round.session.loaded_at is not None)
    tap(pygame.K_BACKSPACE)
    turns(playing, lambda: playing.round.loop.rewinding is not None)
    edge = (
        "the game was loaded here: its past isn't kept" if moment.result().frame.index else "this is where play began"
    )
    turns(playing, lambda: playing.hud.message == edge)
    playing.draw()


def test_the_frame_that_is_told_is_the_recordings(playing: Player, tap: Tap, turns: Turns) -> None:
    """As --from counts, whatever lies before the last new start."""
    assert playing.round is not None
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None and playing.round.recorder.frames > 5)
    tap(pygame.K_F3)
    seed = playing.round.session.rng_seed
    turns(playing, lambda: playing.round.session.rng_seed != seed)
    tap(pygame.K_p)
    turns(playing, lambda: playing.round.loop.paused)
    tap(pygame.K_n)
    index = playing.round.session.index
    turns(playing, lambda: playing.round.newest is playing.round.session.frame and playing.round.newest.index > index)
    number, folder = playing.round.frame_number, playing.round.recorder.folder
    playing.leave()
    assert number == read_session(folder).frames - 1 > index


def test_losing_the_keyboard_ends_rewinding(playing: Player, tap: Tap, turns: Turns) -> None:
    tap(pygame.K_BACKSPACE)
    turns(playing, lambda: playing.round.loop.rewinding is not None)
    pygame.event.post(pygame.event.Event(pygame.WINDOWFOCUSLOST))
    turns(playing, lambda: playing.round.loop.rewinding is None)


def test_rewinding_in_a_pause_stays_paused(playing: Player, tap: Tap, turns: Turns) -> None:
    turns(playing, lambda: playing.round.newest.index > 40)
    tap(pygame.K_p)
    turns(playing, lambda: playing.round.loop.paused)
    _, after = rewind(playing, tap, turns)
    for _ in range(20):
        playing.turn()
    assert playing.round.loop.paused and playing.round.session.index == after == playing.round.newest.index


def test_slow_motion_and_back(playing: Player, tap: Tap, turns: Turns) -> None:
    for key, speed, shown in (
        (pygame.K_MINUS, 0.5, "1/2×"),
        (pygame.K_MINUS, 0.25, "1/4×"),
        (pygame.K_EQUALS, 0.5, "1/2×"),
    ):
        tap(key)
        turns(playing, lambda speed=speed: playing.round.loop.speed == speed)
        assert playing.hud.speed == shown
    playing.draw()
    tap(pygame.K_EQUALS)
    turns(playing, lambda: playing.round.loop.speed == 1.0)
    assert playing.hud.speed == ""
    for _ in range(9):
        tap(pygame.K_EQUALS)
    turns(playing, lambda: playing.round.loop.speed == 8.0)
    assert playing.hud.speed == "8×"


def test_tab_switches_world_without_restart(playing: Player, tap: Tap, turns: Turns) -> None:
    first = playing.round
    tap(pygame.K_TAB)
    turns(playing, lambda: playing.round is not None and playing.round.name == "boxes")
    turns(playing, lambda: playing.round.newest.index >= 3)
    tap(pygame.K_UP)
    turns(playing, lambda: playing.round.newest.action is Action.UP)
    assert first is not None
    assert not first.loop.running
    turns(playing, lambda: first.session.timeline.oldest is None)  # its memory is free again
    tap(pygame.K_TAB)
    turns(playing, lambda: playing.round is not None and playing.round.name == "hills")
    turns(playing, lambda: playing.round.newest.index >= 3)


def test_a_switch_of_world_goes_on_recording_in_a_new_folder(
    playing: Player, tap: Tap, turns: Turns, settings: Settings
) -> None:
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None and playing.round.recorder.frames > 3)
    tap(pygame.K_TAB)
    turns(playing, lambda: playing.round is not None and playing.round.name == "boxes")
    turns(playing, lambda: playing.round.newest.index >= 3)
    playing.leave()
    assert playing.recording_problems == []
    records = [read_session(folder) for folder in sorted(settings.recordings.iterdir())]
    assert [record.header.world for record in records] == ["boxes", "hills"]
    assert records[0].frames >= 3


def test_a_recordings_folder_that_may_not_be_looked_into_is_told(
    playing: Player, tap: Tap, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "exists", refuse)
    tap(pygame.K_r)
    turns(playing, lambda: "Permission denied" in playing.hud.message)
    assert playing.round is not None
    assert playing.round.recorder is None


def test_the_window_does_not_wait_while_the_other_world_is_built(
    playing: Player, tap: Tap, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()

    def slowly(*given: Any) -> tuple[Session, str | None]:
        released.wait(60)
        return build_session(*given)

    playing.shelf.request("boxes").result(timeout=20)
    playing.shelf.forget("boxes")
    monkeypatch.setattr("app.menu.shelf.build_session", slowly)
    tap(pygame.K_TAB)
    before = playing.round.newest.index if playing.round else 0
    for _ in range(200):
        playing.turn()
    assert playing.round is not None
    assert playing.round.name == "hills"
    assert playing.round.newest.index > before
    playing._coming = None
    released.set()


def test_recording_leaves_a_session_that_verifies(playing: Player, tap: Tap, turns: Turns, settings: Settings) -> None:
    assert playing.round is not None
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None)
    begun = playing.round.newest.index
    tap(pygame.K_RIGHT)
    turns(playing, lambda: playing.round.newest.index > begun + 20)
    tap(pygame.K_F3)
    turns(playing, lambda: playing.round.session.rng_seed != 5)  # another world, by another chance
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is None)
    checkpoint = playing.round.session.checkpoint
    playing.leave()
    (folder,) = settings.recordings.iterdir()
    assert folder.name.startswith("hills-")
    assert str(folder) in playing.hud.message
    record = read_session(folder)
    assert record.frames > 20
    assert verify(record, checkpoint, OnnxBackend(checkpoint, 1)).same
    assert (folder / "video.mp4").stat().st_size > 0


def test_a_recording_that_cannot_begin_is_told_and_play_goes_on(
    playing: Player, tap: Tap, turns: Turns, settings: Settings
) -> None:
    settings.recordings.write_text("a file where a folder should be", encoding="utf-8")
    tap(pygame.K_r)
    turns(playing, lambda: "recording" in playing.hud.message)
    assert playing.round is not None
    assert playing.round.recorder is None
    assert "\n" not in playing.hud.message


def test_overlay_draws_beside_the_picture(playing: Player, tap: Tap, turns: Turns, window: Window) -> None:
    tap(pygame.K_F1)
    turns(playing, lambda: playing.stage.overlay_shown)
    area, place = playing.stage.layout(playing.round)
    assert area.right == window.rect.width - playing.stage.overlay.width(window.ui_scale)
    assert area.contains(place)
    panel = pygame.surfarray.array3d(window.surface)[area.right :]
    assert len(np.unique(panel.reshape(-1, 3), axis=0)) > 5  # words in several colours
    assert place.width % playing.round.manifest.width == 0


def test_overlay_lies_over_the_picture_where_there_is_no_room(playing: Player) -> None:
    pygame.display.set_mode((240, 240), pygame.RESIZABLE)
    playing.stage.overlay_shown = True
    playing.draw()
    area, place = playing.stage.layout(playing.round)
    assert area == playing.window.rect
    assert place.width == 224


def test_theme_is_only_a_palette(playing: Player, tap: Tap, turns: Turns, window: Window) -> None:
    tap(pygame.K_p)
    turns(playing, lambda: playing.round.loop.paused)
    playing.turn()
    tap(pygame.K_t)
    turns(playing, lambda: playing.round.picture.theme == "night")
    _, place = playing.stage.layout(playing.round)
    night = playing.round.manifest.palettes["night"]
    shown = window.surface.get_at((place.left + 1, place.top + 1))[:3]
    assert tuple(shown) == tuple(night[playing.round.newest.pixels[0, 0]])


def test_speed_cap_off_and_on(playing: Player, tap: Tap, turns: Turns) -> None:
    assert playing.round is not None
    for capped in (False, True):
        tap(pygame.K_u)
        turns(playing, lambda capped=capped: playing.round.loop._pacer.capped is capped)
        assert playing.round.capped is capped


def test_keys_are_shown_on_entering(playing: Player, tap: Tap, turns: Turns) -> None:
    assert playing.hud.keys_shown
    tap(pygame.K_h)
    turns(playing, lambda: playing.hud.help)
    playing.draw()


def test_full_screen_and_back(playing: Player, tap: Tap, turns: Turns, window: Window) -> None:
    for expected in (True, False):
        tap(pygame.K_F11)
        turns(playing, lambda expected=expected: window.fullscreen is expected)
        playing.draw()
    assert window.rect.size == (640, 480)


@pytest.mark.parametrize("size", [(320, 240), (333, 777), (20, 20), (2560, 1440)])
def test_any_size_draws(playing: Player, size: tuple[int, int]) -> None:
    pygame.display.set_mode(size, pygame.RESIZABLE)
    playing.stage.overlay_shown = playing.hud.help = True
    playing.hud.toast("a toast that is much too long for a small window " * 3)
    playing.draw()
    playing.hud.help, playing.hud.paused = False, True
    playing.draw()


def test_frames_option_ends_play(window: Window, shelf: Shelf, settings: Settings) -> None:
    player = Player(window, shelf, settings, PlayOptions(autoplay="script", frames=10))
    assert player.run("hills") is Outcome.QUIT
    assert player.first_frame_at is not None


def test_record_option_records_from_the_start(window: Window, shelf: Shelf, settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "session"
    Player(window, shelf, settings, PlayOptions(autoplay="sticky", frames=10, record=folder)).run("boxes")
    record = read_session(folder)
    assert record.header.video_from == 0
    assert record.frames >= 11


def test_a_backend_that_raises_ends_in_the_menu_with_one_line(
    window: Window, settings: Settings, make_world: Callable[..., Path]
) -> None:
    shelf = Shelf([make_world("brittle", breaks=True)], BackendWish(threads=1))
    player = Player(window, shelf, settings)
    assert player.run("brittle") is Outcome.MENU
    assert player.problem is not None
    assert player.problem.startswith("brittle: ")
    assert "\n" not in player.problem
    shelf.close()


def test_a_world_that_cannot_be_built_leaves_the_played_one_alone(
    worlds: Path,
    window: Window,
    settings: Settings,
    make_world: Callable[..., Path],
    reseal: Callable[[Path], None],
    tap: Tap,
    turns: Turns,
) -> None:
    broken = make_world("zero")
    (broken / "step.onnx").write_bytes(b"not a graph")
    reseal(broken)
    shelf = Shelf([worlds / "hills", broken], BackendWish(threads=1))
    player = Player(window, shelf, settings)
    player.enter("hills")
    turns(player, lambda: player.round is not None and player.round.newest.index >= 3)
    tap(pygame.K_TAB)
    turns(player, lambda: "step.onnx" in player.hud.message)
    assert player.round is not None
    assert player.round.name == "hills"
    assert player.outcome is None
    player.leave()
    shelf.close()


def test_a_disk_that_fills_up_ends_the_recording_alone(
    playing: Player, tap: Tap, turns: Turns, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None)
    recorder = playing.round.recorder
    recorder.problem = "folder: recording: stopped (No space left on device)"
    index = playing.round.newest.index
    turns(playing, lambda: playing.round.recorder is None)
    assert "No space left" in playing.hud.message
    turns(playing, lambda: playing.round.newest.index > index + 3)
    playing.leave()
    assert playing.recording_problems == [recorder.problem]


def test_a_video_that_fails_is_told_once_and_the_recording_goes_on(
    playing: Player, tap: Tap, turns: Turns, settings: Settings
) -> None:
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None)
    turns(playing, lambda: playing.round.recorder.frames > 3)
    recorder = playing.round.recorder
    recorder.video_problem = "folder: video: ended early (no such encoder)"
    index = playing.round.newest.index
    turns(playing, lambda: playing.round.newest.index > index + 3)
    assert "no such encoder" in playing.hud.message
    assert playing.round.recorder is recorder
    playing.leave()
    assert playing.recording_problems == [recorder.video_problem]
    (folder,) = settings.recordings.iterdir()
    assert read_session(folder).frames > 3


def test_nothing_changes_play_that_is_measured(
    window: Window, shelf: Shelf, settings: Settings, tap: Tap, turns: Turns
) -> None:
    player = Player(window, shelf, settings, PlayOptions(measured=True))
    player.enter("hills")
    turns(player, lambda: player.round is not None and player.round.newest.index >= 3)
    for key in (pygame.K_p, pygame.K_n, pygame.K_TAB, pygame.K_u, pygame.K_r, pygame.K_F1):
        tap(key)
    player.poll()
    assert player.round is not None
    index = player.round.newest.index
    turns(player, lambda: player.round.newest.index > index + 5)
    assert not player.hud.paused and not player.expecting and not player.stage.overlay_shown
    assert player.round.capped and player.round.recorder is None
    tap(pygame.K_ESCAPE)
    player.poll()
    assert player.outcome is Outcome.MENU
    player.leave()


def test_a_lost_display_is_one_line_and_the_recording_is_whole(
    playing: Player, tap: Tap, turns: Turns, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tap(pygame.K_r)
    turns(playing, lambda: playing.round.recorder is not None and playing.round.recorder.frames > 3)
    checkpoint = playing.round.session.checkpoint

    def lost() -> None:
        raise pygame.error("video system not initialized")

    monkeypatch.setattr(pygame.display, "flip", lost)
    with pytest.raises(BadInput, match=r"display: .* lost \(video system not initialized\)"):
        playing.run_until_left()
    (folder,) = settings.recordings.iterdir()
    assert verify(read_session(folder), checkpoint, OnnxBackend(checkpoint, 1)).same


def test_escape_and_closing_leave(playing: Player, tap: Tap) -> None:
    tap(pygame.K_ESCAPE)
    playing.poll()
    assert playing.outcome is Outcome.MENU
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    playing.poll()
    assert playing.outcome is Outcome.QUIT


def test_a_world_of_the_real_exporter_plays(tiny_world: Path, window: Window, settings: Settings) -> None:
    shelf = Shelf([tiny_world], BackendWish(threads=1))
    player = Player(window, shelf, settings, PlayOptions(autoplay="sticky", frames=5))
    assert player.run(shelf.names[0]) is Outcome.QUIT
    assert player.problem is None
    shelf.close()


def test_settings_changed_by_hand_count_while_one_plays(
    window: Window, shelf: Shelf, settings: Settings, tmp_path: Path, turns: Turns, tap: Callable[..., None]
) -> None:
    path = tmp_path / "settings.yaml"
    now = [0.0]
    file = SettingsFile(path, settings, lambda: now[0])
    player = Player(window, shelf, settings, PlayOptions(start=1, rng_seed=5), file=file)
    player.enter("hills")
    turns(player, lambda: player.round is not None and player.round.newest.index >= 3)
    path.write_text(
        "text_scale: 2\ncalm: true\ncolours: safe\nthreads: many\n"
        "keys: {hills: {jump: [z]}}\ncommands: {pause: [end]}\n",
        encoding="utf-8",
    )
    now[0] = 2.0
    player.turn()
    assert player.window.look == player.hud.look == player.stage.overlay.look == look_of(file.current)
    assert player.window.look.calm and player.window.look.text_scale == 2
    assert "settings.yaml:4: threads: expected a whole number" in player.hud.message
    tap(pygame.K_z)
    turns(player, lambda: player.round.newest.action is Action.JUMP)
    tap(pygame.K_END)
    turns(player, lambda: player.hud.paused)
    player.leave()
