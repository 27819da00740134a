"""What lies free in the C library's heap. Owns giving it back to the system; refuses to free what is in use.

glibc keeps what small objects have left in each thread's own heap, so that a program that opens and leaves worlds for
an hour takes more and more, though it needs no more.
"""

from __future__ import annotations

import ctypes
import os


def give_back() -> None:
    """Give back what lies free: some milliseconds on glibc; elsewhere the library sees to it by itself."""
    if os.name == "posix":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
