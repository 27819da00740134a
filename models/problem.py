"""What is wrong in a file, as `field: expected …, found …`. Owns these words; refuses to find it (pydantic)."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

_SHOWN = 32  # characters of a wrong value that are told

_EXPECTED = {
    "missing": "one",
    "extra_forbidden": "no such field",
    "unexpected_keyword_argument": "no such field",
    "string_type": "text",
    "string_pattern_mismatch": "text like {pattern}",
    "string_too_short": "at least {min_length} characters",
    "string_too_long": "at most {max_length} characters",
    "too_short": "at least {min_length} entries",
    "too_long": "at most {max_length} entries",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "enum": "{expected}",
    "literal_error": "{expected}",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "fields",
    "model_type": "fields",
    "dataclass_type": "fields",
}
_TELL_NOTHING = ("missing", "extra_forbidden", "unexpected_keyword_argument")  # the value is no part of the problem


def first_problem(error: ValidationError) -> str:
    """`field: what was expected, and what was found` of a validation error's first entry."""
    first = error.errors()[0]
    field = ".".join(shown(part) for part in first["loc"])
    if first["type"] == "value_error":  # a check of ours: it has its own words
        return ": ".join(part for part in (field, str(first["msg"]).removeprefix("Value error, ")) if part)
    words = _EXPECTED.get(first["type"])
    plain = str(first["msg"]).rpartition(" should be ")[2]
    expected = plain if words is None else words.format(**first.get("ctx", {}))
    if first["type"] in _TELL_NOTHING:
        found = ", found none" if first["type"] == "missing" else ""
    else:
        found = f", found {shown(first['input'])}"
    return f"{field or 'document'}: expected {expected}{found}"


def shown(value: Any) -> str:
    """A value from a file in a few letters."""
    if isinstance(value, dict | list | tuple):
        return "a list" if not isinstance(value, dict) else "fields"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, int) and value.bit_length() > 64:
        return "a long number"
    text = " ".join(str(value)[: 2 * _SHOWN].split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
