"""Folders that are out of the way while another takes their place, or while they are deleted. Owns their names and what
killed processes left of that; refuses to know what is in them.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

import psutil

from engine.atomic import sync_folder

OLD = ".old"  # is whole: another folder was to have its place
GONE = ".gone"  # is being deleted, and may be half deleted
_ASIDE = re.compile(r"\.(.+)\.(\d{1,9})(" + re.escape(OLD) + "|" + re.escape(GONE) + ")")


def beside(root: Path) -> Path:
    """Where the folders of `root` are set aside: on the same disk, so that a rename moves them."""
    return root.with_name(f"{root.name}.unfinished")


def set_aside(root: Path, folder: Path, ending: str) -> Path:
    """Move a folder of `root`, or one beside it, out of the way. Raises OSError."""
    aside = beside(root) / f".{folder.name}.{os.getpid()}{ending}"
    shutil.rmtree(aside, ignore_errors=True)
    aside.parent.mkdir(parents=True, exist_ok=True)
    folder.replace(aside)
    return aside


def restore_aside(root: Path, needed: str) -> None:
    """Put right what killed processes left: an old folder goes back to `root` where none has its place. It is removed
    where one has, where it was being deleted, and where it lacks the file `needed`, without which it is of no use.
    What a living process set aside stays."""
    with suppress(OSError):  # where one may not write, nothing was set aside either
        for path in sorted(beside(root).iterdir()):
            found = _ASIDE.fullmatch(path.name)
            if found is None or psutil.pid_exists(int(found[2])):
                continue
            place = root / found[1]
            if found[3] == GONE or (place / needed).is_file() or not (path / needed).is_file():
                shutil.rmtree(path, ignore_errors=True)
                continue
            with suppress(OSError):  # another process was faster
                path.replace(place)
                sync_folder(root)
