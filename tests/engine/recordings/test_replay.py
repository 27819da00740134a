"""Replaying: every digest equal across processes, the first difference told at its frame."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import engine.recordings.replay
from engine.autoplay import make_autoplayer
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.headless import play_headless
from engine.recordings.recording import FrameEntry, read_session
from engine.recordings.replay import check_playable, environment_differences, replay, verify
from models.manifest import BadInput

ROOT = Path(engine.recordings.replay.__file__).parents[1]
FRAMES = 60

CHILD = """
import sys
from pathlib import Path
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.recordings.recording import read_session
from engine.recordings.replay import replay

checkpoint = load_checkpoint(Path(sys.argv[1]))
record = read_session(Path(sys.argv[2]))
for frame in replay(record, checkpoint, OnnxBackend(checkpoint, threads=record.header.threads)):
    print(frame.tokens_digest)
"""


@pytest.fixture
def recorded(checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path) -> Path:
    """A session folder of random play."""
    player = make_autoplayer("random", checkpoint.manifest, 3)
    play_headless(checkpoint, backend, player, FRAMES, tmp_path / "rec", rng_seed=5, start=1)
    return tmp_path / "rec"


def test_two_processes_make_every_frame_again(recorded: Path, world_folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "child.py"
    script.write_text(CHILD, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(world_folder), str(recorded)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) for _ in range(2)]
    digests = [child.communicate(timeout=60)[0].split() for child in children]
    expected = [entry.tokens_digest for entry in read_session(recorded).entries if isinstance(entry, FrameEntry)]
    assert digests == [expected, expected] and len(expected) == FRAMES + 1


def test_verify_sees_no_difference_where_there_is_none(
    recorded: Path, checkpoint: Checkpoint, backend: OnnxBackend
) -> None:
    seen: list[int] = []
    report = verify(read_session(recorded), checkpoint, backend, on_frame=lambda frame: seen.append(frame.index))
    assert report.same and report.frames == FRAMES + 1 and seen == list(range(FRAMES + 1))


@pytest.mark.parametrize("index", [1, 17, FRAMES])
def test_a_flipped_action_is_told_at_its_frame(
    recorded: Path, checkpoint: Checkpoint, backend: OnnxBackend, index: int
) -> None:
    path = recorded / "actions.ndjson"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    entry: dict[str, Any] = json.loads(lines[index])
    entry["action"] = "left" if entry["action"] != "left" else "right"
    lines[index] = json.dumps(entry) + "\n"
    path.write_text("".join(lines), encoding="utf-8")
    report = verify(read_session(recorded), checkpoint, backend)
    assert not report.same and report.first_difference == index and report.line == index + 1
    assert report.expected == entry["tokens_digest"] != report.got


def test_another_noise_seed_differs_at_once(recorded: Path, checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    header = recorded / "session.yaml"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace("rng_seed: 5", "rng_seed: 6"), encoding="utf-8")
    assert verify(read_session(recorded), checkpoint, backend).first_difference == 1


def test_replay_gives_the_pictures(recorded: Path, checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    frames = list(replay(read_session(recorded), checkpoint, backend))
    assert np.array_equal(frames[0].pixels, checkpoint.start_pixels[1])
    assert [frame.index for frame in frames] == list(range(FRAMES + 1))


class Untouchable:
    """A backend that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the backend was used: {name}")


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("session.yaml", "start: 1", "start: 3", r"session.yaml: start: expected 0 to 2, found 3"),
        (
            "session.yaml",
            "world: predictable",
            "world: other",
            r"session.yaml: world: expected predictable, found other",
        ),
        ("actions.ndjson", '"noop"', '"noop"', ""),
        ("actions.ndjson", '"action":"right"', '"action":"up"', r"actions.ndjson:\d+: action: expected one of world"),
    ],
)
def test_what_this_world_does_not_have_is_told_before_anything_runs(
    recorded: Path, checkpoint: Checkpoint, file: str, old: str, new: str, message: str
) -> None:
    path = recorded / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    record = read_session(recorded)
    if not message:
        check_playable(record, checkpoint)
        return
    with pytest.raises(BadInput, match=message):
        replay(record, checkpoint, Untouchable())
    with pytest.raises(BadInput, match=message):
        verify(record, checkpoint, Untouchable())


def test_another_checkpoint_is_told_before_anything_runs(
    recorded: Path, make_world: Any, reseal: Any, starts: Any
) -> None:
    folder = make_world()
    np.savez(folder / "start_frames.npz", **(starts | {"level_seed": np.arange(3) + 5}))
    reseal(folder)
    other = load_checkpoint(folder)
    with pytest.raises(BadInput, match=f"session.yaml: checkpoint_digest: expected {other.manifest.digest}, found"):
        verify(read_session(recorded), other, Untouchable())


def test_other_surroundings_are_named(recorded: Path, checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    record = read_session(recorded)
    assert environment_differences(record, backend.info) == []
    other = OnnxBackend(checkpoint, threads=2).info
    assert environment_differences(record, other) == ["threads: recorded with 1, now 2"]
