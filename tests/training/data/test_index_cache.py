"""The cache says what a scan would say, or is not believed."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.manifest import BadInput
from training.data.collect import collect
from training.data.dataset import DataSetCard, read_card, shard_paths
from training.data.index_cache import shard_index
from training.data.shards import scan_shard

pytestmark = pytest.mark.usefixtures("toy")


@pytest.fixture
def shard(tmp_path: Path) -> tuple[Path, DataSetCard, Path]:
    collect("toy", 300, tmp_path, num_envs=2, episode_ticks=150, segment_ticks=40)
    path = shard_paths(tmp_path)[0]
    return path, read_card(tmp_path), path.with_name(f".{path.name}.index")


def agree(path: Path, card: DataSetCard) -> bool:
    pairs = zip(shard_index(path, card, 5), scan_shard(path, card, 5), strict=True)
    return all(np.array_equal(cached, scanned) for cached, scanned in pairs)


def test_cached_as_scanned(shard: tuple[Path, DataSetCard, Path]) -> None:
    path, card, beside = shard
    beside.unlink(missing_ok=True)
    assert agree(path, card)
    assert beside.exists()
    assert agree(path, card)


def test_the_cache_is_used(shard: tuple[Path, DataSetCard, Path]) -> None:
    path, card, _ = shard
    shard_index(path, card)
    kept = path.stat()
    path.write_bytes(bytes(kept.st_size))
    os.utime(path, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert len(shard_index(path, card)[0]) == 8


def test_another_file_or_card_is_scanned(shard: tuple[Path, DataSetCard, Path]) -> None:
    path, card, _ = shard
    shard_index(path, card)
    with pytest.raises(BadInput, match="version"):
        shard_index(path, card.model_copy(update={"version": 9}))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BadInput, match=r"shard-000000\.tar"):
        shard_index(path, card)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(junk=st.binary(max_size=200), cut=st.integers(0, 3000))
def test_a_broken_cache_is_made_anew(shard: tuple[Path, DataSetCard, Path], junk: bytes, cut: int) -> None:
    path, card, beside = shard
    shard_index(path, card)
    whole = beside.read_bytes()
    for broken in (junk, whole[: cut % len(whole)] + junk):
        beside.write_bytes(broken)
        assert agree(path, card)
