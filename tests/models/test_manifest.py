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


def test_no_words_of_the_checking_library_are_passed_on(tmp_path: Path, document: dict[str, Any]) -> None:
    """Every field with a value of every other kind."""
    for field in Manifest.model_fields:
        for value in (None, [], {}, "", "?", -1, 0.5, True, [[]], {"a": {}}):
            try:
                read_manifest(_write(tmp_path, document | {field: value}))
            except BadInput as error:
                words = str(error)
                assert "should" not in words and "Value error" not in words and "\n" not in words, words


@pytest.mark.parametrize("name", ["../outside.onnx", "/etc/passwd", "a\\b", "c:x", MANIFEST_NAME])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, document: dict[str, Any], name: str) -> None:
    document["files"][name] = {"bytes": 1, "sha256": "0" * 64}
    with pytest.raises(BadInput, match="inside the folder"):
        read_manifest(_write(tmp_path, document))


@pytest.mark.parametrize("text", ['a: !!int ""', "a: !!bool x", "a: !!timestamp x", "[" * 1500, "a: &b [*b]", "\x00"])
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


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, but only the first of a list."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in _places(part, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    pairs = list(value.items() if isinstance(value, dict) else enumerate(value))
    changed = [(k, _replaced(v, tuple(rest), new) if k == key else v) for k, v in pairs]
    return dict(changed) if isinstance(value, dict) else [v for _, v in changed]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.data())
def test_any_value_at_any_place_is_a_manifest_or_one_line(
    tmp_path: Path, document: dict[str, Any], data: st.DataObject
) -> None:
    small = document | {"palettes": {"day": [[0, 0, 0], [1, 1, 1]]}}
    place = data.draw(st.sampled_from(_places(small)))
    try:
        manifest = read_manifest(_write(tmp_path, _replaced(small, place, data.draw(VALUES))))
        assert all((tmp_path / name).resolve().is_relative_to(tmp_path) for name in manifest.files)
    except BadInput as error:
        assert str(error).startswith(str(tmp_path)) and len(str(error).splitlines()) == 1


BOMBS = {
    "laughs": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
    ),
    "scripts": "scripts:\n  a: &x [" + "[noop, 1], " * 1000 + "]\n" + "".join(f"  b{i}: *x\n" for i in range(500)),
    "merges": "a: &a {" + ", ".join(f"k{i}: 1" for i in range(1000)) + "}\n" + "b: {<<: [" + "*a, " * 500 + "]}",
    "inside itself": "a: &a {b: [*a, *a]}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_document_that_grows_when_it_is_read_is_given_up(tmp_path: Path, name: str) -> None:
    (tmp_path / MANIFEST_NAME).write_text(BOMBS[name])
    with pytest.raises(BadInput, match=r"document: expected YAML \(more than 65536 values\)"):
        read_manifest(tmp_path)


def test_a_few_aliases_are_read(tmp_path: Path, document: dict[str, Any]) -> None:
    shared = [1, 2, 3]
    (tmp_path / MANIFEST_NAME).write_text(yaml.safe_dump(document | {"palettes": {"day": [shared] * 16}}))
    assert "*id001" in (tmp_path / MANIFEST_NAME).read_text()
    assert read_manifest(tmp_path).palettes["day"] == [(1, 2, 3)] * 16
