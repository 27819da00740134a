"""The file that figures go to. Owns trying its place before anything is measured; refuses to write figures."""

from __future__ import annotations

from pathlib import Path

from engine.atomic import temporary_path
from models.manifest import BadInput


def check_target(path: Path, option: str) -> None:
    """Raise BadInput, naming `option`, unless a file can be written at `path`. Nothing is left there."""
    if not path.name:
        raise BadInput(f"{path}: {option}: expected a file's name")
    try:
        if path.is_dir():
            raise BadInput(f"{path}: {option}: expected a file's name, found a folder")
        tried = temporary_path(path)
        tried.touch()
        tried.unlink()
    except OSError as error:
        raise BadInput(f"{path}: {option}: cannot be written ({error.strerror or error})") from error
