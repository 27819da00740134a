"""Every kind of wrong field is told by its name and what was expected."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from engine.recordings.problem import field_problem
from engine.recordings.recording import RewindEvent


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, "index: expected one, found none"),
        ({"index": 1, "flavour": 2}, "flavour: expected no such field"),
        ({"index": "one"}, "index: expected to be a valid integer"),
        ({"index": -1}, "index: expected to be greater than or equal to 0"),
    ],
)
def test_a_wrong_field_is_named_with_what_was_expected(document: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError) as error:
        RewindEvent.model_validate(document)
    assert field_problem(error.value) == expected
