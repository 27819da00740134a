"""Reading a picture that a player brings. Owns which files are read and how large they may be; refuses worlds.

PNG, JPEG and BMP, told by their first bytes. Their size is looked at before anything is unpacked, so that no file can
ask for more memory than a large photo needs. A photo is turned as its EXIF says; what is see-through lies on grey.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pygame

from engine.bounded_file import read_bounded
from models.manifest import BadInput

FILE_LIMIT = 64 << 20  # bytes
SIDE_LIMIT = 16_384  # pixels
PIXELS_LIMIT = 32_000_000
BEHIND = (128, 128, 128)  # what shows through a picture
_JPEG_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # markers of frame headers
_JPEG_BARE = {0x01, *range(0xD0, 0xD9)}  # markers without a length
_EXIF_MARKER, _EXIF_HEAD = 0xE1, b"Exif\0\0"
_ORIENTATION = 0x0112
_ENTRY = 12  # bytes of a tag
_TURNS = {  # by orientation: whether mirrored left to right first, then how often turned a quarter to the left
    2: (True, 0),
    3: (False, 2),
    4: (True, 2),
    5: (True, 1),
    6: (False, 3),
    7: (True, 3),
    8: (False, 1),
}


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
        surface = _opaque(pygame.image.load(io.BytesIO(data), f"picture.{kind}"))
    except (pygame.error, MemoryError, ValueError) as error:
        raise BadInput(
            f"{path}: picture: cannot be read ({str(error).splitlines()[0] if str(error) else kind})"
        ) from error
    if surface.get_size() != size:
        raise BadInput(f"{path}: picture: expected {width}×{height} pixels, found {surface.get_size()}")
    flat = np.frombuffer(pygame.image.tobytes(surface, "RGB"), np.uint8)
    pixels = flat.reshape(height, width, 3)
    mirrored, quarters = _TURNS.get(_jpeg_orientation(data) if kind == "jpg" else 1, (False, 0))
    return np.ascontiguousarray(np.rot90(pixels[:, ::-1] if mirrored else pixels, quarters))


def _opaque(surface: pygame.Surface) -> pygame.Surface:
    if not surface.get_flags() & pygame.SRCALPHA and surface.get_colorkey() is None:
        return surface
    flat = pygame.Surface(surface.get_size(), 0, 24)
    flat.fill(BEHIND)
    flat.blit(surface, (0, 0))
    return flat


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
    for marker, at in _jpeg_segments(data):
        if marker in _JPEG_SIZES:
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
    return None


def _jpeg_orientation(data: bytes) -> int:
    """The EXIF orientation, 1 to 8; 1, upright, where it isn't said or makes no sense."""
    for marker, at in _jpeg_segments(data):
        if marker in _JPEG_SIZES:
            break
        segment = data[at + 4 : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")]
        if marker == _EXIF_MARKER and segment.startswith(_EXIF_HEAD):
            return _tiff_orientation(segment[len(_EXIF_HEAD) :])
    return 1


def _tiff_orientation(tags: bytes) -> int:
    order: Literal["little", "big"] = "little" if tags.startswith(b"II") else "big"
    first = int.from_bytes(tags[4:8], order)
    count = int.from_bytes(tags[first : first + 2], order)
    for at in range(first + 2, min(first + 2 + count * _ENTRY, len(tags) - _ENTRY + 1), _ENTRY):
        if int.from_bytes(tags[at : at + 2], order) == _ORIENTATION:
            return int.from_bytes(tags[at + 8 : at + 10], order)
    return 1


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Markers and where they are, as far as one leads to the next."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        yield marker, at
        at += 1 if marker == 0xFF else 2 if marker in _JPEG_BARE else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
