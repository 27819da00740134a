"""What stands in files, as it may stand on a terminal. Owns taking out what a terminal would obey; refuses to wrap."""

from __future__ import annotations


def plain_text(text: str) -> str:
    """`text` with a question mark for every letter that isn't printed: a file could otherwise hide lines, or set a
    terminal's title and colours."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
