"""What a world takes on a card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backends.vram import GIB, RUNTIME_BYTES, estimate_need, parse_size, show_size
from engine.checkpoint import Checkpoint
from models.manifest import BadInput


@pytest.mark.parametrize(
    ("text", "size"),
    [("8GiB", 8 * GIB), ("8 gib", 8 * GIB), ("512MiB", 512 << 20), ("1.5GiB", 3 * GIB // 2), ("6GB", 6 * 10**9)],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text, "--vram-limit") == size


@pytest.mark.parametrize("text", ["", "0", "-1GiB", "8 TiB", "GiB", "1e9", "8GiB8", "∞", "٣GiBx"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(BadInput, match="--vram-limit: expected a size such as 8GiB"):
        parse_size(text, "--vram-limit")


@given(st.text(max_size=30))
def test_any_text_is_a_size_or_bad_input(text: str) -> None:
    try:
        assert parse_size(text, "x") >= 0
    except BadInput as error:
        assert "\n" not in str(error)


def test_need_grows_with_the_world(checkpoint: Checkpoint) -> None:
    manifest = checkpoint.manifest
    large = manifest.model_copy(update={"cost": manifest.cost.model_copy(update={"parameters": 10**9})})
    assert RUNTIME_BYTES < estimate_need(manifest) < GIB
    assert estimate_need(large) > 2 * 10**9
    wide = manifest.model_copy(update={"cost": manifest.cost.model_copy(update={"bytes": 10**9 + 1000})})
    assert estimate_need(wide) - estimate_need(manifest) == 10**9 // 2


def test_sizes_for_people() -> None:
    assert show_size(512 << 20) == "512 MiB" and show_size(3 * GIB // 2) == "1.50 GiB"
