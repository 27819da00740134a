"""The digest of a frame."""

from __future__ import annotations

import numpy as np

from engine.frame import tokens_digest
from models.actions import Action

PINNED = "df5bef8a3c8cc35e"


def test_pinned_for_ever() -> None:
    """Recordings live by it."""
    assert tokens_digest(Action.RIGHT_JUMP, np.arange(4)) == PINNED


def test_depends_on_tokens_and_action() -> None:
    tokens = np.arange(16)
    seen = {tokens_digest(action, tokens) for action in Action}
    seen |= {tokens_digest(Action.NOOP, np.roll(tokens, shift)) for shift in range(16)}
    assert len(seen) == len(Action) + 15


def test_memory_layout_does_not_matter() -> None:
    tokens = np.arange(32)
    swapped = tokens[::2].astype(">i8")
    assert tokens_digest(Action.NOOP, tokens[::2]) == tokens_digest(Action.NOOP, swapped)
