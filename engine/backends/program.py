"""A loaded engine that can be queued on a stream. Owns the library's runtime objects; refuses memory and the cache."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from engine.backends.library import Library


class Program(Protocol):
    """What computes a step from the addresses that it is bound to."""

    @property
    def memory(self) -> int:
        """Bytes that it takes on the card for itself: weights and scratch."""

    def bind(self, addresses: Mapping[str, int]) -> None:
        """Read and write the tensors of these names at these addresses from now on."""

    def enqueue(self, stream: int) -> None:
        """Queue one step."""

    def compiled(self) -> bytes | None:
        """What was compiled while running, to be kept for the next start; None where nothing is. Raises
        BackendFailed."""

    def close(self) -> None:
        """Let go of it all."""


class EngineProgram:
    """An engine of either library, on the card."""

    def __init__(self, library: Library, engine: bytes, compiled: bytes | None = None) -> None:
        """Load `engine`, and what was `compiled` of it before. Raises BackendFailed where the library refuses."""
        self._library = library
        self._cache: Any = None
        library.complaint()
        with library.guarded("loads no such engine"):
            self._runtime = library.module.Runtime(library.log)
            self._engine: Any = None if self._runtime is None else self._runtime.deserialize_cuda_engine(engine)
            if self._engine is None:
                raise library.failure("loads no such engine")
        with library.guarded("can't run the engine"):
            self._context = self._make_context(compiled)
            if self._context is None:
                raise library.failure("can't run the engine")
            self.memory = len(engine) + int(self._engine.device_memory_size_v2)

    def bind(self, addresses: Mapping[str, int]) -> None:
        """Read and write the tensors of these names at these addresses from now on. Raises BackendFailed."""
        with self._library.guarded("binds no tensors"):
            for name, address in addresses.items():
                if not self._context.set_tensor_address(name, address):
                    raise self._library.failure(f"has no tensor {name}")

    def enqueue(self, stream: int) -> None:
        """Queue one step. Raises BackendFailed."""
        with self._library.guarded("did not run a step"):
            if not self._context.execute_async_v3(stream):
                raise self._library.failure("did not run a step")

    def compiled(self) -> bytes | None:
        """The kernels that TensorRT-RTX compiled for this card; None from the full library, which compiles none."""
        if self._cache is None:
            return None
        with self._library.guarded("keeps no kernels"):
            return bytes(self._cache.serialize())

    def close(self) -> None:
        """Let go of it all, in the order that the library asks for."""
        self._context = None
        self._cache = None
        self._engine = None
        self._runtime = None

    def _make_context(self, compiled: bytes | None) -> Any:
        """An execution context; on TensorRT-RTX with a cache of what it compiles."""
        if not hasattr(self._library.module, "IRuntimeCache"):
            return self._engine.create_execution_context()
        config = self._engine.create_runtime_config()
        self._cache = config.create_runtime_cache()
        if compiled is not None:
            self._cache.deserialize(compiled)  # False where it is of another driver: all is then compiled anew
        config.set_runtime_cache(self._cache)
        return self._engine.create_execution_context(config)
