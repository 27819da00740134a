"""In which precision a run trains. Owns that choice; everything else about devices is accelerate's."""

from __future__ import annotations

from typing import Literal

import torch
from accelerate import Accelerator

Precision = Literal["auto", "no", "bf16"]


def make_accelerator(precision: Precision) -> Accelerator:
    """An Accelerator that computes products in bfloat16 where `precision` says so, or, with "auto", where this machine
    does so faster than in float32."""
    if precision == "auto":
        precision = "bf16" if fast_bfloat16() else "no"
    return Accelerator(mixed_precision=precision)


def fast_bfloat16() -> bool:
    """Whether the card, or else the processor, has instructions for it: elsewhere it is emulated, and slow."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_capability() >= (8, 0)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
