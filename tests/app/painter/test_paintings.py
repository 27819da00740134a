"""Paintings on disk: what was painted comes back exactly."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from app.painter.paintings import keep_painting, list_paintings, open_painting, painted, paintings_folder
from engine.checkpoint import load_checkpoint
from models.manifest import BadInput

NOW = datetime(2026, 1, 2, 3, 4, 5)


def test_a_kept_painting_comes_back_to_the_pixel(worlds: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(worlds / "hills")
    folder, pixels = paintings_folder(tmp_path, "hills"), checkpoint.start_pixels[1]
    rgb = painted(pixels, checkpoint.manifest, "day")
    first, second = (keep_painting(folder, rgb, NOW) for _ in range(2))
    assert first.name == "painting-20260102-030405.png" and first != second
    assert set(list_paintings(folder)) == {first, second}
    back = open_painting(first, checkpoint.manifest)
    assert (painted(back, checkpoint.manifest, "day") == rgb).all() or (
        painted(back, checkpoint.manifest, "night") == rgb
    ).all()
    assert list_paintings(tmp_path / "nowhere") == []


def test_where_it_cannot_be_kept_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(BadInput, match="cannot be written"):
        keep_painting(blocked / "paintings", np.zeros((8, 8, 3), np.uint8), NOW)
