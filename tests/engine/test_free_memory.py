from __future__ import annotations

import platform
import sys

import psutil
import pytest

from engine.free_memory import give_back

HELD = 200_000


def test_anywhere_it_may_be_asked_for() -> None:
    give_back()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_holes_between_small_objects_go_back() -> None:
    kept = [bytes(1000) for _ in range(HELD)]
    kept[: HELD - 1] = []  # the last one holds the top of the heap
    before = psutil.Process().memory_info().rss
    give_back()
    assert before - psutil.Process().memory_info().rss > HELD * sys.getsizeof(kept[0]) / 2
