"""A recording as a session: the record says what happens, resets included."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.play.playback import RecordedSession, RecordingEnded
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.recordings.recorder import Recorder
from engine.recordings.recording import read_session
from engine.session import Session
from models.actions import Action

PLAYED = [Action.RIGHT, Action.JUMP, Action.NOOP, Action.LEFT]


@pytest.fixture
def checkpoint(worlds: Path) -> Checkpoint:
    return load_checkpoint(worlds / "hills")


@pytest.fixture
def recording(checkpoint: Checkpoint, tmp_path: Path) -> tuple[Path, list[str]]:
    """A session with a reset in the middle, and the digests of its frames."""
    session = Session(checkpoint, OnnxBackend(checkpoint, 1))
    digests = [session.reset(0, 7).tokens_digest]
    recorder = Recorder(tmp_path / "session")
    recorder.begin(session)
    for start in (None, 2):
        if start is not None:
            frame = session.reset(start, 8)
            recorder.add_reset(start, 8)
            recorder.add(frame)
            digests.append(frame.tokens_digest)
        for action in PLAYED:
            frame = session.step(action)
            recorder.add(frame)
            digests.append(frame.tokens_digest)
    recorder.close()
    return tmp_path / "session", digests


def test_every_frame_comes_back_and_then_it_ends(checkpoint: Checkpoint, recording: tuple[Path, list[str]]) -> None:
    folder, digests = recording
    session = RecordedSession(read_session(folder), checkpoint, OnnxBackend(checkpoint, 1))
    came = [session.frame.tokens_digest]
    with pytest.raises(RecordingEnded, match="10 frames"):
        while True:
            came.append(session.step(Action.NOOP).tokens_digest)
    assert came == digests
    assert session.differs_at is None
    assert session.rng_seed == 8


def test_a_frame_that_differs_goes_by_its_number_in_the_recording(
    checkpoint: Checkpoint, recording: tuple[Path, list[str]]
) -> None:
    """As it can be given to --from, whatever resets lie before it."""
    folder, digests = recording
    log = folder / "actions.ndjson"
    *before, last = log.read_text(encoding="utf-8").splitlines()
    other = json.dumps(json.loads(last) | {"tokens_digest": "0" * 16})
    log.write_text("\n".join([*before, other]) + "\n", encoding="utf-8")
    session = RecordedSession(read_session(folder), checkpoint, OnnxBackend(checkpoint, 1))
    with pytest.raises(RecordingEnded):
        while True:
            session.step(Action.NOOP)
    assert session.differs_at == len(digests) - 1


def test_the_first_frame_that_differs_is_kept(checkpoint: Checkpoint, recording: tuple[Path, list[str]]) -> None:
    folder, _ = recording
    log = folder / "actions.ndjson"
    lines = log.read_text(encoding="utf-8").splitlines()
    lines[3] = json.dumps(json.loads(lines[3]) | {"action": "right"})
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    session = RecordedSession(read_session(folder), checkpoint, OnnxBackend(checkpoint, 1))
    with pytest.raises(RecordingEnded):
        while True:
            session.step(Action.NOOP)
    assert session.differs_at == 3


def test_who_takes_over_can_rewind_what_was_shown(checkpoint: Checkpoint, recording: tuple[Path, list[str]]) -> None:
    folder, digests = recording
    session = RecordedSession(read_session(folder), checkpoint, OnnxBackend(checkpoint, 1))
    while session.rng_seed != 8 or session.index < 3:
        session.step(Action.NOOP)
    assert session.numbers is not None and session.numbers.number(session.index) == 8
    session.take_over()
    assert session.step(Action.LEFT).index == 4
    assert session.rewind_to(1).tokens_digest == digests[6]
    assert session.step(Action.JUMP).index == 2 and session.differs_at is None
