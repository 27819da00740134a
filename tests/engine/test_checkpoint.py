"""Loading a checkpoint folder: what is good loads, what is bad is told in one line."""

from __future__ import annotations

import io
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import engine.checkpoint
from engine.checkpoint import (
    Checkpoint,
    bundled_worlds,
    find_world,
    known_worlds,
    load_checkpoint,
    pulled_folder,
    read_start_frames,
)
from models.manifest import BadInput

Arrays = dict[str, npt.NDArray[Any]]


def one_line(error: pytest.ExceptionInfo[BadInput]) -> str:
    """The message, which must be a single line."""
    assert "\n" not in str(error.value)
    return str(error.value)


def test_loads(checkpoint: Checkpoint, world_folder: Path, starts: Arrays) -> None:
    assert checkpoint.folder == world_folder and checkpoint.starts == 3
    assert np.array_equal(checkpoint.start_tokens, starts["tokens"])
    assert np.array_equal(checkpoint.start_actions, starts["actions"])
    assert np.array_equal(checkpoint.start_pixels, starts["pixels"])
    assert np.array_equal(checkpoint.level_seeds, starts["level_seed"])


def test_compressed_start_frames_load_too(make_world: Any, reseal: Callable[..., None], starts: Arrays) -> None:
    folder = make_world()
    np.savez_compressed(folder / "start_frames.npz", **starts)
    reseal(folder)
    assert np.array_equal(load_checkpoint(folder).start_pixels, starts["pixels"])


@pytest.mark.skipif(sys.platform == "win32", reason="pipes have no name in a folder there")
def test_a_pipe_is_told_instead_of_waited_for(make_world: Any, reseal: Callable[..., None]) -> None:
    path = make_world() / "encoder.onnx"
    path.write_bytes(b"")
    reseal(path.parent)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(BadInput, match=r"encoder\.onnx: file: expected a regular file"):
        load_checkpoint(path.parent)


@pytest.mark.parametrize("name", ["step.onnx", "encoder.onnx", "start_frames.npz"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped"])
def test_damaged_file_is_named(make_world: Any, name: str, damage: str) -> None:
    path = make_world() / name
    body = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(body[:-1])
    else:
        body[len(body) // 2] ^= 1
        path.write_bytes(body)
    with pytest.raises(BadInput) as error:
        load_checkpoint(path.parent)
    expected = {"missing": "file: cannot be read", "truncated": "size: expected", "flipped": "sha256: expected"}
    assert f"{name}: {expected[damage]}" in one_line(error)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokens": None}, "tokens: expected an array, found none"),
        ({"tokens": np.zeros((3, 4, 15), np.int64)}, r"tokens: expected shape \[3, 4, 16\], found \[3, 4, 15\]"),
        ({"tokens": np.zeros((3, 4, 16), np.int32)}, "tokens: expected int64 in C order, found int32"),
        ({"tokens": np.full((3, 4, 16), 8)}, "tokens: expected values from 0 to 7"),
        ({"tokens": np.zeros((0, 4, 16), np.int64)}, r"tokens: expected shape \[S,C,P\]"),
        ({"actions": np.full((3, 3), 5)}, "actions: expected values from 0 to 4"),
        ({"actions": np.zeros((3, 4), np.int64)}, r"actions: expected shape \[3, 3\], found \[3, 4\]"),
        ({"pixels": np.full((3, 32, 32), 8, np.uint8)}, "pixels: expected values from 0 to 7"),
        ({"pixels": np.zeros((3, 32, 32, 3), np.uint8)}, r"pixels: expected shape \[3, 32, 32\]"),
        ({"level_seed": np.array([1, 2, -1])}, "level_seed: expected values"),
        ({"tokens": np.array([{"a": 1}], object)}, "tokens: expected int64 in C order, found object"),
    ],
)
def test_wrong_start_frames_are_told(
    make_world: Any, reseal: Callable[..., None], starts: Arrays, change: Arrays, message: str
) -> None:
    folder = make_world()
    arrays = {name: array for name, array in (starts | change).items() if array is not None}
    np.savez(folder / "start_frames.npz", **arrays)
    reseal(folder)
    with pytest.raises(BadInput, match=message) as error:
        load_checkpoint(folder)
    assert "start_frames.npz" in one_line(error)


def npz_claiming(shape: tuple[int, ...], body: bytes) -> bytes:
    """An npz whose array header claims `shape` over `body`."""
    array = io.BytesIO()
    header = {"descr": "<i8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(array, header)
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("tokens.npy", array.getvalue() + body)
    return whole.getvalue()


@pytest.mark.parametrize("shape", [(1 << 40, 4, 16), (3, 4, 17), (-1, 4)])
def test_a_lying_header_takes_no_memory(tmp_path: Path, checkpoint: Checkpoint, shape: tuple[int, ...]) -> None:
    path = tmp_path / "start_frames.npz"
    path.write_bytes(npz_claiming(shape, bytes(64)))
    with pytest.raises(BadInput, match=r"start_frames.npz: tokens: expected -?\d+ elements, found 64 bytes"):
        read_start_frames(path, checkpoint.manifest)


@pytest.mark.parametrize("claimed", [None, 300])
def test_an_archive_that_unpacks_hugely_takes_no_memory(
    tmp_path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch, claimed: int | None
) -> None:
    """Whether its directory says so or not."""
    monkeypatch.setattr(engine.checkpoint, "START_FRAMES_LIMIT", 4096)
    path = tmp_path / "start_frames.npz"
    np.savez_compressed(path, tokens=np.zeros(1 << 20, np.int64))
    if claimed is not None:
        whole = path.read_bytes()
        size = (8 << 20) + 128  # with the array's header
        assert size.to_bytes(4, "little") in whole[-200:]
        path.write_bytes(whole[:-200] + whole[-200:].replace(size.to_bytes(4, "little"), claimed.to_bytes(4, "little")))
    with pytest.raises(
        BadInput, match=r"start_frames\.npz: (tokens: expected at most 4096 bytes|file: expected an npz)"
    ):
        read_start_frames(path, checkpoint.manifest)


def test_pulled_worlds_are_known_after_the_bundled(
    world_folder: Path, make_world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.checkpoint, "bundled_worlds", lambda: [world_folder])
    monkeypatch.setenv("DREAMCADE_WORLDS", str(tmp_path / "pulled"))
    assert known_worlds() == [world_folder]
    for name in ("other", "predictable", "another"):
        make_world(f"pulled/{name}")
    (tmp_path / "pulled" / "empty").mkdir()
    assert known_worlds() == [world_folder, tmp_path / "pulled" / "another", tmp_path / "pulled" / "other"]
    assert find_world("predictable") == world_folder and find_world("other") == tmp_path / "pulled" / "other"
    monkeypatch.delenv("DREAMCADE_WORLDS")
    assert pulled_folder().name == "worlds"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_as_start_frames(
    tmp_path: Path, checkpoint: Checkpoint, world_folder: Path, data: st.DataObject
) -> None:
    """A broken archive is BadInput, never anything else: wild bytes, or a good file with some bytes changed or cut."""
    good = bytearray((world_folder / "start_frames.npz").read_bytes())
    if data.draw(st.booleans()):
        body = data.draw(st.binary(max_size=400))
    else:
        for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255)), max_size=8)):
            good[at] = value
        body = bytes(good[: data.draw(st.integers(0, len(good)))])
    path = tmp_path / "start_frames.npz"
    path.write_bytes(body)
    try:
        assert read_start_frames(path, checkpoint.manifest).tokens.shape[2] == 16
    except BadInput as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


def test_worlds_are_found_by_name_or_folder(world_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.checkpoint, "bundled_worlds", lambda: [world_folder])
    assert find_world("predictable") == world_folder
    assert find_world(str(world_folder)) == world_folder
    with pytest.raises(BadInput, match=r"nowhere: world: expected a known one \(predictable\) or a folder"):
        find_world("nowhere")


def test_bundled_worlds_are_sorted_folders_with_a_manifest() -> None:
    found = bundled_worlds()
    assert found == sorted(found, key=lambda folder: folder.name)
    assert all((folder / "manifest.yaml").is_file() for folder in found)


def test_a_folder_without_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest.yaml: file: expected"):
        load_checkpoint(tmp_path)
