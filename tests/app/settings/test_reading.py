"""Reading settings: whatever stands in the file, there are settings, and a line for each thing that is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from app.keys.keymap import Command
from app.settings import reading as module
from app.settings.reading import PROBLEMS, SETTINGS_LIMIT, load_settings, read_settings
from app.settings.schema import Colours, Settings
from models.actions import Action
from models.manifest import BadInput

GOOD = """
scale: 5
overlay: true
threads: 2
text_scale: 1.5
colours: safe
recordings: ~/clips
theme: {hills: night}
keys: {hills: {jump: [z, space]}}
commands: {pause: [end]}
"""

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | SCALARS, inner, max_size=3),
    max_leaves=6,
)
KEY_DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "keys": st.dictionaries(
            st.sampled_from(["hills", "boxes"]),
            st.dictionaries(
                st.sampled_from([*map(str, Action), "fly"]),
                st.lists(st.sampled_from(["z", "r", "pad a", "no"]), max_size=2),
            ),
        ),
        "commands": st.dictionaries(
            st.sampled_from([*map(str, Command), "jump"]), st.lists(st.sampled_from(["z", "r", "pad b", "no"]))
        ),
    },
)
ANY_FILE = limits(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=80)


@pytest.fixture
def file(tmp_path: Path, make_world: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for a file, and one world that it may speak of, hills with the colours day and night."""
    folder = make_world("hills")
    monkeypatch.setattr("app.settings.reading.known_worlds", lambda: [folder])
    return tmp_path / "settings.yaml"


def test_a_good_file(file: Path) -> None:
    file.write_text(GOOD, encoding="utf-8")
    reading = read_settings(file)
    found = reading.settings
    assert reading.problems == ()
    assert (found.scale, found.overlay, found.threads, found.text_scale) == (5, True, 2, 1.5)
    assert found.colours is Colours.SAFE
    assert found.recordings == Path.home() / "clips"
    assert found.keys["hills"][Action.JUMP] == ("z", "space")
    assert found.command_keys[Command.PAUSE] == ("end", "pad start")
    assert found.command_keys[Command.RECORD] == ("r", "pad r3")


def test_keys_may_change_places(file: Path) -> None:
    file.write_text(
        "keys: {hills: {left: [right], right: [left]}}\ncommands: {pause: [n], step: [p]}\n", encoding="utf-8"
    )
    assert read_settings(file).problems == ()


def test_an_empty_file_is_all_defaults(file: Path) -> None:
    for text in ("", "keys:\ncommands:\ntheme:\n"):
        file.write_text(text, encoding="utf-8")
        reading = read_settings(file)
        assert reading.settings == Settings()
        assert not reading.problems


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("scale: 0", 1, "scale: expected a whole number from 1 to 32, or null, found 0"),
        ("\nscale: large", 2, "scale: expected a whole number from 1 to 32, or null, found the text large"),
        ("overlay: [1]", 1, "overlay: expected true or false, found a list"),
        ("text_scale: .inf", 1, "text_scale: expected a number from 0.5 to 4"),
        ("calm: false\ncolors: safe", 2, "colors: unknown field; colours is meant, perhaps"),
        ("xyz: 1", 1, "xyz: unknown field; expected one of text_scale, colours"),
        ("colours: red", 1, "colours: expected standard or safe, found red"),
        ("keys:\n  hills:\n    fly: [z]", 3, "keys.hills.fly: expected one of noop, left, right"),
        ("keys: {hills: {jump: [nokey]}}", 1, "keys.hills.jump: expected a pygame key name"),
        ("keys:\n  hills:\n    jump: [r]", 3, "keys.hills.jump: expected a free key, but 'r' is record"),
        ("commands:\n  speed: [z]\n  pause: [z]", 2, "commands.speed: expected a free key, but 'z' is pause"),
        ("commands: {dance: [u]}", 1, "commands.dance: expected one of pause, step"),
        ("threads: 1000", 1, "threads: expected a whole number from 1 to 64"),
        ("recordings: ~nosuchuser/x", 1, "recordings: expected a folder"),
        ('recordings: "a\\0b"', 1, "recordings: expected a folder's name"),
        ('recordings: ""', 1, "recordings: expected a folder's name, found"),
        ('calm: true\noverlay: "yes"', 2, "overlay: expected true or false, found the text yes"),
        ("fullscreen: 1", 1, "fullscreen: expected true or false, found 1"),
        ("threads: true", 1, "threads: expected a whole number from 1 to 64, or null, found true"),
        ("scale: 2.0", 1, "scale: expected a whole number from 1 to 32, or null, found 2.0"),
        ("text_scale: true", 1, "text_scale: expected a number from 0.5 to 4, found true"),
        ("text_scale: 1\n\ntext_scale: 2", 3, "text_scale: expected once, but it stands in line 1 too; this one"),
        ("theme:\n  hills: day\n  hills: day", 3, "theme.hills: expected once, but it stands in line 2 too"),
        ("theme:\n  hils: day", 2, "theme.hils: no world of that name is here; hills, perhaps"),
        ("calm: true\nkeys:\n  boats: {up: [z]}", 3, "keys.boats: no world of that name is here"),
        ("theme: {hills: nihgt}", 1, "theme.hills: expected one of day, night, found nihgt"),
        ("keys:\n  hills:\n    left: [z]\n    right: [z]", 4, "keys.hills.right: expected a free key, but 'z' is left"),
        ("commands:\n  pause: [left]", 2, "commands.pause: expected a free key, but 'left' is left in hills"),
        ("keys:\n  hills:\n    jump: [left]", 3, "keys.hills.jump: expected a free key, but 'left' is left"),
        ("keys:\n  hills:\n    left: [space]", 3, "keys.hills.left: expected a free key, but 'space' is jump"),
        ("calm: true\ncommands:\n  fullscreen: [return]", 3, "commands.fullscreen: expected a key that no menu needs"),
        ("commands: {menu: [q]}", 1, "commands.menu: expected a key that no menu needs, such as f12, found q"),
        ("commands:\n  menu: []", 2, "commands.menu: expected at least one key"),
        ("text_scale: '2'", 1, "text_scale: expected a number from 0.5 to 4, found the text 2"),
        ("calm: true\nsaves: settings.yaml", 2, "saves: expected a folder, not a file, found settings.yaml"),
        ("calm: true\n\nyes: 3", 3, "true: unknown field"),
        ("calm: true\n\n~: 3", 3, "null: unknown field"),
        ("calm: true\n\n1.0: 3", 3, "1.0: unknown field"),
        ("calm: true\nscale: !!int ''", 2, "document: expected YAML"),
        ("calm: true\nscale: " + "9" * 5000, 2, "document: expected YAML"),
        ("calm: true\nscale: \x07", 2, "document: expected YAML"),
        ("- 1", 1, "document: expected fields"),
        ("a: 1\n[", 2, "document: expected YAML"),
        ("a: &x [*x, *x", 1, "document: expected YAML (expected no references)"),
    ],
)
def test_what_is_wrong_is_one_line_with_file_line_field_and_what_was_expected(
    file: Path, text: str, line: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    file.write_text(text, encoding="utf-8")
    (problem,) = read_settings(file).problems
    assert problem.startswith(f"{file}:{line}: {words}")
    assert "\n" not in problem


def test_what_is_right_counts_beside_what_is_wrong(file: Path) -> None:
    file.write_text("scale: 0\ncalm: true\nkeys: {hills: {jump: [z], fly: [x]}}\nnew: 1\n", encoding="utf-8")
    reading = read_settings(file)
    assert len(reading.problems) == 3
    assert reading.settings == Settings(calm=True, keys={"hills": {Action.JUMP: ("z",)}})


def test_many_mistakes_are_not_all_told(file: Path) -> None:
    file.write_text("".join(f"field{n}: 1\n" for n in range(20)), encoding="utf-8")
    problems = read_settings(file).problems
    assert len(problems) == PROBLEMS + 1
    assert problems[-1] == "and 12 more"
    file.write_text("".join(f"field{n}: 1\n" for n in range(2000)), encoding="utf-8")
    assert read_settings(file).settings == Settings()


def test_a_named_file_must_be_there(file: Path) -> None:
    with pytest.raises(BadInput, match="found none"):
        load_settings(file, pytest.fail)


def test_a_broken_file_is_told_and_left_as_it_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "default_settings_path", lambda: file)
    assert load_settings(None, pytest.fail) == Settings()
    file.write_text("scale: 0", encoding="utf-8")
    for named in (None, file):
        told: list[str] = []
        assert load_settings(named, told.append) == Settings()
        assert len(told) == 1
        assert "scale" in told[0]
    assert file.read_text(encoding="utf-8") == "scale: 0"


def test_files_that_are_none(file: Path) -> None:
    file.mkdir()
    assert "expected one, found none" in read_settings(file).problems[0]
    file.rmdir()
    file.write_bytes(b"#" * (SETTINGS_LIMIT + 1))
    assert "size: expected at most" in read_settings(file).problems[0]
    file.write_bytes(b"calm: true\n\xff")
    assert f"{file}:2: document: expected UTF-8" in read_settings(file).problems[0]
    if hasattr(os, "mkfifo"):
        os.mkfifo(file.with_name("pipe"))
        assert "found none" in read_settings(file.with_name("pipe")).problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        "a: " * 20_000,
        "scale: " + "9" * 60_000,
        "scale: 0x" + "f" * 60_000,
        "keys: {" + ", ".join(f"w{n}: {{fly: [a]}}" for n in range(2500)) + "}",
        "a: &a [x,x,x,x]\n" + "".join(f"b{n}: &b{n} [*a,*a,*a]\n" for n in range(50)),
    ],
)
def test_files_made_to_hurt_are_read_soon(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")
    began = time.process_time()  # not of others that share the machine
    reading = read_settings(file)
    assert reading.problems
    assert all(len(problem) < 700 and "\n" not in problem for problem in reading.problems)
    assert time.process_time() - began < 20


@given(DOCUMENTS | st.fixed_dictionaries({}, optional=dict.fromkeys(Settings.model_fields, DOCUMENTS)) | KEY_DOCUMENTS)
@ANY_FILE
def test_any_document_gives_settings_and_lines(file: Path, document: object) -> None:
    file.write_text(yaml.safe_dump(document, default_flow_style=False).replace("'", ""), encoding="utf-8")
    reading = read_settings(file)
    assert isinstance(reading.settings, Settings)
    assert all("\n" not in problem for problem in reading.problems)


@given(st.binary(max_size=64) | st.text(max_size=64).map(lambda text: text.encode("utf-8", "surrogatepass")))
@ANY_FILE
def test_any_bytes_give_settings_and_lines(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    reading = read_settings(file)
    assert isinstance(reading.settings, Settings)
    assert all("\n" not in problem for problem in reading.problems)
