"""The host's time around a step."""

from __future__ import annotations

from engine.checkpoint import Checkpoint
from engine.measuring.host_time import measure_host


def test_the_hosts_time_is_there_and_not_negative(checkpoint: Checkpoint) -> None:
    spread = measure_host(checkpoint, 20)
    assert spread.p50 is not None and spread.p99 is not None and spread.max is not None
    assert 0 <= spread.p50 <= spread.p99 <= spread.max


def test_time_is_taken_around_each_step(checkpoint: Checkpoint) -> None:
    """With a clock that goes on by a second whenever it is read, a step spans what reads it: itself included."""
    reads = iter(range(10**6))
    spread = measure_host(checkpoint, 5, lambda: float(next(reads)))
    assert spread.p50 == spread.max and spread.p50 is not None and spread.p50 >= 1000
