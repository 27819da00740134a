"""What other cards would reach, by calculation. Owns the table of cards and the method; refuses to call it measured.

What is counted is the half-precision graph that a card runs: products in half precision at the rate of the tensor
cores, those that stay float32 at the much lower one of the other cores, traffic by the types that it is in. A frame
takes the longer of its arithmetic and its traffic, at shares of the card's published rates that small networks reach
one frame at a time, and a launch for every kernel. How far the method is off is shown on what was measured.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.backends.vram import GIB, estimate_need
from models.manifest import BadInput, CardCost, Cost, Manifest, read_manifest

ARITHMETIC_SHARE = 0.35  # of the published rate
TRAFFIC_SHARE = 0.7  # of the published bandwidth
LAUNCH_SECONDS = 5e-6  # the least that a kernel of a CUDA graph takes, its launch included
GOALS = (30, 60)  # frames a second that a card is asked for
LIMIT = 8 * GIB  # bytes on the card, where none is given


@dataclass(frozen=True)
class CardRates:
    """Published rates. `half_teraflops`: dense half-precision tensor products that add up in float32; `teraflops`:
    float32 without tensor cores; `gigabytes` a second of memory traffic; `memory_gb` in 2**30 bytes. `others`: names
    that CUDA may have for the same card."""

    name: str
    half_teraflops: float
    teraflops: float
    gigabytes: float
    memory_gb: int
    others: tuple[str, ...] = ()


CARDS = (
    CardRates("RTX 2060", 25.8, 6.5, 336, 6),
    CardRates("RTX 3050", 18.2, 9.1, 224, 8),
    CardRates("RTX 3060", 25.5, 12.7, 360, 12),
    CardRates("RTX 3070", 40.6, 20.3, 448, 8),
    CardRates("RTX 3090", 71.0, 35.6, 936, 24),
    CardRates("RTX 4060", 30.2, 15.1, 272, 8),
    CardRates("RTX 4070", 58.3, 29.1, 504, 12),
    CardRates("RTX 4090", 165.2, 82.6, 1008, 24),
    CardRates("RTX 5070", 61.7, 30.9, 672, 12),
    CardRates("H100", 989.0, 66.9, 3350, 80, ("H100 80GB HBM3",)),
    CardRates("H200", 989.0, 66.9, 4800, 141),
)
PROJECTED = ("RTX 3060",)  # what is shown beside what was measured


@dataclass(frozen=True)
class Projection:
    """A calculated row: never a measurement. `fits`: `vram_mb` keeps `limit_mb` and the card's memory; `reaches`:
    whether it fits and makes so many frames a second, by `GOALS`."""

    world: str
    card: str
    parameters: int
    half_operations: int
    float_operations: int
    bytes: int
    kernels: int
    frame_ms: float
    fps: float
    vram_mb: float
    limit_mb: float
    fits: bool
    reaches: dict[str, bool]


def card_name(device: str) -> str:
    """The name that a card is published under: "RTX 3060" of "NVIDIA GeForce RTX 3060". What follows it belongs to it:
    a Ti, a Laptop GPU or a D is another card, with rates of its own."""
    return " ".join(device.replace("NVIDIA", "").replace("GeForce", "").split())


def find_rates(device: str) -> CardRates | None:
    """The table's card that a device's name means; None where its rates aren't known."""
    return next((card for card in CARDS if card_name(device) in (card.name, *card.others)), None)


def frame_seconds(cost: CardCost, half: float, single: float, traffic: float) -> float:
    """Seconds a frame at `half` and `single` operations and `traffic` bytes a second, as published or as measured."""
    arithmetic = (cost.half_operations / half + cost.float_operations / single) / ARITHMETIC_SHARE
    return max(arithmetic, cost.bytes / (TRAFFIC_SHARE * traffic)) + cost.kernels * LAUNCH_SECONDS


def card_seconds(cost: CardCost, card: CardRates) -> float:
    """Seconds a frame on a card of the table."""
    return frame_seconds(cost, card.half_teraflops * 1e12, card.teraflops * 1e12, card.gigabytes * 1e9)


def find_card_cost(folder: Path, manifest: Manifest) -> CardCost:
    """What a frame of a checkpoint costs a card: as its manifest says, or else counted. Raises BadInput, also where the
    graph's package isn't installed."""
    if manifest.cost.card is not None:
        return manifest.cost.card
    try:
        from engine.measuring.graph_cost import count_card_cost  # needs a package that not everyone has
    except ImportError as error:
        raise BadInput(
            "projection: expected the onnx package, it is not installed: `pip install dreamcade[rtx]`"
        ) from error
    return count_card_cost(folder / manifest.graphs.step)


def float_cost(cost: Cost) -> CardCost:
    """What a manifest counted of the shipped graph, which is float32 throughout."""
    return CardCost(half_operations=0, float_operations=cost.operations, bytes=cost.bytes, kernels=cost.kernels)


def project(manifest: Manifest, cost: CardCost, card: CardRates, limit: int = LIMIT) -> Projection:
    """A world on a card, judged within `limit` bytes of its memory."""
    seconds = card_seconds(cost, card)
    need, limit = estimate_need(manifest), min(limit, card.memory_gb * GIB)
    return Projection(
        world=manifest.name,
        card=card.name,
        parameters=manifest.cost.parameters,
        half_operations=cost.half_operations,
        float_operations=cost.float_operations,
        bytes=cost.bytes,
        kernels=cost.kernels,
        frame_ms=1000 * seconds,
        fps=1 / seconds,
        vram_mb=need / (1 << 20),
        limit_mb=limit / (1 << 20),
        fits=need <= limit,
        reaches={str(goal): need <= limit and seconds * goal <= 1 for goal in GOALS},
    )


def projections(folder: Path, limit: int = LIMIT) -> list[dict[str, Any]]:
    """The rows that stand beside a checkpoint's measured ones. Raises BadInput."""
    manifest = read_manifest(folder)
    cost = find_card_cost(folder, manifest)
    return [asdict(project(manifest, cost, card, limit)) for card in CARDS if card.name in PROJECTED]


def method_error(projected: float, measured: float | None) -> float | None:
    """By how much the method is off: 0.5 says that it promised half as much again as was measured."""
    return projected / measured - 1 if measured else None
