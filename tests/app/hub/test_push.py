"""Pushing to a real server: what goes up comes down the same, and nothing that isn't a world is touched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.hub.connection import Hub
from app.hub.progress import PullProgress
from app.hub.pull import pull_world
from app.hub.push import Pushed, push_world
from engine.checkpoint import load_checkpoint
from models.manifest import BadInput

REPO = "acme/hills"


def push(folder: Path, private: bool = False) -> Pushed:
    """Push without waiting between tries."""
    return push_world(Hub(pause=lambda seconds: None), folder, REPO, private, lambda line: None)


def test_a_round_trip(hub: Any, worlds: Path, log_in: Callable[..., None], pulled: Path) -> None:
    log_in()
    done = push(worlds / "hills", private=True)
    repository = hub.repositories[REPO]
    assert (done.world, done.commit, done.url) == ("hills", repository.commit, f"{hub.endpoint}/{REPO}")
    own = {path.name: path.read_bytes() for path in (worlds / "hills").iterdir()}
    assert repository.files == own | {".gitattributes": b""} and repository.private
    with PullProgress(Console(quiet=True)) as progress:
        back = pull_world(Hub(), REPO, None, progress)
    assert back.origin.commit == done.commit
    assert load_checkpoint(back.folder).manifest == load_checkpoint(worlds / "hills").manifest


def test_a_second_push_replaces_the_world_and_takes_away_what_is_stale(
    hub: Any, worlds: Path, log_in: Callable[..., None], large_world: Path
) -> None:
    log_in()
    push(large_world)
    hub.repositories[REPO].files["README.md"] = b"# Mine"
    assert "metrics.json" in hub.repositories[REPO].files
    push(worlds / "hills")
    files = hub.repositories[REPO].files
    assert files["README.md"] == b"# Mine" and "metrics.json" not in files
    assert files["manifest.yaml"] == (worlds / "hills" / "manifest.yaml").read_bytes()


def test_only_the_manifests_files_go_up(hub: Any, make_world: Callable[..., Path], log_in: Callable[..., None]) -> None:
    log_in()
    folder = make_world("hills")
    (folder / "secret.txt").write_text("mine")
    (folder / "origin.json").write_text("{}")
    push(folder)
    assert {"secret.txt", "origin.json"}.isdisjoint(hub.repositories[REPO].files)


def test_a_repository_that_holds_something_else_is_left_alone(
    hub: Any, worlds: Path, log_in: Callable[..., None]
) -> None:
    log_in()
    repository = hub.add(REPO, worlds / "hills")
    repository.files = {"model.safetensors": b"other"}
    with pytest.raises(BadInput, match=r"model\.safetensors: kind: expected a world's files"):
        push(worlds / "hills")
    repository.files = {"config.json": b"{}", "README.md": b""}
    with pytest.raises(BadInput, match=r"config\.json: file: expected an empty repository or a world's"):
        push(worlds / "hills")
    assert repository.files == {"config.json": b"{}", "README.md": b""}


def test_without_a_login_one_line_says_so(hub: Any, worlds: Path, log_in: Callable[..., None]) -> None:
    with pytest.raises(BadInput, match=r"acme/hills: login: expected a token .*`hf auth login`"):
        push(worlds / "hills")
    log_in("hf_wrong")
    with pytest.raises(BadInput, match=r"acme/hills: login: expected a token"):
        push(worlds / "hills")
    assert hub.repositories == {} and hub.lfs == {}


def test_a_world_that_is_not_whole_is_not_pushed(
    hub: Any, make_world: Callable[..., Path], log_in: Callable[..., None]
) -> None:
    log_in()
    folder = make_world("hills")
    with (folder / "step.onnx").open("r+b") as file:
        file.write(b"x")
    with pytest.raises(BadInput, match=r"step\.onnx: sha256: expected"):
        push(folder)
    assert hub.asked == []


def test_a_hub_that_answers_oddly_is_told_in_one_line(
    hub: Any, worlds: Path, log_in: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in()
    for status, message in ((500, "answers 500"), (403, "the hub refuses"), (412, "answers 412")):
        hub.add(REPO, worlds / "hills", status=status)
        with pytest.raises(BadInput, match=message) as error:
            push(worlds / "hills")
        assert "\n" not in str(error.value)
