"""Saved moments on disk. Owns the file's layout and every check on reading it; refuses slots and menus (app).

A file is MAGIC, the header's length (4 bytes, little-endian), the header in JSON, the payload, and sha256 over all of
that. The payload is bare arrays whose sizes follow from the world's manifest and the frame's index: pixels uint8,
tokens uint32, the state's tensors in the manifest's order, played uint8 and digests of 8 bytes for every frame.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from math import isfinite, nan, prod
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.atomic import remove_halves, write_atomically
from engine.backends.base import BackendInfo
from engine.bounded_file import read_bounded
from engine.checkpoint import Checkpoint
from engine.frame import Frame, FrameTimes, tokens_digest
from engine.measuring.machine import MOST_THREADS, package_version
from engine.start import START_LIMIT, PictureStart, Start, start_text, start_tokens
from engine.time_travel.history import DIGEST_BYTES
from engine.time_travel.moment import Moment
from models.actions import Action
from models.manifest import BadInput, Manifest
from models.problem import first_problem

MAGIC = b"dreamcade save\n"
SAVE_SUFFIX = ".save"
HEADER_LIMIT = 1 << 16  # bytes
SAVE_LIMIT = 1 << 29  # bytes
INDEX_LIMIT = 1 << 24  # frames: six days at 30 ticks
_HASH = hashlib.sha256().digest_size
_LENGTH = 4

TEXT_LIMIT = 200
Text = Annotated[str, Field(max_length=TEXT_LIMIT)]
Count = Annotated[int, Field(strict=True, ge=0, lt=1 << 63)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RanOn(_Strict):
    """What made frame `first` and those after it."""

    first: Count
    name: Text
    version: Text
    device: Text
    threads: Annotated[int, Field(strict=True, ge=1, le=MOST_THREADS)]
    instruction_set: Text
    note: Text

    @property
    def info(self) -> BackendInfo:
        """The same as a backend tells it."""
        return BackendInfo(self.name, self.version, self.device, self.threads, self.instruction_set, self.note)


class SaveHeader(_Strict):
    """What the payload is of. `saved` is local time; `palette` the colours that were shown; `ran_on` begins at 0;
    `entropy` is only shown, so a graph that gives no finite one (None) can still be saved."""

    schema_version: Literal[1] = 1
    dreamcade: Text
    world: Text
    checkpoint_digest: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    ran_on: Annotated[list[RanOn], Field(min_length=1, max_length=1000)]
    saved: datetime
    palette: Text | None
    start: Count
    start_tokens: Annotated[str, Field(max_length=START_LIMIT)] | None
    rng_seed: Count
    index: Annotated[int, Field(strict=True, ge=0, lt=INDEX_LIMIT)]
    entropy: Annotated[float, Field(allow_inf_nan=False)] | None


@dataclass(frozen=True, eq=False)
class Save:
    """A saved moment as it is read."""

    header: SaveHeader
    moment: Moment


def save_bytes(moment: Moment, checkpoint: Checkpoint, palette: str | None) -> bytes:
    """The whole file that keeps a moment."""
    manifest, start = checkpoint.manifest, moment.start
    picture = start if isinstance(start, PictureStart) else None
    header = SaveHeader(
        dreamcade=package_version("dreamcade"),
        world=manifest.name,
        checkpoint_digest=manifest.digest,
        ran_on=[_ran_on(first, info) for first, info in moment.ran_on],
        saved=datetime.now().replace(microsecond=0),
        palette=palette,
        start=start if isinstance(start, int) else 0,
        start_tokens=None if picture is None else start_text(picture.tokens),
        rng_seed=moment.rng_seed,
        index=moment.frame.index,
        entropy=moment.frame.entropy if isfinite(moment.frame.entropy) else None,
    )
    text = header.model_dump_json().encode()
    frame = moment.frame
    parts = [
        frame.pixels.tobytes(),
        *([] if picture is None else [picture.pixels.tobytes()]),
        frame.tokens.astype("<u4").tobytes(),
        *(np.ascontiguousarray(moment.state[spec.name]).tobytes() for spec in manifest.state),
        moment.played,
        moment.digests,
    ]
    body = b"".join([MAGIC, len(text).to_bytes(_LENGTH, "little"), text, *parts])
    return body + hashlib.sha256(body).digest()


def _ran_on(first: int, info: BackendInfo) -> RanOn:
    texts = {name: str(getattr(info, name))[:TEXT_LIMIT] for name in ("name", "version", "device", "note")}
    return RanOn(first=first, threads=info.threads, instruction_set=info.instruction_set, **texts)


def write_save(path: Path, data: bytes) -> None:
    """Write a file that appears whole or not at all. Raises BadInput where it can't be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_halves(path.parent, SAVE_SUFFIX)
        write_atomically(path, data)
    except OSError as error:
        raise BadInput(f"{path}: save: cannot be written ({error.strerror or error})") from error


def read_save(path: Path, checkpoint: Checkpoint) -> Save:
    """Read and check a saved moment of this world. Raises BadInput naming what is wrong, in one line."""
    data = read_bounded(path, SAVE_LIMIT)
    header, payload = _split(path, data)
    manifest = checkpoint.manifest
    if header.world != manifest.name:
        raise BadInput(f"{path}: world: expected {manifest.name}, found {header.world}")
    if header.checkpoint_digest != manifest.digest:
        raise BadInput(f"{path}: checkpoint_digest: expected {manifest.digest}, found {header.checkpoint_digest}")
    return Save(header, _moment(path, header, payload, checkpoint))


def _split(path: Path, data: bytes) -> tuple[SaveHeader, memoryview]:
    """Header and payload of a file whose hash is right."""
    if not data.startswith(MAGIC):
        raise BadInput(f"{path}: file: expected a saved game")
    if hashlib.sha256(data[:-_HASH]).digest() != data[-_HASH:]:
        raise BadInput(f"{path}: sha256: expected a whole file, but it is cut off or damaged")
    begin = len(MAGIC) + _LENGTH
    length = int.from_bytes(data[len(MAGIC) : begin], "little")
    if length > min(HEADER_LIMIT, len(data) - _HASH - begin):
        raise BadInput(f"{path}: header: expected at most {HEADER_LIMIT} bytes inside the file")
    try:
        header = SaveHeader.model_validate(json.loads(data[begin : begin + length]))
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: header: expected JSON") from error
    return header, memoryview(data)[begin + length : -_HASH]


def _moment(path: Path, header: SaveHeader, payload: memoryview, checkpoint: Checkpoint) -> Moment:
    """The payload's arrays, each checked against what the world allows."""
    manifest, frames = checkpoint.manifest, header.index + 1
    picture, state_sizes = prod(manifest.picture_shape), [s.size * np.dtype(s.dtype).itemsize for s in manifest.state]
    started = [picture] if header.start_tokens is not None else []
    sizes = [picture, *started, 4 * manifest.tokens, *state_sizes, frames, DIGEST_BYTES * frames]
    if sum(sizes) != len(payload):
        raise BadInput(f"{path}: payload: expected {sum(sizes)} bytes, found {len(payload)}")
    ends = np.cumsum(sizes)
    parts = [bytes(payload[end - size : end]) for end, size in zip(ends, sizes, strict=True)]
    pixels, *begun, packed = parts[: 2 + len(started)]
    tokens = np.frombuffer(packed, "<u4").astype(np.int64)
    if int(tokens.max()) >= manifest.codebook:
        raise BadInput(f"{path}: tokens: expected values from 0 to {manifest.codebook - 1}")
    played, digests = parts[-2:]
    if max(played) >= len(manifest.actions):
        raise BadInput(f"{path}: played: expected values from 0 to {len(manifest.actions) - 1}")
    action = manifest.actions[played[-1]].action
    if digests[-DIGEST_BYTES:].hex() != tokens_digest(action, tokens):
        raise BadInput(f"{path}: digests: expected the last one to be that of the tokens")
    state = _state(path, manifest, parts[2 + len(started) : -2])
    frame = _frame(header, action, _pixels(path, manifest, pixels), tokens, digests)
    start = _start(path, header, checkpoint, begun)
    ran_on = tuple((entry.first, entry.info) for entry in header.ran_on)
    firsts = [first for first, _ in ran_on]
    if firsts[0] != 0 or sorted(set(firsts)) != firsts or firsts[-1] > header.index:
        raise BadInput(f"{path}: ran_on: expected rising frames from 0 to {header.index}")
    return Moment(start, header.rng_seed, frame, state, played, digests, ran_on)


def _state(path: Path, manifest: Manifest, parts: list[bytes]) -> dict[str, npt.NDArray[np.generic]]:
    state: dict[str, npt.NDArray[np.generic]] = {}
    for spec, part in zip(manifest.state, parts, strict=True):
        array = np.frombuffer(part, spec.dtype).reshape(spec.shape)
        if not np.isfinite(array).all():
            raise BadInput(f"{path}: state {spec.name}: expected finite numbers")
        state[spec.name] = array
    return state


def _pixels(path: Path, manifest: Manifest, data: bytes) -> npt.NDArray[np.uint8]:
    pixels = np.frombuffer(data, np.uint8).reshape(manifest.picture_shape)
    colours = min((len(palette) for palette in manifest.palettes.values()), default=256)
    if manifest.pixels == "palette" and int(pixels.max()) >= colours:
        raise BadInput(f"{path}: pixels: expected values from 0 to {colours - 1}")
    return pixels


def _frame(
    header: SaveHeader, action: Action, pixels: npt.NDArray[np.uint8], tokens: npt.NDArray[np.int64], digests: bytes
) -> Frame:
    tokens.flags.writeable = False
    times = FrameTimes(0.0, None, 0.0)  # it was made in another time
    entropy = nan if header.entropy is None else header.entropy
    return Frame(header.index, action, pixels, tokens, digests[-DIGEST_BYTES:].hex(), entropy, times)


def _start(path: Path, header: SaveHeader, checkpoint: Checkpoint, begun: list[bytes]) -> Start:
    manifest = checkpoint.manifest
    if header.start_tokens is not None:
        tokens = start_tokens(header.start_tokens, manifest, str(path))
        return PictureStart(tokens, _pixels(path, manifest, begun[0]))
    if header.start >= checkpoint.starts:
        raise BadInput(f"{path}: start: expected 0 to {checkpoint.starts - 1}, found {header.start}")
    return header.start
