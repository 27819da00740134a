"""Tensors in one block."""

from __future__ import annotations

import numpy as np

from engine.backends.layout import ALIGNMENT, lay_out
from models.manifest import TensorSpec


def test_tensors_are_aligned_and_apart() -> None:
    specs = [
        TensorSpec(name="a", shape=(3,), dtype="float32"),
        TensorSpec(name="b", shape=(1, 100), dtype="int64"),
        TensorSpec(name="c", shape=(5, 5), dtype="uint8"),
    ]
    layout = lay_out(specs)
    addresses = layout.addresses(1 << 20)
    assert all(address % ALIGNMENT == 0 for address in addresses.values())
    block = np.zeros(layout.size, np.uint8)
    views = layout.views(block)
    for number, spec in enumerate(specs):
        views[spec.name][...] = number + 1
        assert views[spec.name].shape == spec.shape and views[spec.name].dtype == spec.dtype
        assert addresses[spec.name] - (1 << 20) == views[spec.name].ctypes.data - block.ctypes.data
    assert [int(view.max()) for view in views.values()] == [1, 2, 3]


def test_nothing_still_has_an_address() -> None:
    assert lay_out([]).size == ALIGNMENT
