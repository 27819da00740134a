"""A loaded engine that can be queued on a stream. Owns the library's runtime objects; refuses the cache of engines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from engine.backends.device import Device
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
    """An engine of either library, on the card. Its scratch is the device's, so nothing is allocated while it runs: a
    CUDA graph can record a step, and that memory is short is told in CUDA's own words."""

    def __init__(self, library: Library, device: Device, engine: bytes, compiled: bytes | None = None) -> None:
        """Load `engine`, and what was `compiled` of it before. Raises BackendFailed where the library refuses,
        OutOfDeviceMemory where the card has no room. Scratch stays until `device` is closed."""
        self._library = library
        self._runtime: Any = None
        self._engine: Any = None
        self._cache: Any = None
        self._context: Any = None
        try:
            self._load(engine)
            scratch = self._start(device, compiled)
        except BaseException:
            self.close()  # now, and not when the last trace of the error is gone: the next try wants the memory
            raise
        self.memory = len(engine) + scratch

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

    def _load(self, engine: bytes) -> None:
        with self._library.guarded("loads no such engine"):
            self._runtime = self._library.module.Runtime(self._library.log)
            if self._runtime is not None:
                self._engine = self._runtime.deserialize_cuda_engine(engine)
            if self._engine is None:
                raise self._library.failure("loads no such engine")

    def _start(self, device: Device, compiled: bytes | None) -> int:
        """Make the context and give it its scratch. Returns how many bytes."""
        with self._library.guarded("can't run the engine"):
            size = int(self._engine.device_memory_size_v2)
            self._context = self._make_context(compiled)
            if self._context is None:
                raise self._library.failure("can't run the engine")
            if size:
                self._context.set_device_memory(device.allocate(size), size)
        return size

    def _make_context(self, compiled: bytes | None) -> Any:
        """An execution context without memory; on TensorRT-RTX with a cache of what it compiles."""
        trt: Any = self._library.module
        ours = trt.ExecutionContextAllocationStrategy.USER_MANAGED
        if not hasattr(trt, "IRuntimeCache"):
            return self._engine.create_execution_context(ours)
        config = self._engine.create_runtime_config()
        config.set_execution_context_allocation_strategy(ours)
        cache = config.create_runtime_cache()
        if compiled is not None:
            cache.deserialize(compiled)  # False where it is of another driver: all is then compiled anew
        if config.set_runtime_cache(cache):
            self._cache = cache
        return self._engine.create_execution_context(config)
