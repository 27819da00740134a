"""`doctor`: what this machine has and what that means for play. Owns the judgement; refuses to change anything."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.settings.schema import Settings, default_settings_path
from engine.backends.base import BackendFailed
from engine.backends.device import Card, find_card
from engine.backends.engine_build import is_known_chip
from engine.backends.engine_cache import EngineCache
from engine.backends.library import Library, find_library
from engine.backends.vram import show_size
from engine.measuring.machine import machine
from engine.measuring.memory import list_cards
from models.manifest import BadInput

Verdict = Literal["good", "note", "bad"]
COLOURS: dict[Verdict, str] = {"good": "green", "note": "yellow", "bad": "red"}
LEAST_PYTHON = (3, 11)
LEAST_FREE_MB = 200
LEAST_FREE_VRAM_MB = 1024
SESSION_MB_A_MINUTE = 4


@dataclass(frozen=True)
class Fact:
    """One thing about the machine and what it means."""

    name: str
    value: str
    verdict: Verdict
    meaning: str


def examine(settings: Settings, settings_file: Path | None = None) -> dict[str, Any]:
    """Print every fact. `settings` came from `settings_file`, None: from where they are looked for. Returns the facts
    for --json."""
    facts = [
        *_machine_facts(),
        _display_fact(),
        *_runtime_facts(),
        *_card_facts(),
        _cache_fact(),
        _disk_fact(settings),
        _settings_fact(settings_file or default_settings_path()),
    ]
    table = Table(show_edge=False)
    for title in ("", "found", "means"):
        table.add_column(title)
    for fact in facts:
        colour = COLOURS[fact.verdict]
        table.add_row(f"[{colour}]●[/{colour}] {fact.name}", escape(fact.value), escape(fact.meaning))
    Console().print(table)
    return {"facts": [asdict(fact) for fact in facts]}


def _machine_facts() -> list[Fact]:
    here = machine()
    recent = sys.version_info >= LEAST_PYTHON
    wide = here.instruction_set in ("avx512", "avx2", "neon")
    return [
        Fact("Python", here.python, "good" if recent else "bad", "supported" if recent else "3.11 or newer is needed"),
        Fact("system", here.system, "good", ""),
        Fact(
            "processor",
            f"{here.cpu}, {here.cores} usable cores",
            "good" if here.cores >= 2 else "note",
            "enough for model and window" if here.cores >= 2 else "one core for model and window: expect late frames",
        ),
        Fact(
            "instruction set",
            here.instruction_set,
            "good" if wide else "note",
            "wide vectors, as the figures were measured with" if wide else "narrow vectors: slower than the figures",
        ),
        Fact(
            "memory",
            f"{here.memory_gb:.1f} GB",
            "good" if here.memory_gb >= 2 else "note",
            "play needs about 0.6 GB" if here.memory_gb >= 2 else "little: close other programs",
        ),
    ]


def _display_fact() -> Fact:
    from app.drawing.window import find_display

    try:
        return Fact("display", find_display(), "good", "a window can open")
    except BadInput:
        return Fact("display", "none", "note", "no window can open; play with --headless")


def _runtime_facts() -> list[Fact]:
    import onnxruntime

    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    runs = "CPU" in providers
    meaning = "the model runs on the CPU" if runs else "no CPU provider: the model can't run"
    return [
        Fact("onnxruntime", f"{onnxruntime.__version__} ({', '.join(providers)})", "good" if runs else "bad", meaning)
    ]


def _card_facts() -> list[Fact]:
    """The cards by NVML, what CUDA makes of the first one, and what TensorRT does with it."""
    cards, found = list_cards(), _find_card()
    here = bool(cards) or isinstance(found, Card)
    if cards:
        facts = [_card_fact(*card) for card in cards]
    elif isinstance(found, Card):
        size = f"{found.name}, {found.memory / (1 << 30):.0f} GB"
        facts = [Fact("graphics card", size, "note", "NVML doesn't answer: how much memory is free isn't known")]
    else:
        facts = [Fact("graphics card", "none by NVML", "good", "not needed: the model runs on the CPU")]
    return [*facts, *_cuda_facts(found, missed=here), _library_fact(found, missed=here)]


def _find_card() -> Card | BackendFailed:
    try:
        return find_card()
    except BackendFailed as error:
        return error


def _card_fact(name: str, total_mb: float, free_mb: float) -> Fact:
    verdict: Verdict = "good" if free_mb >= LEAST_FREE_VRAM_MB else "note"
    means = "room for every world here" if verdict == "good" else "little is free: close other programs"
    return Fact("graphics card", f"{name}, {total_mb / 1024:.0f} GB, {free_mb / 1024:.1f} GB free", verdict, means)


def _cuda_facts(found: Card | BackendFailed, missed: bool) -> list[Fact]:
    """Driver and compute capability, or why there is none; `missed`: whether a card is here that could have played."""
    if isinstance(found, BackendFailed):
        verdict: Verdict = "note" if missed else "good"
        return [
            Fact("driver", "none that can be used", verdict, f"{found}; the CPU plays"),
            Fact("compute capability", "none", verdict, "no engine is built for play; --build-for builds one to see"),
        ]
    capability = "{}.{}".format(*found.capability)
    return [
        Fact("driver", found.driver, "good", "CUDA answers"),
        Fact("compute capability", capability, "good", f"engines are built for {found.architecture}"),
    ]


def _library_fact(found: Card | BackendFailed, missed: bool) -> Fact:
    """TensorRT: whether it is here, and whether it is missed."""
    try:
        library = find_library()
    except BackendFailed as error:
        return Fact("TensorRT", "none", "note" if missed else "good", str(error) if missed else "no card to run it on")
    if isinstance(found, BackendFailed):
        why = "there is no card" if not missed else "CUDA can't use the card"
        return Fact("TensorRT", library.title, "good", f"builds engines, but {why} to run them on")
    return _chip_fact(library, found)


def _chip_fact(library: Library, card: Card) -> Fact:
    """Whether the library knows the card's chip; the full one is asked by building only."""
    if is_known_chip(library, card.capability):
        return Fact("TensorRT", library.title, "good", "plays on the card")
    means = f"knows no {card.architecture}: the CPU plays, unless `pip install dreamcade[tensorrt]` does"
    return Fact("TensorRT", library.title, "note", means)


def _cache_fact() -> Fact:
    state = EngineCache().state()
    held = f"{state.entries} engines and compiled parts, {show_size(state.size)}" if state.entries else "empty"
    means = "worlds start without building" if state.entries else "a world's first start on a card builds its engine"
    return Fact("engine cache", f"{state.folder}: {held}", "good", means)


def clear_engines() -> None:
    """Delete all kept engines and say how many there were."""
    before = EngineCache().clear()
    Console().print(
        f"deleted {before.entries} files, {show_size(before.size)}, from {before.folder}", highlight=False, markup=False
    )


def _disk_fact(settings: Settings) -> Fact:
    folder = settings.recordings
    there = _nearest(folder)
    free = shutil.disk_usage(there).free / 1e6
    if not os.access(there, os.W_OK):
        return Fact("recordings", f"{folder}", "bad", "can't be written: set `recordings` in the settings")
    minutes = int(free / SESSION_MB_A_MINUTE)
    verdict: Verdict = "good" if free >= LEAST_FREE_MB else "note"
    return Fact("recordings", f"{folder}, {free / 1000:.1f} GB free", verdict, f"room for about {minutes} minutes")


def _nearest(folder: Path) -> Path:
    """The folder, or the closest one above that exists."""
    for path in (folder, *folder.absolute().parents):
        with contextlib.suppress(OSError):  # a part may be too long, or in a folder that may not be looked into
            if path.exists():
                return path
    return Path(folder.absolute().anchor)


def _settings_fact(path: Path) -> Fact:
    return Fact("settings", str(path), "good", "found" if path.exists() else "none, defaults are used")
