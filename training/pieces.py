"""A run's state as files of at most 16 MiB, so that training moves to another machine by whatever way there is.

Owns packing, checking and putting together again. Refuses the data, which the same seed simulates anew, and worlds
that the run has made.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.atomic import TEMPORARY, write_atomically
from models.manifest import BadInput, first_problem

PIECE_BYTES = 16 * 1024 * 1024
LIST = "pieces.json"
LEFT_OUT = ("data", "world")  # of the run's folder


class Piece(BaseModel):
    """A slice of the run's archive, in the order of the list."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^run\.\d{3}$")]
    bytes: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Pieces(BaseModel):
    """What lies in a folder of pieces: `files` of the run, in as many slices of one tar archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    files: list[str]
    pieces: Annotated[list[Piece], Field(min_length=1)]


def pack(run: Path, out: Path, piece_bytes: int = PIECE_BYTES) -> Pieces:
    """Write the state of a run's folder, its checkpoints and curves, into `out` as pieces and, last, their list. Raises
    BadInput where there is no checkpoint."""
    found = sorted(path for path in run.rglob("*") if path.is_file() and not path.name.endswith(TEMPORARY))
    files = [path for path in found if path.relative_to(run).parts[0] not in LEFT_OUT]
    files = [path for path in files if not path.resolve().is_relative_to(out.resolve())]
    if not any(path.suffix == ".pt" for path in files):
        raise BadInput(f"{run}: run: expected a folder with a stage's checkpoint")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in files:
            archive.add(path, path.relative_to(run).as_posix())
    out.mkdir(parents=True, exist_ok=True)
    (out / LIST).unlink(missing_ok=True)  # of what was packed before: its pieces are about to be replaced
    pieces: list[Piece] = []
    packed.seek(0)
    while data := packed.read(piece_bytes):
        pieces.append(Piece(name=f"run.{len(pieces):03d}", bytes=len(data), sha256=hashlib.sha256(data).hexdigest()))
        write_atomically(out / pieces[-1].name, data)
    made = Pieces(files=[path.relative_to(run).as_posix() for path in files], pieces=pieces)
    write_atomically(out / LIST, made.model_dump_json(indent=1).encode())
    return made


def unpack(folder: Path, run: Path) -> Pieces:
    """Put a run's state together again in `run`. A file that is there already and differs is left alone and refused, as
    is a piece that isn't whole: BadInput, before anything is written."""
    listed = _read_list(folder)
    contents = _contents(folder, listed, b"".join(_read_piece(folder / piece.name, piece) for piece in listed.pieces))
    for name, data in contents.items():
        if (run / name).exists() and (run / name).read_bytes() != data:
            raise BadInput(f"{run / name}: file: expected none, or the one in {folder}")
    for name, data in contents.items():
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        write_atomically(run / name, data)
    return listed


def _read_list(folder: Path) -> Pieces:
    path = folder / LIST
    try:
        return Pieces.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error


def _read_piece(path: Path, piece: Piece) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror})") from error
    if hashlib.sha256(data).hexdigest() != piece.sha256:
        raise BadInput(
            f"{path}: bytes: expected {piece.bytes} with the SHA-256 {piece.sha256[:12]}…, found {len(data)}"
        )
    return data


def _contents(folder: Path, listed: Pieces, packed: bytes) -> dict[str, bytes]:
    """The files in the archive by name, which are those that are listed; others are refused."""
    contents = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
            for member in archive:
                safe = tarfile.data_filter(member, str(folder))
                file = archive.extractfile(safe) if safe.isfile() and safe.name in listed.files else None
                if file is None:
                    raise BadInput(f"{folder / LIST}: files: expected {member.name} among them")
                contents[safe.name] = file.read()
    except tarfile.TarError as error:
        raise BadInput(f"{folder}: pieces: expected a tar archive ({error})") from error
    return contents
