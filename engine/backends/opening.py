"""From a checkpoint to a warm TensorRT backend. Owns the engine's way through the cache and what is given up when
memory is short; refuses to fall back to another runtime (choice)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.backends.base import BackendFailed, OutOfDeviceMemory
from engine.backends.device import Card, CudaDevice, Device
from engine.backends.engine_build import BuildOptions, build_engine
from engine.backends.engine_cache import EngineCache, EngineKey
from engine.backends.graph_tensors import step_tensors
from engine.backends.library import Library, find_library, one_line
from engine.backends.program import EngineProgram, Program
from engine.backends.tensorrt import TensorRtBackend
from engine.backends.vram import RUNTIME_BYTES, SCRATCH_BYTES, estimate_need, show_size
from engine.checkpoint import Checkpoint
from models.manifest import BadInput

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Tier:
    """How much memory an opening may ask for. `given_up` says what is missing to the first one."""

    workspace: int | None
    graphs: bool
    given_up: str


TIERS = (
    Tier(None, True, ""),
    Tier(32 << 20, True, "a smaller workspace"),
    Tier(32 << 20, False, "a smaller workspace and no CUDA graph"),
)


@dataclass(frozen=True)
class Parts:
    """What an opening is made of."""

    find_library: Callable[[], Library] = find_library
    make_device: Callable[[], Device] = CudaDevice
    make_program: Callable[[Library, bytes, bytes | None], Program] = EngineProgram
    cache: EngineCache = field(default_factory=EngineCache)


@dataclass(frozen=True)
class Opened:
    """A warm backend and the tier that it was opened at. Its `note` says what went otherwise than planned."""

    backend: TensorRtBackend
    tier: int


def open_tensorrt(
    checkpoint: Checkpoint,
    vram_limit: int | None = None,
    progress: Progress = lambda stage, share: None,
    parts: Parts | None = None,
    first_tier: int = 0,
) -> Opened:
    """Build or load the engine and warm it up. Where memory is short, less is asked for, tier by tier from `first_tier`
    on. `vram_limit` in bytes. Raises BackendFailed."""
    parts = parts or Parts()
    library = parts.find_library()
    need = estimate_need(checkpoint.manifest)
    if vram_limit is not None and need > vram_limit:
        raise BackendFailed(f"this world needs about {show_size(need)}, the limit is {show_size(vram_limit)}")
    short: OutOfDeviceMemory | None = None
    for tier in range(first_tier, len(TIERS)):
        opening = _Opening(checkpoint, parts, library, TIERS[tier], vram_limit, progress)
        try:
            backend = opening.open()
        except OutOfDeviceMemory as error:
            short = error
        else:
            if tier:
                opening.notes.append(f"memory is short: {TIERS[tier].given_up}")
            backend.note = "; ".join(note for note in (*opening.notes, backend.note) if note)
            return Opened(backend, tier)
    raise OutOfDeviceMemory(f"the card's memory is too short ({short or 'nothing is left to give up'})")


class _Opening:
    """One try at one tier. `notes`: what went otherwise than planned."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        parts: Parts,
        library: Library,
        tier: Tier,
        vram_limit: int | None,
        progress: Progress,
    ) -> None:
        self.notes: list[str] = []
        self._checkpoint = checkpoint
        self._parts = parts
        self._library = library
        self._tier = tier
        self._vram_limit = vram_limit
        self._progress = progress

    def open(self) -> TensorRtBackend:
        device = self._parts.make_device()
        program: Program | None = None
        try:
            scratch = SCRATCH_BYTES if self._tier.workspace is None else 0
            need = estimate_need(self._checkpoint.manifest) - RUNTIME_BYTES - SCRATCH_BYTES + scratch
            free = device.free_bytes()
            if free < need:
                raise OutOfDeviceMemory(f"about {show_size(need)} are needed, {show_size(free)} are free")
            options = BuildOptions(self._capability(device.card), self._tier.workspace)
            key = self._key(device.card, options)
            program = self._program(key, options)
            backend = TensorRtBackend(self._checkpoint, device, program, self._library.title, self._tier.graphs)
            self._check_limit(backend)
            self._progress("warming up", 0.8)
            backend.warm_up()
            self._keep_compiled(key, program)
            self._progress("ready", 1.0)
        except BaseException:
            if program is not None:
                program.close()
            device.close()
            raise
        return backend

    def _program(self, key: EngineKey, options: BuildOptions) -> Program:
        """The engine from the cache, else built. One that doesn't load is built anew, once."""
        cache, make = self._parts.cache, self._parts.make_program
        self._progress("loading the engine", 0.1)
        kept = cache.load(key)
        if kept is not None:
            try:
                return make(self._library, kept, cache.load(_compiled_key(key)))
            except OutOfDeviceMemory:
                raise
            except BackendFailed as error:
                cache.drop(key)
                self.notes.append(f"the kept engine was built anew ({one_line(error)})")
        self._progress("building the engine", 0.2)
        manifest = self._checkpoint.manifest
        path = self._checkpoint.folder / manifest.graphs.step
        inputs, outputs = step_tensors(manifest)
        engine = build_engine(self._library, _half(path), options, [*inputs, *outputs])
        cache.store(key, engine)
        self._progress("loading the engine", 0.7)
        return make(self._library, engine, None)

    def _key(self, card: Card, options: BuildOptions) -> EngineKey:
        manifest = self._checkpoint.manifest
        return EngineKey(
            graph_sha256=manifest.files[manifest.graphs.step].sha256,
            library=self._library.name,
            version=self._library.version,
            card=card.name,
            capability=card.architecture,
            driver=card.driver,
            flags=options.flags(),
        )

    def _capability(self, card: Card) -> tuple[int, int] | None:
        """TensorRT-RTX is told the chip; the full library builds for the one that is here, by timing on it."""
        return card.capability if hasattr(self._library.module, "ComputeCapability") else None

    def _check_limit(self, backend: TensorRtBackend) -> None:
        taken = backend.memory + RUNTIME_BYTES
        if self._vram_limit is not None and taken > self._vram_limit:
            raise OutOfDeviceMemory(f"{show_size(taken)} are taken, the limit is {show_size(self._vram_limit)}")

    def _keep_compiled(self, key: EngineKey, program: Program) -> None:
        """Keep what was compiled while warming up, unless that is what was loaded."""
        compiled = program.compiled()
        if compiled and compiled != self._parts.cache.load(_compiled_key(key)):
            self._parts.cache.store(_compiled_key(key), compiled)


def _compiled_key(key: EngineKey) -> EngineKey:
    return replace(key, part="compiled")


def _half(path: Path) -> bytes:
    """The half-precision graph of a shipped one. Whatever is wrong with it, another backend may still play."""
    try:
        from engine.backends.half_graph import half_graph  # needs a package that only this way to play needs
    except ImportError as error:
        raise BackendFailed("the onnx package is not installed: `pip install dreamcade[rtx]`") from error
    try:
        return half_graph(path.read_bytes(), str(path))
    except BadInput as error:
        raise BackendFailed(str(error)) from error
    except OSError as error:
        raise BackendFailed(f"{path}: file: cannot be read ({error.strerror or error})") from error
