"""Starts: a picture's tokens survive their text form, and nothing else is taken for them."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.checkpoint import Checkpoint
from engine.session import Session
from engine.start import PictureStart, find_start, start_fields, start_text, start_tokens
from models.actions import Action
from models.manifest import BadInput


def test_a_picture_start_comes_back_from_its_fields(checkpoint: Checkpoint) -> None:
    tokens = checkpoint.start_tokens[1, -1]
    fields = start_fields(PictureStart(tokens, checkpoint.start_pixels[0]))
    assert fields["start"] == 0
    start = find_start(0, str(fields["start_tokens"]), checkpoint, "here")
    assert isinstance(start, PictureStart)
    assert np.array_equal(start.tokens, tokens) and np.array_equal(start.pixels, checkpoint.start_pixels[1])


def test_a_number_is_itself(checkpoint: Checkpoint) -> None:
    assert start_fields(2) == {"start": 2} and find_start(2, None, checkpoint, "here") == 2
    with pytest.raises(BadInput, match="here: start: expected 0 to 2, found 3"):
        find_start(3, None, checkpoint, "here")


def test_a_session_begins_as_if_the_picture_had_stood_still(session: Session) -> None:
    checkpoint = session.checkpoint
    tokens = checkpoint.start_tokens[2, 0]
    frame = session.reset(PictureStart(tokens, checkpoint.start_pixels[0]), 3)
    assert frame.index == 0 and np.array_equal(frame.tokens, tokens)
    assert np.array_equal(session.backend.get_state()["ring"][0], np.tile(tokens, 3))
    first = session.step(Action.RIGHT).tokens_digest
    session.reset(PictureStart(tokens, checkpoint.start_pixels[0]), 3)
    assert session.step(Action.RIGHT).tokens_digest == first


def packed(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data)).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "ü",
        "AAAA",
        packed(b""),
        packed(bytes(60)),
        packed(bytes(68)),
        packed(bytes(1 << 24)),
        packed(b"\xff" * 64),
    ],
)
def test_what_holds_no_tokens_is_told(checkpoint: Checkpoint, text: str) -> None:
    with pytest.raises(BadInput, match="here: start_tokens: expected") as error:
        start_tokens(text, checkpoint.manifest, "here")
    assert "\n" not in str(error.value)


@given(text=st.text(max_size=60) | st.binary(max_size=80).map(packed))
def test_any_text(checkpoint: Checkpoint, text: str) -> None:
    try:
        tokens = start_tokens(text, checkpoint.manifest, "here")
        assert start_tokens(start_text(tokens), checkpoint.manifest, "here").tolist() == tokens.tolist()
    except BadInput as error:
        assert len(str(error).splitlines()) == 1
