"""Every kind of wrong field is told by its name, what was expected and what was found."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.recordings.recording import RewindEvent, SessionHeader
from models.manifest import Manifest
from models.problem import first_problem, shown


@pytest.mark.parametrize(
    ("kind", "document", "expected"),
    [
        (RewindEvent, {}, "index: expected one, found none"),
        (RewindEvent, {"index": 1, "flavour": 2}, "flavour: expected no such field"),
        (RewindEvent, {"index": "one"}, "index: expected a whole number, found one"),
        (RewindEvent, {"index": -1}, "index: expected at least 0, found -1"),
        (RewindEvent, {"event": "reset", "index": 1}, "event: expected 'rewind_to', found reset"),
        (RewindEvent, 3, "document: expected fields, found 3"),
        (SessionHeader, {"dreamcade": 1}, "dreamcade: expected text, found 1"),
        (SessionHeader, {"dreamcade": "x" * 300}, f"dreamcade: expected at most 200 characters, found {'x' * 32}…"),
        (Manifest, {"name": "A b"}, "name: expected text like ^[a-z0-9][a-z0-9_-]{0,63}$, found A b"),
        (Manifest, {"name": "a", "title": ""}, "title: expected at least 1 characters, found"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(kind: Any, document: Any, expected: str) -> None:
    with pytest.raises(ValidationError) as error:
        kind.model_validate(document)
    assert first_problem(error.value).startswith(expected)


def test_values_are_shown_in_a_few_letters() -> None:
    assert [shown(value) for value in ({}, [1], None, True, 10**40, "a\n b", "x" * 99)] == [
        "fields", "a list", "null", "true", "a long number", "a b", "x" * 32 + "…"
    ]  # fmt: skip
