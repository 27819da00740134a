"""What a world takes on a card, before it is loaded, and limits to that. Owns the estimate; refuses to ask a card."""

from __future__ import annotations

import re

import numpy as np

from models.manifest import BadInput, Manifest

GIB = 1 << 30
RUNTIME_BYTES = 400 << 20  # assumed, measured on no card: what a CUDA context and the library keep for themselves
# An engine takes so much more than its weights in half precision, and on top of that kernels, tables and what stays
# float32: the shipped worlds' engines take 12 to 15 MB in all.
ENGINE_SHARE = 1.2
ENGINE_BYTES = 16 << 20
WORKSPACE_BYTES = 32 << 20  # what layers may ask for where memory is short; assumed to do where it isn't
_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": GIB, "kb": 10**3, "mb": 10**6, "gb": 10**9}


def estimate_need(manifest: Manifest) -> int:
    """Bytes on a card: runtime (assumed), engine, both sets of the state, scratch. It may be too low where a runtime
    keeps more for itself."""
    return RUNTIME_BYTES + estimate_fixed(manifest) + estimate_scratch(manifest)


def estimate_fixed(manifest: Manifest) -> int:
    """Bytes of that which can't be given up: the engine and both sets of the state."""
    return estimate_engine(manifest) + 2 * sum(spec.size * np.dtype(spec.dtype).itemsize for spec in manifest.state)


def estimate_engine(manifest: Manifest) -> int:
    """Bytes of an engine, from the number of weights."""
    return int(2 * manifest.cost.parameters * ENGINE_SHARE) + ENGINE_BYTES


def estimate_scratch(manifest: Manifest) -> int:
    """Bytes of the tensors between the kernels, as if none made room for another within a step, and of what kernels ask
    for. Each is written and read, so they take about half of a frame's traffic."""
    return manifest.cost.bytes // 2 + WORKSPACE_BYTES


def parse_size(text: str, field: str) -> int:
    """Bytes of "8GiB", "512 MiB", "6GB". Raises BadInput naming `field`."""
    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([a-zA-Z]*)\s*", text)
    if found is None or found[2].lower() not in _UNITS or not float(found[1]):
        raise BadInput(f"{field}: expected a size such as 8GiB or 512MiB, found {text[:40]!r}")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def show_size(size: int) -> str:
    """Bytes for people."""
    return f"{size / GIB:.2f} GiB" if size >= GIB else f"{size / (1 << 20):.0f} MiB"
