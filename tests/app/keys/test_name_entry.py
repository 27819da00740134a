"""Typing a name, with letters and without."""

from __future__ import annotations

import pygame

from app.keys.name_entry import MOST, PAD_DELETE, NameEntry


def keys(entry: NameEntry, *codes: int) -> str:
    for code in codes:
        entry.key(code)
    return entry.text


def test_letters_go_in_at_the_cursor() -> None:
    entry = NameEntry("run")
    entry.type("-2")
    assert keys(entry, pygame.K_LEFT, pygame.K_LEFT, pygame.K_BACKSPACE) == "ru-2"
    entry.type("N\n")
    assert entry.text == "ruN-2"
    assert keys(entry, pygame.K_DELETE, pygame.K_RIGHT, pygame.K_RIGHT, pygame.K_BACKSPACE) == "ruN"
    assert keys(entry, pygame.K_F1) == "ruN"


def test_four_directions_are_enough() -> None:
    entry = NameEntry("")
    assert keys(entry, pygame.K_UP) == "a"
    assert keys(entry, pygame.K_UP, pygame.K_UP, pygame.K_RIGHT, pygame.K_DOWN, pygame.K_DOWN) == "c "
    assert keys(NameEntry("Q"), pygame.K_LEFT, pygame.K_LEFT, pygame.K_UP) == "r"


def test_a_name_has_an_end() -> None:
    entry = NameEntry("x" * 200)
    entry.type("yyy")
    assert keys(entry, pygame.K_UP) == "x" * MOST


def test_a_gamepad_deletes_too() -> None:
    entry = NameEntry("run")
    assert keys(entry, PAD_DELETE) == "ru" and keys(entry, pygame.K_LEFT, pygame.K_LEFT, PAD_DELETE) == "u"
    assert entry.cursor == 0 and keys(entry, PAD_DELETE, PAD_DELETE) == ""
    assert keys(entry, pygame.K_UP, pygame.K_UP, PAD_DELETE) == ""  # the letter just begun
