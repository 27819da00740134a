"""Facts about the machine: processor, cores, instruction set, system, versions. Owns finding them; refuses to judge."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import psutil

MODEL_THREADS = 4  # beyond this a step this small gains nothing, and the window needs a core too
MOST_THREADS = 64  # that may be asked for: more only exhausts the machine
_FEATURES = (
    ("AVX512F", "avx512"),
    ("X86_V4", "avx512"),  # numpy's name for the group
    ("AVX2", "avx2"),
    ("X86_V3", "avx2"),
    ("ASIMD", "neon"),
    ("NEON", "neon"),
    ("SSE4_2", "sse4.2"),
    ("SSE42", "sse4.2"),
)


@dataclass(frozen=True)
class Machine:
    """What a figure was measured on. `memory_gb` is 2**30 bytes."""

    cpu: str
    cores: int
    instruction_set: str
    memory_gb: float
    system: str
    python: str
    dreamcade: str
    onnxruntime: str


@cache
def machine() -> Machine:
    """This machine. Distribution versions are read without importing the packages."""
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Machine(
        cpu=cpu_name(),
        cores=usable_cores(),
        instruction_set=instruction_set(),
        memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
        system=system,
        python=platform.python_version(),
        dreamcade=package_version("dreamcade"),
        onnxruntime=package_version("onnxruntime"),
    )


@cache
def package_version(name: str) -> str:
    """Version of an installed distribution, or "unknown" where it runs from a bare checkout."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "unknown"


@cache
def cpu_name() -> str:
    """The processor's own name, as the system tells it."""
    if sys.platform == "win32":
        import winreg

        place = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return str(winreg.QueryValueEx(key, "ProcessorNameString")[0]).strip()
        except OSError:
            return platform.processor() or platform.machine()
    name = _mac_cpu_name() if sys.platform == "darwin" else _linux_cpu_fact("model name")
    return name or platform.processor() or platform.machine()


@cache
def instruction_set() -> str:
    """The widest vector instructions: "avx512", "avx2", "neon", "sse4.2" or the bare architecture."""
    flags = {flag.upper() for flag in (_linux_cpu_fact("flags") or _linux_cpu_fact("Features")).split()}
    if not flags:  # not Linux: numpy looks for itself
        simd = np.show_config(mode="dicts").get("SIMD Extensions", {})
        flags = {*simd.get("baseline", []), *simd.get("found", [])}
    return next((label for flag, label in _FEATURES if flag in flags), platform.machine() or "unknown")


def usable_cores() -> int:
    """Cores that this process may really use: physical, within its affinity and its container's quota."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    affinity = len(os.sched_getaffinity(0)) if sys.platform == "linux" else physical
    return max(1, min(physical, affinity, _quota_cores()))


def model_threads() -> int:
    """Threads for a step graph on this machine; DREAMCADE_THREADS overrides it where it is a positive number."""
    wish = os.environ.get("DREAMCADE_THREADS", "")
    return min(int(wish), MOST_THREADS) if wish.isdecimal() and int(wish) > 0 else min(usable_cores(), MODEL_THREADS)


def _quota_cores() -> int:
    """Whole cores of a Linux container's CPU quota (cgroup v2); very many where there is none."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return 1 << 16


@cache
def _linux_cpu_fact(field: str) -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == field), "")


def _mac_cpu_name() -> str:
    buffer, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
    try:
        failed = ctypes.CDLL(None).sysctlbyname(b"machdep.cpu.brand_string", buffer, ctypes.byref(size), None, 0)
    except (OSError, AttributeError):
        return ""
    return "" if failed else buffer.value.decode(errors="replace")
