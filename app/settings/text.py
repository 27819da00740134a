"""Settings as the text of their file. Owns its layout and the words beside each field; refuses files."""

from __future__ import annotations

from typing import Any

import yaml

from app.settings.schema import Settings, When, field_note

HEAD = f"""\
# Dreamcade's settings. They are changed in the app or here; a field that is left out has its default.
# {When.LIVE}: at once. {When.SESSION}: with the next world that is entered. {When.RESTART}: when Dreamcade starts next.
"""
NEXT_LINE = "\x85"


def settings_text(settings: Settings) -> str:
    """Every field with what it means; those that have their default as a comment."""
    document, plain = settings.model_dump(mode="json"), Settings().model_dump(mode="json")
    blocks = [HEAD]
    for name in Settings.model_fields:
        note = field_note(name)
        blocks.append(f"# {note.meaning} ({note.when}; {note.expected})\n{_entry(name, document[name], plain[name])}")
    return "\n".join(blocks)


def _entry(name: str, value: Any, default: Any) -> str:
    text = yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False, width=120)
    if NEXT_LINE in text:  # written as it is, it would be read as a space
        text = yaml.safe_dump({name: value}, sort_keys=False, width=120)
    return text if value != default else "".join(f"# {line}\n" for line in text.splitlines())
