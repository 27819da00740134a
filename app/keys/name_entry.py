"""Typing a name, with a keyboard or with four directions. Owns the text and its cursor; refuses to judge names."""

from __future__ import annotations

import pygame

from app.keys.gamepad import PAD_CODES

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_. "
MOST = 60  # characters
PAD_DELETE = PAD_CODES["pad x"]


class NameEntry:
    """A line of text. Up and down change the letter under the cursor, left and right move it; a gamepad's X deletes."""

    def __init__(self, text: str, most: int = MOST, also: str = "") -> None:
        """`most` characters; `also` are letters that four directions reach beside those of names."""
        self.text = text[:most]
        self._most = most
        self._letters = LETTERS + also
        self.cursor = len(self.text)

    def key(self, code: int) -> None:
        """A key that isn't a letter went down."""
        if code == pygame.K_LEFT:
            self.cursor = max(0, self.cursor - 1)
        elif code == pygame.K_RIGHT:
            self.cursor = min(len(self.text), self.cursor + 1)
        elif code == PAD_DELETE:  # the letter that is marked, behind the end the last one
            self.key(pygame.K_DELETE if self.cursor < len(self.text) else pygame.K_BACKSPACE)
        elif code == pygame.K_BACKSPACE and self.cursor:
            self.text = self.text[: self.cursor - 1] + self.text[self.cursor :]
            self.cursor -= 1
        elif code == pygame.K_DELETE:
            self.text = self.text[: self.cursor] + self.text[self.cursor + 1 :]
        elif code in (pygame.K_UP, pygame.K_DOWN):
            self._turn(1 if code == pygame.K_UP else -1)

    def type(self, text: str) -> None:
        """Letters were typed."""
        printable = "".join(letter for letter in text if letter.isprintable())[: self._most - len(self.text)]
        self.text = self.text[: self.cursor] + printable + self.text[self.cursor :]
        self.cursor += len(printable)

    def _turn(self, step: int) -> None:
        """The next letter under the cursor; behind the end a new one begins."""
        if self.cursor == len(self.text):
            if len(self.text) < self._most:
                self.text += self._letters[0]
            return
        place = self._letters.find(self.text[self.cursor].lower())
        letter = self._letters[(place + step) % len(self._letters)]
        self.text = self.text[: self.cursor] + letter + self.text[self.cursor + 1 :]
