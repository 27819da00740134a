"""What every backend is. Owns the protocol and what crosses it; refuses any runtime's types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class BackendInfo:
    """What runs the graph. `device` begins with "CPU" or is the card's own name; telemetry judges targets by it.
    `note` says in one line why it is this one and not a better one; empty where nothing was given up."""

    name: str
    version: str
    device: str
    threads: int
    instruction_set: str
    note: str = ""

    @property
    def on_cpu(self) -> bool:
        """Whether the processor runs the graph, not a card."""
        return self.device.startswith("CPU")


class BackendFailed(Exception):
    """A backend can't be had here, or broke: one line why. It never ends play, for another one takes over."""


class NoCard(BackendFailed):
    """There is no card here that could be used: nothing is missing that a player might expect."""


class OutOfDeviceMemory(BackendFailed):
    """The card has not enough memory left for what was asked."""


@dataclass(frozen=True)
class StepOutput:
    """One predicted frame: tokens int64 [P], picture uint8 [H,W] or [H,W,3], entropy in mean nats a token."""

    tokens: npt.NDArray[np.int64]
    picture: npt.NDArray[np.uint8]
    entropy: float


class Backend(Protocol):
    """Executes one world's graphs and holds its state between steps. Used by one thread at a time."""

    @property
    def info(self) -> BackendInfo: ...

    def reset(self) -> None:
        """Set the state to zero."""

    def step(self, tokens: npt.NDArray[np.int64], action_index: int, noise: npt.NDArray[np.float32]) -> StepOutput:
        """Roll the state by a frame. tokens int64 [P] of frame t, the action taken at t, noise float32 [P] in [0,1)."""

    def encode(self, picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """Tokens int64 [P] of a picture uint8 [H,W] or [H,W,3]."""

    def get_state(self) -> dict[str, npt.NDArray[Any]]:
        """Copies of the state tensors by name."""

    def set_state(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Replace the state by copies of these arrays."""

    def warm_up(self) -> None:
        """Run until nothing is left to be set up, then set the state to zero."""

    def close(self) -> None:
        """Let go of what the runtime holds. The backend can't be used afterwards."""
