"""Saves: the same tokens in another process as if one had never quit, and no damage that goes unseen."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine.time_travel.save
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.recordings.recorder import Recorder
from engine.recordings.recording import read_session
from engine.recordings.replay import verify
from engine.session import Session
from engine.start import PictureStart
from engine.time_travel.save import MAGIC, Save, read_save, save_bytes, write_save
from engine.time_travel.timeline import Timeline
from models.actions import Action
from models.manifest import BadInput

ROOT = Path(engine.time_travel.save.__file__).parents[1]
WILD = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

CHILD = """
import sys
from pathlib import Path
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.time_travel.save import read_save
from engine.session import Session
from models.actions import Action

checkpoint = load_checkpoint(Path(sys.argv[1]))
session = Session(checkpoint, OnnxBackend(checkpoint, threads=1))
session.resume(read_save(Path(sys.argv[2]), checkpoint).moment)
for tick in range(int(sys.argv[3])):
    print(session.step(list(Action)[tick * 3 % 8]).tokens_digest)
"""


def play(session: Session, frames: int) -> list[str]:
    """Digests of some frames of play."""
    return [session.step(list(Action)[tick * 3 % 8]).tokens_digest for tick in range(frames)]


@pytest.fixture
def saved(session: Session, tmp_path: Path) -> Path:
    """A save of a session at frame 40."""
    play(session, 40)
    path = tmp_path / "slots" / "slot-1.save"
    write_save(path, save_bytes(session.moment(), session.checkpoint, "night"))
    return path


def restamp(body: bytes) -> bytes:
    """`body` with the hash that makes it look whole."""
    return body + hashlib.sha256(body).digest()


def test_another_process_goes_on_as_if_one_had_never_quit(saved: Path, session: Session, world_folder: Path) -> None:
    expected = play(session, 50)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(world_folder), str(saved), "50"]
    done = subprocess.run(command, capture_output=True, env=environment, text=True, check=True, timeout=60)
    assert done.stdout.split() == expected


@pytest.mark.parametrize("entropy", [nan, inf, -inf])
def test_an_entropy_that_is_no_number_is_saved_as_none(session: Session, tmp_path: Path, entropy: float) -> None:
    play(session, 5)
    moment = session.moment()
    odd = replace(moment, frame=replace(moment.frame, entropy=entropy))
    write_save(tmp_path / "a.save", save_bytes(odd, session.checkpoint, None))
    save = read_save(tmp_path / "a.save", session.checkpoint)
    assert save.header.entropy is None and isnan(save.moment.frame.entropy)
    session.resume(save.moment)
    assert session.step(Action.LEFT).index == 6


def test_what_a_killed_process_left_is_removed(saved: Path) -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    left = saved.with_name(f".{saved.name}.{done.pid}.tmp")
    kept = [saved.with_name(name) for name in (f".{saved.name}.{os.getppid()}.tmp", f".mine.{done.pid}.tmp", "a.tmp")]
    for path in (left, *kept):
        path.write_bytes(b"half")
    write_save(saved, saved.read_bytes())
    assert not left.exists() and all(path.exists() for path in kept)


def test_what_is_read_is_what_was_saved(saved: Path, session: Session) -> None:
    save = read_save(saved, session.checkpoint)
    assert (save.header.index, save.header.palette, save.header.rng_seed) == (40, "night", 7)
    moment, now = save.moment, session.moment()
    assert moment.played == now.played and moment.digests == now.digests and moment.start == now.start == 0
    assert np.array_equal(moment.frame.pixels, session.frame.pixels)
    assert {name: array.tolist() for name, array in moment.state.items()} == {
        name: array.tolist() for name, array in now.state.items()
    }


def test_a_recording_after_loading_tells_everything(
    saved: Path, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path
) -> None:
    session = Session(checkpoint, OnnxBackend(checkpoint, threads=1), timeline=Timeline())
    session.reset(2, 1)
    play(session, 5)
    session.resume(read_save(saved, checkpoint).moment)
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    for action in (Action.LEFT, Action.RIGHT):
        recorder.add(session.step(action))
    recorder.close()
    record = read_session(tmp_path / "rec")
    assert record.frames == 43 and verify(record, checkpoint, backend).same


def test_going_back_behind_a_loaded_save_works(saved: Path, checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    session = Session(checkpoint, backend, timeline=Timeline())
    session.resume(read_save(saved, checkpoint).moment)
    digests = [digest for _, digest in session.history]
    assert session.timeline is not None and session.timeline.oldest == 40
    assert session.rewind_to(10).tokens_digest == digests[10]


def test_loading_what_one_came_by_keeps_the_past(checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path) -> None:
    """Rewound behind the load, frames are those that were played, and what is recorded of it all verifies."""
    session = Session(checkpoint, backend, timeline=Timeline())
    session.reset(0, 7)
    play(session, 70)
    write_save(tmp_path / "a.save", save_bytes(session.moment(), checkpoint, None))
    digests = [digest for _, digest in session.history]
    play(session, 33)
    session.resume(read_save(tmp_path / "a.save", checkpoint).moment)
    kept = session.timeline
    assert kept is not None and kept.oldest == 0 and session.loaded_at is None
    assert kept.frame(70) is not None and kept.frame(71) is None
    recorder = Recorder(tmp_path / "rec")
    recorder.begin(session)
    for index in (68, 41):
        assert session.kept_frame(index).tokens_digest == digests[index]  # type: ignore[union-attr]
        assert session.rewind_to(index).tokens_digest == digests[index]
        recorder.add_rewind(index)
        recorder.add(session.step(Action.LEFT))
    recorder.close()
    assert verify(read_session(tmp_path / "rec"), checkpoint, OnnxBackend(checkpoint, threads=1)).same


def test_loading_another_line_of_play_forgets_the_past(
    saved: Path, checkpoint: Checkpoint, backend: OnnxBackend
) -> None:
    moment = read_save(saved, checkpoint).moment
    session = Session(checkpoint, backend, timeline=Timeline())
    for start, rng_seed, action in ((1, 7, None), (0, 8, None), (0, 7, Action.JUMP)):
        session.reset(start, rng_seed)
        for played in moment.played[1:]:
            session.step(action or checkpoint.manifest.actions[played].action)
        session.resume(moment)
        assert session.timeline is not None and session.timeline.oldest == session.loaded_at == 40


def test_a_start_from_a_picture_is_kept(session: Session, tmp_path: Path) -> None:
    checkpoint = session.checkpoint
    tokens = np.arange(checkpoint.manifest.tokens) % checkpoint.manifest.codebook
    pixels = np.full(checkpoint.manifest.picture_shape, 3, np.uint8)
    session.reset(PictureStart(tokens, pixels), 5)
    play(session, 4)
    write_save(tmp_path / "a.save", save_bytes(session.moment(), checkpoint, None))
    start = read_save(tmp_path / "a.save", checkpoint).moment.start
    assert isinstance(start, PictureStart)
    assert np.array_equal(start.tokens, tokens) and np.array_equal(start.pixels, pixels)


@pytest.mark.parametrize("at", [0, 20, 30, 200, 1000, -40, -1])
def test_any_flipped_bit_is_seen(saved: Path, checkpoint: Checkpoint, at: int) -> None:
    data = bytearray(saved.read_bytes())
    data[at] ^= 1
    saved.write_bytes(data)
    with pytest.raises(BadInput, match=r"slot-1\.save: (sha256|file): expected"):
        read_save(saved, checkpoint)


@pytest.mark.parametrize("length", [0, 5, 15, 40, 60, 1000])
def test_a_file_that_is_cut_off_is_told(saved: Path, checkpoint: Checkpoint, length: int) -> None:
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(BadInput, match=r"slot-1\.save: (sha256|file): expected"):
        read_save(saved, checkpoint)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"world":"predictable"', b'"world":"other______"', "world: expected predictable, found other"),
        (b'"index":40', b'"index":41', "payload: expected"),
        (b'"start":0', b'"start":9', "start: expected 0 to 2, found 9"),
        (b'"rng_seed":7', b'"rng_seed":-', "header: expected JSON"),
        (b'"entropy"', b'"entr0py"', "entr"),
        (b'"checkpoint_digest":"', b'"checkpoint_digest":"z', "checkpoint_digest: "),
    ],
)
def test_a_header_that_lies_is_told(saved: Path, checkpoint: Checkpoint, old: bytes, new: bytes, message: str) -> None:
    body = saved.read_bytes()[:-32]
    assert old in body
    begin = len(MAGIC) + 4
    length = int.from_bytes(body[len(MAGIC) : begin], "little") + len(new) - len(old)
    body = MAGIC + length.to_bytes(4, "little") + body[begin:].replace(old, new, 1)
    saved.write_bytes(restamp(body))
    with pytest.raises(BadInput, match=message) as error:
        read_save(saved, checkpoint)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": np.full((32, 32), 200, np.uint8)}, "pixels: expected values from 0 to 7"),
        ({"tokens": np.full(16, 9)}, "tokens: expected values from 0 to 7"),
        ({"tokens": np.full(16, 1)}, "digests: expected the last one"),
    ],
)
def test_contents_that_cannot_be_are_told(
    session: Session, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    moment = session.moment()
    frame = type(moment.frame)(**(moment.frame.__dict__ | change))
    wrong = type(moment)(**(moment.__dict__ | {"frame": frame}))
    write_save(tmp_path / "a.save", save_bytes(wrong, session.checkpoint, None))
    with pytest.raises(BadInput, match=message):
        read_save(tmp_path / "a.save", session.checkpoint)


def test_a_state_that_is_not_finite_is_told(session: Session, tmp_path: Path) -> None:
    moment = session.moment()
    moment.state["ring"][0] = np.nan  # type: ignore[index]
    write_save(tmp_path / "a.save", save_bytes(moment, session.checkpoint, None))
    with pytest.raises(BadInput, match="state ring: expected finite numbers"):
        read_save(tmp_path / "a.save", session.checkpoint)


def test_a_save_of_another_checkpoint_is_refused(
    saved: Path, make_world: Callable[..., Path], reseal: Any, starts: Any
) -> None:
    folder = make_world()
    np.savez(folder / "start_frames.npz", **(starts | {"level_seed": np.arange(3) + 5}))
    reseal(folder)
    with pytest.raises(BadInput, match="checkpoint_digest: expected"):
        read_save(saved, load_checkpoint(folder))


def test_a_folder_or_nothing_in_place_of_a_save(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="file: expected a regular file"):
        read_save(tmp_path, checkpoint)
    with pytest.raises(BadInput, match="file: cannot be read"):
        read_save(tmp_path / "none", checkpoint)


def test_a_save_that_cannot_be_written_leaves_the_old_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = saved.read_bytes()

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadInput, match=r"save: cannot be written \(No space left on device\)"):
        write_save(saved, b"new")
    assert saved.read_bytes() == before and [path.name for path in saved.parent.iterdir()] == ["slot-1.save"]


def expect_only_bad_input(path: Path, checkpoint: Checkpoint) -> None:
    try:
        assert isinstance(read_save(path, checkpoint), Save)
    except BadInput as error:
        assert str(path) in str(error) and len(str(error).splitlines()) == 1


@WILD
@given(body=st.binary(max_size=400), stamped=st.booleans())
def test_any_bytes(tmp_path: Path, checkpoint: Checkpoint, body: bytes, stamped: bool) -> None:
    (tmp_path / "a.save").write_bytes(restamp(MAGIC + body) if stamped else body)
    expect_only_bad_input(tmp_path / "a.save", checkpoint)


@WILD
@given(at=st.integers(0, 3000), new=st.binary(min_size=1, max_size=6))
def test_any_change_that_is_stamped_again(session: Session, tmp_path: Path, at: int, new: bytes) -> None:
    path, checkpoint = tmp_path / "a.save", session.checkpoint
    body = bytearray(save_bytes(session.moment(), checkpoint, None)[:-32])
    at %= len(body)
    body[at : at + len(new)] = new
    path.write_bytes(restamp(bytes(body)))
    expect_only_bad_input(path, checkpoint)
