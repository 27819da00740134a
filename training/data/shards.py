"""Shards: tar files in the webdataset layout. Owns what a segment looks like on disk; refuses to play and to sample.

An episode is stored as consecutive segments that share one frame at each seam, so that a window of a long episode can
be read cheaply. A segment is the consecutive members `<key>.json`, `<key>.actions` (uint8), `<key>.events` (uint32
little-endian) and `<key>.frames` (frame_codec.py). Bytes depend on content alone: no times, no owners.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.manifest import BadInput, first_problem
from training.data.dataset import DataSetCard, written_whole
from training.data.episode import Episode
from training.data.frame_codec import DamagedFrames, pack, unpack

PARTS = ("json", "actions", "events", "frames")

# One entry a segment: where its bytes are and what sampling needs to know of it.
INDEX = np.dtype(
    [
        ("shard", np.uint32),  # position of the shard in the reader's list
        ("actions_at", np.uint64),
        ("events_at", np.uint64),
        ("frames_at", np.uint64),
        ("frames_size", np.uint32),
        ("crc32", np.uint32),  # of actions and events
        ("ticks", np.uint32),
        ("changed", np.uint32),  # ticks whose picture differs from the one before
        ("stuck", np.uint32),  # ticks that the game could no longer be won
        ("events", np.uint32),  # bits that occur
    ]
)
Index = npt.NDArray[np.void]


class SegmentMeta(BaseModel):
    """`<key>.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    episode: str
    offset: Annotated[int, Field(ge=0)]
    ticks: Annotated[int, Field(ge=1, lt=1 << 24)]
    shape: Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=2, max_length=3)]
    world: str
    version: int
    split: str
    seed: int
    level_seed: int | None = None
    policy: str
    self_generated: bool
    changed: Annotated[int, Field(ge=0)]
    stuck: Annotated[int, Field(ge=0)]
    events: dict[str, int]
    crc32: Annotated[int, Field(ge=0, lt=1 << 32)]


@dataclass(frozen=True)
class PackedSegment:
    """A segment ready to be written."""

    key: str
    parts: dict[str, bytes]

    @property
    def size(self) -> int:
        """Bytes of the content."""
        return sum(map(len, self.parts.values()))


def pack_segment(
    part: Episode, episode: str, offset: int, event_names: tuple[str, ...], stuck: int = 0
) -> PackedSegment:
    """Pack a part of the episode of that id, beginning at tick `offset` of it."""
    actions = part.actions.tobytes()
    events = part.events.astype("<u4").tobytes()
    changed = (part.frames[1:] != part.frames[:-1]).reshape(part.ticks, -1).any(axis=1)
    meta = SegmentMeta(
        episode=episode,
        offset=offset,
        ticks=part.ticks,
        shape=part.picture_shape,
        world=part.world,
        version=part.version,
        split=part.split,
        seed=part.seed,
        level_seed=part.level_seed,
        policy=part.policy,
        self_generated=part.self_generated,
        changed=int(changed.sum()),
        stuck=stuck,
        events={name: int((part.events >> bit & 1).sum()) for bit, name in enumerate(event_names)},
        crc32=zlib.crc32(events, zlib.crc32(actions)),
    )
    parts = {"json": meta.model_dump_json().encode(), "actions": actions, "events": events, "frames": pack(part.frames)}
    return PackedSegment(f"{episode}-{offset:08d}", parts)


def pack_episode(
    episode: Episode, name: str, event_names: tuple[str, ...], segment_ticks: int = 128
) -> Iterator[PackedSegment]:
    """The segments of a whole episode of id `name`."""
    for start in range(0, episode.ticks, segment_ticks):
        stop = min(start + segment_ticks, episode.ticks)
        yield pack_segment(episode.part(start, stop), name, start, event_names)


def write_shard(path: Path, segments: Iterable[PackedSegment]) -> int:
    """Write a shard, which appears only when complete. Returns its bytes. Raises BadInput where it can't be written."""
    with written_whole(path) as file:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for segment in segments:
                for part in PARTS:
                    member = tarfile.TarInfo(f"{segment.key}.{part}")
                    member.size = len(segment.parts[part])
                    tar.addfile(member, io.BytesIO(segment.parts[part]))
        return file.tell()


def scan_shard(path: Path, card: DataSetCard, shard: int = 0) -> tuple[Index, npt.NDArray[np.int64]]:
    """Read headers and metadata. Returns the INDEX entries of its segments (marked as of shard number `shard`) and the
    total of each event, int64 [32]. Raises BadInput naming the file."""
    totals = np.zeros(32, np.int64)
    entries = []
    for meta, places in _members(path):
        _check(path, meta, card)
        counts = np.array([meta.events.get(name, 0) for name in card.event_names], np.int64)
        totals[: len(counts)] += counts
        mask = sum(1 << bit for bit in np.flatnonzero(counts).tolist())
        where = (*(places[part][0] for part in PARTS[1:]), places["frames"][1])
        entries.append((shard, *where, meta.crc32, meta.ticks, meta.changed, meta.stuck, mask))
    return np.array(entries, INDEX), totals


def read_part(
    path: Path, entry: Any, shape: tuple[int, ...], start: int = 0, stop: int | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Ticks `start` to `stop` (exclusive) of the segment at an INDEX entry: frames uint8 [T+1,...], actions uint8 [T],
    events uint32 [T]. Raises BadInput naming the file."""
    ticks = int(entry["ticks"])
    stop = ticks if stop is None else stop
    begin, end = int(entry["actions_at"]), int(entry["frames_at"]) + int(entry["frames_size"])
    try:
        with path.open("rb") as file:
            file.seek(begin)
            payload = memoryview(file.read(end - begin))
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror})") from error
    if len(payload) != end - begin:
        raise BadInput(f"{path}: size: expected at least {end} bytes, the file was cut off")
    at = int(entry["events_at"]) - begin
    actions, events = payload[:ticks], payload[at : at + 4 * ticks]
    if zlib.crc32(events, zlib.crc32(actions)) != entry["crc32"]:
        raise BadInput(f"{path}: actions: checksum differs, the shard is damaged")
    try:
        frames = unpack(payload[int(entry["frames_at"]) - begin :], shape, ticks + 1, start, stop + 1)
    except DamagedFrames as error:
        raise BadInput(f"{path}: frames: the shard is damaged ({error})") from error
    return (
        frames,
        np.frombuffer(actions, np.uint8)[start:stop],
        np.frombuffer(events, "<u4")[start:stop].astype(np.uint32),
    )


def read_episodes(path: Path, card: DataSetCard) -> Iterator[Episode]:
    """The whole episodes of a shard, one at a time. Raises BadInput naming the file."""
    index, _ = scan_shard(path, card)
    metas = [meta for meta, _ in _members(path)]
    begin = 0
    while begin < len(metas):
        end = begin + 1
        while end < len(metas) and metas[end].episode == metas[begin].episode:
            end += 1
        parts = [read_part(path, index[i], metas[i].shape) for i in range(begin, end)]
        first = metas[begin]
        yield Episode(
            frames=np.concatenate([parts[0][0][:1], *(frames[1:] for frames, _, _ in parts)]),
            actions=np.concatenate([actions for _, actions, _ in parts]),
            events=np.concatenate([events for _, _, events in parts]),
            world=first.world,
            version=first.version,
            split=first.split,
            seed=first.seed,
            level_seed=first.level_seed,
            policy=first.policy,
            self_generated=first.self_generated,
        )
        begin = end


def _members(path: Path) -> Iterator[tuple[SegmentMeta, dict[str, tuple[int, int]]]]:
    """Metadata and (offset, size) of each part of every segment in a shard."""
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as tar:
            places: dict[str, tuple[int, int]] = {}
            key, end = "", 0
            for number, member in enumerate(tar):
                name, _, part = member.name.rpartition(".")
                if not member.isreg() or part != PARTS[number % 4] or (part != "json" and name != key):
                    raise BadInput(
                        f"{path}: {member.name}: expected the parts {', '.join(PARTS)} of each segment in turn"
                    )
                if part == "json":
                    key, places = name, {}
                places[part] = (member.offset_data, member.size)
                end = member.offset_data + member.size
                if part == "frames":
                    file.seek(places["json"][0])
                    yield _meta(path, file.read(places["json"][1]), places), places
            # tarfile takes a damaged header for the end, so see that the end is there.
            file.seek(-(-end // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE)
            if len(places) not in (0, 4) or file.read(2 * tarfile.BLOCKSIZE) != bytes(2 * tarfile.BLOCKSIZE):
                raise BadInput(f"{path}: file: the shard is damaged or was cut off")
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror})") from error
    except tarfile.TarError as error:
        raise BadInput(f"{path}: file: expected a whole tar file ({error})") from error


def _meta(path: Path, document: bytes, places: dict[str, tuple[int, int]]) -> SegmentMeta:
    try:
        meta = SegmentMeta.model_validate_json(document)
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error
    if places["actions"][1] != meta.ticks or places["events"][1] != 4 * meta.ticks:
        raise BadInput(f"{path}: ticks: expected as many actions and events as the {meta.ticks} that the metadata says")
    return meta


def _check(path: Path, meta: SegmentMeta, card: DataSetCard) -> None:
    for field, found, wanted in (
        ("world", meta.world, card.world),
        ("version", meta.version, card.version),
        ("shape", meta.shape, card.picture_shape),
    ):
        if found != wanted:
            raise BadInput(f"{path}: {field}: expected {wanted} as in the data set's card, found {found}")
