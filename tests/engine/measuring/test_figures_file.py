"""A bad place for figures is told before anything is measured."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.measuring.figures_file import check_target
from models.manifest import BadInput


@pytest.mark.parametrize("name", ["nowhere/out.json", ".", "/", "x" * 5000])
def test_a_bad_place_names_the_option_and_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInput, match="--submit: ") as caught:
        check_target(Path(name), "--submit")
    assert str(caught.value).startswith(f"{Path(name)}: ")


def test_a_good_place_is_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("old")
    check_target(tmp_path / "new.json", "--json")
    check_target(tmp_path / "old.json", "--json")
    assert [path.name for path in tmp_path.iterdir()] == ["old.json"] and (tmp_path / "old.json").read_text() == "old"
