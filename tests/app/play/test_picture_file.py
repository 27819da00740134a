"""Pictures that a player brings: read exactly, bounded, anything else told in one line."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pygame
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.play.picture_file import read_picture
from models.manifest import BadInput

WILD = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
RGB = np.random.default_rng(1).integers(0, 256, (9, 13, 3), np.uint8)


def save(path: Path) -> Path:
    """RGB as a picture of the kind that `path` names."""
    pygame.image.save(pygame.surfarray.make_surface(RGB.swapaxes(0, 1)), str(path))
    return path


def png_header(width: int, height: int) -> bytes:
    """The first bytes of a PNG of a size."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


@pytest.mark.parametrize("kind", ["png", "bmp"])
def test_reads_exactly(tmp_path: Path, kind: str) -> None:
    assert np.array_equal(read_picture(save(tmp_path / f"a.{kind}")), RGB)


def test_reads_jpeg_whatever_its_name(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg").rename(tmp_path / "a.txt")
    assert read_picture(tmp_path / "a.txt").shape == RGB.shape


def with_exif(path: Path, order: str, tags: bytes) -> Path:
    """The JPEG with an EXIF segment of one tag as its first."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, 1)
    body = b"Exif\0\0" + head + tags
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("orientation", "corners"),  # the stored top left, top right, bottom left, bottom right, as they are to be seen
    [*enumerate(["0123", "0123", "1032", "3210", "2301", "0213", "2031", "3120", "1302", "0123"])],
)
def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path, order: str, orientation: int, corners: str) -> None:
    shades = np.zeros((32, 64, 3), np.uint8)
    shades[:16, 32:], shades[16:, :32], shades[16:, 32:] = 80, 160, 240
    path = tmp_path / "a.jpg"
    pygame.image.save(pygame.surfarray.make_surface(shades.swapaxes(0, 1)), str(path))
    tag = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)
    seen = read_picture(with_exif(path, order, tag))
    high, wide = seen.shape[:2]
    assert (high, wide) == ((64, 32) if orientation in (5, 6, 7, 8) else (32, 64)) and seen.flags.c_contiguous
    found = seen[high // 4 :: high // 2, wide // 4 :: wide // 2, 0].ravel()
    assert "".join(str(round(shade / 80)) for shade in found) == corners


def test_exif_that_makes_no_sense_is_ignored(tmp_path: Path) -> None:
    for tags in (b"", b"\x12\x01", bytes(40), b"\xff" * 40):
        assert read_picture(with_exif(save(tmp_path / "a.jpg"), "<", tags)).shape == RGB.shape


def test_what_is_see_through_lies_on_grey(tmp_path: Path) -> None:
    surface = pygame.Surface((13, 9), pygame.SRCALPHA, 32)
    pygame.surfarray.pixels3d(surface)[:] = RGB.swapaxes(0, 1)
    pygame.surfarray.pixels_alpha(surface)[:5] = 0
    pygame.surfarray.pixels_alpha(surface)[5:8] = 128
    pygame.surfarray.pixels_alpha(surface)[8:] = 255
    pygame.image.save(surface, str(tmp_path / "a.png"))
    seen = read_picture(tmp_path / "a.png")
    assert (seen[:, :5] == 128).all() and np.array_equal(seen[:, 8:], RGB[:, 8:])
    assert abs(seen[:, 5:8] - (RGB[:, 5:8] / 2 + 64)).max() < 2


@pytest.mark.parametrize("size", [(50_000, 50_000), (20_000, 2), (0, 5), (8000, 8000)])
def test_a_size_that_takes_too_much_memory_is_refused_unread(tmp_path: Path, size: tuple[int, int]) -> None:
    (tmp_path / "a.png").write_bytes(png_header(*size))
    with pytest.raises(BadInput, match="expected at most 32 megapixels"):
        read_picture(tmp_path / "a.png")


def test_half_a_picture_is_told(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(BadInput, match=r"a\.png: picture: cannot be read") as error:
        read_picture(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data", [b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\xff\xd8\xff\xe0\x00\x04"]
)
def test_what_is_no_picture_is_told(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(BadInput, match="expected a PNG, JPEG or BMP file"):
        read_picture(tmp_path / "a.png")


def test_nothing_a_folder_a_pipe(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_picture(tmp_path / "none")
    with pytest.raises(BadInput, match="cannot be read"):
        read_picture(Path("x" * 5000))
    with pytest.raises(BadInput, match="expected a regular file"):
        read_picture(tmp_path)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(BadInput, match="expected a regular file"):
            read_picture(tmp_path / "pipe")


def expect_only_bad_input(path: Path) -> None:
    try:
        assert read_picture(path).ndim == 3
    except BadInput as error:
        assert str(path) in str(error) and len(str(error).splitlines()) == 1


@WILD
@given(
    body=st.binary(max_size=200),
    head=st.sampled_from([b"", b"\xff\xd8\xff", b"BM", b"\x89PNG\r\n\x1a\n", png_header(5, 5)]),
)
def test_any_bytes(tmp_path: Path, head: bytes, body: bytes) -> None:
    (tmp_path / "a").write_bytes(head + body)
    expect_only_bad_input(tmp_path / "a")


@WILD
@given(kind=st.sampled_from(["png", "bmp", "jpg"]), at=st.integers(0, 2000), new=st.binary(min_size=1, max_size=4))
def test_any_changed_bytes(tmp_path: Path, kind: str, at: int, new: bytes) -> None:
    path = save(tmp_path / f"a.{kind}")
    body = bytearray(path.read_bytes())
    at %= len(body)
    body[at : at + len(new)] = new
    path.write_bytes(body)
    expect_only_bad_input(path)
