"""Finding a TensorRT library."""

from __future__ import annotations

import _thread
import sys
import threading
import time
from types import ModuleType

import pytest

from engine.backends.base import BackendFailed, OutOfDeviceMemory
from engine.backends.library import Library, find_library, installed_libraries


def test_the_installed_one_is_found(library: Library) -> None:
    assert library.name in installed_libraries() and library.version[0].isdigit()
    assert library.title.startswith("TensorRT") and library.version in library.title


def test_a_complaint_is_told_once(library: Library) -> None:
    severity = library.module.ILogger.Severity
    library.log.log(severity.ERROR, "first\ncause")
    library.log.log(severity.ERROR, "what followed")
    library.log.log(severity.INFO, "idle talk")
    assert library.complaint() == "first cause" and library.complaint() == ""


def test_none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BackendFailed, match=r"not installed: `pip install dreamcade\[rtx\]`"):
        find_library()


def test_one_that_cannot_be_imported_yields_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    good, broken = _module("9.9"), ModuleType("tensorrt_rtx")

    def load(name: str) -> object:
        if name == "tensorrt":
            raise OSError("libnvinfer.so: cannot open\nshared object")
        return good

    monkeypatch.setattr("importlib.util.find_spec", lambda name: ModuleType(name))
    monkeypatch.setattr("importlib.import_module", load)
    assert find_library().name == "tensorrt_rtx"
    good = broken  # now that one is broken too
    with pytest.raises(BackendFailed, match="can't be imported") as error:
        find_library()
    assert "\n" not in str(error.value)


def _module(version: str) -> ModuleType:
    module = ModuleType("a library")
    module.__dict__.update(__version__=version, ILogger=type("ILogger", (), {}))
    return module


def test_one_that_is_too_old_yields_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = {"tensorrt": _module("8.6.1"), "tensorrt_rtx": _module("1.7.1")}
    monkeypatch.setattr("importlib.util.find_spec", modules.get)
    monkeypatch.setattr("importlib.import_module", modules.__getitem__)
    assert find_library().title == "TensorRT-RTX 1.7.1"
    del modules["tensorrt_rtx"]
    with pytest.raises(BackendFailed, match=r"tensorrt 8.6.1 is too old: expected 10 or newer"):
        find_library()
    modules["tensorrt"] = _module("10.13.2.6")
    assert find_library().title == "TensorRT 10.13.2.6"


def test_a_library_has_one_log_however_often_it_is_found() -> None:
    """The library goes on complaining to the first one, whatever was made with others."""
    assert find_library().log is find_library().log


def test_threads_complain_apart(library: Library) -> None:
    """A world may be built while another one plays; the library's own threads belong to whoever asks."""
    error = library.module.ILogger.Severity.ERROR
    other = threading.Thread(target=lambda: library.log.log(error, "of the other thread"))
    other.start()
    other.join()
    library.log.log(error, "of this one")
    assert library.complaint() == "of this one" and library.complaint() == ""
    _thread.start_new_thread(library.log.log, (error, "of the library's own"))
    deadline = time.monotonic() + 10
    while not (told := library.complaint()) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert told == "of the library's own"


def test_asking_imports_nothing() -> None:
    before = set(sys.modules)
    installed_libraries()
    assert not {"tensorrt", "tensorrt_rtx"} & (set(sys.modules) - before)


@pytest.mark.parametrize(
    ("words", "error", "kind"),
    [
        ("Error Code 1: Cuda Runtime (out of memory)", None, OutOfDeviceMemory),
        ("Error Code 2: OutOfMemory (Requested size was 9 bytes.)", None, OutOfDeviceMemory),
        ("", MemoryError("std::bad_alloc"), OutOfDeviceMemory),
        ("FP32 GEMM is not supported", None, BackendFailed),
        ("", TypeError("pybind11::init():\nfactory function returned nullptr"), BackendFailed),
        ("", None, BackendFailed),
    ],
)
def test_a_failure_tells_whether_memory_was_short(
    library: Library, words: str, error: Exception | None, kind: type[BackendFailed]
) -> None:
    library.complaint()
    if words:
        library.log.log(library.module.ILogger.Severity.ERROR, words)
    failure = library.failure("builds no engine", error)
    reason = words or " ".join(str(error or "no reason given").split())
    assert type(failure) is kind and str(failure) == f"{library.title} builds no engine: {reason}"


def test_what_the_bindings_raise_is_a_failed_backend(library: Library) -> None:
    library.log.log(library.module.ILogger.Severity.ERROR, "an old story")
    with pytest.raises(BackendFailed, match="runs no step: odd") as told, library.guarded("runs no step"):
        raise TypeError("odd")
    assert isinstance(told.value.__cause__, TypeError)
