"""What a world takes on a card, before it is loaded, and limits to that. Owns the estimate; refuses to ask a card."""

from __future__ import annotations

import re

import numpy as np

from models.manifest import BadInput, Manifest

GIB = 1 << 30
RUNTIME_BYTES = 400 << 20  # assumed: what a CUDA context and the library keep for themselves on a consumer card
ENGINE_SHARE = 1.2  # an engine's bytes over those of its weights in half precision, and what comes on top: tables and
ENGINE_BYTES = 16 << 20  # the products that stay float32
SCRATCH_BYTES = 64 << 20
_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": GIB, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def estimate_need(manifest: Manifest) -> int:
    """Bytes on a card: runtime, engine, scratch and both sets of the state. An estimate, on the safe side."""
    state = sum(spec.size * np.dtype(spec.dtype).itemsize for spec in manifest.state)
    return RUNTIME_BYTES + int(2 * manifest.cost.parameters * ENGINE_SHARE) + ENGINE_BYTES + SCRATCH_BYTES + 2 * state


def parse_size(text: str, field: str) -> int:
    """Bytes of "8GiB", "512 MiB", "6GB". Raises BadInput naming `field`."""
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-zA-Z]*)\s*", text)
    if found is None or found[2].lower() not in _UNITS or not float(found[1]):
        raise BadInput(f"{field}: expected a size such as 8GiB or 512MiB, found {text[:40]!r}")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def show_size(size: int) -> str:
    """Bytes for people."""
    return f"{size / GIB:.2f} GiB" if size >= GIB else f"{size / (1 << 20):.0f} MiB"
