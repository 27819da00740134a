"""What was played since a reset. Owns its compact form, nine bytes a frame, so that hours stay small; refuses files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from models.actions import Action

DIGEST_BYTES = 8


@dataclass(frozen=True)
class History:
    """Action and tokens digest of every frame, 0 included. `played` indexes `actions`; a digest is 8 bytes."""

    actions: tuple[Action, ...]
    played: bytes
    digests: bytes

    def __len__(self) -> int:
        return len(self.played)

    def __iter__(self) -> Iterator[tuple[Action, str]]:
        for at, number in enumerate(self.played):
            yield self.actions[number], self.digests[DIGEST_BYTES * at : DIGEST_BYTES * (at + 1)].hex()
