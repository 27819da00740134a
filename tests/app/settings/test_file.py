"""The settings' file: changed by hand or in the app, never half written, nothing of a person's own lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.keys.keymap import Command
from app.settings import file as module
from app.settings.file import SettingsFile, open_settings
from app.settings.schema import Settings
from models.manifest import BadInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.yaml"


def test_a_change_is_written_and_read_again(path: Path) -> None:
    file = SettingsFile(path, Settings())
    assert file.change({"calm": True}) is None
    assert file.change({"text_scale": 2.0}) is None
    assert file.current == Settings(calm=True, text_scale=2.0)
    assert open_settings(path, pytest.fail).current == file.current
    assert [entry.name for entry in path.parent.iterdir()] == ["settings.yaml"]
    assert not file.reread()


def test_what_was_written_by_hand_is_kept_beside_the_file(path: Path) -> None:
    path.parent.mkdir()
    own = "calm: true  # my eyes\nflavour: mint\n"
    path.write_text(own, encoding="utf-8")
    told: list[str] = []
    file = open_settings(path, told.append)
    assert len(told) == 1 and "settings.yaml:2: flavour: unknown field" in told[0]
    assert file.problems == tuple(told)
    assert file.change({"overlay": True}) == "the file as it was is kept as settings.yaml.bak"
    assert path.with_name("settings.yaml.bak").read_text(encoding="utf-8") == own
    assert file.change({"overlay": False}) is None
    assert path.with_name("settings.yaml.bak").read_text(encoding="utf-8") == own
    assert open_settings(path, pytest.fail).current == Settings(calm=True)


def test_a_linked_file_is_written_where_it_is(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    kept = tmp_path / "dotfiles.yaml"
    kept.write_text("calm: true\n", encoding="utf-8")
    path.symlink_to(kept)
    file = open_settings(path, pytest.fail)
    file.change({"overlay": True})
    assert path.is_symlink() and not kept.is_symlink() and not file.reread()
    assert open_settings(kept, pytest.fail).current == Settings(calm=True, overlay=True)


def test_a_change_by_hand_is_noticed_and_not_overwritten(path: Path) -> None:
    now = [0.0]
    file = SettingsFile(path, Settings(), lambda: now[0])
    file.change({"calm": True})
    path.write_text("scale: 7\nthreads: many\n", encoding="utf-8")
    assert not file.poll()
    now[0] = 2.0
    assert file.poll() and not file.poll()
    assert file.current == Settings(scale=7)
    assert "settings.yaml:2: threads: expected a whole number" in file.problems[0]
    path.write_text("scale: 9\n", encoding="utf-8")
    os.utime(path, ns=(5, 5))
    file.change({"calm": True})
    assert file.current == Settings(scale=9, calm=True)
    path.unlink()
    assert file.reread() and file.current == Settings()


def test_what_is_not_possible_changes_nothing(path: Path) -> None:
    file = SettingsFile(path, Settings())
    with pytest.raises(BadInput):
        file.change({"text_scale": 99})
    with pytest.raises(BadInput, match=r"commands\.pause: expected a free key, but 'u' is speed"):
        file.change({"commands": {Command.PAUSE: ("u",)}})
    assert file.current == Settings() and not path.exists()


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_the_change_for_now(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SettingsFile(path, Settings())
    file.change({"calm": True})
    before = path.read_bytes()

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "write_atomically", full)
    with pytest.raises(BadInput, match="cannot be written"):
        file.change({"scale": 3})
    assert path.read_bytes() == before
    assert file.current == Settings(calm=True, scale=3)


def test_without_a_path_settings_last_for_a_visit() -> None:
    file = SettingsFile(None, Settings())
    assert file.change({"calm": True}) is None and file.current.calm and not file.reread()
