"""The pixel font: glyphs from assets/fonts, text to surfaces. Owns glyphs and a cache; refuses what is said where."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pygame

ROWS = 9  # seven above the baseline, two below
CAP_HEIGHT = 7
LINE = 11  # from one line's top to the next, in font pixels
SPACE = 3
UNKNOWN = "□"

Colour = tuple[int, int, int]
Glyph = npt.NDArray[np.uint8]


def parse_font(text: str) -> dict[str, Glyph]:
    """Glyphs by character, each uint8 [ROWS, width] of 0 and 1. Raises ValueError naming the block that is wrong."""
    glyphs: dict[str, Glyph] = {}
    blocks = [block for block in text.strip().split("\n\n") if block.startswith("=")]  # others are remarks
    for block in blocks:
        header, *rows = block.strip().splitlines()
        characters = header.split()[1:]
        cells = [row.split() for row in rows]
        if not 1 <= len(rows) <= ROWS or any(len(c) != len(characters) for c in cells):
            raise ValueError(f"font block {header!r}: expected one cell a character in each row")
        for column, character in enumerate(characters):
            ink = [[mark == "#" for mark in row[column]] for row in cells]
            glyph = np.zeros((ROWS, len(ink[0])), np.uint8)
            glyph[: len(ink)] = ink
            glyphs[character] = glyph
    glyphs[" "] = np.zeros((ROWS, SPACE), np.uint8)
    return glyphs


@lru_cache(maxsize=1)
def _glyphs() -> dict[str, Glyph]:
    return parse_font(files("assets").joinpath("fonts", "dreamcade.txt").read_text(encoding="utf-8"))


def _glyph(character: str) -> Glyph:
    glyphs = _glyphs()
    if character not in glyphs:  # an accented letter falls back to its base
        character = unicodedata.normalize("NFKD", character)[0]
    return glyphs.get(character, glyphs[UNKNOWN])


@lru_cache(maxsize=2048)
def text_mask(text: str) -> Glyph:
    """Ink of one line, uint8 [ROWS, W] of 0 and 1, one blank column between characters."""
    gap = np.zeros((ROWS, 1), np.uint8)
    parts = [part for character in text for part in (_glyph(character), gap)]
    return np.concatenate(parts[:-1], axis=1) if parts else np.zeros((ROWS, 1), np.uint8)


def text_width(text: str, scale: int = 1) -> int:
    """Width in screen pixels."""
    return int(text_mask(text).shape[1]) * scale


@lru_cache(maxsize=1024)
def render_text(text: str, colour: Colour, scale: int = 1) -> pygame.Surface:
    """One line as an 8-bit surface, transparent where there is no ink. Cached: treat as read-only."""
    mask = text_mask(text)
    surface = pygame.Surface((mask.shape[1], ROWS), depth=8)
    surface.set_palette([(0, 0, 0), colour])
    surface.set_colorkey(0)
    pygame.surfarray.blit_array(surface, np.ascontiguousarray(mask.T))
    return pygame.transform.scale_by(surface, scale) if scale > 1 else surface


def wrap_text(text: str, width: int, scale: int = 1) -> list[str]:
    """Break at spaces so that every line fits `width` screen pixels; a single longer word stays whole."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(joined, scale) <= width:
            lines[-1] = joined
        else:
            lines.append(word)
    return lines


def clip_text(text: str, width: int, scale: int = 1) -> str:
    """Shorten from the right with an ellipsis until it fits `width` screen pixels."""
    if text_width(text, scale) <= width:
        return text
    while text and text_width(text + "…", scale) > width:
        text = text[:-1]
    return text + "…"


def clip_lines(lines: list[str], most: int, width: int, scale: int = 1) -> list[str]:
    """The first `most` lines; where there were more, an ellipsis says so."""
    if len(lines) <= most or most < 1:
        return lines[: max(0, most)]
    return [*lines[: most - 1], clip_text(f"{lines[most - 1]} {lines[most]}…", width, scale)]


def fit_text(text: str, width: int, scale: int = 1) -> str:
    """Shorten from the left with an ellipsis until it fits `width` screen pixels (paths matter at their end)."""
    if text_width(text, scale) <= width:
        return text
    while text and text_width("…" + text, scale) > width:
        text = text[1:]
    return "…" + text
