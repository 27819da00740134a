"""Pushing a world. Owns what goes up and what is taken away there; refuses a world that isn't whole, and a repository
that holds anything but a world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from app.console.world_check import check_world
from app.hub.connection import Hub, check_repo
from app.hub.contents import WORLD_KINDS, check_listing, check_manifest
from models.manifest import MANIFEST_NAME, BadInput


@dataclass(frozen=True)
class Pushed:
    """What a push came to."""

    world: str
    repo: str
    commit: str
    url: str
    files: tuple[str, ...]
    size: int


def push_world(hub: Hub, folder: Path, repo: str, private: bool, tell: Callable[[str], None]) -> Pushed:
    """Verify a world and put it into a repository, made where there is none, in one commit. `tell` hears what goes up,
    before it does. Raises BadInput."""
    check_repo(repo)
    manifest = check_world(folder).manifest
    check_manifest(str(folder / MANIFEST_NAME), manifest)
    size = sum(entry.bytes for entry in manifest.files.values())
    tell(f"{manifest.name} is whole: {len(manifest.files) + 1} files, {size / 1e6:.1f} MB go up")
    try:
        hub.create(repo, private)
        listing = hub.list_files(repo)
        names = [*manifest.files, MANIFEST_NAME]
        check_listing(repo, dict(listing.files) | {MANIFEST_NAME: 0})
        kept = set(listing.files) - set(names)
        stale = sorted(name for name in kept if PurePosixPath(name).suffix in WORLD_KINDS)
        if stale and MANIFEST_NAME not in listing.files:
            raise BadInput(f"{repo}: {stale[0]}: file: expected an empty repository or a world's")
        commit = hub.commit(repo, folder, names, stale, listing.commit)
    except KeyboardInterrupt:
        raise BadInput(f"{repo}: push: interrupted; the repository is as it was") from None
    return Pushed(manifest.name, repo, commit, f"{hub.endpoint}/{repo}", tuple(names), size)
