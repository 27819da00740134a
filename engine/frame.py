"""A frame: one picture and its identity. Owns what is handed to window, telemetry and recorder; refuses to draw it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.actions import Action


@dataclass(frozen=True)
class FrameTimes:
    """When a frame came to be, in seconds of the session's clock.

    taken: when its action was taken. key_time: of the oldest key event that it answers, None where no key changed.
    compute_s: how long the step took.
    """

    taken: float
    key_time: float | None
    compute_s: float


@dataclass(frozen=True)
class Frame:
    """One frame of a session.

    index: 0 is the start, i the frame after i actions. action: the one that led here (NOOP at 0).
    pixels: uint8 [H,W] palette indices or [H,W,3]. tokens: int64 [P]. Both are read-only.
    tokens_digest: 16 hex digits over action and tokens. entropy: mean nats a token.
    """

    index: int
    action: Action
    pixels: npt.NDArray[np.uint8]
    tokens: npt.NDArray[np.int64]
    tokens_digest: str
    entropy: float
    times: FrameTimes


def tokens_digest(action: Action, tokens: npt.NDArray[np.int64]) -> str:
    """blake2b-8 in hex over the action that led to a frame and its tokens int64 [P].

    The action is part of it, so that a replay tells a changed action at its own frame, even one without effect.
    """
    digest = hashlib.blake2b(action.value.encode() + b"\0", digest_size=8)
    digest.update(np.ascontiguousarray(tokens, "<i8").data)
    return digest.hexdigest()
