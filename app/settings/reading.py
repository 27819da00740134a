"""Reading a settings file. Owns what is made of any bytes at all: settings, and a line for each thing that is wrong;
refuses to write (file) and to stop anything: what is wrong is left out, the rest counts.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from app.keys.keymap import Command
from app.settings.schema import Settings, default_settings_path, field_note, key_problem, world_key_problem
from engine.checkpoint import known_worlds
from models.actions import Action
from models.manifest import BadInput, Manifest, read_manifest
from models.problem import shown

SETTINGS_LIMIT = 64 << 10  # bytes
PROBLEMS = 8  # told at most
_TRIES = 40  # a file with more wrong entries than this counts as none
_TEXT = "tag:yaml.org,2002:str"
_FOUND = 32  # characters of a wrong value that are told

Place = tuple[str, ...]


@dataclass(frozen=True)
class Reading:
    """What a file says. `problems`: file, line, field, what was expected and what was found, one line each."""

    settings: Settings
    problems: tuple[str, ...] = ()


class _Loader(yaml.SafeLoader):
    """YAML without references: no settings need them, and a few bytes of them can mean gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it out
            raise yaml.composer.ComposerError(None, None, "expected no references", mark)
        return super().compose_node(parent, index)


def read_settings(path: Path) -> Reading:
    """Read a file; whatever stands in it, there are settings. Where there is no such file, that is the problem told."""
    try:
        document, node = _parse(_text(path), path)
        problems = [f"{path}:{line}: {name}: {words}" for line, name, words in _repeated(node)]
    except BadInput as error:
        return Reading(Settings(), (str(error),))
    if document is None:
        return Reading(Settings())
    if not isinstance(document, dict):
        return Reading(Settings(), (f"{path}:1: document: expected fields such as text_scale: 2",))
    return _read_fields(document, node, path, problems)


def load_settings(path: Path | None, warn: Callable[[str], None]) -> Settings:
    """The settings of the named file, which must be there, or of the default one. What is wrong is told to `warn`."""
    if path is not None and not path.is_file():
        raise BadInput(f"{path}: file: expected one, found none")
    place = path or default_settings_path()
    if path is None and not place.exists():
        return Settings()
    reading = read_settings(place)
    for problem in reading.problems:
        warn(problem)
    return reading.settings


def _text(path: Path) -> str:
    try:
        if not path.is_file():  # a pipe would be read for ever
            raise BadInput(f"{path}: file: expected one, found none")
        with path.open("rb") as file:
            data = file.read(SETTINGS_LIMIT + 1)
        if len(data) > SETTINGS_LIMIT:
            raise BadInput(f"{path}: size: expected at most {SETTINGS_LIMIT} bytes")
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise BadInput(f"{path}:{line}: document: expected UTF-8 text") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BadInput(f"{path}: file: cannot be read ({reason})") from error


def _parse(text: str, path: Path) -> tuple[Any, yaml.Node | None]:
    """The document and the tree that knows its lines."""
    loader, node = None, None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return (None if node is None else loader.construct_document(node)), node
    except yaml.MarkedYAMLError as error:
        line = 1 if error.problem_mark is None else error.problem_mark.line + 1
        problem = " ".join((error.problem or "malformed").split())
        raise BadInput(f"{path}:{line}: document: expected YAML ({problem})") from error
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The last three are what the parser itself raises on odd tags such as `!!int ""`.
        problem = (str(error).splitlines() or ["malformed"])[0]
        if isinstance(error, yaml.reader.ReaderError):
            line = text.count("\n", 0, error.position) + 1
        elif node is not None:
            line = _unreadable_line(node)
        else:
            line = 1 if loader is None else loader.line + 1  # where the parser stood
        raise BadInput(f"{path}:{line}: document: expected YAML ({problem})") from error


def _scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Every scalar below a node, however deep it lies."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if isinstance(found, yaml.ScalarNode):
            yield found
        elif isinstance(found, yaml.MappingNode):
            waiting += [part for pair in reversed(found.value) for part in reversed(pair)]
        elif isinstance(found, yaml.SequenceNode):
            waiting += reversed(found.value)


def _unreadable_line(node: yaml.Node) -> int:
    """The line of the first value that can't be read as what it says it is; of the document where none is alone."""
    loader = _Loader("")
    for scalar in _scalars(node):
        try:
            _value(loader, scalar)
        except Exception:  # the parser raises whatever int() and its like do
            return int(scalar.start_mark.line) + 1
    return int(node.start_mark.line) + 1


def _value(loader: _Loader, scalar: yaml.ScalarNode) -> Any:
    """What a scalar means: true for yes, nothing for ~."""
    return scalar.value if scalar.tag == _TEXT else loader.construct_object(scalar)


def _repeated(node: yaml.Node | None) -> Iterator[tuple[int, str, str]]:
    """Entries that stand twice in the same place, of which YAML takes the last: line, name, what was expected."""
    waiting = [("", node)]
    while waiting:
        place, found = waiting.pop()
        if not isinstance(found, yaml.MappingNode):
            continue
        lines: dict[tuple[str, str], int] = {}
        for key, value in found.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            name, line = f"{place}{shown(key.value)}", key.start_mark.line + 1
            if (key.tag, key.value) in lines:
                yield (
                    line,
                    name,
                    f"expected once, but it stands in line {lines[key.tag, key.value]} too; this one counts",
                )
            lines[key.tag, key.value] = line
            waiting.append((f"{name}.", value))


def _read_fields(document: dict[Any, Any], node: yaml.Node | None, path: Path, problems: list[str]) -> Reading:
    """Leave out one wrong entry after the other until the rest makes sense. `problems` are those found so far."""
    for _ in range(_TRIES):
        wrong = _first_wrong(document)
        if isinstance(wrong, Settings):
            astray = [
                f"{path}:{_line(node, place)}: {'.'.join(map(shown, place))}: {words}"
                for place, words in _astray(wrong)
            ]
            return Reading(wrong, _shorten(problems + astray))
        place, expected = wrong
        reached = _reach(document, place)
        if not reached:
            break
        line = _line(node, reached)
        problems.append(f"{path}:{line}: {'.'.join(map(shown, reached))}: {expected}")
        document = _without(document, reached)
    return Reading(Settings(), _shorten([*problems, f"{path}: document: too much is wrong in it; defaults are used"]))


def _shorten(problems: list[str]) -> tuple[str, ...]:
    more = len(problems) - PROBLEMS
    return tuple(problems) if more <= 0 else (*problems[:PROBLEMS], f"and {more} more")


def _first_wrong(document: dict[Any, Any]) -> Settings | tuple[tuple[Any, ...], str]:
    """The settings; or where an entry is wrong and what was expected there."""
    for name in document:
        if name not in Settings.model_fields:
            return (name,), f"unknown field{_meant(name)}"
    try:
        settings = Settings.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        return first["loc"], _expected(first)
    return key_problem(settings) or world_key_problem(settings, _manifests()) or settings


def _manifests() -> Iterator[Manifest]:
    """Those of the worlds that are here; a broken one is told of where it is played."""
    for folder in known_worlds():
        with contextlib.suppress(BadInput):
            yield read_manifest(folder)


def _astray(settings: Settings) -> Iterator[tuple[Place, str]]:
    """Choices for worlds that aren't here, or of colours that a world hasn't: they are kept, for a world may yet be
    pulled, but are most likely misspelt."""
    folders = {folder.name: folder for folder in known_worlds()}
    for field, chosen in (("theme", settings.theme), ("keys", settings.keys)):
        for world in chosen:
            if world not in folders:
                near = difflib.get_close_matches(world[:_FOUND], folders, 1)
                yield (field, world), "no world of that name is here" + (f"; {near[0]}, perhaps" if near else "")
    for world, palette in settings.theme.items():
        with contextlib.suppress(BadInput):  # a broken world is told of where it is played
            known = read_manifest(folders[world]).palettes if world in folders else {palette: []}
            if known and palette not in known:
                yield ("theme", world), f"expected one of {', '.join(known)}, found {shown(palette)}"


def _meant(name: Hashable) -> str:
    known = list(Settings.model_fields)
    near = difflib.get_close_matches(str(name)[:_FOUND], known, 1)
    return f"; {near[0]} is meant, perhaps" if near else f"; expected one of {', '.join(known)}"


def _expected(error: Any) -> str:
    place, found = error["loc"], shown(error["input"])
    if isinstance(error["input"], str) and error["type"] in ("float_type", "int_type", "bool_type"):
        found = f"the text {found}"  # it may well read like a number
    if error["type"] == "value_error":
        return f"{str(error['msg']).removeprefix('Value error, ')}, found {found}"
    if place[-1] == "[key]":
        known: type[Action] | type[Command] = Action if place[0] == "keys" else Command
        return f"expected one of {', '.join(known)}" if place[0] in ("keys", "commands") else "expected a name"
    return f"expected {field_note(str(place[0])).expected}, found {found}"


def _reach(document: Any, place: tuple[Any, ...]) -> tuple[Any, ...]:
    """As much of `place` as leads to an entry of the document."""
    reached: list[Any] = []
    for part in place:
        if not isinstance(document, dict) or part not in document:
            break
        reached.append(part)
        document = document[part]
    return tuple(reached)


def _without(document: dict[Any, Any], place: tuple[Any, ...]) -> dict[Any, Any]:
    """A copy in which the entry at `place` is left out."""
    first, *rest = place
    if not rest:
        return {name: value for name, value in document.items() if name is not first and name != first}
    return document | {first: _without(document[first], tuple(rest))}


def _line(node: yaml.Node | None, place: tuple[Any, ...]) -> int:
    """The line of an entry, from 1; of the deepest part of its place that is found."""
    line, loader = 1, _Loader("")
    for part in place:
        if not isinstance(node, yaml.MappingNode):
            break
        name = shown(part)
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and shown(_value(loader, key)) == name:
                line, node = key.start_mark.line + 1, value
    return line
