"""Reading a picture that a player brings. Owns which files are read and how large they may be; refuses worlds.

PNG, JPEG and BMP, told by their first bytes. Their size is looked at before anything is unpacked, so that no file can
ask for more memory than a large photo needs.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pygame

from engine.bounded_file import read_bounded
from models.manifest import BadInput

FILE_LIMIT = 64 << 20  # bytes
SIDE_LIMIT = 16_384  # pixels
PIXELS_LIMIT = 32_000_000
_JPEG_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of frame headers
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """The picture uint8 [h,w,3]. Raises BadInput in one line."""
    data = read_bounded(path, FILE_LIMIT)
    kind, size = _kind_and_size(data)
    if kind is None or size is None:
        raise BadInput(f"{path}: picture: expected a PNG, JPEG or BMP file")
    width, height = size
    if not (0 < width <= SIDE_LIMIT and 0 < height <= SIDE_LIMIT) or width * height > PIXELS_LIMIT:
        raise BadInput(
            f"{path}: picture: expected at most {PIXELS_LIMIT // 1_000_000} megapixels, found {width}×{height}"
        )
    try:
        surface = pygame.image.load(io.BytesIO(data), f"picture.{kind}")
    except (pygame.error, MemoryError, ValueError) as error:
        raise BadInput(
            f"{path}: picture: cannot be read ({str(error).splitlines()[0] if str(error) else kind})"
        ) from error
    if surface.get_size() != size:
        raise BadInput(f"{path}: picture: expected {width}×{height} pixels, found {surface.get_size()}")
    flat = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8)
    return flat.reshape(height, width, 3)


def _kind_and_size(data: bytes) -> tuple[str | None, tuple[int, int] | None]:
    """What the first bytes say: a kind and (width, height); None where they don't."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR" and len(data) >= 24:
        return "png", (int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big"))
    if data.startswith(b"BM") and len(data) >= 26 and int.from_bytes(data[14:18], "little") >= 40:
        width = int.from_bytes(data[18:22], "little", signed=True)
        height = int.from_bytes(data[22:26], "little", signed=True)  # negative: from the top
        return "bmp", (width, abs(height))
    if data.startswith(b"\xff\xd8\xff"):
        return "jpg", _jpeg_size(data)
    return None, None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """The size in the first frame header; None where there is none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _JPEG_SIZES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 1 if marker == 0xFF else 2 if marker in _JPEG_BARE else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return None
