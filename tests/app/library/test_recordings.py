"""Recordings on disk: listed, renamed, put into the trash; whatever else lies there does no harm."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from app.library.recordings import TRASH, list_recordings, put_into_trash, rename
from app.library.view import card_words
from models.manifest import BadInput

HEADER = {
    "dreamcade": "0.1.0", "world": "hills", "checkpoint_digest": "0123456789abcdef", "backend": "onnx",
    "backend_version": "1", "device": "CPU", "threads": 1, "instruction_set": "avx2", "rng_seed": 7, "start": 0,
    "tick_rate": 30,
}  # fmt: skip
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Makes a recording of some frames."""

    def maker(name: str, frames: int = 90, header: object = HEADER) -> Path:
        folder = tmp_path / "recordings" / name
        folder.mkdir(parents=True)
        (folder / "session.yaml").write_text(yaml.safe_dump(header), encoding="utf-8")
        lines = [f'{{"index":{n},"action":"noop","tokens_digest":"{n:016x}"}}\n' for n in range(frames)]
        (folder / "actions.ndjson").write_text("".join(lines) + '{"event":"rewind_to","index":3}\n', encoding="utf-8")
        return folder

    return maker


def test_the_newest_comes_first_with_length_world_and_seed(make: Make, tmp_path: Path) -> None:
    for age, name in ((300, "old"), (100, "new"), (200, "middle")):
        os.utime(make(name), (1e9 - age, 1e9 - age))
    (tmp_path / "recordings" / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "recordings" / "empty").mkdir()
    found = list_recordings(tmp_path / "recordings")
    assert [recording.name for recording in found] == ["new", "middle", "old"]
    first = found[0]
    assert first.header is not None and (first.header.world, first.header.rng_seed) == ("hills", 7)
    assert (first.frames, first.seconds, first.video, first.problem) == (90, 3.0, None, None)


def test_a_digest_that_lies_across_two_chunks_counts_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.library.recordings._CHUNK", 7)
    folder = make("a", 50)
    assert list_recordings(folder.parent)[0].frames == 50


def test_what_cannot_be_used_is_listed_with_why(make: Make) -> None:
    folder = make("odd", header={"world": 3})
    (folder.parent / "x.dreamcade").write_text("{", encoding="utf-8")
    found = {recording.name: recording for recording in list_recordings(folder.parent)}
    assert "session.yaml" in str(found["odd"].problem)
    assert found["x"].shared and "expected a shared session" in str(found["x"].problem)
    assert card_words(found["x"])[1] == "file: expected a shared session in JSON"
    (folder / "session.yaml").unlink()
    (folder / "session.yaml").mkdir()
    (again,) = (recording for recording in list_recordings(folder.parent) if recording.name == "odd")
    assert card_words(again)[1] == str(again.problem).removeprefix(f"{folder}/session.yaml: ")
    told = replace(again, problem=f"{folder}/session.yaml: world: expected a name: one word, found 3")
    assert card_words(told)[1] == "world: expected a name: one word, found 3"
    assert card_words(replace(again, problem="broken"))[1] == "broken"


def test_no_folder_yet(tmp_path: Path) -> None:
    assert list_recordings(tmp_path / "none") == []
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(BadInput, match="recordings: cannot be read"):
        list_recordings(tmp_path / "file")


def test_rename(make: Make) -> None:
    make("other")
    (recording,) = (r for r in list_recordings(make("a").parent) if r.name == "a")
    with pytest.raises(BadInput, match="expected a free one"):
        rename(recording, "other")
    path = rename(recording, " my best-run 2 ")
    assert path.name == "my best-run 2" and path.is_dir() and not recording.path.exists()


@pytest.mark.parametrize("name", ["", "  ", "..", ".hidden", "a/b", "a\\b", "a:b", "x" * 61, "a\0b", "a\nb"])
def test_names_that_cannot_be_are_refused(make: Make, name: str) -> None:
    (recording,) = list_recordings(make("a").parent)
    with pytest.raises(BadInput, match="name: expected"):
        rename(recording, name)
    assert recording.path.is_dir()


def test_a_folder_does_not_get_the_ending_of_shared_files(make: Make) -> None:
    (recording,) = list_recordings(make("a").parent)
    with pytest.raises(BadInput, match=r"name: expected one that doesn't end in \.dreamcade"):
        rename(recording, "mine.dreamcade")
    assert recording.path.is_dir()


def test_a_folder_that_has_the_ending_of_shared_files_is_a_recording_all_the_same(make: Make) -> None:
    (recording,) = list_recordings(make("a.dreamcade").parent)
    assert (recording.name, recording.shared, recording.frames, recording.problem) == ("a.dreamcade", False, 90, None)
    assert rename(recording, "b").name == "b"


def test_links_to_nowhere_hide_no_recording(make: Make) -> None:
    folder = make("a").parent
    (folder / "gone.dreamcade").symlink_to(folder / "nowhere")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "loop.dreamcade").symlink_to(folder / "loop.dreamcade")
    assert [recording.name for recording in list_recordings(folder)] == ["a"]


def test_a_recording_deleted_while_they_are_listed_hides_no_other(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make("a")
    gone = make("b")
    real = Path.stat

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path == gone:
            raise FileNotFoundError(2, "No such file or directory")
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", stat)
    assert [recording.name for recording in list_recordings(gone.parent)] == ["a"]


def test_deleted_it_lies_in_the_trash_whole(make: Make) -> None:
    for _ in range(2):
        folder = make("a")
        (recording,) = list_recordings(folder.parent)
        trashed = put_into_trash(recording)
        assert trashed.parent == folder.parent / TRASH and (trashed / "actions.ndjson").is_file()
        assert list_recordings(folder.parent) == []
    assert sorted(path.name for path in trashed.parent.iterdir()) == ["a", "a-2"]


def test_listing_removes_what_a_killed_export_left(make: Make) -> None:
    writer = subprocess.Popen([sys.executable, "-c", ""])
    writer.wait()
    folder = make("a").parent
    half = folder / f".a.mp4.{writer.pid}.tmp"
    living = folder / f".a.mp4.{os.getpid()}.tmp"
    for path in (half, living):
        path.write_bytes(b"half")
    assert [recording.name for recording in list_recordings(folder)] == ["a"]
    assert living.exists() and not half.exists()
