"""From a checkpoint to a warm TensorRT backend. Owns the engine's way through the cache and what is given up when
memory is short; refuses to fall back to another runtime (choice)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol
from weakref import WeakSet

from engine.backends.base import BackendFailed, OutOfDeviceMemory
from engine.backends.device import Card, CudaDevice, Device
from engine.backends.engine_build import BuildOptions, build_engine, half_of
from engine.backends.engine_cache import EngineCache, EngineKey
from engine.backends.graph_tensors import step_tensors
from engine.backends.library import Library, find_library, one_line
from engine.backends.program import EngineProgram, Program
from engine.backends.tensorrt import TensorRtBackend
from engine.backends.vram import (
    RUNTIME_BYTES,
    WORKSPACE_BYTES,
    estimate_fixed,
    estimate_need,
    estimate_scratch,
    show_size,
)
from engine.checkpoint import Checkpoint

Progress = Callable[[str, float], None]


_opened: WeakSet[TensorRtBackend] = WeakSet()  # in this process: several worlds stay open, and a limit is for them all
_opened_lock = threading.Lock()  # one may step down while another one is opened


@dataclass(frozen=True)
class Tier:
    """How much memory an opening may ask for. `given_up` says what is missing to the first one."""

    workspace: int | None
    graphs: bool
    given_up: str


TIERS = (
    Tier(None, True, ""),
    Tier(WORKSPACE_BYTES, True, "a smaller workspace"),
    Tier(WORKSPACE_BYTES, False, "a smaller workspace and no CUDA graph"),
)


def tiers_in_play(tier: Tier) -> tuple[Tier, ...]:
    """What a backend that was opened at `tier` may step down to while it plays: the same engine without a CUDA graph. A
    smaller workspace would mean to build, which takes many seconds, and the CPU plays at once."""
    return (replace(tier, graphs=False, given_up="no CUDA graph"),) if tier.graphs else ()


@dataclass(frozen=True)
class Parts:
    """What an opening is made of."""

    find_library: Callable[[], Library] = find_library
    make_device: Callable[[], Device] = CudaDevice
    make_program: Callable[[Library, Device, bytes, bytes | None], Program] = EngineProgram
    cache: EngineCache = field(default_factory=EngineCache)


@dataclass(frozen=True)
class Opened:
    """A warm backend and the tier that it was opened at. Its `note` says what went otherwise than planned."""

    backend: TensorRtBackend
    tier: Tier


def open_tensorrt(
    checkpoint: Checkpoint,
    vram_limit: int | None = None,
    progress: Progress = lambda stage, share: None,
    parts: Parts | None = None,
    tiers: Sequence[Tier] = TIERS,
    may_build: bool = True,
) -> Opened:
    """Build or load the engine and warm it up. Where memory is short, less is asked for, tier by tier. `vram_limit` in
    bytes, of all worlds that are open; without `may_build`, only a kept engine will do. Raises BackendFailed."""
    parts = parts or Parts()
    library = parts.find_library()
    need, taken = estimate_need(checkpoint.manifest), _taken()
    if vram_limit is not None and taken + need > vram_limit:
        others = f" and other worlds take {show_size(taken)}" if taken else ""
        raise BackendFailed(f"this world needs about {show_size(need)}{others}, the limit is {show_size(vram_limit)}")
    short = ""  # words alone: the error itself would keep alive what it went through, engine and all
    notes: list[str] = []  # of all tiers: what the first one found damaged, the second one finds gone
    for tier in tiers:
        opening = _Opening(checkpoint, parts, library, tier, vram_limit, progress, may_build, notes)
        try:
            backend = opening.open()
        except OutOfDeviceMemory as error:
            short = str(error)
        else:
            if tier.given_up:
                notes.append(f"memory is short: {tier.given_up}")
            backend.note = "; ".join(note for note in (*notes, backend.note) if note)
            with _opened_lock:
                _opened.add(backend)
            return Opened(backend, tier)
    raise OutOfDeviceMemory(f"the card's memory is too short ({short or 'nothing is left to give up'})")


def _taken() -> int:
    """Bytes that the open backends of this process take on the card, without what CUDA keeps for itself."""
    with _opened_lock:
        return sum(backend.memory for backend in _opened)


class _Opening:
    """One try at one tier. To `notes` it adds what went otherwise than planned."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        parts: Parts,
        library: Library,
        tier: Tier,
        vram_limit: int | None,
        progress: Progress,
        may_build: bool,
        notes: list[str],
    ) -> None:
        self._notes = notes
        self._checkpoint = checkpoint
        self._parts = parts
        self._library = library
        self._tier = tier
        self._vram_limit = vram_limit
        self._progress = progress
        self._may_build = may_build

    def open(self) -> TensorRtBackend:
        """The engine from the cache, else built. One that doesn't load or doesn't run is built anew, once."""
        device = self._parts.make_device()
        with _closed_on_failure(device):
            self._check_free(device)
            card = device.card
            key = self._key(card)
            self._progress("loading the engine", 0.1)
            kept = self._load(key)
        if kept is not None:
            try:
                return self._start(device, key, kept, self._load(_compiled_key(key)))
            except OutOfDeviceMemory:
                raise
            except BackendFailed as error:
                self._forget(key)
                self._notes.append(f"the kept engine was of no use ({one_line(error)})")
            device = self._parts.make_device()
        with _closed_on_failure(device):
            engine = self._build(card)
            self._parts.cache.store(key, engine)
        self._progress("loading the engine", 0.7)
        try:
            return self._start(device, key, engine, None)
        except OutOfDeviceMemory:
            raise
        except BackendFailed:
            self._forget(key)
            raise

    def _start(self, device: Device, key: EngineKey, engine: bytes, compiled: bytes | None) -> TensorRtBackend:
        """Load an engine on `device`, which is closed where that fails, and warm it up."""
        with _closed_on_failure(device):
            program = self._parts.make_program(self._library, device, engine, compiled)
            with _closed_on_failure(program):
                backend = TensorRtBackend(self._checkpoint, device, program, self._library.title, self._tier.graphs)
                self._check_limit(backend)
                self._progress("warming up", 0.8)
                backend.warm_up()
                self._keep_compiled(key, program, compiled)
        self._progress("ready", 1.0)
        return backend

    def _load(self, key: EngineKey) -> bytes | None:
        """What is kept; why it isn't any more becomes a note."""
        kept = self._parts.cache.load(key)
        if kept.problem:
            self._notes.append(f"made anew: {kept.problem}")
        return kept.data

    def _forget(self, key: EngineKey) -> None:
        self._parts.cache.drop(key)
        self._parts.cache.drop(_compiled_key(key))

    def _build(self, card: Card) -> bytes:
        if not self._may_build:
            raise BackendFailed("; ".join([*self._notes, "no engine is kept, and building one would halt play"]))
        self._progress("building the engine", 0.2)
        manifest = self._checkpoint.manifest
        inputs, outputs = step_tensors(manifest)
        graph = half_of(self._checkpoint.folder / manifest.graphs.step, card.capability)
        return build_engine(self._library, graph, self._options(card), [*inputs, *outputs])

    def _check_free(self, device: Device) -> None:
        manifest = self._checkpoint.manifest
        # What scratch really takes is known only when it is asked for: the smaller tiers just try.
        scratch = estimate_scratch(manifest) if self._tier.workspace is None else 0
        need, free = estimate_fixed(manifest) + scratch, device.free_bytes()
        if free < need:
            raise OutOfDeviceMemory(f"about {show_size(need)} are needed, {show_size(free)} are free")

    def _key(self, card: Card) -> EngineKey:
        manifest = self._checkpoint.manifest
        return EngineKey(
            graph_sha256=manifest.files[manifest.graphs.step].sha256,
            library=self._library.name,
            version=self._library.version,
            card=card.name,
            capability=card.architecture,
            driver=card.driver,
            flags=self._options(card).flags(),
        )

    def _options(self, card: Card) -> BuildOptions:
        """TensorRT-RTX is told the chip; the full library builds for the one that is here, by timing on it."""
        told = hasattr(self._library.module, "ComputeCapability")
        return BuildOptions(card.capability if told else None, self._tier.workspace)

    def _check_limit(self, backend: TensorRtBackend) -> None:
        taken = backend.memory + _taken() + RUNTIME_BYTES
        if self._vram_limit is not None and taken > self._vram_limit:
            raise OutOfDeviceMemory(f"{show_size(taken)} are taken, the limit is {show_size(self._vram_limit)}")

    def _keep_compiled(self, key: EngineKey, program: Program, loaded: bytes | None) -> None:
        """Keep what was compiled while warming up, unless that is what was loaded."""
        try:
            compiled = program.compiled()
        except BackendFailed:  # what runs, runs: the next start only compiles again
            return
        if compiled and compiled != loaded:
            self._parts.cache.store(_compiled_key(key), compiled)


class _Closable(Protocol):
    def close(self) -> None: ...


@contextlib.contextmanager
def _closed_on_failure(held: _Closable) -> Iterator[None]:
    try:
        yield
    except BaseException:
        held.close()
        raise


def _compiled_key(key: EngineKey) -> EngineKey:
    return replace(key, part="compiled")
