"""A file is written whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.atomic import remove_halves, temporary_path, write_atomically


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.yaml"]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    kept, link = tmp_path / "dotfiles", tmp_path / "settings.yaml"
    kept.mkdir()
    (tmp_path / "between").symlink_to(kept / "mine.yaml")
    link.symlink_to("between")
    for data in (b"one", b"two"):  # the first time it leads to nothing yet
        write_atomically(link, data)
        assert link.is_symlink() and (tmp_path / "between").is_symlink()
        assert (kept / "mine.yaml").read_bytes() == data
    assert [entry.name for entry in kept.iterdir()] == ["mine.yaml"]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "settings.yaml"
    write_atomically(path, b"old")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["settings.yaml"]


def test_halves_of_killed_writers_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", ""])
    writer.wait()
    kept = [tmp_path / "one.save", temporary_path(tmp_path / "one.save"), tmp_path / f".notes.txt.{writer.pid}.tmp"]
    halves = [tmp_path / f".{name}.{writer.pid}.tmp" for name in ("one.save", "two.save", "three.mp4")]
    for path in (*kept, *halves):
        path.write_bytes(b"half")
    remove_halves(tmp_path, ".save", ".mp4")
    assert sorted(tmp_path.iterdir()) == sorted(kept)
    remove_halves(tmp_path / "nowhere", ".save")
