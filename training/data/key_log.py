"""Which action led to which picture of a recording. Owns the kinds of files that say so; refuses videos.

A plain file has one action a line, by name or as `{"action": NAME}`: line i is taken at picture i and leads to the
next. The `actions.ndjson` of a session folder is read with the `session.yaml` beside it: a neural world made its
pictures.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from engine.recordings.recording import SESSION_NAME, FrameEntry, SessionRecord, read_session
from models.actions import Action
from models.manifest import BadInput

LIMIT = 1 << 28  # bytes


@dataclass(frozen=True)
class KeyLog:
    """`led[k]` is the action that led to picture k of the video, None where play began anew there. `tick_rate` and
    `palette` are the session's, where it was one."""

    led: tuple[Action | None, ...]
    self_generated: bool = False
    tick_rate: int | None = None
    palette: str | None = None


def read_key_log(path: Path) -> KeyLog:
    """Read a file of actions. Raises BadInput naming file and line."""
    if (path.parent / SESSION_NAME).is_file():
        return _of_session(read_session(path.parent))
    try:
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise BadInput(f"{path}: size: expected at most {LIMIT} bytes")
        lines = data.decode("utf-8").splitlines()
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: file: expected UTF-8 text") from error
    if not lines:
        raise BadInput(f"{path}: actions: expected one a line, found none")
    return KeyLog((None, *(_action(f"{path}:{number}", line) for number, line in enumerate(lines, start=1))))


def _action(where: str, line: str) -> Action:
    name: object = line.strip()
    if line.lstrip().startswith("{"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{where}: line: expected JSON ({error})") from error
        if "tokens_digest" in entry:
            raise BadInput(f"{where}: {SESSION_NAME}: expected beside the actions of a session, found none")
        name = entry.get("action")
    try:
        return Action(str(name))
    except ValueError:
        raise BadInput(f"{where}: action: expected one of {', '.join(Action)}, found {str(name)[:40]!r}") from None


def _of_session(record: SessionRecord) -> KeyLog:
    """The video begins with frame `video_from` of the first stretch; every frame written after it is its next
    picture."""
    led: list[Action | None] = []
    anew = True
    for entry in record.entries:
        if not isinstance(entry, FrameEntry):
            # The same tokens go on on another backend; after anything else another frame than the last one does.
            anew = anew or getattr(entry, "event", "") != "backend"
            continue
        if led or entry.index >= record.header.video_from:
            led.append(None if anew or not led else entry.action)
            anew = False
    if not led:
        raise BadInput(f"{record.folder}: actions: expected those of the video's frames, found none")
    return KeyLog(tuple(led), True, record.header.tick_rate, record.header.palette)
