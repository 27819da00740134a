"""What is wrong in a file that was passed on. Owns saying it as `field: expected …`; refuses to find it (pydantic)."""

from __future__ import annotations

import re

from pydantic import ValidationError

_SHOULD = re.compile(r"^(?:Input|String|List|Value) should ")


def field_problem(error: ValidationError) -> str:
    """`field: what was expected` of a validation error's first entry."""
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"]) or "document"
    if first["type"] == "missing":
        return f"{field}: expected one, found none"
    if first["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{field}: expected no such field"
    return f"{field}: {_SHOULD.sub('expected to ', str(first['msg']))}"
