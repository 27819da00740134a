"""The TensorRT library that is installed. Owns finding it and its complaints in one line; refuses to use it.

Two distributions have one API: `tensorrt`, for all of NVIDIA's cards, and `tensorrt_rtx`, small and made for RTX cards.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from engine.backends.base import BackendFailed, OutOfDeviceMemory

MODULES = ("tensorrt", "tensorrt_rtx")  # the full one first: who has installed it, wants it
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
        """The library's newest error in one line, which is then forgotten; empty where there was none."""
        text = self.log.newest
        self.log.newest = ""
        return str(text)

    def failure(self, what: str, error: Exception | None = None) -> BackendFailed:
        """What the library could not do, in its own words or those of its bindings' `error`. OutOfDeviceMemory where
        memory is what they miss."""
        words = self.complaint() or (one_line(error) if error is not None else "no reason given")
        short = isinstance(error, MemoryError) or any(sign in words.lower() for sign in NO_MEMORY)
        return (OutOfDeviceMemory if short else BackendFailed)(f"{self.title} {what}: {words}")

    @contextlib.contextmanager
    def guarded(self, what: str) -> Iterator[None]:
        """Whatever the bindings raise becomes a `failure`: they have kinds of their own, a TypeError for no object."""
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
            return Library(module, name, str(module.__version__), _make_log(module))
        except Exception as error:  # a missing shared library, a half-finished install: each in its own way
            reason = f"{name} can't be imported: {one_line(error)}"
    raise BackendFailed(reason)


def one_line(error: BaseException) -> str:
    """An error's text in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def _make_log(module: Any) -> Any:
    class Log(module.ILogger):  # type: ignore[misc]  # a class of a library that may not be there
        """Keeps the first error since it was last asked; later ones only say what followed from it."""

        def __init__(self) -> None:
            module.ILogger.__init__(self)
            self.newest = ""

        def log(self, severity: Any, message: str) -> None:
            if severity <= module.ILogger.Severity.ERROR and not self.newest and "Begin node" not in message:
                self.newest = " ".join(message.split())

    return Log()
