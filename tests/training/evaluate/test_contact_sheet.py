"""Sheets and clips can be opened and show what they should."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from training.evaluate.contact_sheet import GAP, contact_sheet, write_clip, write_png


def test_a_png_holds_every_pixel(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (37, 51, 3), np.uint8)
    write_png(picture, tmp_path / "sheet.png")
    with av.open(str(tmp_path / "sheet.png")) as file:
        read = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert (read == picture).all()


def test_a_sheet_places_rows_and_columns() -> None:
    one, two = np.full((8, 8, 3), 100, np.uint8), np.full((8, 8, 3), 200, np.uint8)
    sheet = contact_sheet([[one, two], [two]])
    assert sheet.shape == (16 + GAP, 16 + GAP, 3)
    assert (sheet[:8, 8 + GAP :] == 200).all() and (sheet[8 + GAP :, :8] == 200).all()
    assert (sheet[8 + GAP :, 8 + GAP :] < 50).all()


def test_a_clip_has_every_frame(tmp_path: Path) -> None:
    pictures = [np.full((33, 41, 3), shade, np.uint8) for shade in range(0, 250, 25)]
    write_clip(pictures, tmp_path / "clip.mp4", 30)
    with av.open(str(tmp_path / "clip.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == len(pictures)
