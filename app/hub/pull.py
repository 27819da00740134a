"""Pulling a world. Owns the order of checks, what is resumed and what is thrown away; refuses to put anything among the
worlds that isn't whole and doesn't run.

Names, kinds and sizes are judged before a byte of a graph is fetched. A file gathers in a part that is named by the
hash it must have, so that an interrupted pull goes on where it was, and never with another file's bytes.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.utils import WeakFileLock

from app.console.world_check import check_world
from app.hub.connection import Hub, Listing, RemoteFile, check_repo
from app.hub.contents import check_file, check_listing, check_manifest, check_offer
from app.hub.progress import PullProgress
from app.hub.pulled import Origin, choose_name, find_pulled, put_in_place, read_origin, unfinished_folder
from engine.checkpoint import load_checkpoint, verify_file
from models.manifest import MANIFEST_NAME, BadInput, Manifest, read_manifest

SPARE = 64 << 20  # bytes of the disk that a pull leaves free
LOCK_SECONDS = 0.2


@dataclass(frozen=True)
class Pulled:
    """What a pull came to. `fetched` bytes went over the network; `named` is what the world calls itself."""

    world: str
    named: str
    folder: Path
    origin: Origin
    size: int
    fetched: int


def pull_world(hub: Hub, repo: str, wanted: str | None, progress: PullProgress) -> Pulled:
    """Fetch, verify and put in place. Raises BadInput; what has come by then is kept for the next try, unless it is
    wrong."""
    place = unfinished_folder(check_repo(repo))
    try:
        with _alone(repo, place):
            listing = hub.list_files(repo)
            if (here := _already(repo, listing, wanted)) is not None:
                return here
            check_listing(repo, listing.files)
            manifest, fetched = _fetch_manifest(hub, repo, listing, place)
            name = choose_name(manifest, repo, wanted)
            fetched += _fetch_files(hub, repo, listing, manifest, place, progress)
            _verify(repo, place)
            origin = Origin(repo, listing.commit)
            folder = put_in_place(place, name, origin)
            return Pulled(name, manifest.name, folder, origin, _size(manifest), fetched)
    except KeyboardInterrupt:
        raise BadInput(f"{repo}: pull: interrupted; the same command goes on from what has come") from None


@contextmanager
def _alone(repo: str, place: Path) -> Iterator[None]:
    """The only pull of this repository: two would write into the same part."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(place.with_name(f"{place.name}.lock"), timeout=LOCK_SECONDS):
            try:
                yield
            finally:
                if place.exists() and not [path for path in place.iterdir() if not path.name.startswith(MANIFEST_NAME)]:
                    shutil.rmtree(place)  # refused before anything of worth had come
    except TimeoutError:
        raise BadInput(f"{repo}: pull: expected to be the only one of it, another is under way") from None
    except OSError as error:
        raise BadInput(f"{place}: folder: cannot be written ({error.strerror or error})") from error


def _already(repo: str, listing: Listing, wanted: str | None) -> Pulled | None:
    """The world as it is here, if it is this very commit and whole."""
    folder = find_pulled(repo)
    if folder is None or (wanted is not None and wanted != folder.name):
        return None
    origin = read_origin(folder)
    try:
        manifest = load_checkpoint(folder).manifest
    except BadInput:
        return None
    if origin is None or origin.commit != listing.commit:
        return None
    return Pulled(folder.name, folder.name, folder, origin, _size(manifest), 0)


def _fetch_manifest(hub: Hub, repo: str, listing: Listing, place: Path) -> tuple[Manifest, int]:
    """The manifest, read and judged against what the hub offers; and how many bytes it took."""
    part, size = place / f"{MANIFEST_NAME}.part", listing.files[MANIFEST_NAME] or 0
    part.unlink(missing_ok=True)  # it is small, and no hash says what it must be
    hub.fetch(RemoteFile(repo, listing.commit, MANIFEST_NAME, size), part, lambda count: None)
    fetched = part.stat().st_size
    part.replace(place / MANIFEST_NAME)
    try:
        manifest = read_manifest(place)
    except BadInput as error:
        raise BadInput(str(error).replace(str(place / MANIFEST_NAME), f"{repo}: {MANIFEST_NAME}")) from error
    check_manifest(f"{repo}: {MANIFEST_NAME}", manifest)
    check_offer(repo, manifest, listing.files)
    return manifest, fetched


def _fetch_files(hub: Hub, repo: str, listing: Listing, manifest: Manifest, place: Path, progress: PullProgress) -> int:
    """Every file of the manifest, verified one by one. Returns how many bytes came."""
    parts = {name: f"{entry.sha256}.part" for name, entry in manifest.files.items()}
    _tidy(place, {MANIFEST_NAME, *manifest.files, *parts.values()})
    here = [place / name for pair in parts.items() for name in pair if (place / name).is_file()]
    missing = _size(manifest) - sum(path.stat().st_size for path in here)
    free = shutil.disk_usage(place).free
    if missing + SPARE > free:
        raise BadInput(f"{repo}: disk: expected {(missing + SPARE) / 1e6:.0f} MB free, found {free / 1e6:.0f} MB")
    fetched: list[int] = []

    def advance(count: int) -> None:
        fetched.append(max(0, count))
        progress.advance(count)

    for name, entry in manifest.files.items():
        part = place / parts[name]
        if not _whole(place, name, manifest):
            progress.begin(name, entry.bytes, part.stat().st_size if part.exists() else 0)
            hub.fetch(RemoteFile(repo, listing.commit, name, entry.bytes), part, advance)
            part.replace(place / name)
        _judge(repo, place, name, manifest)
    return sum(fetched)


def _whole(place: Path, name: str, manifest: Manifest) -> bool:
    """Whether an earlier try has brought a file already."""
    try:
        verify_file(place, name, manifest)
    except BadInput:
        return False
    return True


def _judge(repo: str, place: Path, name: str, manifest: Manifest) -> None:
    """Raise BadInput where a fetched file isn't what it must be, and throw it away: fetched again, it may be."""
    try:
        verify_file(place, name, manifest)
        check_file(place / name)
    except BadInput as error:
        (place / name).unlink(missing_ok=True)
        raise BadInput(f"{repo}: {str(error).removeprefix(f'{place}/')}") from error


def _verify(repo: str, place: Path) -> None:
    """Load and run what was gathered. What is whole and still doesn't run is thrown away: it came as it was meant."""
    try:
        check_world(place)
    except BadInput as error:
        shutil.rmtree(place, ignore_errors=True)
        raise BadInput(f"{repo}: {str(error).replace(f'{place}/', '')}") from error


def _tidy(place: Path, wanted: set[str]) -> None:
    """Leave only what this pull can use: parts of an older commit are of no use to it."""
    for path in place.iterdir():
        if path.name not in wanted:
            path.unlink()


def _size(manifest: Manifest) -> int:
    return sum(entry.bytes for entry in manifest.files.values())
