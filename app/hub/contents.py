"""What a hub repository of a world may hold. Owns names, kinds and sizes, judged before anything of it is fetched;
refuses to fetch (connection) and to open what came (engine).

A world is flat: manifest.yaml, graphs (.onnx), start frames (.npz), metrics (.json), each named by the manifest. Pages
about it may lie beside them and are never fetched. Anything else makes the whole repository suspect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from models.manifest import MANIFEST_LIMIT, MANIFEST_NAME, BadInput, Manifest

METRICS_LIMIT = 16 << 20  # bytes
WORLD_KINDS = (".onnx", ".npz", ".json")
PAGE_KINDS = (".md", ".txt", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".mp4")
PAGES = ("LICENSE", ".gitattributes", ".gitignore")
PICKLES = (".pkl", ".pickle", ".pt", ".pth", ".bin", ".ckpt", ".joblib", ".npy")
_FLAT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+")
_PICKLE_HEADS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


def check_listing(repo: str, files: Mapping[str, int | None]) -> None:
    """Raise BadInput unless `files` (name → bytes, None where the hub doesn't say) can be a world's repository."""
    for name in files:
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
            raise BadInput(f"{repo}: file: expected names inside the folder, found {name!r}")
        kind = path.suffix.lower()
        if name == MANIFEST_NAME or name in PAGES or kind in PAGE_KINDS or (_is_flat(name) and kind in WORLD_KINDS):
            continue
        found = "a pickle" if kind in PICKLES else name
        raise BadInput(
            f"{repo}: {name}: kind: expected a world's files ({', '.join(WORLD_KINDS)}) or pages, found {found}"
        )
    size = files.get(MANIFEST_NAME, -1)
    if size == -1:
        raise BadInput(f"{repo}: {MANIFEST_NAME}: file: expected one, found none: this is no world")
    if size is None or size > MANIFEST_LIMIT:
        raise BadInput(f"{repo}: {MANIFEST_NAME}: size: expected at most {MANIFEST_LIMIT} bytes, found {size}")


def check_manifest(place: str, manifest: Manifest) -> None:
    """Raise BadInput unless every file of the manifest has a plain name, a role, and that role's kind."""
    graphs = manifest.graphs
    kinds = dict.fromkeys((graphs.encoder, graphs.step, graphs.decoder), ".onnx") | {manifest.start_frames: ".npz"}
    if manifest.metrics is not None:
        kinds[manifest.metrics] = ".json"
    for name in manifest.files:
        if not _is_flat(name):
            raise BadInput(f"{place}: {name!r}: name: expected a plain file's, in no other folder")
        if name not in kinds:
            raise BadInput(f"{place}: {name}: kind: expected only files that the manifest gives a role")
        if PurePosixPath(name).suffix != kinds[name]:
            raise BadInput(f"{place}: {name}: kind: expected {kinds[name]}")
    if len({name.casefold() for name in manifest.files}) != len(manifest.files):
        raise BadInput(f"{place}: files: expected names that differ in more than case")


def check_offer(repo: str, manifest: Manifest, files: Mapping[str, int | None]) -> None:
    """Raise BadInput unless the hub offers every file of the manifest in exactly the size that the manifest says."""
    for name, entry in manifest.files.items():
        if name not in files:
            raise BadInput(f"{repo}: {name}: file: expected one, found none")
        if files[name] not in (None, entry.bytes):
            raise BadInput(f"{repo}: {name}: size: expected {entry.bytes} bytes, the hub offers {files[name]}")


def check_file(path: Path) -> None:
    """Raise BadInput where a fetched file is plainly something else than its name says. Nothing is unpickled."""
    with path.open("rb") as file:
        head = file.read(4)
    if path.suffix != ".npz" and head.startswith((*_PICKLE_HEADS, b"PK")):
        raise BadInput(f"{path.name}: kind: expected {path.suffix}, found {'a pickle' if head[0] == 0x80 else 'a zip'}")
    if path.suffix == ".json":
        if path.stat().st_size > METRICS_LIMIT:
            raise BadInput(f"{path.name}: size: expected at most {METRICS_LIMIT} bytes")
        try:
            json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise BadInput(f"{path.name}: kind: expected JSON") from error


def _is_flat(name: str) -> bool:
    return _FLAT.fullmatch(name) is not None and len(name) <= 100
