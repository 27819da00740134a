"""A file that takes each piece whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.recordings.whole_file import WholeFile


class FullDisk:
    """Stands before a file and lets only so many bytes through."""

    def __init__(self, file: Any, space: int) -> None:
        self._file, self._space = file, space

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, data: memoryview) -> int:
        if self._space == 0:
            raise OSError(28, "No space left on device")
        written: int = self._file.write(data[: self._space])
        self._space -= written
        return written


def test_what_is_written_is_there_at_once(tmp_path: Path) -> None:
    file = WholeFile(tmp_path / "log")
    assert file.write(b"one\n") == 4
    assert (tmp_path / "log").read_bytes() == b"one\n"
    file.sync()
    file.close()


def test_a_piece_that_does_not_fit_leaves_nothing_of_itself(tmp_path: Path) -> None:
    file = WholeFile(tmp_path / "log")
    file._file = FullDisk(file._file, 10)  # type: ignore[assignment]
    file.write(b"12345\n")
    with pytest.raises(OSError, match="No space"):
        file.write(b"67890\n")
    assert (tmp_path / "log").read_bytes() == b"12345\n"
    file.close()
