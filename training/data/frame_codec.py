"""Lossless packing of consecutive frames. Owns the bytes of a shard's `.frames` members; refuses tar (shards.py).

Layout, little-endian: uint32 number of blocks, uint32 size of each, then the blocks. A block is a zlib stream (with its
own checksum) of up to BLOCK frames, the first as it is and every other one XORed with the frame before it, so that a
short window costs only the blocks that it touches.
"""

from __future__ import annotations

import zlib
from math import prod

import numpy as np
import numpy.typing as npt

BLOCK = 16  # frames
LEVEL = 3

Frames = npt.NDArray[np.uint8]


class DamagedFrames(ValueError):
    """The bytes are not what `pack` wrote."""


def pack(frames: Frames) -> bytes:
    """Frames uint8 [n,...] to bytes."""
    delta = frames.copy()
    np.bitwise_xor(frames[1:], frames[:-1], out=delta[1:])
    delta[::BLOCK] = frames[::BLOCK]
    blocks = [zlib.compress(delta[at : at + BLOCK].tobytes(), LEVEL) for at in range(0, len(frames), BLOCK)]
    header = np.array([len(blocks), *map(len, blocks)], "<u4").tobytes()
    return b"".join([header, *blocks])


def unpack(
    payload: bytes | memoryview, shape: tuple[int, ...], count: int, start: int = 0, stop: int | None = None
) -> Frames:
    """Frames `start` to `stop` (exclusive; all by default) of the `count` packed ones: uint8 [stop-start, *shape].

    Raises DamagedFrames.
    """
    stop = count if stop is None else stop
    wanted = -(-count // BLOCK)
    header = 4 * (wanted + 1)
    sizes = np.frombuffer(payload[:header], "<u4") if len(payload) >= header else np.zeros(1, "<u4")
    if sizes[0] != wanted or header + int(sizes[1:].sum(dtype=np.int64)) != len(payload):
        raise DamagedFrames(f"expected {wanted} blocks")
    ends = header + np.cumsum(sizes[1:], dtype=np.int64)
    first, last = start // BLOCK, -(-stop // BLOCK)
    out = np.empty((min(last * BLOCK, count) - first * BLOCK, *shape), np.uint8)
    for block in range(first, last):
        begin = (block - first) * BLOCK
        into = out[begin : begin + BLOCK]
        _unpack_block(payload[int(ends[block] - sizes[block + 1]) : int(ends[block])], into)
    return out[start - first * BLOCK : stop - first * BLOCK]


def _unpack_block(block: bytes | memoryview, into: Frames) -> None:
    size = len(into) * prod(into.shape[1:])
    # The limit keeps a damaged stream from growing without bound.
    stream = zlib.decompressobj()
    try:
        raw = stream.decompress(block, size + 1)
    except zlib.error as error:
        raise DamagedFrames(str(error)) from error
    if len(raw) != size or not stream.eof:
        raise DamagedFrames(f"expected {size} bytes in a block")
    into[:] = np.frombuffer(raw, np.uint8).reshape(into.shape)
    for frame in range(1, len(into)):
        np.bitwise_xor(into[frame], into[frame - 1], out=into[frame])
