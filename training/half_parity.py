"""Whether the half-precision graph still chooses the same tokens. Owns that comparison; refuses to run on a card.

Both graphs run on the CPU, where half precision is emulated: every product's inputs and outputs are rounded to it. From
the float32 graph's own states each of them makes one step, so that a difference doesn't grow into others.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from engine.autoplay import make_autoplayer
from engine.backends.half_graph import half_graph
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.noise import frame_noise
from engine.session import Session, action_indices
from models.manifest import BadInput

FRAMES = 3000
LEAST_EQUAL = 0.999
RESET_EVERY = 250  # frames, so that many starts are seen


@dataclass(frozen=True)
class HalfParity:
    """`tokens`: share of equal next tokens; `pixels`: share of equal pixels where all tokens are equal, None where they
    never were."""

    world: str
    frames: int
    tokens: float
    pixels: float | None

    @property
    def holds(self) -> bool:
        """Whether a card may play this world in half precision."""
        return self.tokens >= LEAST_EQUAL


def measure_half(
    folder: Path,
    frames: int = FRAMES,
    threads: int | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> HalfParity:
    """Compare over `frames` states that random play leads to. Raises BadInput for a folder that is no checkpoint."""
    checkpoint = load_checkpoint(folder)
    session = Session(checkpoint, OnnxBackend(checkpoint, threads))
    step = _half_step(checkpoint, session.backend.info.threads)
    player = make_autoplayer("random", checkpoint.manifest, 0)
    indices = action_indices(checkpoint.manifest)
    equal: list[float] = []
    painted: list[float] = []
    for number in range(frames):
        if number % RESET_EVERY == 0:
            session.reset((number // RESET_EVERY) % checkpoint.starts, number)
        state, tokens = session.backend.get_state(), session.frame.tokens
        frame = session.step(player.next_action(session.frame.pixels))
        noise = frame_noise(session.rng_seed, frame.index, checkpoint.manifest.tokens)
        got, picture = step(tokens, indices[frame.action], noise, state)
        equal.append(float((got == frame.tokens).mean()))
        if equal[-1] == 1:
            painted.append(float((picture == frame.pixels).mean()))
        progress((number + 1) / frames)
    session.backend.close()
    pixels = float(np.mean(painted)) if painted else None
    return HalfParity(checkpoint.manifest.name, frames, float(np.mean(equal)), pixels)


def check_half(folder: Path, frames: int = FRAMES) -> HalfParity:
    """Raise BadInput where too many tokens differ."""
    parity = measure_half(folder, frames)
    if not parity.holds:
        raise BadInput(
            f"{folder}: half precision: expected {LEAST_EQUAL:.1%} of the next tokens equal, got {parity.tokens:.3%}"
        )
    return parity


def _half_step(
    checkpoint: Checkpoint, threads: int
) -> Callable[..., tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]]:
    path = checkpoint.folder / checkpoint.manifest.graphs.step
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    half = half_graph(path.read_bytes(), str(path))
    graph = ort.InferenceSession(half, options, providers=["CPUExecutionProvider"])

    def step(
        tokens: npt.NDArray[np.int64], action: int, noise: npt.NDArray[np.float32], state: dict[str, npt.NDArray[Any]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
        feed = {"tokens": tokens[None], "action": np.array([action]), "noise": noise[None], **state}
        got, picture = graph.run(["next_tokens", "picture"], feed)
        return got[0], picture[0]

    return step
