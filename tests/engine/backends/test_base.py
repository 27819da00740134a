"""Every backend has the protocol's shape."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from engine.backends.base import Backend, BackendInfo
from engine.backends.onnx import OnnxBackend


def test_the_onnx_backend_is_a_backend(backend: OnnxBackend) -> None:
    same: Backend = backend
    members = [name for name in vars(Backend) if not name.startswith("_")]
    assert {"info", "reset", "step", "encode", "get_state", "set_state", "warm_up", "close"} == set(members)
    assert all(hasattr(same, name) for name in members)


def test_info_is_frozen() -> None:
    info = BackendInfo("onnx", "1", "CPU", 1, "avx2")
    with pytest.raises(FrozenInstanceError):
        info.threads = 2  # type: ignore[misc]
