"""Shared sessions: small, exact in another process, the first compared frame that differs named, damage told."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine.recordings.share
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint
from engine.recordings.recorder import Recorder
from engine.recordings.recording import Entry, FrameEntry, ResetEvent, RewindEvent, SessionRecord, read_session
from engine.recordings.replay import verify
from engine.recordings.share import open_record, read_share, write_share
from engine.session import Session
from engine.start import PictureStart
from engine.time_travel.timeline import Timeline
from models.actions import Action
from models.manifest import BadInput

ROOT = Path(engine.recordings.share.__file__).parents[1]
WILD = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

CHILD = """
import sys
from pathlib import Path
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.recordings.replay import replay
from engine.recordings.share import read_share

checkpoint = load_checkpoint(Path(sys.argv[1]))
record = read_share(Path(sys.argv[2]))
for frame in replay(record, checkpoint, OnnxBackend(checkpoint, threads=1)):
    print(frame.tokens_digest)
"""


def record_play(session: Session, folder: Path, ticks: list[int]) -> SessionRecord:
    """A recording of stretches of random play: a rewind after each but the last, a reset after the first."""
    session.timeline = Timeline()
    session.reset(0, 7)
    chance = np.random.default_rng(1)
    recorder = Recorder(folder)
    recorder.begin(session)
    for number, count in enumerate(ticks):
        for action in chance.integers(0, 5, count):
            recorder.add(session.step(session.checkpoint.manifest.actions[action].action), wait=True)
        if number == 0 and len(ticks) > 1:
            pixels = np.zeros(session.checkpoint.manifest.picture_shape, np.uint8)
            start = PictureStart(np.arange(session.checkpoint.manifest.tokens) % 8, pixels)
            recorder.add_reset(start, 9)
            recorder.add(session.reset(start, 9), wait=True)
        elif number < len(ticks) - 1:
            session.rewind_to(session.index // 2)
            recorder.add_rewind(session.index)
    recorder.close()
    return read_session(folder)


@pytest.fixture(scope="module")
def played(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of play with a reset to a picture and rewinds, and a share file of it; not to be changed."""
    folder = tmp_path_factory.mktemp("played")
    session = Session(checkpoint, OnnxBackend(checkpoint, threads=1))
    write_share(record_play(session, folder / "rec", [70, 50, 45, 20]), folder / "a.dreamcade")
    return folder


@pytest.fixture
def shared(played: Path, tmp_path: Path) -> Path:
    """A share file, with its recording beside it."""
    shutil.copytree(played, tmp_path, dirs_exist_ok=True)
    return tmp_path / "a.dreamcade"


def regenerate_elsewhere(world_folder: Path, shared: Path) -> list[str]:
    """The digests that a new process makes of a share file."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", CHILD, str(world_folder), str(shared)]
    done = subprocess.run(command, capture_output=True, env=environment, text=True, check=True, timeout=90)
    return done.stdout.split()


def test_another_process_makes_every_frame_again(shared: Path, world_folder: Path, tmp_path: Path) -> None:
    entries = read_session(tmp_path / "rec").entries
    expected = [entry.tokens_digest for entry in entries if isinstance(entry, FrameEntry)]
    assert regenerate_elsewhere(world_folder, shared) == expected


def test_it_holds_what_happened_and_a_digest_every_30_frames(shared: Path, tmp_path: Path) -> None:
    record, whole = read_share(shared), read_session(tmp_path / "rec")
    assert record.header == whole.header and record.shared and not record.torn
    assert len(record.entries) == len(whole.entries)
    kept = 0
    number = 0
    for entry, real in zip(record.entries, whole.entries, strict=True):
        if isinstance(real, FrameEntry) and isinstance(entry, FrameEntry):
            assert (entry.index, entry.action) == (real.index, real.action)
            checked = number % 30 == 0 or number == whole.frames - 1
            assert entry.tokens_digest == (real.tokens_digest if checked else None)
            kept += checked
            number += 1
        else:
            assert entry == real
    assert kept == 8 and any(isinstance(e, ResetEvent) and e.start_tokens for e in record.entries)
    assert sum(isinstance(entry, RewindEvent) for entry in record.entries) == 2


def test_five_minutes_of_hasty_play_take_ten_kilobytes_and_come_out_in_another_process(
    session: Session, world_folder: Path, tmp_path: Path
) -> None:
    """A new random action every tick, which packs worst."""
    header = record_play(session, tmp_path / "rec", [1]).header
    session.timeline = None
    session.reset(header.start, header.rng_seed)
    actions = [entry.action for entry in session.checkpoint.manifest.actions]
    for action in np.random.default_rng(3).integers(0, len(actions), 9000):
        session.step(actions[action])
    entries = tuple(
        FrameEntry(index=index, action=action, tokens_digest=digest)
        for index, (action, digest) in enumerate(session.history)
    )
    size = write_share(SessionRecord(tmp_path, header, entries, torn=False), tmp_path / "a.dreamcade")
    assert size == (tmp_path / "a.dreamcade").stat().st_size <= 10_000
    assert regenerate_elsewhere(world_folder, tmp_path / "a.dreamcade") == [entry.tokens_digest for entry in entries]


@pytest.mark.parametrize("held", [1, 4])
@pytest.mark.parametrize("every", [15, 60])
def test_five_minutes_with_rewinds_take_ten_kilobytes(session: Session, tmp_path: Path, held: int, every: int) -> None:
    header = record_play(session, tmp_path / "rec", [1]).header
    chance = np.random.default_rng(5)
    known = [Action.NOOP, Action.LEFT, Action.RIGHT, Action.JUMP, Action.LEFT_JUMP, Action.RIGHT_JUMP]
    entries: list[Entry] = []
    index = -1
    for number in range(9000):
        if number % 1000 == 999:
            entries.append(ResetEvent(start=3, rng_seed=int(chance.integers(1 << 31))))
            index = -1
        elif number % every == every - 1:
            index = max(0, index - int(chance.integers(1, every)))
            entries.append(RewindEvent(index=index))
        index += 1
        if number % held == 0:
            action = known[chance.integers(len(known))]
        played = Action.NOOP if index == 0 else action
        entries.append(FrameEntry(index=index, action=played, tokens_digest=chance.bytes(8).hex()))
    record = SessionRecord(tmp_path, header, tuple(entries), torn=False)
    assert write_share(record, tmp_path / "a.dreamcade") <= 10_000
    back = read_share(tmp_path / "a.dreamcade").entries
    assert [replace(e, tokens_digest=None) if isinstance(e, FrameEntry) else e for e in back] == [
        replace(e, tokens_digest=None) if isinstance(e, FrameEntry) else e for e in entries
    ]


def test_the_first_compared_frame_that_differs_is_named(
    shared: Path, checkpoint: Checkpoint, backend: OnnxBackend
) -> None:
    assert verify(read_share(shared), checkpoint, backend).same
    document = json.loads(shared.read_text(encoding="utf-8"))
    document["header"]["rng_seed"] = 8
    shared.write_text(json.dumps(document), encoding="utf-8")
    report = verify(read_share(shared), checkpoint, backend)
    assert (report.first_difference, report.last_same, report.frames) == (30, 0, 31)


def test_a_shared_session_cannot_be_shared_again_without_its_digests(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected a recording with all its digests"):
        write_share(open_record(shared), tmp_path / "b.dreamcade")


def packed(data: bytes) -> str:
    """A text that unpacks to `data`."""
    return base64.b85encode(zlib.compress(data, 9)).decode("ascii")


def changed(shared: Path, **fields: Any) -> Path:
    """The share file with other fields."""
    document = json.loads(shared.read_text(encoding="utf-8"))
    shared.write_text(json.dumps(document | fields), encoding="utf-8")
    return shared


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"actions": "!"}, "actions: expected"),
        ({"actions": "ü"}, "actions: expected base85"),
        ({"actions": packed(bytes(3))}, "actions: expected one for each of 187"),
        ({"actions": packed(bytes(187))[:-5]}, "actions: expected packed actions, whole"),
        ({"digests": ""}, "digests: expected one every 30 frames"),
        ({"digests": "0"}, "digests: expected"),
        ({"digests": "00000" * 99 + "0"}, "digests: expected"),
        ({"known": []}, "known: "),
        ({"known": ["noop"]}, "actions: expected values from 0 to 0"),
        ({"known": ["fly"]}, "known.0: "),
        ({"parts": []}, "parts: "),
        ({"parts": packed(b"")}, "parts: expected frames, and"),
        ({"parts": packed(bytes([9, 1]))}, "parts: expected frames, and"),
        ({"parts": packed(bytes([9, 0, 130]))}, "parts: expected frames, and"),
        ({"parts": packed(bytes([255, 255, 255, 1]))}, "parts: expected numbers up to 524288"),
        ({"parts": packed(bytes([255, 255, 127]))}, "parts: entries: expected at most 524288 frames and events"),
        ({"parts": packed(bytes([1] + [1, 0] * 65537))}, "parts: events: expected at most 65536"),
        (
            {"events": packed(b"[]"), "parts": packed(bytes([187, 1, 3, 0, 187, 1, 0]))},
            "part 2: rewind: expected one to a frame that was",
        ),
        ({"parts": packed(bytes([187, 1, 0, 0, 0, 0]))}, "events: expected a list of 2"),
        (
            {"events": packed(b"[]"), "parts": packed(bytes([0, 1, 187, 1]))},
            "part 1: rewind: expected one to a frame that was played",
        ),
        ({"events": packed(b"{")}, "events: expected packed JSON"),
        ({"events": packed(b"[]")}, "events: expected a list of 1, as the parts say"),
        ({"events": packed(b"[3]")}, "event 0: event: expected one of reset"),
        ({"events": packed(b'[{"event":"rewind_to","index":0}]')}, "event 0: event: expected a reset or a backend"),
        ({"events": packed(b'[{"event":"reset","start":0}]')}, "event 0: rng_seed: "),
        ({"dreamcade_session": 1}, "dreamcade_session: "),
        ({"flavour": 2}, "flavour: "),
        ({"header": {}}, "header.dreamcade: "),
    ],
)
def test_damage_is_told_in_one_line(shared: Path, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as error:
        read_share(changed(shared, **fields))
    assert str(error.value).startswith(f"{shared}: ") and "\n" not in str(error.value)


def test_an_event_before_frame_0_is_told(shared: Path) -> None:
    with pytest.raises(BadInput, match="part 1: event: expected frame 0 first"):
        read_share(changed(shared, parts=packed(bytes([0, 0, 187, 1]))))


@pytest.mark.parametrize("field", ["actions", "parts", "events"])
def test_a_bomb_is_not_unpacked(shared: Path, field: str) -> None:
    bomb = packed(bytes(100 << 20))
    with pytest.raises(BadInput, match=f"{field}: expected packed {field}, whole and at most"):
        read_share(changed(shared, **{field: bomb}))


def test_folders_and_files_are_both_records(shared: Path, tmp_path: Path) -> None:
    assert open_record(shared).shared and not open_record(tmp_path / "rec").shared
    with pytest.raises(BadInput, match=r"session\.yaml"):
        open_record(Path("x" * 5000))


def expect_only_bad_input(path: Path) -> None:
    try:
        assert read_share(path).frames >= 0
    except BadInput as error:
        assert str(path) in str(error) and len(str(error).splitlines()) == 1


@WILD
@given(body=st.binary(max_size=300))
def test_any_bytes(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "a.dreamcade").write_bytes(body)
    expect_only_bad_input(tmp_path / "a.dreamcade")


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
    lambda part: st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=4), part, max_size=3),
    max_leaves=6,
)


@WILD
@given(field=st.sampled_from(["header", "known", "events", "parts", "actions", "digests", "other"]), value=VALUES)
def test_any_value_in_a_field(shared: Path, field: str, value: Any) -> None:
    before = shared.read_bytes()
    try:
        expect_only_bad_input(changed(shared, **{field: value}))
    finally:
        shared.write_bytes(before)


@WILD
@given(
    field=st.sampled_from(["events", "parts", "actions"]),
    data=st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode()),
)
def test_anything_packed_in_a_field(shared: Path, field: str, data: bytes) -> None:
    before = shared.read_bytes()
    try:
        expect_only_bad_input(changed(shared, **{field: packed(data)}))
    finally:
        shared.write_bytes(before)


@WILD
@given(at=st.integers(0, 4000), new=st.binary(min_size=1, max_size=3))
def test_any_changed_bytes(shared: Path, at: int, new: bytes) -> None:
    before = bytearray(shared.read_bytes())
    body = bytearray(before)
    at %= len(body)
    body[at : at + len(new)] = new
    try:
        shared.write_bytes(body)
        expect_only_bad_input(shared)
    finally:
        shared.write_bytes(before)
