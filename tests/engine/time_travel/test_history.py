"""The compact form of what was played."""

from __future__ import annotations

from engine.time_travel.history import History
from models.actions import Action


def test_iterates_actions_and_digests() -> None:
    history = History((Action.NOOP, Action.LEFT), bytes([0, 1, 0]), bytes(range(24)))
    assert len(history) == 3
    assert list(history) == [
        (Action.NOOP, "0001020304050607"),
        (Action.LEFT, "08090a0b0c0d0e0f"),
        (Action.NOOP, "1011121314151617"),
    ]
