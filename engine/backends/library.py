"""The TensorRT library that is installed. Owns finding it and its complaints in one line; refuses to use it.

Two distributions have one API: `tensorrt`, for all of NVIDIA's cards, and `tensorrt_rtx`, small and made for RTX cards.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from engine.backends.base import BackendFailed

MODULES = ("tensorrt", "tensorrt_rtx")  # the full one first: who has installed it, wants it


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
