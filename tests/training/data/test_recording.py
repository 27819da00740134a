"""Recordings in and episodes out: pictures come back exactly from a lossy video, and breaks end episodes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from engine.autoplay import RandomAutoplayer
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.headless import play_headless
from engine.recordings.video import VideoWriter
from models.actions import Action
from models.manifest import BadInput
from training.cli import main
from training.data.batches import Windows
from training.data.dataset import read_card, shard_paths
from training.data.key_log import read_key_log
from training.data.recording import LEAST_TICKS, import_recording
from training.data.shards import read_episodes
from training.worlds.platformer import Platformer

TICKS = 40


@pytest.fixture(scope="module")
def played() -> tuple[npt.NDArray[np.uint8], list[Action]]:
    """Frames uint8 [TICKS+1,128,128] of the platformer, and the actions between them."""
    world = Platformer(1)
    frames, _ = world.reset(seed=3)
    shown, pressed, rng = [frames[0]], [], np.random.default_rng(0)
    for _ in range(TICKS):
        action = world.suggest(rng)
        shown.append(world.step(action)[0][0])
        pressed.append(world.actions[int(action[0])])
    return np.stack(shown), pressed


def film(path: Path, frames: npt.NDArray[np.uint8], palette: str = "day", gap: int | None = None) -> Path:
    """A video of frames; the one at `gap` is left out."""
    colours = np.array(Platformer.palettes[palette], np.uint8)
    writer = VideoWriter(path, frames.shape[1:], 30)
    for tick, frame in enumerate(frames):
        if tick != gap:
            writer.add(colours[frame], tick)
    writer.close()
    return path


def write_lines(path: Path, actions: list[Action], as_json: bool = False) -> Path:
    path.write_text("\n".join(json.dumps({"action": a.value}) if as_json else a.value for a in actions) + "\n")
    return path


def test_a_recording_comes_back_as_it_was_played(
    played: tuple[npt.NDArray[np.uint8], list[Action]], tmp_path: Path
) -> None:
    frames, actions = played
    video = film(tmp_path / "run.mp4", frames, "dusk")
    lines = write_lines(tmp_path / "keys.txt", actions)
    report = import_recording(video, lines, tmp_path / "data", game="platformer", palette="dusk")
    assert (report.episodes, report.frames, report.left_out, report.self_generated) == (1, TICKS, 0, False)
    card = read_card(tmp_path / "data")
    (episode,) = read_episodes(shard_paths(tmp_path / "data")[0], card)
    assert (episode.frames == frames).mean() > 0.999
    assert [card.actions[i] for i in episode.actions] == [action.value for action in actions]
    assert not episode.self_generated and episode.level_seed is None
    # A second recording joins the first, and both can be trained on.
    lines = write_lines(tmp_path / "keys.ndjson", actions, as_json=True)
    again = import_recording(video, lines, tmp_path / "data", game="platformer", palette="dusk")
    assert again.folder_frames == 2 * TICKS and len(shard_paths(tmp_path / "data")) == 2
    assert Windows(tmp_path / "data", window=4, batch_size=2, version=Platformer.version).batch(0).actions.shape == (
        2,
        4,
    )


def test_a_missing_tick_ends_an_episode(played: tuple[npt.NDArray[np.uint8], list[Action]], tmp_path: Path) -> None:
    frames, actions = played
    video = film(tmp_path / "run.mp4", frames, gap=15)
    report = import_recording(video, write_lines(tmp_path / "keys.txt", actions), tmp_path / "data", game="platformer")
    assert report.episodes == 2 and report.frames == 14 + (TICKS - 16) and report.left_out == 2


def test_another_game_stays_in_colour(played: tuple[npt.NDArray[np.uint8], list[Action]], tmp_path: Path) -> None:
    frames, actions = played
    video = film(tmp_path / "run.mp4", frames)
    import_recording(video, write_lines(tmp_path / "keys.txt", actions), tmp_path / "data", game="other")
    card = read_card(tmp_path / "data")
    (episode,) = read_episodes(shard_paths(tmp_path / "data")[0], card)
    assert episode.frames.shape == (TICKS + 1, 128, 128, 3) and card.actions == tuple(Action)


def test_a_neural_worlds_own_session_must_be_asked_for(tiny_world: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    backend = OnnxBackend(checkpoint, threads=1)
    player = RandomAutoplayer([entry.action for entry in checkpoint.manifest.actions], 0)
    play_headless(checkpoint, backend, player, 20, record_dir=tmp_path / "session")
    session = tmp_path / "session"
    arguments = (session / "video.mp4", session / "actions.ndjson", tmp_path / "data")
    with pytest.raises(BadInput, match=r"actions\.ndjson: session: expected a game's recording"):
        import_recording(*arguments, game="puzzle")
    report = import_recording(*arguments, game="puzzle", allow_self_generated=True)
    assert report.self_generated and report.frames == 20
    card = read_card(tmp_path / "data")
    (episode,) = read_episodes(shard_paths(tmp_path / "data")[0], card)
    assert episode.self_generated
    log = read_key_log(session / "actions.ndjson")
    assert [card.actions[i] for i in episode.actions] == [action for action in log.led if action is not None]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "actions: expected one a line"),
        ("fly\n", r"keys\.txt:1: action: expected one of noop"),
        ("left\n{]\n", r"keys\.txt:2: line: expected JSON"),
        ('{"action": 3}\n', r"keys\.txt:1: action"),
        ('{"action": "left", "tokens_digest": "0"}\n', r"session\.yaml: expected beside"),
    ],
)
def test_actions_that_make_no_sense_are_named(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(text)
    with pytest.raises(BadInput, match=what):
        read_key_log(tmp_path / "keys.txt")


def test_bad_recordings_are_one_line(
    played: tuple[npt.NDArray[np.uint8], list[Action]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    frames, actions = played
    lines = write_lines(tmp_path / "keys.txt", actions)
    short = film(tmp_path / "short.mp4", frames[:LEAST_TICKS])
    (tmp_path / "noise.mp4").write_bytes(bytes(range(256)) * 8)
    up = write_lines(tmp_path / "up.txt", [Action.UP] * TICKS)
    good = film(tmp_path / "good.mp4", frames)
    for video, keys, options, line in (
        (tmp_path / "none.mp4", lines, (), "none.mp4"),
        (tmp_path / "noise.mp4", lines, (), "noise.mp4: video: cannot be read"),
        (short, lines, (), f"expected at least {LEAST_TICKS} ticks"),
        (good, up, (), "action: expected one of noop"),
        (good, lines, ("--palette", "mauve"), "mauve: palette: expected one of day"),
    ):
        out = str(tmp_path / "data")
        command = ("import", "--video", str(video), "--actions", str(keys), "--world", "platformer", "--out", out)
        monkeypatch.setattr(sys, "argv", ["dreamcade-train", *command, *options])
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr().err.strip()
        assert caught.value.code == 2 and line in said and "\n" not in said
    assert not (tmp_path / "data").exists()
