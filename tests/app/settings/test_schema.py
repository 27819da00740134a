"""The settings' schema: every field is marked, and keys that can't be told apart are found."""

from __future__ import annotations

from app.keys.keymap import Command
from app.settings.schema import Settings, When, field_note, key_problem
from models.actions import Action


def test_every_field_says_when_it_takes_effect_and_what_is_expected() -> None:
    notes = {name: field_note(name) for name in Settings.model_fields}
    assert {note.when for note in notes.values()} == set(When)
    assert all(note.title and note.meaning and note.expected for note in notes.values())
    assert notes["text_scale"].when is When.LIVE and notes["threads"].when is When.RESTART


def test_keys_that_mean_two_things() -> None:
    assert key_problem(Settings()) is None
    assert key_problem(Settings(keys={"hills": {Action.JUMP: ("z",)}}, commands={Command.PAUSE: ("end",)})) is None
    place, words = key_problem(Settings(commands={Command.PAUSE: ("u",)})) or ((), "")
    assert (place, words) == (("commands", "pause"), "expected a free key, but 'u' is speed")
    place, words = key_problem(Settings(keys={"hills": {Action.JUMP: ("tab",)}})) or ((), "")
    assert (place, words) == (("keys", "hills", "jump"), "expected a free key, but 'tab' is next world")
    freed = Settings(commands={Command.SPEED: ("end",), Command.PAUSE: ("u",)})
    assert key_problem(freed) is None
