"""Which backend plays. Owns the choice, its reason in one line and what takes over on failure; refuses their work."""

from __future__ import annotations

from dataclasses import dataclass

from engine.backends.base import Backend, BackendFailed, NoCard, OutOfDeviceMemory
from engine.backends.device import find_card
from engine.backends.library import installed_libraries
from engine.backends.onnx import OnnxBackend
from engine.backends.opening import Opened, Parts, Progress, open_tensorrt, tiers_in_play
from engine.backends.steady import SteadyBackend
from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint
from engine.measuring.memory import list_cards


@dataclass(frozen=True)
class Choice:
    """A warm backend. `problem` tells the player in one line what isn't as it was meant to be, such as an engine that
    was found damaged; None where all is, or where `auto` found no card. `stands_in`: another one was meant to play."""

    backend: Backend
    problem: str | None = None
    stands_in: bool = False


def make_backend(
    checkpoint: Checkpoint,
    wish: BackendWish | None = None,
    progress: Progress = lambda stage, share: None,
    parts: Parts | None = None,
) -> Choice:
    """A warm backend for `checkpoint`. Whatever fails on the way to a card, the CPU plays. Raises BadInput only."""
    wish = wish or BackendWish()
    if wish.name is BackendName.ONNX:
        return Choice(_cpu(checkpoint, wish, ""))
    try:
        if parts is None:
            _look_for_card()
        backend = _on_card(checkpoint, wish, open_tensorrt(checkpoint, wish.vram_limit, progress, parts), parts)
        return Choice(backend, backend.info.note or None)
    except BackendFailed as error:
        note = f"no TensorRT: {error}"
        expected = wish.name is BackendName.AUTO and isinstance(error, NoCard)
        return Choice(_cpu(checkpoint, wish, note), None if expected else f"{note}; the CPU plays", not expected)


def _look_for_card() -> None:
    """Raise BackendFailed where there is no card, before the large library is imported: nobody misses it then."""
    if installed_libraries():
        find_card()
    elif not list_cards():
        raise NoCard("no NVIDIA card is here")


def _cpu(checkpoint: Checkpoint, wish: BackendWish, note: str) -> OnnxBackend:
    backend = OnnxBackend(checkpoint, wish.threads, note)
    backend.warm_up()
    return backend


def _on_card(checkpoint: Checkpoint, wish: BackendWish, opened: Opened, parts: Parts | None) -> Backend:
    """The opened backend, which steps down when it fails: less memory first if that is what is short, then the CPU."""
    left = list(tiers_in_play(opened.tier))

    def spare(error: BackendFailed) -> Backend:
        tiers, left[:] = list(left), []
        if isinstance(error, OutOfDeviceMemory) and tiers:
            try:
                found = open_tensorrt(checkpoint, wish.vram_limit, parts=parts, tiers=tiers, may_build=False)
            except BackendFailed as further:
                error = further
            else:
                found.backend.note = f"{found.backend.note} ({error})"
                return found.backend
        return _cpu(checkpoint, wish, f"TensorRT stopped: {error}")

    return SteadyBackend(opened.backend, spare)
