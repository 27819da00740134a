"""Decoding: the same picture as the step graph paints, and a broken graph in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.checkpoint import Checkpoint, load_checkpoint
from engine.decoder import decode
from engine.session import Session
from models.actions import Action
from models.manifest import BadInput


def test_tokens_look_as_in_play(session: Session) -> None:
    for _ in range(5):
        frame = session.step(Action.RIGHT)
        assert np.array_equal(decode(session.checkpoint, frame.tokens), frame.pixels)


def test_the_real_exporters_decoder_paints_its_starts(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    for tokens, pixels in zip(checkpoint.start_tokens[:, -1], checkpoint.start_pixels, strict=True):
        assert np.array_equal(decode(checkpoint, tokens), pixels)


@pytest.mark.parametrize("graph", ["step.onnx", "encoder.onnx", None])
def test_a_graph_that_paints_nothing_is_told(
    make_world: Callable[..., Path], reseal: Callable[..., None], checkpoint: Checkpoint, graph: str | None
) -> None:
    folder = make_world()
    (folder / "decoder.onnx").write_bytes((folder / graph).read_bytes() if graph else b"not a graph")
    reseal(folder)
    with pytest.raises(BadInput, match=r"decoder\.onnx: graph: expected one that paints tokens") as error:
        decode(load_checkpoint(folder), checkpoint.start_tokens[0, -1])
    assert "\n" not in str(error.value)
