"""From a half-precision graph to an engine. Owns parsing and building, which need no card; refuses to run it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.backends.base import BackendFailed
from engine.backends.library import Library
from models.manifest import BadInput, TensorSpec

_TYPES = {"FLOAT": "float32", "HALF": "float16", "INT64": "int64", "INT32": "int32", "UINT8": "uint8"}


@dataclass(frozen=True)
class BuildOptions:
    """What an engine is built for. `capability`: (8, 6) of an RTX 3060; None: the card that is here. `workspace` in
    bytes: scratch memory that a layer may ask for; None leaves it to the library."""

    capability: tuple[int, int] | None
    workspace: int | None = None

    def flags(self) -> dict[str, Any]:
        """For the key of a cache."""
        return asdict(self)


def half_of(path: Path, capability: tuple[int, int]) -> bytes:
    """The half-precision graph of a shipped one, for a chip. Whatever is wrong with it, another backend may still play:
    raises BackendFailed."""
    try:
        from engine.backends.half_graph import half_graph  # needs a package that only this way to play needs
    except ImportError as error:
        raise BackendFailed("the onnx package is not installed: `pip install dreamcade[rtx]`") from error
    try:
        return half_graph(path.read_bytes(), str(path), capability)
    except BadInput as error:
        raise BackendFailed(str(error)) from error
    except OSError as error:
        raise BackendFailed(f"{path}: file: cannot be read ({error.strerror or error})") from error


def build_engine(library: Library, graph: bytes, options: BuildOptions, ends: Sequence[TensorSpec]) -> bytes:
    """Parse `graph` and build it; `ends` are the inputs and outputs that it must have. Raises BackendFailed with the
    library's own words where it refuses, OutOfDeviceMemory where they say that memory is short."""
    what = f"builds no engine{_for_chip(options)}"
    with library.guarded(what):
        trt: Any = library.module
        builder = trt.Builder(library.log)
        if builder is None:  # what a constructor gives where there is no driver and the library wants one
            raise library.failure(what)
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, library.log)
        if not parser.parse(graph):
            raise BackendFailed(f"{library.title} refuses the graph: {_parser_words(parser) or library.complaint()}")
        _check_ends(library, network, ends)
        config = builder.create_builder_config()
        config.clear_flag(trt.BuilderFlag.TF32)  # what the graph says is float32 is meant to be
        if hasattr(trt.BuilderFlag, "REQUIRE_USER_ALLOCATION"):
            # TensorRT-RTX may else allocate in mid-step, which no CUDA graph can record; a graph that can't do without
            # is then refused here, where no card is needed to find out.
            config.set_flag(trt.BuilderFlag.REQUIRE_USER_ALLOCATION)
        if options.workspace is not None:
            config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace)
        if options.capability is not None and hasattr(config, "set_compute_capability"):
            config.num_compute_capabilities = 1
            config.set_compute_capability(_capability(library, options.capability), 0)
        engine = builder.build_serialized_network(network, config)
        if engine is None:
            raise library.failure(what)
        return bytes(engine)


def is_known_chip(library: Library, capability: tuple[int, int]) -> bool:
    """Whether the library may build for a chip. The full one names none: only building shows."""
    chips = getattr(library.module, "ComputeCapability", None)
    return chips is None or hasattr(chips, _chip_name(capability))


def _capability(library: Library, capability: tuple[int, int]) -> Any:
    """The library's name for a chip. One that it has no name for is left to it, and to what it says of it."""
    known: Any = library.module.ComputeCapability
    return getattr(known, _chip_name(capability), known.CURRENT)


def _chip_name(capability: tuple[int, int]) -> str:
    return "SM{}{}".format(*capability)


def _for_chip(options: BuildOptions) -> str:
    return "" if options.capability is None else " for compute capability {}.{}".format(*options.capability)


def _parser_words(parser: Any) -> str:
    if not parser.num_errors:
        return ""
    first = parser.get_error(0)
    place = f"{first.node_name()}: " if first.node_name() else ""
    return " ".join(f"{place}{first.desc()}".split())


def _check_ends(library: Library, network: Any, ends: Sequence[TensorSpec]) -> None:
    tensors = [network.get_input(number) for number in range(network.num_inputs)]
    tensors += [network.get_output(number) for number in range(network.num_outputs)]
    found = {tensor.name: (tuple(tensor.shape), _TYPES.get(tensor.dtype.name, tensor.dtype.name)) for tensor in tensors}
    for spec in ends:
        if found.pop(spec.name, None) != (spec.shape, spec.dtype):
            raise BackendFailed(f"{library.title}: {spec.name}: expected {spec.dtype} {list(spec.shape)} in the graph")
    if found:
        raise BackendFailed(f"{library.title}: {next(iter(found))}: the manifest knows none of this name")
