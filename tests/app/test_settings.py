"""The settings file: whatever stands in it, there are settings or one line."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from app import settings as module
from app.keymap import Command
from app.settings import Settings, load_settings, read_settings
from models.actions import Action
from models.manifest import BadInput

GOOD = """
scale: 5
overlay: true
threads: 2
recordings: ~/clips
theme: {hills: night}
keys: {hills: {jump: [z, space]}}
commands: {pause: [end]}
"""

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.yaml"


def test_a_good_file(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    found = read_settings(file)
    assert (found.scale, found.overlay, found.threads) == (5, True, 2)
    assert found.recordings == Path.home() / "clips"
    assert found.keys["hills"][Action.JUMP] == ("z", "space")
    assert found.command_keys[Command.PAUSE] == ("end", "pad start")
    assert found.command_keys[Command.RECORD] == ("r", "pad r3")


def test_an_empty_file_is_all_defaults(file: Path) -> None:
    file.write_text("", encoding="utf-8")
    assert read_settings(file) == Settings()


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("scale: 0", "scale"),
        ("scale: large", "scale"),
        ("overlay: [1]", "overlay"),
        ("colour: red", "colour"),
        ("- 1", "document"),
        ("keys: {hills: {fly: [z]}}", "keys.hills.fly"),
        ("keys: {hills: {jump: [nokey]}}", "keys.hills.jump"),
        ("keys: {hills: {jump: [r]}}", "keys.hills.jump"),
        ("commands: {pause: [u]}", "commands"),
        ("threads: 1000", "threads"),
        ("recordings: ~nosuchuser/x", "recordings"),
        ('recordings: "a\\0b"', "recordings"),
        ("[", "document"),
        ("a: &x [*x, *x", "document"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_and_field(file: Path, text: str, field: str) -> None:
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput) as raised:
        read_settings(file)
    message = str(raised.value)
    assert message.startswith(f"{file}: {field}")
    assert "\n" not in message


def test_a_named_file_must_be_there(file: Path) -> None:
    with pytest.raises(BadInput, match="found none"):
        load_settings(file, pytest.fail)


def test_a_broken_default_file_is_told_and_left_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "default_settings_path", lambda: file)
    assert load_settings(None, pytest.fail) == Settings()
    file.write_text("scale: 0", encoding="utf-8")
    told: list[str] = []
    assert load_settings(None, told.append) == Settings()
    assert len(told) == 1
    assert "scale" in told[0]
    assert file.read_text(encoding="utf-8") == "scale: 0"


@given(DOCUMENTS | st.fixed_dictionaries({}, optional=dict.fromkeys(Settings.model_fields, DOCUMENTS)))
@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_document_gives_settings_or_one_line(file: Path, document: object) -> None:
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    try:
        assert isinstance(read_settings(file), Settings)
    except BadInput as error:
        assert "\n" not in str(error)


@given(st.binary(max_size=64))
@limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_any_bytes_give_settings_or_one_line(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    try:
        assert isinstance(read_settings(file), Settings)
    except BadInput as error:
        assert "\n" not in str(error)
