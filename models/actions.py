"""The one action vocabulary. Owns names and order; refuses keys (app/keymap.py) and meanings (each world's own)."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """A discrete input for one tick. A world's manifest lists the subset that it knows, in the order its graphs
    index."""

    NOOP = "noop"
    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"
    JUMP = "jump"
    LEFT_JUMP = "left+jump"
    RIGHT_JUMP = "right+jump"

    @property
    def buttons(self) -> frozenset[str]:
        """The single buttons held for this action: empty for NOOP, two for a chord."""
        return frozenset() if self is Action.NOOP else frozenset(self.value.split("+"))
