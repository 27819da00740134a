"""The index of a shard, kept beside it. Owns `.shard-*.tar.index`; refuses to be needed: a shard can be scanned.

Scanning reads every header and metadata document; of a large data set that takes minutes, the cache milliseconds.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.manifest import BadInput
from training.data.dataset import DataSetCard, written_whole
from training.data.shards import INDEX, Index, scan_shard


def shard_index(path: Path, card: DataSetCard, shard: int = 0) -> tuple[Index, npt.NDArray[np.int64]]:
    """As `scan_shard`, from the cache where it is of this very file, else by a scan that writes it. Raises BadInput."""
    stamp = _stamp(path, card)
    beside = path.with_name(f".{path.name}.index")
    found = _load(beside, stamp)
    if found is None:
        found = scan_shard(path, card, shard)
        _store(beside, stamp, found)
    index, totals = found
    index["shard"] = shard
    return index, totals


def _stamp(path: Path, card: DataSetCard) -> npt.NDArray[np.int64]:
    """What the cache depends on: the file as the system knows it, and what the scan takes from the card."""
    try:
        stat = path.stat()
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror})") from error
    kind = zlib.crc32(repr((card.world, card.version, card.picture_shape, card.event_names, INDEX.descr)).encode())
    return np.array([stat.st_size, stat.st_mtime_ns, kind], np.int64)


def _load(beside: Path, stamp: npt.NDArray[np.int64]) -> tuple[Index, npt.NDArray[np.int64]] | None:
    try:
        with np.load(beside, allow_pickle=False) as stored:
            if not np.array_equal(stored["stamp"], stamp):
                return None
            index, totals = stored["index"], stored["totals"]
    except Exception:  # numpy and zipfile raise nearly anything on damaged files; the cure is the same
        return None
    return (index, totals) if index.dtype == INDEX and totals.shape == (32,) else None


def _store(beside: Path, stamp: npt.NDArray[np.int64], found: tuple[Index, npt.NDArray[np.int64]]) -> None:
    """Write the cache if that is possible; a data set on a read-only disk does without."""
    if not os.access(beside.parent, os.W_OK):
        return
    try:
        with written_whole(beside) as file:
            np.savez(file, stamp=stamp, index=found[0], totals=found[1])
    except BadInput:
        return
