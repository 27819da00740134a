"""The settings as they are now, and the file that they are kept in. Owns noticing a change made by hand and writing one
made in the app, whole or not at all; refuses schema and text (schema, reading, text).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.settings.reading import SETTINGS_LIMIT, Reading, load_settings, read_settings
from app.settings.schema import Settings, default_settings_path, key_problem
from app.settings.text import settings_text
from engine.atomic import write_atomically
from models.manifest import BadInput

LOOK_SECONDS = 1.0  # from one look at the file to the next
BACKUP = ".bak"

_Stamp = tuple[int, int, int] | None


class SettingsFile:
    """`current` are the settings now. Without a path they last as long as the program."""

    def __init__(self, path: Path | None, current: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self.current = current
        self.problems: tuple[str, ...] = ()
        self._clock = clock
        self._looked = clock()
        self._stamp = self._look()

    def poll(self) -> bool:
        """Look at the file now and then. True when it was changed and has been read again."""
        if self._clock() - self._looked < LOOK_SECONDS:
            return False
        return self.reread()

    def reread(self) -> bool:
        """Look at the file. True when it was changed and has been read again."""
        self._looked = self._clock()
        stamp = self._look()
        if stamp == self._stamp or self.path is None:
            return False
        self._stamp = stamp
        reading = read_settings(self.path) if stamp is not None else Reading(Settings())
        self.current, self.problems = reading.settings, reading.problems
        return True

    def change(self, changes: Mapping[str, Any]) -> str | None:
        """Change fields, here and in the file. Returns what the player should know of it, such as where the old file
        is kept. Raises BadInput where a value isn't possible (nothing is changed) or the file can't be written (the
        change lasts until the program ends)."""
        self.reread()
        try:
            wanted = Settings.model_validate(self.current.model_dump() | dict(changes))
        except ValidationError as error:
            raise BadInput(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from error
        if (problem := key_problem(wanted)) is not None:
            raise BadInput(f"{'.'.join(problem[0])}: {problem[1]}")
        kept = None
        before, self.current = self.current, wanted
        if self.path is not None and wanted != before:
            try:
                kept = _write(self.path, settings_text(wanted))
            except OSError as error:
                raise BadInput(f"{self.path}: file: cannot be written ({error.strerror or error})") from error
            self.problems = ()
            self._stamp = self._look()
        return kept

    def _look(self) -> _Stamp:
        """What changes when the file does; None without one."""
        try:
            found = self.path.stat() if self.path is not None else None
        except (OSError, ValueError):
            return None
        return None if found is None else (found.st_mtime_ns, found.st_size, found.st_ino)


def open_settings(path: Path | None, warn: Callable[[str], None]) -> SettingsFile:
    """The named file, which must be there, or the default one. What is wrong in it is told to `warn`."""
    problems: list[str] = []
    settings = load_settings(path, problems.append)
    for problem in problems:
        warn(problem)
    opened = SettingsFile(path or default_settings_path(), settings)
    opened.problems = tuple(problems)
    return opened


def _write(path: Path, text: str) -> str | None:
    """Write a file. What somebody wrote by hand is kept beside it; returns a line about that. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = None
    if path.is_file() and not _written_here(path):
        backup = path.with_name(path.name + BACKUP)
        with path.open("rb") as file:
            write_atomically(backup, file.read())
        kept = f"the file as it was is kept as {backup.name}"
    write_atomically(path, text.encode())
    return kept


def _written_here(path: Path) -> bool:
    """Whether nothing is lost with a file: it is word for word what is written for the settings in it."""
    if path.stat().st_size > SETTINGS_LIMIT:
        return False
    return path.read_bytes() == settings_text(read_settings(path).settings).encode()
