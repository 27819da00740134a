"""Reading a file that anyone may have put there. Owns what may be read at all and how much; refuses formats."""

from __future__ import annotations

import stat
from pathlib import Path

from models.manifest import BadInput


def check_bounded(path: Path, limit: int) -> None:
    """Raise BadInput unless `path` is a regular file of at most `limit` bytes, OSError where it can't be looked at."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # a pipe would be read for ever
        raise BadInput(f"{path}: file: expected a regular file")
    if found.st_size > limit:
        raise BadInput(f"{path}: size: expected at most {limit} bytes")


def read_bounded(path: Path, limit: int) -> bytes:
    """All of a file, at most `limit` bytes. Raises BadInput."""
    try:
        check_bounded(path, limit)
        with path.open("rb") as file:
            return file.read(limit)
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise BadInput(f"{path}: file: cannot be read ({reason})") from error
