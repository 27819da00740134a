"""A checkpoint folder, verified and ready to play. Owns finding and checking it; refuses to run graphs (backends)."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import stat
import zipfile
import zlib
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from platformdirs import user_data_path

from engine.set_aside import restore_aside
from models.manifest import MANIFEST_NAME, BadInput, Manifest, read_manifest

_Scalar = TypeVar("_Scalar", bound=np.generic)

START_FRAMES_LIMIT = 256 << 20  # bytes unpacked; a real file holds a few megabytes
_CHUNK = 1 << 20


@dataclass(frozen=True)
class StartFrames:
    """What sessions begin from: S starts of C context frames each.

    tokens int64 [S,C,P], actions int64 [S,C-1] (actions[s,c] leads from frame c to c+1), pixels uint8 [S,H,W] or
    [S,H,W,3] (the last context frame as the network decodes it), level_seed int64 [S].
    """

    tokens: npt.NDArray[np.int64]
    actions: npt.NDArray[np.int64]
    pixels: npt.NDArray[np.uint8]
    level_seed: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Checkpoint:
    """A verified folder. Arrays as in `StartFrames`."""

    folder: Path
    manifest: Manifest
    start_tokens: npt.NDArray[np.int64]
    start_actions: npt.NDArray[np.int64]
    start_pixels: npt.NDArray[np.uint8]
    level_seeds: npt.NDArray[np.int64]

    @property
    def starts(self) -> int:
        """Number of starts that a session can begin from."""
        return len(self.start_tokens)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the manifest, verify size and sha256 of every file, read the start frames. Raises BadInput."""
    manifest = read_manifest(folder)
    for name in manifest.files:
        verify_file(folder, name, manifest)
    starts = read_start_frames(folder / manifest.start_frames, manifest)
    return Checkpoint(folder, manifest, starts.tokens, starts.actions, starts.pixels, starts.level_seed)


def bundled_worlds() -> list[Path]:
    """Folders of the worlds that ship with the project, sorted by name."""
    spec = importlib.util.find_spec("assets")
    roots = [Path(place) / "worlds" for place in (spec.submodule_search_locations or [])] if spec else []
    found = {path.parent.name: path.parent for root in roots for path in root.glob(f"*/{MANIFEST_NAME}")}
    return [found[name] for name in sorted(found)]


def pulled_folder() -> Path:
    """Where pulled worlds are: in the user's data folder; DREAMCADE_WORLDS names another."""
    chosen = os.environ.get("DREAMCADE_WORLDS")
    return Path(chosen) if chosen else user_data_path("dreamcade", appauthor=False) / "worlds"


def pulled_worlds() -> list[Path]:
    """Folders of the worlds that were pulled, sorted by name. One that a bundled world has the name of is left out; one
    whose replacement was killed half way is put back first."""
    restore_aside(pulled_folder(), MANIFEST_NAME)
    bundled = {path.name for path in bundled_worlds()}
    try:
        found = [path.parent for path in pulled_folder().glob(f"*/{MANIFEST_NAME}")]
    except OSError:  # a folder that one may not look into holds none for us
        return []
    return sorted(path for path in found if path.name not in bundled)


def known_worlds() -> list[Path]:
    """Folders of all worlds that go by a name: the bundled ones, then those that were pulled."""
    return [*bundled_worlds(), *pulled_worlds()]


def find_world(name_or_path: str) -> Path:
    """The folder of a known world by its name, or of any world by its path. Raises BadInput naming those known."""
    known = {path.name: path for path in known_worlds()}
    if name_or_path in known:
        return known[name_or_path]
    with contextlib.suppress(OSError):  # a path may be too long, or lead where one may not look
        if (Path(name_or_path) / MANIFEST_NAME).is_file():
            return Path(name_or_path)
    choices = ", ".join(known) or "none is bundled"
    raise BadInput(f"{name_or_path}: world: expected a known one ({choices}) or a folder with a {MANIFEST_NAME}")


def read_start_frames(path: Path, manifest: Manifest) -> StartFrames:
    """Read and check an npz of start frames without ever unpickling. Raises BadInput."""
    try:
        with zipfile.ZipFile(path) as archive:
            starts = StartFrames(
                _read_array(archive, "tokens", np.int64),
                _read_array(archive, "actions", np.int64),
                _read_array(archive, "pixels", np.uint8),
                _read_array(archive, "level_seed", np.int64),
            )
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error
    except KeyError as error:
        raise BadInput(f"{path}: {error.args[0]}") from error
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror or error})") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, RuntimeError, NotImplementedError) as error:
        raise BadInput(f"{path}: file: expected an npz archive ({_first_line(error)})") from error
    _check_start_frames(path, starts, manifest)
    return starts


def verify_file(folder: Path, name: str, manifest: Manifest) -> None:
    """Check a file's size and sha256 against the manifest. Raises BadInput."""
    entry, path = manifest.files[name], folder / name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would be read for ever
            raise BadInput(f"{path}: file: expected a regular file")
        if found.st_size != entry.bytes:
            raise BadInput(f"{path}: size: expected {entry.bytes} bytes, found {found.st_size}")
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror or error})") from error
    if digest.hexdigest() != entry.sha256:
        raise BadInput(f"{path}: sha256: expected {entry.sha256[:16]}…, found {digest.hexdigest()[:16]}…")


def _read_array(archive: zipfile.ZipFile, name: str, kind: type[_Scalar]) -> npt.NDArray[_Scalar]:
    """One array of the archive. The header is checked before memory is taken: it may claim any shape."""
    dtype = np.dtype(kind)
    member = f"{name}.npy"
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise BadInput(f"{name}: expected an array, found none") from None
    if info.file_size > START_FRAMES_LIMIT:
        raise BadInput(f"{name}: expected at most {START_FRAMES_LIMIT} bytes")
    with archive.open(info) as file:
        data = io.BytesIO(file.read(START_FRAMES_LIMIT))
    version = np.lib.format.read_magic(data)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(
        version
    )
    if read_header is None:
        raise BadInput(f"{name}: expected npy format 1 or 2, found {version[0]}.{version[1]}")
    shape, fortran, found = read_header(data)
    body = data.getbuffer()[data.tell() :]
    if found != dtype or fortran:
        raise BadInput(f"{name}: expected {dtype} in C order, found {found}")
    if any(size < 0 for size in shape) or prod(shape) * dtype.itemsize != len(body):
        raise BadInput(f"{name}: expected {prod(shape)} elements, found {len(body)} bytes")
    return np.frombuffer(body, dtype).reshape(shape)


def _check_start_frames(path: Path, starts: StartFrames, manifest: Manifest) -> None:
    if starts.tokens.ndim != 3 or 0 in starts.tokens.shape:
        raise BadInput(f"{path}: tokens: expected shape [S,C,P], found {list(starts.tokens.shape)}")
    count, context, _ = starts.tokens.shape
    wanted: list[tuple[str, npt.NDArray[np.generic], tuple[int, ...], int]] = [
        ("tokens", starts.tokens, (count, context, manifest.tokens), manifest.codebook),
        ("actions", starts.actions, (count, context - 1), len(manifest.actions)),
        ("pixels", starts.pixels, (count, *manifest.picture_shape), _colours(manifest)),
        ("level_seed", starts.level_seed, (count,), 1 << 63),
    ]
    for name, array, shape, limit in wanted:
        if array.shape != shape:
            raise BadInput(f"{path}: {name}: expected shape {list(shape)}, found {list(array.shape)}")
        if array.size and (int(array.min()) < 0 or int(array.max()) >= limit):
            raise BadInput(f"{path}: {name}: expected values from 0 to {limit - 1}")


def _colours(manifest: Manifest) -> int:
    """How many values a pixel may take: an index must exist in every palette."""
    return min(len(colours) for colours in manifest.palettes.values()) if manifest.pixels == "palette" else 256


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
