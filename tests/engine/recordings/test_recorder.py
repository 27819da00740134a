"""Recording: what is on disk when all goes well, when the disk refuses, and when the process is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import av
import pytest

import engine.recordings.recorder
import engine.recordings.video
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint
from engine.recordings.recorder import Recorder
from engine.recordings.recording import BackendEvent, FrameEntry, read_session
from engine.recordings.replay import verify
from engine.session import Session
from models.actions import Action
from models.manifest import BadInput

ROOT = Path(engine.recordings.recorder.__file__).parents[1]
PATIENCE = 60.0  # seconds that a thread waits for the other before it gives up


def video_frames(folder: Path) -> int:
    """Pictures that the video of a session folder decodes to."""
    with av.open(str(folder / "video.mp4")) as container:
        return sum(1 for _ in container.decode(video=0))


def play(session: Session, recorder: Recorder, ticks: int) -> None:
    """Play and record some ticks."""
    for tick in range(ticks):
        recorder.add(session.step(list(Action)[tick % 8]), wait=True)


def test_a_whole_session(session: Session, tmp_path: Path, checkpoint: Checkpoint) -> None:
    recorder = Recorder(tmp_path / "deep" / "rec", palette="night")
    recorder.begin(session)
    play(session, recorder, 50)
    recorder.add_reset(2, 4)
    recorder.add(session.reset(2, 4))
    play(session, recorder, 10)
    assert recorder.active and recorder.frames == 62
    recorder.close()
    assert recorder.problem is None and recorder.dropped_pictures == 0 and not recorder.active
    record = read_session(recorder.folder)
    header = record.header
    assert (header.world, header.rng_seed, header.start, header.palette) == ("predictable", 7, 0, "night")
    assert header.checkpoint_digest == checkpoint.manifest.digest and header.threads == 1
    assert record.frames == video_frames(recorder.folder) == 62 and not record.torn
    assert sorted(path.name for path in recorder.folder.iterdir()) == ["actions.ndjson", "session.yaml", "video.mp4"]
    assert verify(record, checkpoint, session.backend).same


def test_what_led_to_the_beginning_is_written_too(session: Session, tmp_path: Path, checkpoint: Checkpoint) -> None:
    for _ in range(25):
        session.step(Action.RIGHT)
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    play(session, recorder, 5)
    recorder.close()
    record = read_session(tmp_path / "rec")
    assert record.header.video_from == 25 and record.frames == 31 and video_frames(tmp_path / "rec") == 6
    assert verify(record, checkpoint, session.backend).same


def test_an_occupied_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="expected a new or an empty folder"):
        Recorder(tmp_path)
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_place_that_cannot_hold_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="recording: cannot be written"):
        Recorder(tmp_path / "file" / "rec")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root and Windows write into read-only folders")
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadInput, match="recording: cannot be written"):
        Recorder(tmp_path / "rec")


def test_a_read_only_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(BadInput, match=r"recording: cannot be written \(Read-only file system\)"):
        Recorder(tmp_path / "rec")


def test_never_begun_leaves_nothing(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "rec")
    recorder.close()
    assert not (tmp_path / "rec").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("limit", [3_000, 8_000, 20_000])
def test_a_full_disk_ends_the_recording_but_not_the_play(
    session: Session, tmp_path: Path, checkpoint: Checkpoint, limit: int
) -> None:
    """The system itself refuses to let a file grow, in the middle of a write if it comes to that."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder = Recorder(tmp_path / "rec")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        recorder.begin(session)
        play(session, recorder, 400)
        recorder.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert session.index == 400
    assert recorder.problem is not None and "\n" not in recorder.problem
    assert recorder.problem.startswith(f"{tmp_path / 'rec'}: recording: stopped (")
    record = read_session(tmp_path / "rec")
    assert not record.torn and 0 < record.frames < 401
    # No half of a picture at its end; where the actions filled the disk first, there is none.
    assert not (tmp_path / "rec" / "video.mp4").stat().st_size or video_frames(tmp_path / "rec") < 401
    assert verify(record, checkpoint, session.backend).same


def test_an_encoder_that_is_missing_costs_the_video_alone(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint
) -> None:
    def broken(*args: object) -> None:
        raise ValueError("no such encoder")

    monkeypatch.setattr(engine.recordings.recorder, "VideoWriter", broken)
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    play(session, recorder, 100)
    recorder.close()
    assert recorder.problem is None
    assert recorder.video_problem == f"{tmp_path / 'rec'}: video: not made (no such encoder)"
    record = read_session(tmp_path / "rec")
    assert record.frames == 101 and verify(record, checkpoint, session.backend).same


def test_an_encoder_that_fails_costs_the_rest_of_the_video_alone(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = engine.recordings.video.VideoWriter.add

    def add(writer: engine.recordings.video.VideoWriter, picture: object, tick: int) -> None:
        if tick == 60:
            raise OSError(28, "No space left on device")
        real(writer, picture, tick)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.recordings.video.VideoWriter, "add", add)
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    play(session, recorder, 100)
    recorder.close()
    assert recorder.problem is None
    assert recorder.video_problem == f"{tmp_path / 'rec'}: video: ended early (No space left on device)"
    assert read_session(tmp_path / "rec").frames == 101
    assert 0 < video_frames(tmp_path / "rec") <= 60


def test_what_is_not_written_in_time_is_told(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    monkeypatch.setattr(engine.recordings.recorder, "_write_header", lambda folder, header: released.wait(PATIENCE))
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    recorder.close(timeout=0.05)
    assert recorder.problem == f"{tmp_path / 'rec'}: recording: stopped (not all was written within 0.05 s)"
    released.set()


def test_a_slow_encoder_drops_pictures_and_never_actions(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, played = engine.recordings.video.VideoWriter.add, threading.Event()

    def slow(writer: engine.recordings.video.VideoWriter, picture: object, tick: int) -> None:
        assert played.wait(PATIENCE)
        real(writer, picture, tick)  # type: ignore[arg-type]

    monkeypatch.setattr(engine.recordings.video.VideoWriter, "add", slow)
    monkeypatch.setattr(engine.recordings.recorder, "PICTURES", 4)
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    for _ in range(100):
        recorder.add(session.step(Action.LEFT))
    played.set()
    recorder.close()
    assert read_session(tmp_path / "rec").frames == 101
    assert recorder.dropped_pictures in (96, 97), "four wait, and one may be with the encoder"
    assert video_frames(tmp_path / "rec") == 101 - recorder.dropped_pictures


def test_a_disk_that_stands_still_ends_the_recording(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.recordings.recorder, "LINES", 10)
    played = threading.Event()
    monkeypatch.setattr(engine.recordings.recorder, "_write_header", lambda folder, header: played.wait(PATIENCE))
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    for _ in range(50):
        recorder.add(session.step(Action.LEFT))
    played.set()
    recorder.close()
    assert recorder.problem is not None and "the disk takes no more" in recorder.problem


CHILD = """
import os, sys, time
from pathlib import Path
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.recordings.recorder import Recorder
from engine.session import Session
from models.actions import Action

checkpoint = load_checkpoint(Path(sys.argv[1]))
session = Session(checkpoint, OnnxBackend(checkpoint, threads=1))
session.reset(1, 77)
recorder = Recorder(Path(sys.argv[2]), clock=lambda: session.index / 30)
recorder.begin(session)
while True:
    frame = session.step(list(Action)[session.index % 8])
    recorder.add(frame, wait=True)
    while recorder._lines or recorder._pictures:
        time.sleep(0.0001)
    os.write(1, b"%d\\n" % frame.index)
"""


def test_a_recording_ends_where_it_could_not_be_read_again(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("recorder", "recording"):
        monkeypatch.setattr(f"engine.recordings.{module}.ENTRIES_LIMIT", 20)
        monkeypatch.setattr(f"engine.recordings.{module}.EVENTS_LIMIT", 2)
    for name, rewinds in (("frames", 0), ("events", 3)):
        session.reset(0, 7)
        recorder = Recorder(tmp_path / name)
        recorder.begin(session)
        play(session, recorder, 5)
        for _ in range(rewinds):
            recorder.add_rewind(session.index)
        play(session, recorder, 30)
        recorder.close()
        assert recorder.problem is not None and "it is as long as can be played again" in recorder.problem
        assert 1 <= read_session(tmp_path / name).frames <= 20
    late = Recorder(tmp_path / "late")
    late.begin(session)
    assert not late.active and late.problem is not None
    late.close()
    assert not (tmp_path / "late").exists()


@pytest.mark.parametrize("moment", [45, 61, 74])
def test_killed_at_any_moment_all_but_the_last_second_stays(
    world_folder: Path, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path, moment: int
) -> None:
    """A real process, killed without warning: its session opens, replays, and its video plays. Its clock is that of
    its play, which goes on when the recorder has taken the frame before: a second is 30 frames on any machine."""
    script, folder = tmp_path / "child.py", tmp_path / "rec"
    script.write_text(CHILD, encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(world_folder), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
        assert child.stdout is not None
        last = 0
        while last < moment:
            last = int(child.stdout.readline())
        child.kill()
        rest = child.stdout.read().split()
    last = int(rest[-1]) if rest else last
    record = read_session(folder)
    assert record.header.rng_seed == 77 and record.header.start == 1
    assert record.frames >= last  # frame 0 to the one before: the newest may be on its way
    assert video_frames(folder) >= last - 31
    report = verify(record, checkpoint, backend)
    assert report.same and report.frames == record.frames


@pytest.mark.parametrize("begin_at", [0, 3, 9], ids=["from the start", "before the switch", "after the switch"])
def test_another_backend_is_recorded_and_verified(
    session: Session, checkpoint: Checkpoint, tmp_path: Path, begin_at: int
) -> None:
    recorder = Recorder(tmp_path / "session")
    for number in range(14):
        if number == begin_at:
            recorder.begin(session)
        if number == 6:
            session.hand_over(OnnxBackend(checkpoint, 1, note="the card is gone"))
        frame = session.step(Action.RIGHT)
        if number >= begin_at:
            recorder.add(frame)
    recorder.close()
    record = read_session(tmp_path / "session")
    (switch,) = (number for number, entry in enumerate(record.entries) if isinstance(entry, BackendEvent))
    event, after = record.entries[switch], record.entries[switch + 1]
    assert isinstance(event, BackendEvent) and isinstance(after, FrameEntry)
    assert (event.backend, event.reason, after.index, record.frames) == ("onnx", "the card is gone", 7, 15)
    opened: list[BackendEvent] = []

    def switch_to(event: BackendEvent) -> OnnxBackend:
        opened.append(event)
        return OnnxBackend(checkpoint, 1)

    assert verify(record, checkpoint, OnnxBackend(checkpoint, 1), switch=switch_to).same and opened == [event]
    assert verify(record, checkpoint, OnnxBackend(checkpoint, 1)).same
