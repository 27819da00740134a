"""What files say reaches a terminal as letters alone."""

from __future__ import annotations

from app.console.plain_text import plain_text


def test_what_a_terminal_would_obey_is_taken_out() -> None:
    assert plain_text("a\x1b[31mred\x1b]0;title\x07\x9b2J\u202eb") == "a?[31mred?]0;title??2J?b"


def test_letters_of_any_script_stay() -> None:
    assert plain_text("Äpfel, 日本 → 5 µs ■") == "Äpfel, 日本 → 5 µs ■"
