"""The engine cache: keys, wholeness, room."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backends.engine_cache import EngineCache, EngineKey, default_cache_folder

KEY = EngineKey("ab" * 32, "tensorrt_rtx", "1.7", "RTX 3060", "sm_86", "580.1", {"capability": (8, 6), "workspace": 1})


def test_what_is_stored_comes_back(cache: EngineCache) -> None:
    assert cache.load(KEY) is None
    assert cache.store(KEY, b"engine\nbytes")
    assert cache.load(KEY) == b"engine\nbytes" and cache.state().entries == 1


@pytest.mark.parametrize(
    "change",
    [
        {"graph_sha256": "cd" * 32},
        {"library": "tensorrt"},
        {"version": "1.8"},
        {"card": "RTX 4060"},
        {"capability": "sm_89"},
        {"driver": "581.0"},
        {"flags": {"capability": (8, 6), "workspace": 2}},
        {"part": "compiled"},
    ],
)
def test_every_part_of_the_key_counts(cache: EngineCache, change: dict[str, object]) -> None:
    cache.store(KEY, b"engine")
    other = replace(KEY, **change)  # type: ignore[arg-type]
    assert other.name != KEY.name and cache.load(other) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_any_damage_reads_as_absent(cache: EngineCache, data: st.DataObject) -> None:
    cache.store(KEY, b"an engine of some length")
    path = cache.folder / KEY.name
    body = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        body = body[: data.draw(st.integers(0, len(body) - 1))]
    else:
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(body)
    assert cache.load(KEY) is None and not path.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200))
def test_anything_in_its_place_reads_as_absent(cache: EngineCache, body: bytes) -> None:
    cache.folder.mkdir(exist_ok=True)
    (cache.folder / KEY.name).write_bytes(body)
    assert cache.load(KEY) is None


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "small", limit=3000)
    keys = [replace(KEY, card=f"card {number}") for number in range(4)]
    for age, key in enumerate(keys[:3]):
        cache.store(key, bytes(500))
        os.utime(cache.folder / key.name, (age + 1, age + 1))
    assert cache.load(keys[0]) is not None  # used just now
    cache.store(keys[3], bytes(500))
    assert [cache.load(key) is not None for key in keys] == [True, False, True, True]
    assert cache.state().size <= 3000


def test_an_engine_over_the_limit_is_not_kept(tmp_path: Path) -> None:
    assert not EngineCache(tmp_path, limit=100).store(KEY, bytes(500))


def test_clear_takes_all_and_what_a_killed_process_left(cache: EngineCache) -> None:
    cache.store(KEY, b"engine")
    (cache.folder / f".{KEY.name}.17.tmp").write_bytes(b"half")
    (cache.folder / "notes.txt").write_text("mine")
    assert cache.clear().entries == 2
    assert [path.name for path in cache.folder.iterdir()] == ["notes.txt"]
    assert cache.state().entries == 0


def test_a_disk_that_refuses_only_means_building_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = EngineCache(tmp_path / "file")
    assert not cache.store(KEY, b"engine") and cache.load(KEY) is None
    assert cache.clear().entries == 0


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DREAMCADE_CACHE", str(tmp_path))
    assert default_cache_folder() == tmp_path / "engines"
    monkeypatch.delenv("DREAMCADE_CACHE")
    assert "dreamcade" in str(default_cache_folder())
