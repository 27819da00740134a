"""What a player asks for. Owns the names of backends and limits; refuses to find out what is here (choice)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class BackendName(StrEnum):
    """`auto`: TensorRT where a card and the library are here, else ONNX Runtime on the CPU."""

    AUTO = "auto"
    TENSORRT = "tensorrt"
    ONNX = "onnx"


@dataclass(frozen=True)
class BackendWish:
    """`threads` of the CPU's backend, None suits the machine; `vram_limit` in bytes, None: what the card has."""

    name: BackendName = BackendName.AUTO
    threads: int | None = None
    vram_limit: int | None = None
