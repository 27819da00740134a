"""Frames come back as they went in, or not at all."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.data.frame_codec import BLOCK, DamagedFrames, pack, unpack


@given(
    count=st.integers(1, 3 * BLOCK + 2),
    shape=st.sampled_from([(3, 5), (4, 4), (2, 3, 3)]),
    colours=st.sampled_from([1, 16, 256]),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_any_range_comes_back(count: int, shape: tuple[int, ...], colours: int, seed: int, data: st.DataObject) -> None:
    frames = np.random.default_rng(seed).integers(colours, size=(count, *shape)).astype(np.uint8)
    start = data.draw(st.integers(0, count - 1))
    stop = data.draw(st.integers(start + 1, count))
    payload = pack(frames)
    assert np.array_equal(unpack(payload, shape, count), frames)
    assert np.array_equal(unpack(payload, shape, count, start, stop), frames[start:stop])


@given(at=st.integers(0, 10**6), flip=st.integers(1, 255), cut=st.integers(0, 10**6))
def test_damage_is_noticed(at: int, flip: int, cut: int) -> None:
    frames = np.random.default_rng(1).integers(16, size=(20, 6, 6)).astype(np.uint8)
    payload = bytearray(pack(frames))
    cut %= len(payload)
    with pytest.raises(DamagedFrames):
        unpack(bytes(payload[:cut]), (6, 6), 20)
    payload[at % len(payload)] ^= flip
    with contextlib.suppress(DamagedFrames):  # a flip in what zlib's header leaves free changes nothing
        assert np.array_equal(unpack(bytes(payload), (6, 6), 20), frames)


def test_idle_frames_cost_next_to_nothing() -> None:
    frames = np.repeat(np.random.default_rng(0).integers(16, size=(1, 128, 128)).astype(np.uint8), BLOCK, axis=0)
    assert len(pack(frames)) < len(pack(frames[:1])) + 120 * BLOCK
