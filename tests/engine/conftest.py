"""A small predictable world with real ONNX graphs. Owns its arithmetic, so that tests know every token beforehand.

next_tokens = (tokens + action + counter + (noise > 0.5)) mod K, then counter becomes (counter + 1) mod K. The picture
is the next tokens looked up in a table of 8x8 tiles whose corner pixel is the token, so encoding is exact.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.session import Session
from models.actions import Action

GRID, TILE, CODES = 4, 8, 8
TOKENS, SIDE = GRID * GRID, GRID * TILE
STARTS, CONTEXT = 3, 4
ACTIONS = [Action.NOOP, Action.LEFT, Action.RIGHT, Action.JUMP, Action.RIGHT_JUMP]
_TYPES = {"int64": TensorProto.INT64, "float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}

WorldBuilder = Callable[..., Path]


def tiles() -> npt.NDArray[np.uint8]:
    """Pictures of the codes, uint8 [K,8,8]: each its own pattern, with the code itself in the corner."""
    patterns = np.random.default_rng(5).integers(0, CODES, (CODES, TILE, TILE), dtype=np.uint8)
    patterns[:, 0, 0] = np.arange(CODES)
    return patterns


def draw(tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """The picture uint8 [H,W] of tokens int64 [P]."""
    return tiles()[tokens].reshape(GRID, GRID, TILE, TILE).transpose(0, 2, 1, 3).reshape(SIDE, SIDE)


def _drawing(tokens: str, rgb: bool) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes and constants that turn the tensor `tokens` into `picture`."""
    nodes = [
        helper.make_node("Gather", ["tiles", tokens], ["tiled"]),
        helper.make_node("Reshape", ["tiled", "grid"], ["gridded"]),
        helper.make_node("Transpose", ["gridded"], ["rows"], perm=[0, 1, 3, 2, 4]),
        helper.make_node("Reshape", ["rows", "shape"], ["flat"]),
        helper.make_node("Expand", ["flat", "picture_shape"], ["picture"]),
    ]
    constants = {
        "tiles": tiles(),
        "grid": np.array([1, GRID, GRID, TILE, TILE]),
        "shape": np.array([1, SIDE, SIDE, 1] if rgb else [1, SIDE, SIDE]),
        "picture_shape": np.array(_picture(rgb)),
    }
    return nodes, [numpy_helper.from_array(value, name) for name, value in constants.items()]


def _picture(rgb: bool) -> list[int]:
    return [1, SIDE, SIDE, 3] if rgb else [1, SIDE, SIDE]


def _decoder_graph(rgb: bool) -> onnx.ModelProto:
    nodes, constants = _drawing("tokens", rgb)
    return _model(nodes, {"tokens": ("int64", [1, TOKENS])}, {"picture": ("uint8", _picture(rgb))}, constants)


def _step_graph(rgb: bool) -> onnx.ModelProto:
    drawing, tables = _drawing("next_tokens", rgb)

    def constant(name: str, value: npt.NDArray[Any]) -> onnx.TensorProto:
        return numpy_helper.from_array(value, name)

    nodes = [
        helper.make_node("Greater", ["noise", "half"], ["chance"]),
        helper.make_node("Cast", ["chance"], ["bump"], to=TensorProto.INT64),
        helper.make_node("Add", ["tokens", "action"], ["moved"]),
        helper.make_node("Cast", ["counter"], ["count"], to=TensorProto.INT64),
        helper.make_node("Add", ["moved", "count"], ["counted"]),
        helper.make_node("Add", ["counted", "bump"], ["sum"]),
        helper.make_node("Mod", ["sum", "codes"], ["next_tokens"]),
        *drawing,
        helper.make_node("ReduceMean", ["noise", "axis"], ["entropy"], keepdims=0),
        helper.make_node("Add", ["counter", "one"], ["up"]),
        helper.make_node("Mod", ["up", "codes_float"], ["next_counter"], fmod=1),
        helper.make_node("Cast", ["tokens"], ["newest"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["ring", "from", "to", "axis"], ["older"]),
        helper.make_node("Concat", ["older", "newest"], ["next_ring"], axis=1),
    ]
    constants = [
        *tables,
        constant("half", np.float32(0.5)),
        constant("codes", np.int64(CODES)),
        constant("codes_float", np.float32(CODES)),
        constant("one", np.float32(1)),
        constant("axis", np.array([1])),
        constant("from", np.array([TOKENS])),
        constant("to", np.array([3 * TOKENS])),
    ]
    inputs = {
        "tokens": ("int64", [1, TOKENS]),
        "action": ("int64", [1]),
        "noise": ("float32", [1, TOKENS]),
        "counter": ("float32", [1]),
        "ring": ("float32", [1, 3 * TOKENS]),
    }
    outputs = {
        "next_tokens": ("int64", [1, TOKENS]),
        "picture": ("uint8", _picture(rgb)),
        "entropy": ("float32", [1]),
        "next_counter": ("float32", [1]),
        "next_ring": ("float32", [1, 3 * TOKENS]),
    }
    return _model(nodes, inputs, outputs, constants)


def _encoder_graph(rgb: bool) -> onnx.ModelProto:
    picture = _picture(rgb)
    ends = [SIDE, SIDE, 1][: len(picture) - 1]
    constants = [
        numpy_helper.from_array(np.zeros(len(ends), np.int64), "from"),
        numpy_helper.from_array(np.array(ends), "to"),
        numpy_helper.from_array(np.arange(1, len(picture)), "axes"),
        numpy_helper.from_array(np.array([TILE, TILE, 1][: len(ends)]), "steps"),
        numpy_helper.from_array(np.array([1, TOKENS]), "shape"),
    ]
    nodes = [
        helper.make_node("Slice", ["picture", "from", "to", "axes", "steps"], ["corners"]),
        helper.make_node("Cast", ["corners"], ["wide"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["wide", "shape"], ["tokens"]),
    ]
    return _model(nodes, {"picture": ("uint8", picture)}, {"tokens": ("int64", [1, TOKENS])}, constants)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[str, list[int]]],
    outputs: dict[str, tuple[str, list[int]]],
    constants: list[onnx.TensorProto],
) -> onnx.ModelProto:
    ends = [
        [helper.make_tensor_value_info(name, _TYPES[dtype], shape) for name, (dtype, shape) in end.items()]
        for end in (inputs, outputs)
    ]
    graph = helper.make_graph(nodes, "predictable", *ends, initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model


def seal(folder: Path, **changes: Any) -> None:
    """Write the manifest of the files that stand in `folder`; `changes` replace its fields."""
    names = ["encoder.onnx", "step.onnx", "decoder.onnx", "start_frames.npz"]
    data = {name: (folder / name).read_bytes() for name in names}
    files = {name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()} for name, body in data.items()}
    grey = [[level * 30, 255 - level * 20, level * 10] for level in range(CODES)]
    document: dict[str, Any] = {
        "name": "predictable",
        "title": "Predictable",
        "genre": "puzzle",
        "height": SIDE,
        "width": SIDE,
        "pixels": "palette",
        "palettes": {"day": grey, "night": grey[::-1]},
        "tick_rate": 30,
        "actions": [{"action": action.value, "keys": []} for action in ACTIONS],
        "scripts": {"stroll": [["right", 3], ["right+jump", 2]], "rest": [["noop", 1]]},
        "tokens": TOKENS,
        "codebook": CODES,
        "state": [
            {"name": "counter", "shape": [1], "dtype": "float32"},
            {"name": "ring", "shape": [1, 3 * TOKENS], "dtype": "float32"},
        ],
        "graphs": {"encoder": "encoder.onnx", "step": "step.onnx", "decoder": "decoder.onnx"},
        "start_frames": "start_frames.npz",
        "cost": {"operations": 1000, "bytes": 1000, "parameters": 10},
        "licence": "CC0-1.0",
        "provenance": {
            "preset": "test",
            "device": "cpu",
            "seed": 0,
            "frames": 1,
            "steps": {},
            "hours": {},
            "world_version": 1,
            "created": "2025-01-01",
        },
        "files": files,
    }
    (folder / "manifest.yaml").write_text(yaml.safe_dump(document | changes, sort_keys=False), encoding="utf-8")


def start_arrays() -> dict[str, npt.NDArray[Any]]:
    """The arrays of start_frames.npz."""
    chance = np.random.default_rng(3)
    tokens = chance.integers(0, CODES, (STARTS, CONTEXT, TOKENS))
    return {
        "tokens": tokens,
        "actions": chance.integers(0, len(ACTIONS), (STARTS, CONTEXT - 1)),
        "pixels": np.stack([draw(frames[-1]) for frames in tokens]),
        "level_seed": np.arange(STARTS) + 2_000_000,
    }


def build_world(folder: Path, rgb: bool = False, **changes: Any) -> Path:
    """A sealed checkpoint folder; `changes` replace fields of its manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "step.onnx").write_bytes(_step_graph(rgb).SerializeToString())
    (folder / "encoder.onnx").write_bytes(_encoder_graph(rgb).SerializeToString())
    (folder / "decoder.onnx").write_bytes(_decoder_graph(rgb).SerializeToString())
    arrays = start_arrays()
    if rgb:
        arrays["pixels"] = np.repeat(arrays["pixels"][..., None], 3, axis=-1)
        changes = {"pixels": "rgb", "palettes": {}} | changes
    np.savez(folder / "start_frames.npz", **arrays)
    seal(folder, **changes)
    return folder


@pytest.fixture
def make_world(tmp_path: Path) -> WorldBuilder:
    """Builds a predictable world in a new folder, with changes to its manifest."""
    return lambda name="world", **changes: build_world(tmp_path / name, **changes)


@pytest.fixture
def reseal() -> Callable[..., None]:
    """Writes the manifest anew after files were changed."""
    return seal


@pytest.fixture
def starts() -> dict[str, npt.NDArray[Any]]:
    """The start arrays of the predictable world."""
    return start_arrays()


@pytest.fixture(scope="session")
def world_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The predictable world; not to be changed."""
    return build_world(tmp_path_factory.mktemp("worlds") / "predictable")


@pytest.fixture(scope="session")
def checkpoint(world_folder: Path) -> Checkpoint:
    """The predictable world, loaded."""
    return load_checkpoint(world_folder)


@pytest.fixture
def backend(checkpoint: Checkpoint) -> OnnxBackend:
    """A backend of the predictable world with one thread."""
    return OnnxBackend(checkpoint, threads=1)


@pytest.fixture
def session(checkpoint: Checkpoint, backend: OnnxBackend) -> Session:
    """A session at start 0 with rng_seed 7."""
    session = Session(checkpoint, backend)
    session.reset(0, 7)
    return session
