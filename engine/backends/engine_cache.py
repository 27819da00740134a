"""Built engines on disk. Owns their keys, their wholeness and how much they may take; refuses to build or load any.

An entry is a line of JSON (its key, size and sha256) and then the engine. One that was cut short, damaged or made for
anything else is deleted, and so are those of another driver or library for the same graph and card: each with a line
that says so. What was never there is absent without a word.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from engine.atomic import TEMPORARY, whole_file

SUFFIX = ".engine"
SIZE_LIMIT = 4 << 30  # bytes of all entries; the least recently used go first
HEADER_LIMIT = 1 << 14
FORMAT = 2  # to be raised whenever the way from a shipped graph to an engine changes

VERSIONS = {"driver": "driver", "version": "library version", "format": "graph format"}  # what changes with an update


@dataclass(frozen=True)
class EngineKey:
    """Everything that an engine depends on. `part` tells the engine from what was compiled of it while running."""

    graph_sha256: str
    library: str
    version: str
    card: str
    capability: str
    driver: str
    flags: dict[str, Any]
    part: str = "engine"
    format: int = FORMAT

    @property
    def name(self) -> str:
        """The entry's file name."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32] + SUFFIX


@dataclass(frozen=True)
class Kept:
    """What was found for a key. `problem` says in one line why there is no data; empty where none was ever kept."""

    data: bytes | None
    problem: str = ""


@dataclass(frozen=True)
class CacheState:
    """What a cache holds. `size` in bytes."""

    folder: Path
    entries: int
    size: int


def default_cache_folder() -> Path:
    """In the user's cache folder; DREAMCADE_CACHE names another."""
    chosen = os.environ.get("DREAMCADE_CACHE")
    return (Path(chosen) if chosen else user_cache_path("dreamcade", appauthor=False)) / "engines"


class EngineCache:
    """A folder of engines. It never raises: a disk that refuses only means building again."""

    def __init__(self, folder: Path | None = None, limit: int = SIZE_LIMIT) -> None:
        self.folder = folder or default_cache_folder()
        self._limit = limit

    def load(self, key: EngineKey) -> Kept:
        """An engine that is whole, or why there is none; what is of no use is deleted."""
        path = self.folder / key.name
        try:
            with path.open("rb") as file:
                header = json.loads(file.readline(HEADER_LIMIT))
                data = file.read()
            problem = _difference(header, _header(key, data))
        except FileNotFoundError:
            return Kept(None, self._drop_outdated(key))
        except OSError as error:
            problem = f"cannot be read ({error.strerror or error})"
        except (ValueError, RecursionError, MemoryError):
            problem = "is damaged (no header)"
        if problem:
            self.drop(key)
            return Kept(None, f"{path.name} {problem}")
        with contextlib.suppress(OSError):  # somebody else's, or not to be written: then its age is not known, no more
            os.utime(path)
        return Kept(data)

    def store(self, key: EngineKey, data: bytes) -> bool:
        """Keep an engine whole or not at all, and make room. Whether it is kept."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with whole_file(self.folder / key.name) as file:
                file.write(json.dumps(_header(key, data)).encode() + b"\n")
                file.write(data)
        except OSError:
            return False
        self._make_room()
        return (self.folder / key.name).exists()

    def drop(self, key: EngineKey) -> None:
        """Forget an engine."""
        _unlink(self.folder / key.name)

    def clear(self) -> CacheState:
        """Delete all entries and what a killed process left. Returns what there was."""
        before = self.state()
        for path in self._files():
            _unlink(path)
        return before

    def state(self) -> CacheState:
        """Number and size of the entries."""
        sizes = [size for path in self._files() if (size := _size(path)) is not None]
        return CacheState(self.folder, len(sizes), sum(sizes))

    def _drop_outdated(self, key: EngineKey) -> str:
        """Delete what was kept for the same graph and card under other versions, and say under which."""
        wanted, problem = asdict(key), ""
        for path in self._files():
            found = _read_key(path)
            if any(found.get(name) != wanted[name] for name in ("graph_sha256", "library", "card", "capability")):
                continue
            for name, said in VERSIONS.items():
                if found.get(name) != wanted[name]:
                    problem = f"{path.name} was built for {said} {str(found.get(name))[:40]}, not {wanted[name]}"
                    _unlink(path)
                    break
        return problem

    def _make_room(self) -> None:
        """Delete the least recently used entries until the rest keeps the limit."""
        total = 0
        for path in sorted(self._files(), key=_used, reverse=True):
            total += _size(path) or 0
            if total > self._limit:
                _unlink(path)

    def _files(self) -> list[Path]:
        try:
            names = list(self.folder.iterdir())
        except OSError:
            return []
        return [path for path in names if path.suffix in (SUFFIX, TEMPORARY)]


def _header(key: EngineKey, data: bytes) -> Any:
    """What stands before an engine, as JSON gives it back."""
    whole = {"key": asdict(key), "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return json.loads(json.dumps(whole))


def _difference(found: Any, wanted: Any) -> str:
    """What is wrong with an entry; empty where nothing is."""
    if not isinstance(found, dict) or found.keys() != wanted.keys():
        return "is damaged (no header)"
    if found["key"] != wanted["key"]:
        return "is of another engine"
    if found["bytes"] != wanted["bytes"]:
        return f"is damaged ({wanted['bytes']} bytes instead of {found['bytes']})"
    return "" if found == wanted else "is damaged (its checksum differs)"


def _read_key(path: Path) -> dict[str, Any]:
    """The key in an entry's header; empty where it has none."""
    try:
        with path.open("rb") as file:
            key = json.loads(file.readline(HEADER_LIMIT))["key"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        return {}
    return key if isinstance(key, dict) else {}


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _unlink(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
