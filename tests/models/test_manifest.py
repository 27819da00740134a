from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.manifest import MANIFEST_NAME, BadInput, Manifest, read_manifest


@pytest.fixture
def document(tiny_world: Path) -> dict[str, Any]:
    """A good manifest as plain data."""
    loaded: dict[str, Any] = yaml.safe_load((tiny_world / MANIFEST_NAME).read_text())
    return loaded


def _write(folder: Path, document: object) -> Path:
    (folder / MANIFEST_NAME).write_text(yaml.safe_dump(document))
    return folder


def test_a_good_one_reads_back(tmp_path: Path, document: dict[str, Any]) -> None:
    manifest = read_manifest(_write(tmp_path, document))
    assert manifest == Manifest.model_validate(document)
    assert manifest.picture_shape == (128, 128)
    assert len(manifest.digest) == 16


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tick_rate", 0),
        ("tick_rate", "fast"),
        ("height", -1),
        ("name", "../escape"),
        ("pixels", "cmyk"),
        ("unknown", 1),
        ("palettes", {"day": [[0, 0, 300], [0, 0, 0]]}),
        ("palettes", {}),
        ("actions", []),
        ("actions", [{"action": "left"}]),
        ("state", [{"name": "ring", "shape": [0], "dtype": "float32"}]),
        ("graphs", {"encoder": "encoder.onnx", "step": "other.onnx", "decoder": "decoder.onnx"}),
    ],
)
def test_a_wrong_field_is_named_in_one_line(
    tmp_path: Path, document: dict[str, Any], field: str, value: object
) -> None:
    with pytest.raises(BadInput) as caught:
        read_manifest(_write(tmp_path, {**document, field: value}))
    line = str(caught.value)
    assert "\n" not in line
    assert MANIFEST_NAME in line


@pytest.mark.parametrize("name", ["../outside.onnx", "/etc/passwd", "a\\b", "c:x", MANIFEST_NAME])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, document: dict[str, Any], name: str) -> None:
    document["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    with pytest.raises(BadInput, match="inside the folder"):
        read_manifest(_write(tmp_path, document))


@pytest.mark.parametrize("text", ['a: !!int ""', "a: !!bool x", "a: !!timestamp x", "[" * 5000, "a: &b [*b]", "\x00"])
def test_odd_yaml_is_bad_input(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST_NAME).write_text(text)
    with pytest.raises(BadInput):
        read_manifest(tmp_path)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="found none"):
        read_manifest(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_give_bad_input_and_nothing_else(tmp_path: Path, data: bytes) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(data)
    with pytest.raises(BadInput):
        read_manifest(tmp_path)
