"""Paintings as files. Owns where they are, how they are written and which are there; refuses to paint (painter)."""

from __future__ import annotations

import io
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pygame

from app.play.picture_file import read_picture
from engine.atomic import remove_halves, write_atomically
from engine.start_picture import colours, resize, to_world
from models.manifest import BadInput, Manifest

ENLARGED = 4  # file pixels a game pixel: whole ones, so that reading it again is exact
SHOWN = 12  # of the newest

Pixels = npt.NDArray[np.uint8]


def paintings_folder(saves: Path, world: str) -> Path:
    """Where a world's paintings are: beside its saves."""
    return saves / world / "paintings"


def keep_painting(folder: Path, rgb: Pixels, now: datetime) -> Path:
    """Write RGB pixels [H,W,3] as a new PNG. Raises BadInput where that can't be done."""
    path, number = folder / f"painting-{now:%Y%m%d-%H%M%S}.png", 2
    while path.exists():
        path = folder / f"painting-{now:%Y%m%d-%H%M%S}-{number}.png"
        number += 1
    surface = pygame.surfarray.make_surface(rgb.swapaxes(0, 1))
    packed = io.BytesIO()
    pygame.image.save(pygame.transform.scale_by(surface, ENLARGED), packed, "painting.png")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(path, packed.getvalue())
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be written ({error.strerror or error})") from error
    return path


def list_paintings(folder: Path) -> list[Path]:
    """The newest, newest first. Halves that a kill left go."""
    remove_halves(folder, ".png")
    try:
        return sorted(folder.glob("painting-*.png"), reverse=True)[:SHOWN]
    except OSError:
        return []


def open_painting(path: Path, manifest: Manifest) -> Pixels:
    """Any picture in a world's own form. Raises BadInput."""
    return to_world(resize(read_picture(path), manifest.height, manifest.width), manifest)[0]


def painted(pixels: Pixels, manifest: Manifest, theme: str | None) -> Pixels:
    """A painting as RGB [H,W,3], in a theme's colours."""
    return colours(pixels, manifest, theme if manifest.pixels == "palette" else None)
