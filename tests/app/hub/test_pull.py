"""Pulling from a real server: what is good arrives, what lies is refused, breaks are mended."""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

import app.cli
from app.hub.connection import Hub
from app.hub.progress import PullProgress
from app.hub.pull import Pulled, pull_world
from app.hub.pulled import unfinished_folder
from engine.checkpoint import find_world, known_worlds, load_checkpoint, pulled_worlds
from models.manifest import BadInput

ROOT = Path(app.cli.__file__).parents[1]
REPO = "acme/hills"


@pytest.fixture(autouse=True)
def place(pulled: Path) -> Path:
    """Worlds are pulled into a temporary folder."""
    return pulled


def pull(repo: str = REPO, wanted: str | None = None) -> Pulled:
    """Pull without waiting between tries."""
    with PullProgress(Console(quiet=True)) as progress:
        return pull_world(Hub(pause=lambda seconds: None), repo, wanted, progress)


def refused(match: str, repo: str = REPO) -> str:
    """Pull, which must fail in one line, and leave nothing among the worlds."""
    with pytest.raises(BadInput, match=match) as error:
        pull(repo)
    assert "\n" not in str(error.value) and str(error.value).startswith(repo)
    assert pulled_worlds() == []
    return str(error.value)


def asked_ranges(hub: Any, since: int, name: str = "step.onnx") -> list[str | None]:
    """What was asked for of a graph."""
    asked = [entry for entry in hub.asked[since:] if entry.method == "GET" and entry.path.startswith("/store/")]
    return [entry.range for entry in asked if entry.path.endswith(f"/{name}")]


def change_manifest(contents: dict[str, bytes], **changes: Any) -> None:
    """Replace fields of a repository's manifest."""
    contents["manifest.yaml"] = yaml.safe_dump(yaml.safe_load(contents["manifest.yaml"]) | changes).encode()


def replace_file(files: dict[str, bytes], name: str, data: bytes) -> None:
    """Put other contents in and have the manifest agree."""
    entries = yaml.safe_load(files["manifest.yaml"])["files"]
    entries[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    files[name] = data
    change_manifest(files, files=entries)


def test_a_pulled_world_is_one_of_the_known(hub: Any, worlds: Path) -> None:
    hub.add(REPO, worlds / "hills")
    done = pull()
    assert (done.world, done.origin.repo, done.size) == ("hills", REPO, done.fetched - len(manifest_of(worlds)))
    assert find_world("hills") == done.folder and done.folder in known_worlds()
    assert load_checkpoint(done.folder).manifest == load_checkpoint(worlds / "hills").manifest
    assert not unfinished_folder(REPO).exists()
    assert {path.name for path in done.folder.iterdir()} == {
        *(path.name for path in (worlds / "hills").iterdir()),
        "origin.json",
    }


def manifest_of(worlds: Path) -> bytes:
    return (worlds / "hills" / "manifest.yaml").read_bytes()


def test_pages_about_it_are_not_fetched_and_a_second_pull_fetches_nothing(hub: Any, worlds: Path) -> None:
    hub.add(REPO, worlds / "hills")
    pull()
    assert not [entry for entry in hub.asked if entry.path.endswith(("README.md", ".gitattributes"))]
    asked = len([entry for entry in hub.asked if entry.method == "GET"])
    assert pull().fetched == 0
    assert len([entry for entry in hub.asked if entry.method == "GET"]) == asked + 1


def test_a_newer_commit_replaces_the_world(hub: Any, worlds: Path, make_world: Callable[..., Path]) -> None:
    hub.add(REPO, worlds / "hills")
    first = pull()
    hub.repositories[REPO].files["manifest.yaml"] += b"# newer\n"
    second = pull()
    assert second.folder == first.folder and second.origin.commit != first.origin.commit
    assert second.folder.joinpath("manifest.yaml").read_bytes().endswith(b"# newer\n")
    assert [path.name for path in pulled_worlds()] == ["hills"]


def test_a_connection_that_breaks_is_taken_up_where_it_was(hub: Any, large_world: Path) -> None:
    repository = hub.add(REPO, large_world, cut=400_000)
    assert pull().world == "vast"
    size = len(repository.files["step.onnx"])
    assert asked_ranges(hub, 0) == [f"bytes={begin}-{size - 1}" for begin in range(0, size, 400_000)]


def test_a_hub_that_knows_no_ranges_is_begun_with_again(hub: Any, large_world: Path) -> None:
    hub.add(REPO, large_world, cut=400_000, cuts_left=2, ranges=False)
    assert pull().world == "vast"


def test_a_hub_that_only_breaks_off_is_given_up_and_what_came_is_kept(hub: Any, large_world: Path) -> None:
    repository = hub.add(REPO, large_world, cut=0, cut_file="step.onnx")
    refused(r"hub: expected to reach http://127")
    before = len(hub.asked)
    repository.cut = None
    assert pull().world == "vast" and asked_ranges(hub, before, "decoder.onnx") == []


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
def test_a_pull_that_was_killed_is_taken_up_by_another_process(hub: Any, large_world: Path) -> None:
    """kill -9 in the middle of a file: the same command fetches only what is missing."""
    repository = hub.add(REPO, large_world, pause=0.02)
    size = len(repository.files["step.onnx"])
    part = unfinished_folder(REPO) / f"{hashlib.sha256(repository.files['step.onnx']).hexdigest()}.part"
    command = [sys.executable, "-m", "app.cli", "worlds", "pull", REPO]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as child:
        end = time.monotonic() + 60
        while not (part.exists() and part.stat().st_size > 200_000):
            assert time.monotonic() < end and child.poll() is None
            time.sleep(0.01)
        child.kill()
    have = part.stat().st_size
    assert 200_000 < have < size and pulled_worlds() == []
    repository.pause = 0.0
    before = len(hub.asked)
    assert pull().world == "vast"
    assert asked_ranges(hub, before) == [f"bytes={have}-{size - 1}"]


def test_an_interrupted_pull_says_that_it_can_go_on(
    hub: Any, large_world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, large_world)

    def interrupt(self: PullProgress, count: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PullProgress, "advance", interrupt)
        refused("pull: interrupted; the same command goes on from what has come")
    assert pull().world == "vast"


def test_a_tampered_file_is_refused_and_thrown_away(hub: Any, worlds: Path) -> None:
    repository = hub.add(REPO, worlds / "hills")
    good = repository.files["step.onnx"]
    repository.sent_instead["step.onnx"] = good[:-1] + bytes([good[-1] ^ 1])
    refused(r"step\.onnx: sha256: expected")
    repository.sent_instead.clear()
    before = len(hub.asked)
    assert pull().world == "hills"
    assert asked_ranges(hub, before, "decoder.onnx") == [], "what was right is not fetched again"
    assert len(asked_ranges(hub, before)) == 1


def test_a_size_beyond_the_manifest_is_refused_before_anything_is_fetched(hub: Any, worlds: Path) -> None:
    repository = hub.add(REPO, worlds / "hills")
    repository.files["step.onnx"] += bytes(5_000_000)
    refused(r"step\.onnx: size: expected \d+ bytes, the hub offers 50\d+")
    assert asked_ranges(hub, 0) == []


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("ranges", [False, True])
def test_a_hub_that_sends_more_than_it_lists_is_stopped(hub: Any, worlds: Path, chunked: bool, ranges: bool) -> None:
    repository = hub.add(REPO, worlds / "hills", chunked=chunked, ranges=ranges, pause=0.001)
    size = len(repository.files["step.onnx"])
    repository.sent_instead["step.onnx"] = repository.files["step.onnx"] + bytes(50_000_000)
    refused(rf"step\.onnx: size: expected {size} bytes, the hub sends")
    here = sum(path.stat().st_size for path in unfinished_folder(REPO).rglob("*") if path.is_file())
    assert here < 100_000


@pytest.mark.parametrize("name", ["../evil.onnx", "/etc/evil.onnx", "sub/../../evil.onnx", "a\\..\\evil.onnx"])
def test_a_path_that_leaves_the_folder_is_refused(hub: Any, worlds: Path, name: str, tmp_path: Path) -> None:
    repository = hub.add(REPO, worlds / "hills")
    replace_file(repository.files, name, b"evil")
    refused("expected names inside the folder")
    del repository.files[name]  # the manifest alone says it
    refused("must be a path inside the folder")
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


@pytest.mark.parametrize("name", ["sub/more.onnx", ".hidden.onnx", "step.onnx ", "STEP.onnx"])
def test_a_name_that_is_not_plain_is_refused(hub: Any, worlds: Path, name: str) -> None:
    repository = hub.add(REPO, worlds / "hills")
    replace_file(repository.files, name, b"odd")
    refused("kind: expected|name: expected|names that differ")


@pytest.mark.parametrize("name", ["model.pkl", "weights.pt", "pytorch_model.bin", "run.py", "lib.so", "setup.sh"])
def test_pickles_and_code_are_refused_unfetched(hub: Any, worlds: Path, name: str) -> None:
    repository = hub.add(REPO, worlds / "hills")
    repository.files[name] = pickle.dumps({"a": 1})
    told = refused(r"kind: expected a world's files")
    assert name in told and asked_ranges(hub, 0) == []
    assert not [entry for entry in hub.asked if entry.path.endswith(name)]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("decoder.onnx", pickle.dumps([1]), r"decoder\.onnx: kind: expected \.onnx, found a pickle"),
        ("decoder.onnx", b"PK\x03\x04" + bytes(40), r"decoder\.onnx: kind: expected \.onnx, found a zip"),
        ("decoder.onnx", b"#!/bin/sh", r"decoder\.onnx: graph: expected"),
        ("start_frames.npz", pickle.dumps([1]), r"start_frames\.npz: file: expected an npz archive"),
        ("metrics.json", pickle.dumps([1]), r"metrics\.json: kind: expected \.json, found a pickle"),
        ("metrics.json", b"{", r"metrics\.json: kind: expected JSON"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(
    hub: Any, worlds: Path, name: str, data: bytes, message: str
) -> None:
    repository = hub.add(REPO, worlds / "hills")
    if name == "metrics.json":
        change_manifest(
            repository.files,
            metrics=name,
            files=yaml.safe_load(repository.files["manifest.yaml"])["files"] | {name: {"bytes": 0, "sha256": "0" * 64}},
        )
    replace_file(repository.files, name, data)
    refused(message)


def test_start_frames_with_a_pickle_inside_are_refused_unopened(hub: Any, worlds: Path, tmp_path: Path) -> None:
    import io

    import numpy as np

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path(tmp_path / "sprung").touch, ()

    buffer = io.BytesIO()
    np.savez(buffer, tokens=np.array([Trap()], object))
    repository = hub.add(REPO, worlds / "hills")
    replace_file(repository.files, "start_frames.npz", buffer.getvalue())
    refused(r"start_frames\.npz: tokens: expected int64 in C order, found object")
    assert not (tmp_path / "sprung").exists()


def test_a_graph_whose_weights_lie_outside_is_refused(hub: Any, worlds: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    tensor = TensorProto(name="w", data_type=TensorProto.UINT8, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../../secret.bin")
    output = helper.make_tensor_value_info("w", TensorProto.UINT8, [1])
    graph = helper.make_model(helper.make_graph([], "outside", [], [output], initializer=[tensor]))
    assert isinstance(graph, onnx.ModelProto)
    repository = hub.add(REPO, worlds / "hills")
    replace_file(repository.files, "step.onnx", graph.SerializeToString())
    refused(r"step\.onnx: graph: expected one that onnxruntime .* can load")
    assert not unfinished_folder(REPO).exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": 17}, r"input tokens: expected|tokens: expected shape"),
        ({"codebook": 4}, "tokens: expected values from 0 to 3"),
        ({"name": "../hills"}, r"acme/hills: manifest\.yaml: name: "),
        ({"flavour": 1}, r"acme/hills: manifest\.yaml: flavour: "),
        ({"start_frames": "step.onnx"}, "kind: expected"),
    ],
)
def test_a_manifest_that_lies_is_refused(hub: Any, worlds: Path, changes: dict[str, Any], message: str) -> None:
    repository = hub.add(REPO, worlds / "hills")
    change_manifest(repository.files, **changes)
    refused(message)


def test_a_repository_that_is_no_world_is_refused(hub: Any, worlds: Path) -> None:
    repository = hub.add(REPO, worlds / "hills")
    repository.listed["manifest.yaml"] = 2 << 20
    refused(r"manifest\.yaml: size: expected at most 1048576 bytes")
    del repository.files["manifest.yaml"]
    refused("this is no world")
    hub.add(REPO, worlds / "hills").files.pop("step.onnx")
    refused(r"step\.onnx: file: expected one, found none")


def test_a_private_repository_needs_the_hubs_login(
    hub: Any, worlds: Path, log_in: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    hub.add(REPO, worlds / "hills", private=True)
    refused(r"repository: expected a public one, or a login that may read it \(`hf auth login`\), found none \(401\)")
    log_in("hf_wrong")
    refused(r"login: expected a token that the hub accepts")
    log_in()
    assert pull().world == "hills"
    tokens = {asked.token for asked in hub.asked if asked.path.startswith("/store/")}
    assert tokens == {None}, "another host never sees the token"


def test_every_refusal_is_one_line(hub: Any, worlds: Path) -> None:
    refused("found none \\(401\\)", "acme/nothing")
    hub.add(REPO, worlds / "hills", gated=True)
    refused("access: expected leave of its owners")
    for status, message in ((403, "hub refuses"), (404, "found none"), (429, "answers 429"), (500, "answers 500")):
        hub.add(REPO, worlds / "hills", status=status)
        refused(message)


def test_without_a_network_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    refused(r"hub: expected to reach http://127\.0\.0\.1:9 \(")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    refused("HF_HUB_OFFLINE forbids that")


def test_what_is_no_hub_is_told(hub: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", f"{hub.endpoint}/elsewhere")
    refused("found none \\(404\\)")


def test_a_full_disk_is_told_and_what_came_is_kept(
    hub: Any, large_world: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system itself refuses to let the file grow, then there is room."""
    resource = pytest.importorskip("resource")
    repository = hub.add(REPO, large_world)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, before[1]))
    try:
        refused("disk: expected room for it")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, previous)
    before = len(hub.asked)
    assert pull().world == "vast"
    assert asked_ranges(hub, before) == [f"bytes=500000-{len(repository.files['step.onnx']) - 1}"]


def test_a_disk_that_has_no_room_is_told_before_anything_is_fetched(
    hub: Any, worlds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.add(REPO, worlds / "hills")
    usage = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    refused(r"disk: expected \d+ MB free, found 1 MB")
    assert asked_ranges(hub, 0) == []


def test_two_pulls_of_one_repository_do_not_meet(hub: Any, worlds: Path) -> None:
    from huggingface_hub.utils import WeakFileLock

    hub.add(REPO, worlds / "hills")
    unfinished_folder(REPO).mkdir(parents=True)
    with WeakFileLock(unfinished_folder(REPO).with_name("acme--hills.lock")):
        refused("another is under way")
    assert pull().world == "hills"


@pytest.mark.parametrize("repo", ["hills", "a/b/c", "../x", "a/../b", "a/", "-a/b", "a b/c", "acme/..", ""])
def test_what_is_no_repository_is_refused_unasked(hub: Any, repo: str) -> None:
    with pytest.raises(BadInput, match="repository: expected ORG/NAME"):
        pull(repo)
    assert hub.asked == []


def test_parts_of_an_older_commit_are_thrown_away(hub: Any, worlds: Path) -> None:
    place = unfinished_folder(REPO)
    place.mkdir(parents=True)
    (place / f"{'0' * 64}.part").write_bytes(b"old")
    (place / "evil.onnx").write_bytes(b"old")
    hub.add(REPO, worlds / "hills")
    done = pull()
    assert not (done.folder / "evil.onnx").exists() and not list(done.folder.glob("*.part"))


def test_the_environment_is_left_alone(hub: Any, worlds: Path) -> None:
    before = dict(os.environ)
    hub.add(REPO, worlds / "hills")
    pull()
    assert dict(os.environ) == before
