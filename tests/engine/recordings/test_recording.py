"""Reading session folders: torn ends are passed over, damage is told with its line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine.recordings.recording
from engine.recordings.recording import FrameEntry, ResetEvent, RewindEvent, read_session
from models.manifest import BadInput

HEADER: dict[str, Any] = {
    "schema_version": 1,
    "dreamcade": "0.1.0",
    "world": "predictable",
    "checkpoint_digest": "0123456789abcdef",
    "backend": "onnx",
    "backend_version": "onnxruntime 1",
    "device": "CPU",
    "threads": 2,
    "instruction_set": "avx2",
    "rng_seed": 7,
    "start": 0,
    "tick_rate": 30,
}
DIGEST = "00112233445566ff"
FRAMES: list[dict[str, Any]] = [
    {"index": 0, "action": "noop", "tokens_digest": DIGEST},
    {"index": 1, "action": "left", "tokens_digest": DIGEST},
    {"event": "reset", "start": 1, "rng_seed": 9},
    {"index": 0, "action": "noop", "tokens_digest": DIGEST},
    {"index": 1, "action": "right+jump", "tokens_digest": DIGEST},
]

Writer = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    """Writes a session folder from a header and lines (documents or bytes)."""

    def writer(header: Any = HEADER, lines: list[Any] = FRAMES, tail: bytes = b"") -> Path:
        text = header if isinstance(header, bytes) else yaml.safe_dump(header).encode()
        (tmp_path / "session.yaml").write_bytes(text)
        body = b"".join(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n" for line in lines)
        (tmp_path / "actions.ndjson").write_bytes(body + tail)
        return tmp_path

    return writer


def test_reads(write: Writer) -> None:
    record = read_session(write())
    assert record.header.world == "predictable" and record.header.palette is None
    assert record.frames == 4 and not record.torn
    assert isinstance(record.entries[4], FrameEntry) and record.entries[2] == ResetEvent(start=1, rng_seed=9)


def test_play_goes_on_after_the_frame_that_it_went_back_to(write: Writer) -> None:
    back = {"event": "rewind_to", "index": 0}
    record = read_session(write(lines=[*FRAMES, back, back, FRAMES[1], FRAMES[2], FRAMES[0]]))
    assert record.frames == 6 and record.entries[5] == record.entries[6] == RewindEvent(index=0)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no name in a folder there")
def test_a_pipe_is_told_instead_of_waited_for(write: Writer) -> None:
    folder = write()
    (folder / "actions.ndjson").unlink()
    os.mkfifo(folder / "actions.ndjson")
    with pytest.raises(BadInput, match=r"actions\.ndjson: file: expected a regular file"):
        read_session(folder)


@pytest.mark.parametrize("tail", [b"{", b'{"index":2,"action":"left","tokens_digest":"00112233445566ff"}', b"\x00\x00"])
def test_a_torn_last_line_is_passed_over(write: Writer, tail: bytes) -> None:
    record = read_session(write(tail=tail))
    assert record.torn and record.frames == 4


def test_what_is_too_long_is_told_with_the_limit(write: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.recordings.recording, "ENTRIES_LIMIT", 5)
    monkeypatch.setattr(engine.recordings.recording, "EVENTS_LIMIT", 2)
    back = {"event": "rewind_to", "index": 1}
    assert read_session(write()).frames == 4
    with pytest.raises(BadInput, match=r"actions\.ndjson:6: entries: expected at most 5 frames and events"):
        read_session(write(lines=[*FRAMES, back]))
    with pytest.raises(BadInput, match=r"actions\.ndjson:5: events: expected at most 2 resets, rewinds"):
        read_session(write(lines=[*FRAMES[:2], back, back, back]))


def test_killed_before_the_first_frame(write: Writer) -> None:
    folder = write(lines=[])
    assert read_session(folder).frames == 0
    (folder / "actions.ndjson").unlink()
    assert read_session(folder).entries == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rng_seed": "seven"}, "session.yaml: rng_seed: "),
        ({"rng_seed": -1}, "session.yaml: rng_seed: "),
        ({"rng_seed": 1 << 63}, "session.yaml: rng_seed: "),
        ({"start": True}, "session.yaml: start: "),
        ({"threads": 0}, "session.yaml: threads: "),
        ({"threads": 65}, "session.yaml: threads: "),
        ({"checkpoint_digest": "xyz"}, "session.yaml: checkpoint_digest: "),
        ({"schema_version": 2}, "session.yaml: schema_version: "),
        ({"flavour": 1}, "session.yaml: flavour: "),
    ],
)
def test_a_wrong_header_is_told(write: Writer, change: dict[str, Any], message: str) -> None:
    with pytest.raises(BadInput, match=message) as error:
        read_session(write(HEADER | change))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("header", [b"", b"- 1", b"{", b"\xff", b"a: &a [*a]", b"x" * 70_000])
def test_no_header_at_all_is_told(write: Writer, header: bytes) -> None:
    with pytest.raises(BadInput, match=r"session\.yaml: "):
        read_session(write(header))


@pytest.mark.parametrize(
    ("at", "line", "message"),
    [
        (2, b"{]\n", "actions.ndjson:2: line: expected one JSON object"),
        (2, b"\n", "actions.ndjson:2: line: "),
        (2, b"[]\n", "actions.ndjson:2: document: "),
        (2, b"x" * 50_000 + b"\n", "actions.ndjson:2: line: expected at most 32768 bytes"),
        (2, {"index": 1, "action": "fly", "tokens_digest": DIGEST}, "actions.ndjson:2: action: "),
        (2, {"index": 2, "action": "left", "tokens_digest": DIGEST}, "actions.ndjson:2: index: expected 1, found 2"),
        (2, {"index": 1, "action": "left", "tokens_digest": "short"}, "actions.ndjson:2: tokens_digest: "),
        (2, {"index": 1.5, "action": "left", "tokens_digest": DIGEST}, "actions.ndjson:2: index: "),
        (2, {"index": 1, "action": "left"}, "actions.ndjson:2: tokens_digest: "),
        (2, {"event": "dance", "start": 0, "rng_seed": 0}, "actions.ndjson:2: event: "),
        (1, {"event": "reset", "start": 0, "rng_seed": 0}, "actions.ndjson:1: event: expected frame 0 first"),
        (4, {"event": "reset", "start": 0, "rng_seed": 0}, "actions.ndjson:4: event: expected frame 0 first"),
        (4, {"index": 0, "action": "left", "tokens_digest": DIGEST}, "actions.ndjson:4: action: expected noop"),
        (4, {"index": 2, "action": "left", "tokens_digest": DIGEST}, "actions.ndjson:4: index: expected 0, found 2"),
        (1, {"event": "rewind_to", "index": 0}, "actions.ndjson:1: event: expected frame 0 first"),
        (3, {"event": "rewind_to", "index": 2}, "actions.ndjson:3: index: expected a frame up to 1, found 2"),
        (3, {"event": "rewind_to", "index": -1}, "actions.ndjson:3: index: "),
        (3, {"event": "rewind_to"}, "actions.ndjson:3: index: "),
    ],
)
def test_damage_before_the_end_is_told_with_its_line(write: Writer, at: int, line: Any, message: str) -> None:
    with pytest.raises(BadInput, match=message) as error:
        read_session(write(lines=[*FRAMES[: at - 1], line, *FRAMES[at:]]))
    assert "\n" not in str(error.value)


def test_a_folder_that_is_no_session(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"session.yaml: file: expected one, found none"):
        read_session(tmp_path)


def test_a_folder_in_place_of_a_file(write: Writer) -> None:
    folder = write()
    (folder / "actions.ndjson").unlink()
    (folder / "actions.ndjson").mkdir()
    with pytest.raises(BadInput, match=r"actions.ndjson: file: expected a regular file"):
        read_session(folder)


WILD = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20))
DOCUMENTS = st.recursive(
    SCALARS,
    lambda part: st.lists(part, max_size=2) | st.dictionaries(st.text(max_size=4), part, max_size=2),
    max_leaves=5,
)


def expect_only_bad_input(folder: Path) -> None:
    try:
        assert read_session(folder).frames >= 0
    except BadInput as error:
        assert str(folder) in str(error) and len(str(error).splitlines()) == 1


@WILD
@given(body=st.binary(max_size=300))
def test_any_bytes_as_header(write: Writer, body: bytes) -> None:
    expect_only_bad_input(write(body))


@WILD
@given(field=st.sampled_from([*HEADER, "palette", "video_from", "other"]), value=DOCUMENTS)
def test_any_value_in_the_header(write: Writer, field: str, value: Any) -> None:
    expect_only_bad_input(write(HEADER | {field: value}))


@WILD
@given(
    at=st.integers(0, 5), line=st.binary(max_size=200) | DOCUMENTS.map(lambda value: json.dumps(value).encode() + b"\n")
)
def test_any_line(write: Writer, at: int, line: bytes) -> None:
    expect_only_bad_input(write(lines=[*FRAMES[:at], line, *FRAMES[at:]]))


@WILD
@given(
    at=st.integers(0, 4), field=st.sampled_from(["index", "action", "tokens_digest", "event", "start"]), value=DOCUMENTS
)
def test_any_value_in_a_line(write: Writer, at: int, field: str, value: Any) -> None:
    expect_only_bad_input(write(lines=[*FRAMES[:at], FRAMES[at] | {field: value}, *FRAMES[at + 1 :]]))
