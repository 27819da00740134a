"""Worlds that were pulled, on this machine. Owns their names, where they come from, putting them in place and removing
them; refuses the network.

A pulled world keeps the name in its manifest. Where a bundled world, or one from elsewhere, has that name already, it
is kept as NAME-ORG instead, and its manifest says so here; what is hashed stays as it came.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from engine.atomic import sync_folder, write_atomically
from engine.checkpoint import bundled_worlds, pulled_folder, pulled_worlds
from engine.set_aside import GONE, OLD, beside, restore_aside, set_aside
from models.manifest import MANIFEST_NAME, BadInput, Manifest, read_manifest, read_yaml

ORIGIN_NAME = "origin.json"
ORIGIN_LIMIT = 1 << 12  # bytes
TITLE_LIMIT = 60
_WORLD_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Origin:
    """Where a pulled world comes from."""

    repo: str
    commit: str


_ORIGIN = TypeAdapter(Origin)


def read_origin(folder: Path) -> Origin | None:
    """Where a world comes from; None where it isn't said."""
    try:
        with (folder / ORIGIN_NAME).open("rb") as file:
            return _ORIGIN.validate_json(file.read(ORIGIN_LIMIT), strict=True)
    except (OSError, ValidationError):
        return None


def unfinished_folder(repo: str) -> Path:
    """Where a pull gathers its files: beside the worlds, so that a rename puts them in place."""
    return beside(pulled_folder()) / repo.replace("/", "--")


def find_unfinished() -> dict[str, int]:
    """What interrupted pulls have gathered: bytes by repository."""
    places = [path for path in beside(pulled_folder()).glob("*--*") if path.is_dir() and not path.name.startswith(".")]
    return {
        path.name.replace("--", "/"): sum(part.stat().st_size for part in path.iterdir()) for path in sorted(places)
    }


def find_pulled(repo: str) -> Path | None:
    """The world that was pulled from a repository."""
    for folder in pulled_worlds():
        origin = read_origin(folder)
        if origin is not None and origin.repo == repo:
            return folder
    return None


def find_hidden() -> list[Path]:
    """Pulled worlds that a bundled one has taken the name of since."""
    bundled = {folder.name for folder in bundled_worlds()}
    return sorted(path.parent for path in pulled_folder().glob(f"*/{MANIFEST_NAME}") if path.parent.name in bundled)


def choose_name(manifest: Manifest, repo: str, wanted: str | None) -> str:
    """The name that a world from `repo` is kept under: `wanted`, the player's choice, or the one that it has already.
    Raises BadInput."""
    taken = {folder.name for folder in bundled_worlds()}
    if pulled_folder().is_dir():
        taken |= {path.name for path in pulled_folder().iterdir() if (read_origin(path) or Origin("", "")).repo != repo}
    if wanted is not None:
        if _WORLD_NAME.fullmatch(wanted) is None or wanted in taken:
            raise BadInput(f"--as: expected a free name of small letters, digits, - and _, got {wanted!r}")
        return wanted
    if (kept := find_pulled(repo)) is not None:
        return kept.name
    org = re.sub("[^a-z0-9_-]", "-", repo.split("/")[0].lower())
    other = f"{manifest.name}-{org}"[:64]
    for name in (manifest.name, other):
        if name not in taken:
            return name
    raise BadInput(f"{repo}: name: expected {manifest.name} or {other} to be free; --as NAME chooses another")


def put_in_place(gathered: Path, name: str, origin: Origin) -> Path:
    """Make a verified folder a world called `name`, in place of the one that it was. Raises BadInput."""
    target = pulled_folder() / name
    try:
        _rename_world(gathered, name, origin.repo)
        write_atomically(gathered / ORIGIN_NAME, json.dumps(asdict(origin)).encode())
        target.parent.mkdir(parents=True, exist_ok=True)
        restore_aside(target.parent, MANIFEST_NAME)
        before = set_aside(target.parent, target, OLD) if target.exists() else None
        try:
            gathered.replace(target)
        except OSError:
            if before is not None:
                before.replace(target)
            raise
        sync_folder(target.parent)
    except OSError as error:
        raise BadInput(f"{target}: world: cannot be put there ({error.strerror or error})") from error
    if before is not None:
        shutil.rmtree(before, ignore_errors=True)
    return target


def remove_pulled(name: str) -> Path:
    """Remove a pulled world, or what an unfinished pull of ORG/NAME left. Raises BadInput for any other."""
    if "/" in name and re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None:
        unfinished = unfinished_folder(name)
        if not unfinished.is_dir():
            raise BadInput(f"{name}: world: expected the name of a pulled world, or an unfinished pull; found none")
        _delete(unfinished)
        return unfinished
    if name in {folder.name for folder in bundled_worlds()}:
        raise BadInput(f"{name}: world: expected a pulled one; this one comes with Dreamcade")
    known = {folder.name: folder for folder in pulled_worlds()}
    if name not in known:
        raise BadInput(f"{name}: world: expected a pulled one ({', '.join(known) or 'there is none'})")
    _delete(known[name])
    return known[name]


def _delete(folder: Path) -> None:
    """Away under another name first: what is half deleted must not be found as a world."""
    try:
        shutil.rmtree(set_aside(pulled_folder(), folder, GONE))
    except OSError as error:
        raise BadInput(f"{folder}: world: cannot be removed ({error.strerror or error})") from error


def _rename_world(folder: Path, name: str, repo: str) -> None:
    """Let the manifest say the name that the world is kept under; a title of its own tells it from its namesake."""
    manifest = read_manifest(folder)
    if manifest.name == name:
        return
    label = f" ({repo.split('/')[0]})"
    document = read_yaml(folder / MANIFEST_NAME)
    title = manifest.title if manifest.title.endswith(label) else manifest.title[: TITLE_LIMIT - len(label)] + label
    text = yaml.safe_dump(
        document | {"name": name, "title": title[:TITLE_LIMIT]}, sort_keys=False, allow_unicode=True, width=120
    )
    write_atomically(folder / MANIFEST_NAME, text.encode())
