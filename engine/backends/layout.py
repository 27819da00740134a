"""Several tensors in one block of memory. Owns their places; refuses to own the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from models.manifest import TensorSpec

ALIGNMENT = 256  # bytes: what a card's loads and the libraries ask for


@dataclass(frozen=True)
class Layout:
    """Where each tensor begins, in bytes, and how much all of them take. One copy moves the whole block."""

    specs: tuple[TensorSpec, ...]
    offsets: tuple[int, ...]
    size: int

    def addresses(self, base: int) -> dict[str, int]:
        """Address of each tensor in a block that begins at `base`."""
        return {spec.name: base + offset for spec, offset in zip(self.specs, self.offsets, strict=True)}

    def views(self, block: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """The tensors as arrays over a block of host memory."""
        arrays = {}
        for spec, offset in zip(self.specs, self.offsets, strict=True):
            span = block[offset : offset + spec.size * np.dtype(spec.dtype).itemsize]
            arrays[spec.name] = span.view(spec.dtype).reshape(spec.shape)
        return arrays


def lay_out(specs: Sequence[TensorSpec]) -> Layout:
    """Tensors one behind the other, each aligned."""
    offsets, end = [], 0
    for spec in specs:
        offsets.append(end)
        end += -(-spec.size * np.dtype(spec.dtype).itemsize // ALIGNMENT) * ALIGNMENT
    return Layout(tuple(specs), tuple(offsets), max(end, ALIGNMENT))
