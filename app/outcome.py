"""How a screen that fills the window was left. Owns those words; refuses what comes next (arcade)."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How a screen was left."""

    MENU = "menu"
    QUIT = "quit"
