"""The library on SDL's dummy driver: everything that can be done to a recording, by four directions and Enter."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pygame
import pytest

from app.drawing.notice import DROP_ELSEWHERE
from app.drawing.widgets import DIM, RED
from app.drawing.window import Window
from app.keys.gamepad import Gamepads
from app.library.screen import Library
from app.library.view import empty_words
from app.menu.shelf import Shelf
from app.outcome import Outcome
from app.play.player import Player
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from engine.autoplay import make_autoplayer
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.headless import play_headless
from engine.recordings.recording import read_session
from engine.recordings.share import read_share

Tap = Callable[..., None]
ENTER, DOWN, RIGHT, ESCAPE = pygame.K_RETURN, pygame.K_DOWN, pygame.K_RIGHT, pygame.K_ESCAPE


@pytest.fixture
def library(window: Window, shelf: Shelf, settings: Settings, worlds: Path) -> Iterator[Library]:
    """A library of two recordings, `b` chosen."""
    for name in ("a", "b"):
        checkpoint = load_checkpoint(worlds / "hills")
        player = make_autoplayer("random", checkpoint.manifest, 3)
        play_headless(checkpoint, OnnxBackend(checkpoint, 1), player, 40, settings.recordings / name, 5, 1)
    made = Library(window, shelf, SettingsFile(None, settings), Gamepads(), pytest.fail)
    made.refresh()
    made.selected = [recording.name for recording in made.recordings].index("b")
    yield made
    if made.job is not None:
        made.job.give_up()
    made._thumbnails.close()


def press(library: Library, *codes: int) -> None:
    """Tap keys, one a turn."""
    for code in codes:
        pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=code))
        library.turn()


def choose(library: Library, deed: str) -> None:
    """Open the list of deeds and do one."""
    press(library, ENTER)
    place = next(n for n, (title, _) in enumerate(library.deeds) if title.startswith(deed))
    press(library, *[DOWN] * place, ENTER)


def until(library: Library, done: Callable[[], bool]) -> None:
    """Let the library go on until something is so."""
    end = time.monotonic() + 60
    while not done():
        assert time.monotonic() < end, "nothing happened"
        library.turn()


def names(library: Library) -> set[str]:
    return {recording.name for recording in library.recordings}


@pytest.mark.parametrize("size", [(320, 240), (640, 480), (1920, 1080), (20, 20)])
def test_any_size_draws_in_every_state(library: Library, size: tuple[int, int]) -> None:
    pygame.display.set_mode(size, pygame.RESIZABLE)
    until(library, lambda: bool(library._thumbnails.get(library.recordings[0].video)))  # type: ignore[arg-type]
    library.say("a line that is much too long for a small window " * 3)
    press(library, ENTER)
    press(library, ESCAPE)
    choose(library, "rename")
    library.draw()
    press(library, ESCAPE)
    library.recordings = []
    library.draw()


def test_choosing_stays_inside_and_escape_leaves(library: Library) -> None:
    press(library, *[RIGHT] * 9)
    assert library.selected == 1
    press(library, pygame.K_UP, pygame.K_LEFT, pygame.K_LEFT)
    assert library.selected == 0 and library.outcome is None
    press(library, ESCAPE)
    assert library.outcome is Outcome.MENU


def test_verify(library: Library) -> None:
    choose(library, "verify")
    until(library, lambda: library.job is None)
    assert library.message == "b: all 41 frames came out as recorded"
    log = library.recordings[library.selected].path / "actions.ndjson"
    log.write_text(log.read_text(encoding="utf-8").replace('"right"', '"left"'), encoding="utf-8")
    choose(library, "verify")
    until(library, lambda: library.job is None)
    assert library.message.startswith("b: differs from frame ")


def test_export_at_a_chosen_scale_and_share(library: Library, settings: Settings) -> None:
    press(library, ENTER, RIGHT, RIGHT, pygame.K_LEFT, ESCAPE)
    assert library.scale == 5
    library.scale = 2
    choose(library, "export")
    until(library, lambda: library.job is None)
    assert library.message == f"written: {settings.recordings / 'b.mp4'}"
    assert (settings.recordings / "b.mp4").stat().st_size > 0
    choose(library, "write a file")
    until(library, lambda: library.job is None)
    shared = settings.recordings / "b.dreamcade"
    assert "kB" in library.message and read_share(shared).frames == 41
    assert names(library) == {"a", "b"} and len(library.recordings) == 3
    library.selected = next(n for n, recording in enumerate(library.recordings) if recording.shared)
    library.draw()
    choose(library, "verify")
    until(library, lambda: library.job is None)
    assert "all 41 frames" in library.message


def test_a_job_can_be_given_up(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.library.deeds.verify", lambda *given: [given[3]() for _ in iter(int, 1)])
    choose(library, "verify")
    press(library, ESCAPE)
    until(library, lambda: library.job is None)
    assert "given up" in library.message and library.outcome is None


@pytest.mark.parametrize(
    ("deed", "part", "title"),
    [
        ("verify", "verify", "comparing every frame"),
        ("export", "export_video", "writing a video"),
        ("write", "write_share", "writing a file to share"),
    ],
)
def test_a_job_that_fails_in_any_way_is_one_line(
    library: Library, monkeypatch: pytest.MonkeyPatch, deed: str, part: str, title: str
) -> None:
    def broken(*given: object) -> None:
        raise RuntimeError("CUDA error 700\nmore of it")

    monkeypatch.setattr(f"app.library.deeds.{part}", broken)
    choose(library, deed)
    until(library, lambda: library.job is None)
    assert library.message == f"{title}: CUDA error 700" and library.outcome is None


def test_rename_and_delete(library: Library, settings: Settings) -> None:
    choose(library, "rename")
    pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text="est run"))
    press(library, pygame.K_UP, pygame.K_UP, ENTER)
    assert names(library) == {"a", "best runb"} and library.recordings[library.selected].name == "best runb"
    choose(library, "rename")
    pygame.event.post(pygame.event.Event(pygame.TEXTINPUT, text="/../x"))
    press(library, ENTER)
    assert "name: expected" in library.message and names(library) == {"a", "best runb"}
    choose(library, "delete")
    assert names(library) == {"a"} and "in the trash" in library.message
    assert (settings.recordings / ".trash" / "best runb" / "actions.ndjson").is_file()


def in_play(monkeypatch: pytest.MonkeyPatch, steps: Callable[[Player], None]) -> None:
    """Do something at every turn of whatever player the library opens."""
    turn = Player.turn

    def turning(player: Player) -> None:
        turn(player)
        steps(player)

    monkeypatch.setattr(Player, "turn", turning)


def test_play_to_the_end_says_how_it_compared(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    in_play(monkeypatch, lambda player: seen.append(player.round.newest.index if player.round else -1))
    choose(library, "play")
    assert max(seen) >= 35 and library.outcome is None
    assert library.message == "every frame shown came out as recorded"


def test_enter_takes_over_and_what_follows_can_be_recorded(
    library: Library, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    def steps(player: Player) -> None:
        if player.round is None:
            return
        if player.options.playback and player.round.newest.index >= 10:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=ENTER))
        elif not player.options.playback and player.round.recorder is None and player.round.newest.index < 60:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_r))
        elif player.round.newest.index >= 60:
            pygame.event.post(pygame.event.Event(pygame.QUIT))

    in_play(monkeypatch, steps)
    choose(library, "play")
    assert library.outcome is Outcome.QUIT
    new = next(r for r in library.recordings if r.name.startswith("hills-"))
    before, after = (read_session(path).entries for path in (settings.recordings / "b", new.path))
    same = sum(1 for one, other in zip(before, after, strict=False) if one == other)
    assert 10 < same < 41 and len(after) > 55


def test_going_on_from_its_end(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps(player: Player) -> None:
        if player.round is not None and player.round.newest.index >= 50:
            player.to_menu()

    in_play(monkeypatch, steps)
    choose(library, "go on")
    assert library.outcome is None and library.message == ""


def test_a_recording_of_another_checkpoint_is_told(library: Library) -> None:
    header = library.recordings[library.selected].path / "session.yaml"
    digest = library.shelf.checkpoint("hills").manifest.digest
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace(digest, "0123456789abcdef"), encoding="utf-8")
    library.refresh()
    for deed in ("verify", "export", "go on", "play"):
        choose(library, deed)
        until(library, lambda: library.job is None)
        assert "checkpoint_digest: expected" in library.message
        library.say("")


def test_what_a_game_begun_here_could_not_keep_is_told(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    library._tell = told.append

    def fails(*given: object) -> bytes:
        raise RuntimeError("CUDA error 700")

    def steps(player: Player) -> None:
        if player.round is None or player.round.newest.index < 50:
            return
        if player.screen is None:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=pygame.K_F5))
        else:
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=ENTER))
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=ESCAPE))

    monkeypatch.setattr("app.play.saver.save_bytes", fails)
    in_play(monkeypatch, steps)
    choose(library, "go on")
    # Where the game ends before the loop has got to the save, that is what is told.
    assert told[0] in {f"slot 1: not saved ({why})" for why in ("CUDA error 700", "the game had ended")}
    assert len(told) == 1 and library.message == told[0]


def test_settings_changed_by_hand_count_in_a_game_begun_here_and_here(
    library: Library, monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    path, now = tmp_path / "settings.yaml", [0.0]
    library._file = SettingsFile(path, settings, lambda: now[0])

    def write(text: str) -> None:
        path.write_text(f"recordings: {settings.recordings}\nsaves: {settings.saves}\n{text}\n", encoding="utf-8")
        now[0] += 2.0

    def steps(player: Player) -> None:
        if player.round is None or player.round.newest.index < 45:
            return
        if now[0] == 0:
            write("text_scale: 2")
        elif player.window.look.text_scale == 2:
            player.to_menu()

    in_play(monkeypatch, steps)
    choose(library, "go on")
    assert library.settings.text_scale == 2
    write("text_scale: 1.5\ncommands: {menu: [end]}")
    library.turn()
    assert library.window.look.text_scale == 1.5 and library.message == "the settings were changed"
    press(library, pygame.K_END)
    assert library.outcome is Outcome.MENU


def test_a_gamepad_shortens_a_name_and_is_told_how(library: Library) -> None:
    library.pads._open[0] = object()
    choose(library, "rename")
    for button in (pygame.CONTROLLER_BUTTON_X, pygame.CONTROLLER_BUTTON_DPAD_UP):
        for kind in (pygame.CONTROLLERBUTTONDOWN, pygame.CONTROLLERBUTTONUP):
            pygame.event.post(pygame.event.Event(kind, button=button, instance_id=0))
    library.turn()
    assert library.entry is not None and library.entry.text == "a"


def test_a_picture_dropped_here_is_answered(library: Library) -> None:
    pygame.event.post(pygame.event.Event(pygame.DROPFILE, file="/a.png"))
    library.turn()
    assert library.message == DROP_ELSEWHERE


def test_a_video_being_read_is_told_from_one_that_cannot_be_read(library: Library) -> None:
    recording = library.recordings[library.selected]
    assert recording.video is not None
    reading, broken = empty_words(recording, reading=True), empty_words(recording, reading=False)
    assert reading == ("reading…", DIM) and broken == ("■ can't be read", RED)
    recording.video.write_bytes(b"no video at all")
    until(library, lambda: library._thumbnails.get(recording.video) is not None)
    assert library._thumbnails.get(recording.video) == []
    recording.video.unlink()
    assert empty_words(recording, reading=False) == ("no video", DIM)
    assert empty_words(replace(recording, shared=True), reading=False) == ("shared file", DIM)
    assert empty_words(replace(recording, problem="broken"), reading=False) == ("■ can't be used", RED)
