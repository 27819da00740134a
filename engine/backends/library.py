"""The TensorRT library that is installed. Owns finding it and its complaints in one line; refuses to use it.

Two distributions have one API: `tensorrt`, for all of NVIDIA's cards, and `tensorrt_rtx`, small and made for RTX cards.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import Any

from engine.backends.base import BackendFailed, OutOfDeviceMemory

MODULES = ("tensorrt", "tensorrt_rtx")  # the full one first: who has installed it, wants it
OLDEST = {
    "tensorrt": 10,
    "tensorrt_rtx": 1,
}  # major versions that know strongly typed graphs and memory of the caller's
# How the libraries say, in lower case, that a card's memory is too short.
NO_MEMORY = ("out of memory", "outofmemory", "memoryallocation", "could not be allocated", "bad_alloc")


@dataclass(frozen=True)
class Library:
    """An imported library. `log` collects what it complains about."""

    module: ModuleType
    name: str
    version: str
    log: Any  # the library's own ILogger; it must outlive everything that is made with it

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{'TensorRT-RTX' if self.name == 'tensorrt_rtx' else 'TensorRT'} {self.version}"

    def complaint(self) -> str:
        """What the library first complained of, in one line, since this thread last asked; empty where it didn't."""
        return str(self.log.take())

    def failure(self, what: str, error: Exception | None = None) -> BackendFailed:
        """What the library could not do, in its own words or those of its bindings' `error`. OutOfDeviceMemory where
        memory is what they miss."""
        words = self.complaint() or (one_line(error) if error is not None else "no reason given")
        short = isinstance(error, MemoryError) or any(sign in words.lower() for sign in NO_MEMORY)
        return (OutOfDeviceMemory if short else BackendFailed)(f"{self.title} {what}: {words}")

    @contextlib.contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Whatever the bindings raise becomes a `failure`: they have kinds of their own, a TypeError for no object.
        What was complained of before is none of its reasons."""
        self.complaint()
        try:
            yield
        except BackendFailed:
            raise
        except Exception as error:
            raise self.failure(what, error) from error


def installed_libraries() -> list[str]:
    """Names of the libraries that could be imported. Nothing is imported to find out."""
    return [name for name in MODULES if importlib.util.find_spec(name) is not None]


def find_library() -> Library:
    """Import the first library that works. Raises BackendFailed where none does, saying why."""
    reason = "TensorRT is not installed: `pip install dreamcade[rtx]`"
    for name in installed_libraries():
        try:
            module = importlib.import_module(name)
            version = str(module.__version__)
            if int(version.split(".")[0]) >= OLDEST[name]:
                return Library(module, name, version, _make_log(module))
            reason = f"{name} {version} is too old: expected {OLDEST[name]} or newer"
        except Exception as error:  # a missing shared library, a half-finished install: each in its own way
            reason = f"{name} can't be imported: {one_line(error)}"
    raise BackendFailed(reason)


def one_line(error: BaseException) -> str:
    """An error's text in one line."""
    return " ".join(str(error).split()) or type(error).__name__


@cache  # the library keeps the first one for itself, past all that was made with it, and may ignore any other
def _make_log(module: Any) -> Any:
    class Log(module.ILogger):  # type: ignore[misc]  # a class of a library that may not be there
        """Keeps each thread's first error since it last asked; later ones only say what followed from it. One world may
        be built while another one plays."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self._first: dict[int | None, str] = {}  # by thread; None: the library's own ones

        def log(self, severity: Any, message: str) -> None:
            if severity <= module.ILogger.Severity.ERROR and "Begin node" not in message:
                here = threading.get_ident()
                known = any(thread.ident == here for thread in threading.enumerate())
                self._first.setdefault(here if known else None, " ".join(message.split()))

        def take(self) -> str:
            own, foreign = self._first.pop(threading.get_ident(), ""), self._first.pop(None, "")
            return own or foreign

    return Log()
