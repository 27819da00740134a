"""What a session begins from. Owns starts made of a picture and their text form; refuses to encode pictures.

A start is the number of one of the world's own, or a `PictureStart`.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint
from engine.decoder import decode
from models.manifest import BadInput, Manifest

START_LIMIT = 1 << 14  # characters of a start's text form


@dataclass(frozen=True, eq=False)
class PictureStart:
    """A start that the player made: tokens int64 [P] of a picture, pixels uint8 as the network paints them."""

    tokens: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.uint8]


Start = int | PictureStart


def start_fields(start: Start) -> dict[str, int | str]:
    """A start as the fields of a header or an event: `start`, and `start_tokens` where a picture was begun from."""
    if isinstance(start, PictureStart):
        return {"start": 0, "start_tokens": start_text(start.tokens)}
    return {"start": start}


def find_start(number: int, text: str | None, checkpoint: Checkpoint, where: str) -> Start:
    """The start that such fields mean. Raises BadInput, beginning with `where`."""
    if text is not None:
        tokens = start_tokens(text, checkpoint.manifest, where)
        return PictureStart(tokens, decode(checkpoint, tokens))
    if number >= checkpoint.starts:
        raise BadInput(f"{where}: start: expected 0 to {checkpoint.starts - 1}, found {number}")
    return number


def start_text(tokens: npt.NDArray[np.int64]) -> str:
    """Tokens int64 [P] as a short text."""
    return base64.b64encode(zlib.compress(tokens.astype("<u4").tobytes(), 9)).decode("ascii")


def start_tokens(text: str, manifest: Manifest, where: str) -> npt.NDArray[np.int64]:
    """The tokens int64 [P] of a text. Raises BadInput, beginning with `where`, for what isn't this world's."""
    try:
        unpacker = zlib.decompressobj()
        data = unpacker.decompress(base64.b64decode(text.encode("ascii"), validate=True), 4 * manifest.tokens + 1)
        whole = unpacker.eof and not unpacker.unused_data
    except (ValueError, binascii.Error, zlib.error) as error:
        raise BadInput(f"{where}: start_tokens: expected packed tokens ({error})") from error
    if not whole or len(data) != 4 * manifest.tokens:
        raise BadInput(f"{where}: start_tokens: expected {manifest.tokens} tokens")
    tokens = np.frombuffer(data, "<u4").astype(np.int64)
    if int(tokens.max()) >= manifest.codebook:
        raise BadInput(f"{where}: start_tokens: expected values from 0 to {manifest.codebook - 1}")
    return tokens
