"""Writing a file whole or not at all. Owns the temporary name, the flush, the rename, and removing what killed writers
left; refuses formats.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import psutil

TEMPORARY = ".tmp"  # how the names of files end that are not whole yet; they begin with a dot
_HALF = re.compile(r"\.(.+)\.(\d{1,9})" + re.escape(TEMPORARY))  # the file's name, the writing process's number


def linked_path(path: Path) -> Path:
    """Where a file's bytes are, or would be: what a symbolic link points to, else the path itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def temporary_path(path: Path) -> Path:
    """The name that this process writes a file under until it is whole: beside it, past a symbolic link."""
    path = linked_path(path)
    return path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY}")


def remove_halves(folder: Path, *endings: str) -> None:
    """Remove what processes that were killed while they wrote files with such endings left in a folder. What a living
    process writes stays."""
    with suppress(OSError):  # halves do no harm but to take room
        for found in list(folder.iterdir()):
            half = _HALF.fullmatch(found.name)
            if half and half[1].endswith(endings) and not psutil.pid_exists(int(half[2])):
                found.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name, or replaces what has it, only when the block ends well. A symbolic link
    stays one: what it points to is replaced. Raises OSError."""
    path = linked_path(path)
    temporary = temporary_path(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` so that a reader sees the old file or the new one, never a half. Raises OSError."""
    with whole_file(path) as file:
        file.write(data)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, on systems that can open a folder (Windows can't)."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return  # some file systems refuse it; the rename itself has happened
    finally:
        os.close(handle)
