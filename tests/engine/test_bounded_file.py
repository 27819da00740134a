import os
from pathlib import Path

import pytest

from engine.bounded_file import read_bounded
from models.manifest import BadInput


def test_a_file_up_to_the_limit_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abcd")
    assert read_bounded(file, 4) == b"abcd"
    with pytest.raises(BadInput, match=r"file: size: expected at most 3 bytes"):
        read_bounded(file, 3)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path, "expected a regular file"),
        (tmp_path / "none", "cannot be read"),
        (Path("a\0b"), "null"),
    ):
        with pytest.raises(BadInput, match=reason):
            read_bounded(path, 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with names are a Unix thing")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match="expected a regular file"):
        read_bounded(pipe, 4)
