"""Branches: the same frames up to any frame of a recording, whatever was rewound on the way, and another future."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint
from engine.frame import Frame
from engine.recordings.branch import Branch, line_to
from engine.recordings.recorder import Recorder
from engine.recordings.recording import SessionRecord, read_session
from engine.recordings.replay import verify
from engine.session import Session
from engine.time_travel.timeline import Timeline
from models.actions import Action
from models.manifest import BadInput


@pytest.fixture
def played(session: Session, tmp_path: Path) -> tuple[SessionRecord, list[list[Frame]]]:
    """A recording with rewinds and a reset; for every frame recorded, the line of frames that led to it."""
    session.timeline = Timeline()
    line = [session.reset(0, 7)]
    lines = [line.copy()]
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)

    def play(frames: int) -> None:
        for _ in range(frames):
            line.append(session.step(list(Action)[len(lines) * 3 % 8]))
            lines.append(line.copy())
            recorder.add(line[-1], wait=True)

    def rewind(index: int) -> None:
        session.rewind_to(index)
        recorder.add_rewind(index)
        del line[index + 1 :]

    play(40)
    rewind(20)
    rewind(12)
    play(30)
    recorder.add_reset(2, 4)
    line[:] = [session.reset(2, 4)]
    lines.append(line.copy())
    recorder.add(line[0], wait=True)
    play(20)
    rewind(0)
    play(10)
    recorder.close()
    return read_session(tmp_path / "rec"), lines


def digests(line: list[Frame]) -> list[str]:
    """What tells a line of frames from another."""
    return [frame.tokens_digest for frame in line]


def test_every_frame_is_led_to_by_its_own_line(played: tuple[SessionRecord, list[list[Frame]]]) -> None:
    record, lines = played
    assert record.frames == len(lines)
    for number, frames in enumerate(lines):
        line = line_to(record, number)
        assert [entry.tokens_digest for entry in line.entries] == digests(frames)
    assert line_to(record, None) == line_to(record, record.frames - 1)


@pytest.mark.parametrize("number", [0, 12, 20, 33, 41, 57, 70, 71, 91, 101])
def test_the_past_is_the_same_and_the_future_is_another(
    played: tuple[SessionRecord, list[list[Frame]]],
    checkpoint: Checkpoint,
    backend: OnnxBackend,
    tmp_path: Path,
    number: int,
) -> None:
    """From before the rewinds, from where they went to, from what was rewound, from a reset, and from the last."""
    record, lines = played
    branch = Branch(record, checkpoint, number)
    session = Session(checkpoint, backend, timeline=Timeline())
    frame = branch.begin(session)
    assert frame.tokens_digest == lines[number][-1].tokens_digest
    assert branch.differs_at is None and branch.made == branch.total == len(lines[number])
    recorder = Recorder(tmp_path / "branch")
    recorder.begin(session)
    prefix = digests(lines[number])
    used = {following[-1].action for following in lines if digests(following[:-1]) == prefix}
    other = next(action for action in (Action.LEFT, Action.RIGHT, Action.JUMP) if action not in used)
    recorder.add(session.step(other))
    recorder.close()
    record = read_session(tmp_path / "branch")
    *past, future = [entry.tokens_digest for entry in line_to(record, None).entries]
    assert past == prefix and future not in {digest for line in lines for digest in digests(line)}
    assert verify(record, checkpoint, OnnxBackend(checkpoint, threads=1)).same


def test_what_comes_out_otherwise_is_noted(
    played: tuple[SessionRecord, list[list[Frame]]], checkpoint: Checkpoint, backend: OnnxBackend
) -> None:
    record, _ = played
    log = record.folder / "actions.ndjson"
    lines = log.read_text(encoding="utf-8").splitlines()
    lines[5] = lines[5].replace(lines[5][-18:-2], "0123456789abcdef")
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    branch = Branch(read_session(record.folder), checkpoint, 30)
    assert branch.begin(Session(checkpoint, backend)).index == 30
    assert branch.differs_at == branch.line.numbers[5] == 5


def test_a_frame_that_differs_goes_by_its_number_in_the_whole_recording(
    played: tuple[SessionRecord, list[list[Frame]]], checkpoint: Checkpoint, backend: OnnxBackend
) -> None:
    """By which --from knows it too: frame 41 is the one at index 13 after the rewind to 12."""
    record, _ = played
    log = record.folder / "actions.ndjson"
    lines = log.read_text(encoding="utf-8").splitlines()
    at = next(n for n, line in enumerate(lines[41:], 41) if '"index":13,' in line)
    lines[at] = lines[at].replace(lines[at][-18:-2], "0123456789abcdef")
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")
    branch = Branch(read_session(record.folder), checkpoint, 50)
    assert branch.number == 50 and branch.begin(Session(checkpoint, backend)).index == 22
    assert branch.differs_at == 41
    assert verify(read_session(record.folder), checkpoint, backend).first_difference == 41
    assert line_to(record, 41).entries[-1].index == 13


def test_a_cancelled_branch_ends_soon(
    played: tuple[SessionRecord, list[list[Frame]]], checkpoint: Checkpoint, backend: OnnxBackend
) -> None:
    branch = Branch(played[0], checkpoint, 30)
    branch.cancelled = True
    assert branch.begin(Session(checkpoint, backend)).index == 0


@pytest.mark.parametrize("frame", [-1, 1000, 1 << 70])
def test_a_frame_that_was_not_recorded_is_told(
    played: tuple[SessionRecord, list[list[Frame]]], checkpoint: Checkpoint, frame: int
) -> None:
    with pytest.raises(BadInput, match=f"rec: frame: expected 0 to {len(played[1]) - 1}, found {frame}"):
        Branch(played[0], checkpoint, frame)
