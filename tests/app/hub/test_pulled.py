"""Pulled worlds: names that clash, their place in menu and list, and how they go."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import engine.checkpoint
from app.arcade import open_shelf
from app.cli import main
from app.hub.pulled import Origin, put_in_place, read_origin, unfinished_folder
from app.settings.schema import Settings
from engine.backends.wish import BackendWish
from engine.checkpoint import bundled_worlds, find_world, load_checkpoint, pulled_worlds
from models.manifest import BadInput

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, hub: Any, pulled: Path) -> Run:
    """Runs `dreamcade worlds …`; returns exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["worlds", *map(str, arguments)])
        out, err = capfd.readouterr()
        return int(exit_.value.code or 0), out, err

    return call


@pytest.fixture
def bundled(worlds: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`boxes`, as if it shipped; `hills` doesn't."""
    for module in ("engine.checkpoint", "app.hub.pulled"):
        monkeypatch.setattr(f"{module}.bundled_worlds", lambda: [worlds / "boxes"])
    return worlds / "boxes"


def test_pull_list_verify_play_and_remove(run: Run, hub: Any, worlds: Path, bundled: Path, tmp_path: Path) -> None:
    hub.add("acme/hills", worlds / "hills")
    code, out, err = run("pull", "acme/hills", "--json", tmp_path / "r.json")
    assert (code, err) == (0, "") and "step.onnx: 0.0 MB" in out and "acme/hills is here as hills" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert (report["world"], report["repo"]) == ("hills", "acme/hills") and report["fetched"] > report["size"] > 0
    assert "is here already" in run("pull", "acme/hills")[1]
    assert run("pull", "acme/nothing")[0] == 2
    code, out, _ = run("list", "--json", tmp_path / "l.json")
    assert code == 0 and f"acme/hills at {report['commit'][:12]}" in out
    listed = json.loads((tmp_path / "l.json").read_text())["worlds"]
    assert json.loads((tmp_path / "l.json").read_text())["unfinished"] == {}
    assert [(entry["name"], (entry["origin"] or {}).get("repo")) for entry in listed] == [
        ("boxes", None),
        ("hills", "acme/hills"),
    ]
    assert run("verify")[1].count("whole") == 2
    shelf, _ = open_shelf(None, BackendWish(threads=1), Settings(), pytest.fail)
    assert shelf.names == ["boxes", "hills"]
    shelf.close()
    assert find_world("hills") == Path(report["folder"])
    code, out, err = run("remove", "hills")
    assert (code, err) == (0, "") and "removed" in out and pulled_worlds() == []
    assert run("remove", "hills")[0] == 2


def test_a_bundled_worlds_name_is_kept_by_the_bundled_one(
    run: Run, hub: Any, worlds: Path, bundled: Path, make_world: Callable[..., Path]
) -> None:
    hub.add("Acme/one", make_world("boxes", title="Boxes anew"))
    code, out, err = run("pull", "Acme/one")
    assert (code, err) == (0, "")
    assert "is here as boxes-acme" in out and "the name boxes is another world's here" in out
    assert find_world("boxes") == bundled
    manifest = load_checkpoint(find_world("boxes-acme")).manifest
    assert (manifest.name, manifest.title) == ("boxes-acme", "Boxes anew (Acme)")
    assert "is here already, as boxes-acme" in run("pull", "Acme/one")[1]


def test_two_repositories_with_one_name_get_two(run: Run, hub: Any, worlds: Path, bundled: Path) -> None:
    for repo in ("acme/hills", "other/hills", "other/hills2"):
        hub.add(repo, worlds / "hills")
    assert run("pull", "acme/hills")[0] == run("pull", "other/hills")[0] == 0
    assert [path.name for path in pulled_worlds()] == ["hills", "hills-other"]
    code, _, err = run("pull", "other/hills2")
    assert code == 2 and "expected hills or hills-other to be free; --as NAME chooses another" in err
    code, out, _ = run("pull", "other/hills2", "--as", "meadow")
    assert code == 0 and "is here as meadow" in out and find_world("meadow").name == "meadow"
    hub.repositories["other/hills2"].files["manifest.yaml"] += b"# newer\n"
    assert "is here as meadow" in run("pull", "other/hills2")[1]
    assert [path.name for path in pulled_worlds()] == ["hills", "hills-other", "meadow"]
    for wanted in ("boxes", "hills", "../up", "Meadow", ""):
        assert run("pull", "other/hills2", "--as", wanted)[0] == 2


def test_a_name_that_is_bundled_later_is_told(
    run: Run, hub: Any, worlds: Path, bundled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("acme/hills", worlds / "hills")
    run("pull", "acme/hills")
    for module in ("engine.checkpoint", "app.hub.pulled"):
        monkeypatch.setattr(f"{module}.bundled_worlds", lambda: [worlds / "boxes", worlds / "hills"])
    assert find_world("hills") == worlds / "hills" and pulled_worlds() == []
    code, _, err = run("list")
    assert code == 0 and "name: expected another than a bundled world's" in err and err.count("\n") == 1


def test_bundled_worlds_are_not_removed(run: Run) -> None:
    for folder in bundled_worlds():
        code, out, err = run("remove", folder.name)
        assert (code, out) == (2, "") and err.count("\n") == 1 and "this one comes with Dreamcade" in err
        assert folder.is_dir()


@pytest.mark.parametrize("name", ["..", "../..", ".", "/", "nowhere", "acme/nothing", "../x/y", "x" * 5000, ""])
def test_what_is_no_pulled_world_is_not_removed(run: Run, pulled: Path, name: str) -> None:
    pulled.mkdir(parents=True)
    (pulled.parent / "other").mkdir()
    code, out, err = run("remove", name)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert (pulled.parent / "other").is_dir()


def test_what_an_unfinished_pull_left_can_be_removed(run: Run, pulled: Path) -> None:
    place = unfinished_folder("acme/hills")
    place.mkdir(parents=True)
    (place / "a.part").write_bytes(bytes(2_000_000))
    assert "acme/hills is not all here yet (2.0 MB)" in run("list")[1]
    assert run("remove", "acme/hills")[0] == 0 and not place.exists()


def test_push_and_refusals_by_command(run: Run, hub: Any, worlds: Path, log_in: Callable[..., None]) -> None:
    code, out, err = run("push", worlds / "hills", "acme/hills")
    assert code == 2 and "commit" not in out and err.count("\n") == 1 and "hf auth login" in err
    log_in()
    code, out, err = run("push", worlds / "hills", "acme/hills")
    assert (code, err) == (0, "") and f"hills is at {hub.endpoint}/acme/hills" in out and "5 files" in out
    assert run("push", worlds / "nothing", "acme/hills")[0] == 2
    for repo in ("acme", "a/b/c"):
        assert run("push", worlds / "hills", repo)[0] == 2 == run("pull", repo)[0]


def test_a_broken_pulled_world_stops_no_other(run: Run, hub: Any, worlds: Path, bundled: Path) -> None:
    hub.add("acme/hills", worlds / "hills")
    run("pull", "acme/hills")
    with (find_world("hills") / "step.onnx").open("ab") as file:
        file.write(b"x")
    shelf, _ = open_shelf(None, BackendWish(threads=1), Settings(), pytest.fail)
    assert shelf.names == ["boxes"] and "step.onnx: size: expected" in shelf.problems[0]
    shelf.close()
    assert "is here as hills" in run("pull", "acme/hills")[1]
    assert load_checkpoint(find_world("hills")).starts


def test_a_world_whose_replacement_was_killed_comes_back(run: Run, hub: Any, worlds: Path, bundled: Path) -> None:
    hub.add("acme/hills", worlds / "hills")
    run("pull", "acme/hills")
    whole = find_world("hills")
    hub.repositories["acme/hills"].files["manifest.yaml"] += b"# newer\n"
    killing = """
import os, shutil, sys
from pathlib import Path
from app.hub.pulled import Origin, put_in_place
from engine.checkpoint import pulled_folder
gathered = pulled_folder().with_name("gathered")
shutil.copytree(pulled_folder() / "hills", gathered)
move = Path.replace
Path.replace = lambda self, target: os._exit(9) if self == gathered else move(self, target)
put_in_place(gathered, "hills", Origin("acme/hills", "newer"))
"""
    assert subprocess.run([sys.executable, "-c", killing], check=False).returncode == 9
    assert not whole.exists()
    assert pulled_worlds() == [whole] and load_checkpoint(whole).starts
    assert "is here as hills" in run("pull", "acme/hills")[1]
    assert not [path for path in unfinished_folder("a/b").parent.iterdir() if path.suffix in (".old", ".gone")]


def test_a_world_that_cannot_be_replaced_stays(
    run: Run, hub: Any, worlds: Path, bundled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add("acme/hills", worlds / "hills")
    run("pull", "acme/hills")
    gathered, move = tmp_path / "gathered", Path.replace
    shutil.copytree(find_world("hills"), gathered)

    def refuse(self: Path, target: Path) -> Path:
        if self == gathered:
            raise OSError(16, "Device or resource busy")
        return move(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(BadInput, match="cannot be put there"):
        put_in_place(gathered, "hills", Origin("acme/hills", "newer"))
    assert load_checkpoint(find_world("hills")).starts


def test_an_origin_that_is_nonsense_is_none(tmp_path: Path) -> None:
    for text in ("", "{", "[]", '{"repo": 1, "commit": 2}', '{"repo": "' + "x" * 9000 + '", "commit": ""}'):
        (tmp_path / "origin.json").write_text(text)
        assert read_origin(tmp_path) is None
    assert engine.checkpoint.pulled_folder().name
