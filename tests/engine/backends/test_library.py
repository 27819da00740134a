"""Finding a TensorRT library."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

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
    good = SimpleNamespace(__version__="9.9", ILogger=type("ILogger", (), {}))

    def load(name: str) -> object:
        if name == "tensorrt":
            raise OSError("libnvinfer.so: cannot open\nshared object")
        return good

    monkeypatch.setattr("importlib.util.find_spec", lambda name: ModuleType(name))
    monkeypatch.setattr("importlib.import_module", load)
    assert find_library().name == "tensorrt_rtx"
    good.ILogger = None  # now that one is broken too
    with pytest.raises(BackendFailed, match="can't be imported") as error:
        find_library()
    assert "\n" not in str(error.value)


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
    if words:
        library.log.log(library.module.ILogger.Severity.ERROR, words)
    failure = library.failure("builds no engine", error)
    reason = words or " ".join(str(error or "no reason given").split())
    assert type(failure) is kind and str(failure) == f"{library.title} builds no engine: {reason}"


def test_what_the_bindings_raise_is_a_failed_backend(library: Library) -> None:
    with pytest.raises(BackendFailed, match="runs no step: odd") as told, library.guarded("runs no step"):
        raise TypeError("odd")
    assert isinstance(told.value.__cause__, TypeError)
