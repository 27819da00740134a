"""A file that grows while it may be cut off at any moment. Owns whole writes and syncing; refuses formats."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


class WholeFile:
    """A file that takes each piece at once and whole: nothing waits in memory for a kill, and none ends in a half."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._size = 0

    def write(self, data: bytes) -> int:
        """Write all of `data`. Raises OSError, having cut off what went only in part."""
        left = memoryview(data)
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
            raise
        self._size += len(data)
        return len(data)

    def sync(self) -> None:
        """Make what was written survive a power cut. Raises OSError."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
