"""What other cards would reach, by calculation. Owns the table of cards and the method; refuses to call it measured.

A frame takes the longer of its arithmetic and its traffic, at shares of the card's published rates that small networks
reach one frame at a time, and a launch for every kernel. How far the method is off is shown on what was measured.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engine.backends.vram import estimate_need
from models.manifest import Cost, Manifest

ARITHMETIC_SHARE = 0.35  # of the published rate
TRAFFIC_SHARE = 0.7  # of the published bandwidth
LAUNCH_SECONDS = 5e-6  # the least that a kernel of a CUDA graph takes, its launch included
HALF = 0.5  # bytes of a half-precision tensor over those counted


@dataclass(frozen=True)
class CardRates:
    """Published rates. `teraflops`: dense half-precision tensor products that add up in float32; `gigabytes` a second
    of memory traffic; `memory_gb` in 2**30 bytes."""

    name: str
    teraflops: float
    gigabytes: float
    memory_gb: int


CARDS = (
    CardRates("RTX 2060", 25.8, 336, 6),
    CardRates("RTX 3050", 18.2, 224, 8),
    CardRates("RTX 3060", 25.5, 360, 12),
    CardRates("RTX 3070", 40.6, 448, 8),
    CardRates("RTX 3090", 71.0, 936, 24),
    CardRates("RTX 4060", 30.2, 272, 8),
    CardRates("RTX 4070", 58.3, 504, 12),
    CardRates("RTX 4090", 165.2, 1008, 24),
    CardRates("RTX 5070", 61.7, 672, 12),
    CardRates("H100", 989.0, 3350, 80),
    CardRates("H200", 989.0, 4800, 141),
)
PROJECTED = ("RTX 3060",)  # what is shown beside what was measured


@dataclass(frozen=True)
class Projection:
    """A calculated row: never a measurement. `fits` judges `vram_mb` by the card's memory."""

    world: str
    card: str
    frame_ms: float
    fps: float
    vram_mb: float
    fits: bool


def find_rates(device: str) -> CardRates | None:
    """The table's card that a device's name means; the longest name wins, as in "RTX 3070" and "RTX 3070 Ti"."""
    words = device.replace("NVIDIA", "").replace("GeForce", "").split()
    text = " ".join(words)
    found = [card for card in CARDS if card.name == text or text.startswith((f"{card.name} ", f"{card.name}-"))]
    plain = [card for card in found if not text.removeprefix(card.name).lower().startswith((" ti", " super"))]
    return max(plain, key=lambda card: len(card.name), default=None)


def frame_seconds(cost: Cost, arithmetic: float, traffic: float, size: float = HALF) -> float:
    """Seconds a frame at `arithmetic` operations and `traffic` bytes a second, both as published or as measured."""
    work = max(cost.operations / (ARITHMETIC_SHARE * arithmetic), size * cost.bytes / (TRAFFIC_SHARE * traffic))
    return work + cost.kernels * LAUNCH_SECONDS


def project(manifest: Manifest, card: CardRates) -> Projection | None:
    """A world on a card; None where the manifest doesn't say what a frame costs."""
    if not (manifest.cost.operations and manifest.cost.kernels):
        return None
    seconds = frame_seconds(manifest.cost, card.teraflops * 1e12, card.gigabytes * 1e9)
    need = estimate_need(manifest)
    return Projection(
        world=manifest.name,
        card=card.name,
        frame_ms=1000 * seconds,
        fps=1 / seconds,
        vram_mb=need / (1 << 20),
        fits=need <= card.memory_gb << 30,
    )


def projections(manifest: Manifest) -> list[dict[str, Any]]:
    """The rows that stand beside a world's measured ones."""
    rows = [project(manifest, card) for card in CARDS if card.name in PROJECTED]
    return [asdict(row) for row in rows if row is not None]


def method_error(projected: float, measured: float | None) -> float | None:
    """By how much the method is off: 0.5 says that it promised half as much again as was measured."""
    return projected / measured - 1 if measured else None
