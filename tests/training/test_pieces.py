"""A run's state comes through pieces as it was, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from models.manifest import BadInput
from training.pieces import LIST, PIECE_BYTES, pack, unpack


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "curves" / "dynamics").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "data" / "shard-000000.tar").write_bytes(b"pictures")
    (folder / "dynamics.pt").write_bytes(os.urandom(40_000))
    (folder / "tokenizer.pt").write_bytes(os.urandom(7_000))
    (folder / ".dynamics.pt.1.tmp").write_bytes(b"half")
    (folder / "curves" / "dynamics" / "events").write_bytes(b"curve")
    return folder


def test_a_run_comes_out_as_it_went_in(run: Path, tmp_path: Path) -> None:
    made = pack(run, tmp_path / "out", piece_bytes=16_384)
    sizes = [(tmp_path / "out" / piece.name).stat().st_size for piece in made.pieces]
    assert len(sizes) >= 3 and max(sizes) <= 16_384 and sizes == [piece.bytes for piece in made.pieces]
    assert made.files == ["curves/dynamics/events", "dynamics.pt", "tokenizer.pt"]
    assert unpack(tmp_path / "out", tmp_path / "again") == made
    found = sorted(path.relative_to(tmp_path / "again").as_posix() for path in (tmp_path / "again").rglob("*.*"))
    assert found == ["dynamics.pt", "tokenizer.pt"]
    for name in made.files:
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes()
    assert unpack(tmp_path / "out", tmp_path / "again") == made  # a second time changes nothing
    assert PIECE_BYTES == 16 * 2**20


def test_what_is_packed_again_replaces_what_was(run: Path, tmp_path: Path) -> None:
    made = pack(run, run / "out", piece_bytes=16_384)
    (run / "dynamics.pt").write_bytes(b"further")
    assert pack(run, run / "out", piece_bytes=16_384).files == made.files  # not what was packed before
    unpack(run / "out", tmp_path / "again")
    assert (tmp_path / "again" / "dynamics.pt").read_bytes() == b"further"


def test_a_piece_that_is_not_whole_is_refused(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "out", piece_bytes=16_384)
    piece = tmp_path / "out" / "run.001"
    whole = piece.read_bytes()
    piece.write_bytes(whole[:-1])
    with pytest.raises(BadInput, match=r"run\.001: bytes: expected 16384 with the SHA-256"):
        unpack(tmp_path / "out", tmp_path / "again")
    piece.unlink()
    with pytest.raises(BadInput, match=r"run\.001: file: cannot be read"):
        unpack(tmp_path / "out", tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_another_checkpoint_is_never_replaced(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "out")
    other = tmp_path / "other"
    other.mkdir()
    (other / "dynamics.pt").write_bytes(b"hours of work")
    with pytest.raises(BadInput, match=r"dynamics\.pt: file: expected none, or the one in"):
        unpack(tmp_path / "out", other)
    assert (other / "dynamics.pt").read_bytes() == b"hours of work" and len(list(other.iterdir())) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "Invalid JSON"),
        ('{"files": [], "pieces": []}', "pieces: "),
        ('{"files": [], "pieces": [{"name": "../a", "bytes": 1, "sha256": "0"}]}', r"pieces\.0\.name: "),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / LIST).write_text(text)
    with pytest.raises(BadInput, match=rf"pieces\.json: .*{said}"):
        unpack(tmp_path, tmp_path / "again")


def test_files_that_the_list_does_not_name_are_refused(run: Path, tmp_path: Path) -> None:
    pack(run, tmp_path / "out")
    path = tmp_path / "out" / LIST
    path.write_text(path.read_text().replace('"dynamics.pt"', '"others.pt"'))
    with pytest.raises(BadInput, match=r"files: expected dynamics\.pt among them"):
        unpack(tmp_path / "out", tmp_path / "again")


def test_nothing_to_pack_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="run: expected a folder with a stage's checkpoint"):
        pack(tmp_path, tmp_path / "out")
