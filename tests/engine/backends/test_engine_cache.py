"""The engine cache: keys, wholeness, room."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.backends.engine_cache import EngineCache, EngineKey, Kept, default_cache_folder

KEY = EngineKey("ab" * 32, "tensorrt_rtx", "1.7", "RTX 3060", "sm_86", "580.1", {"capability": (8, 6), "workspace": 1})


def test_what_is_stored_comes_back(cache: EngineCache) -> None:
    assert cache.load(KEY) == Kept(None)  # what was never there is no news
    assert cache.store(KEY, b"engine\nbytes")
    assert cache.load(KEY) == Kept(b"engine\nbytes") and cache.state().entries == 1


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
        {"format": 0},
    ],
)
def test_every_part_of_the_key_counts(cache: EngineCache, change: dict[str, object]) -> None:
    cache.store(KEY, b"engine")
    other = replace(KEY, **change)  # type: ignore[arg-type]
    assert other.name != KEY.name and cache.load(other).data is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_any_damage_is_told_and_deleted(cache: EngineCache, data: st.DataObject) -> None:
    cache.store(KEY, b"an engine of some length")
    path = cache.folder / KEY.name
    body = bytearray(path.read_bytes())
    if data.draw(st.booleans()):
        body = body[: data.draw(st.integers(0, len(body) - 1))]
    else:
        body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(body)
    found = cache.load(KEY)
    assert found.data is None and not path.exists()
    assert found.problem.startswith(f"{KEY.name} is ") and "\n" not in found.problem


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200))
def test_anything_in_its_place_is_told(cache: EngineCache, body: bytes) -> None:
    cache.folder.mkdir(exist_ok=True)
    (cache.folder / KEY.name).write_bytes(body)
    found = cache.load(KEY)
    assert found.data is None and found.problem.startswith(f"{KEY.name} is damaged")


def test_an_entry_under_anothers_name_is_told(cache: EngineCache) -> None:
    other = replace(KEY, card="RTX 4060")
    cache.store(other, b"engine")
    (cache.folder / other.name).rename(cache.folder / KEY.name)
    assert cache.load(KEY) == Kept(None, f"{KEY.name} is of another engine")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"driver": "579.9"}, "driver 579.9, not 580.1"),
        ({"version": "1.6"}, "library version 1.6, not 1.7"),
        ({"format": 0}, f"graph format 0, not {KEY.format}"),
    ],
)
def test_what_an_update_left_is_told_and_deleted(cache: EngineCache, change: dict[str, Any], said: str) -> None:
    old = replace(KEY, **change)
    stays = [replace(KEY, **here) for here in ({"card": "RTX 4060"}, {"graph_sha256": "cd" * 32}, {"flags": {}})]
    for key in (old, *stays):
        cache.store(key, b"engine")
    assert cache.load(KEY) == Kept(None, f"{old.name} was built for {said}")
    assert cache.load(KEY) == Kept(None)
    assert all(cache.load(key).data == b"engine" for key in stays)


def test_an_engine_whose_age_cannot_be_set_is_still_good(cache: EngineCache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.store(KEY, b"engine")

    def refuse(path: Path) -> None:
        raise PermissionError(1, "Operation not permitted", path)

    monkeypatch.setattr(os, "utime", refuse)
    assert cache.load(KEY) == Kept(b"engine") == cache.load(KEY)


def test_the_least_recently_used_make_room(tmp_path: Path) -> None:
    cache = EngineCache(tmp_path / "small", limit=3000)
    keys = [replace(KEY, card=f"card {number}") for number in range(4)]
    for age, key in enumerate(keys[:3]):
        cache.store(key, bytes(500))
        os.utime(cache.folder / key.name, (age + 1, age + 1))
    assert cache.load(keys[0]).data  # used just now
    cache.store(keys[3], bytes(500))
    assert [cache.load(key).data is not None for key in keys] == [True, False, True, True]
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
    assert not cache.store(KEY, b"engine")
    assert cache.load(KEY) == Kept(None, f"{KEY.name} cannot be read (Not a directory)")
    assert cache.clear().entries == 0


def test_the_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DREAMCADE_CACHE", str(tmp_path))
    assert default_cache_folder() == tmp_path / "engines"
    monkeypatch.delenv("DREAMCADE_CACHE")
    assert "dreamcade" in str(default_cache_folder())
