"""Folders that killed processes had set aside are put right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from engine.set_aside import GONE, OLD, beside, restore_aside, set_aside


def make(folder: Path, text: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.yaml").write_text(text)
    return folder


def test_old_folders_go_back_or_go_and_those_of_the_living_stay(tmp_path: Path) -> None:
    root = tmp_path / "worlds"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    make(root / "both", "new")
    for name in ("lost", "both"):
        make(beside(root) / f".{name}.{dead.pid}{OLD}", "old")
    make(beside(root) / f".deleted.{dead.pid}{GONE}")
    (beside(root) / f".half.{dead.pid}{OLD}").mkdir()
    other = make(beside(root) / "acme--hills")
    mine = set_aside(root, make(root / "mine"), OLD)
    assert str(os.getpid()) in mine.name
    restore_aside(root, "manifest.yaml")
    assert sorted(path.name for path in root.iterdir()) == ["both", "lost"]
    assert (root / "both" / "manifest.yaml").read_text() == "new"
    assert sorted(beside(root).iterdir()) == sorted([mine, other])
    restore_aside(tmp_path / "nowhere", "manifest.yaml")
