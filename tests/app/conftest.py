"""Two tiny worlds with real graphs, and a window on SDL's dummy driver.

next_tokens = (tokens + action) mod K; the picture shows each token as an 8x8 block of that palette index.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["SDL_VIDEODRIVER"] = "dummy"

import numpy as np
import onnx
import pygame
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from app.drawing.window import Window
from app.menu.shelf import Shelf
from app.play.options import PlayOptions
from app.play.player import Player
from app.settings.schema import Settings
from engine.backends.wish import BackendWish

GRID, BLOCK, CODES = 4, 8, 8
TOKENS, SIDE = GRID * GRID, GRID * BLOCK
LAST_STEP = 12  # of a world that breaks
KEYS = {"left": ["left", "a"], "right": ["right", "d"], "up": ["up"], "down": ["down"], "jump": ["space"]}
PLATFORMER = ["noop", "left", "right", "jump", "left+jump", "right+jump"]
PUZZLE = ["noop", "up", "down", "left", "right"]

_BLOCKS = {
    "cells": np.array([1, GRID, 1, GRID, 1]),
    "blocks": np.array([1, GRID, BLOCK, GRID, BLOCK]),
    "shape": np.array([1, SIDE, SIDE]),
}

WorldBuilder = Callable[..., Path]
Turns = Callable[..., None]


def _step_graph(breaks: bool) -> onnx.ModelProto:
    constants = {
        "codes": np.int64(CODES),
        "one": np.float32(1),
        "burn": np.float32(breaks),
        "fuse": np.zeros(LAST_STEP, np.int64),
        "axis": np.array([1]),
        **_BLOCKS,
    }
    nodes = [
        helper.make_node("Mul", ["counter", "burn"], ["burnt"]),
        helper.make_node("Cast", ["burnt"], ["at"], to=TensorProto.INT64),
        helper.make_node("Gather", ["fuse", "at"], ["nothing"]),  # raises beyond the fuse's end
        helper.make_node("Add", ["tokens", "action"], ["moved"]),
        helper.make_node("Add", ["moved", "nothing"], ["sum"]),
        helper.make_node("Mod", ["sum", "codes"], ["next_tokens"]),
        *_picture_nodes("next_tokens"),
        helper.make_node("Add", ["counter", "one"], ["next_counter"]),
        helper.make_node("ReduceMean", ["noise", "axis"], ["entropy"], keepdims=0),
    ]
    inputs = {"tokens": ("INT64", [1, TOKENS]), "action": ("INT64", [1]), "noise": ("FLOAT", [1, TOKENS])}
    outputs = {"next_tokens": ("INT64", [1, TOKENS]), "picture": ("UINT8", [1, SIDE, SIDE]), "entropy": ("FLOAT", [1])}
    return _model(nodes, inputs | {"counter": ("FLOAT", [1])}, outputs | {"next_counter": ("FLOAT", [1])}, constants)


def _encoder_graph() -> onnx.ModelProto:
    names = ("from", "to", "axes", "steps", "flat")
    values = ([0, 0], [SIDE, SIDE], [1, 2], [BLOCK, BLOCK], [1, TOKENS])
    nodes = [
        helper.make_node("Slice", ["picture", *names[:4]], ["corners"]),
        helper.make_node("Cast", ["corners"], ["wide"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["wide", "flat"], ["tokens"]),
    ]
    constants = {name: np.array(value) for name, value in zip(names, values, strict=True)}
    return _model(nodes, {"picture": ("UINT8", [1, SIDE, SIDE])}, {"tokens": ("INT64", [1, TOKENS])}, constants)


def _decoder_graph() -> onnx.ModelProto:
    nodes = _picture_nodes("tokens")
    return _model(nodes, {"tokens": ("INT64", [1, TOKENS])}, {"picture": ("UINT8", [1, SIDE, SIDE])}, _BLOCKS)


def _picture_nodes(tokens: str) -> list[onnx.NodeProto]:
    return [
        helper.make_node("Cast", [tokens], ["small"], to=TensorProto.UINT8),
        helper.make_node("Reshape", ["small", "cells"], ["celled"]),
        helper.make_node("Expand", ["celled", "blocks"], ["blocked"]),
        helper.make_node("Reshape", ["blocked", "shape"], ["picture"]),
    ]


def _model(
    nodes: list[onnx.NodeProto], inputs: dict[str, Any], outputs: dict[str, Any], constants: dict[str, Any]
) -> onnx.ModelProto:
    ends = [
        [helper.make_tensor_value_info(name, getattr(TensorProto, kind), shape) for name, (kind, shape) in end.items()]
        for end in (inputs, outputs)
    ]
    initial = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "tiny", *ends, initializer=initial)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def build_world(folder: Path, actions: list[str], breaks: bool = False, **changes: Any) -> Path:
    """A sealed checkpoint folder named like the world; `changes` replace fields of its manifest."""
    folder.mkdir(parents=True)
    graphs = {"step": _step_graph(breaks), "encoder": _encoder_graph(), "decoder": _decoder_graph()}
    for role, graph in graphs.items():
        onnx.checker.check_model(graph)
        (folder / f"{role}.onnx").write_bytes(graph.SerializeToString())
    tokens = np.random.default_rng(3).integers(0, CODES, (4, 2, TOKENS))
    blocks = tokens[:, -1].reshape(4, GRID, GRID).repeat(BLOCK, 1).repeat(BLOCK, 2).astype(np.uint8)
    arrays = {"tokens": tokens, "actions": np.zeros((4, 1), np.int64), "pixels": blocks, "level_seed": np.arange(4)}
    np.savez(folder / "start_frames.npz", **arrays)
    day = [[level * 30, 255 - level * 20, level * 10] for level in range(CODES)]
    document: dict[str, Any] = {
        "name": folder.name,
        "title": folder.name.title(),
        "description": "A tiny world whose blocks change colour as one moves.",
        "genre": "puzzle",
        "height": SIDE,
        "width": SIDE,
        "pixels": "palette",
        "palettes": {"day": day, "night": day[::-1]},
        "tick_rate": 60,
        "actions": [{"action": action, "keys": KEYS.get(action, [])} for action in actions],
        "scripts": {"stroll": [["right", 3], ["left", 2]]},
        "tokens": TOKENS,
        "codebook": CODES,
        "state": [{"name": "counter", "shape": [1], "dtype": "float32"}],
        "graphs": {role: f"{role}.onnx" for role in graphs},
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
        "files": _entries(folder, [path.name for path in folder.iterdir()]),
        "headline": {"rollout_psnr_db": 31.5},
    }
    (folder / "manifest.yaml").write_text(yaml.safe_dump(document | changes), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `hills` (platformer's actions) and `boxes` (a puzzle's); not to be changed."""
    root = tmp_path_factory.mktemp("worlds")
    build_world(root / "boxes", PUZZLE)
    build_world(root / "hills", PLATFORMER)
    return root


@pytest.fixture
def make_world(tmp_path: Path) -> WorldBuilder:
    """Builds another world in a folder of its own."""
    return lambda name, **changes: build_world(tmp_path / "made" / name, PLATFORMER, **changes)


@pytest.fixture
def window() -> Iterator[Window]:
    """A small window that nobody sees."""
    opened = Window(size=(640, 480))
    pygame.event.clear()
    yield opened
    opened.close()


@pytest.fixture
def shelf(worlds: Path) -> Iterator[Shelf]:
    """Both worlds, one thread."""
    stocked = Shelf([worlds / "boxes", worlds / "hills"], BackendWish(threads=1))
    yield stocked
    stocked.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, but recordings and saves go to a temporary folder."""
    return Settings(recordings=tmp_path / "recordings", saves=tmp_path / "saves")


@pytest.fixture
def player(window: Window, shelf: Shelf, settings: Settings) -> Iterator[Player]:
    """A player at start 1, seed 5, that has not entered a world yet."""
    made = Player(window, shelf, settings, PlayOptions(start=1, rng_seed=5))
    yield made
    made.leave()


def press(key: int, down: bool = True, **fields: Any) -> None:
    """Queue a key event."""
    pygame.event.post(pygame.event.Event(pygame.KEYDOWN if down else pygame.KEYUP, key=key, **fields))


def turn_until(player: Player, done: Callable[[], bool], seconds: float = 60.0) -> None:
    """Let the player go on until `done`, or fail."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "nothing happened"
        player.turn()


@pytest.fixture
def tap() -> Callable[..., None]:
    """Queue a key event."""
    return press


@pytest.fixture
def turns() -> Turns:
    """Let a player go on until something is so."""
    return turn_until


@pytest.fixture
def playing(player: Player, turns: Turns) -> Player:
    """A player in the world `hills`, some frames in."""
    player.enter("hills")
    turns(player, lambda: player.round is not None and player.round.newest.index >= 3)
    return player


@pytest.fixture
def reseal() -> Callable[[Path], None]:
    """Writes sizes and hashes of the manifest anew after files were changed."""

    def seal(folder: Path) -> None:
        path = folder / "manifest.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["files"] = _entries(folder, list(document["files"]))
        path.write_text(yaml.safe_dump(document), encoding="utf-8")

    return seal


def _entries(folder: Path, names: list[str]) -> dict[str, Any]:
    data = {name: (folder / name).read_bytes() for name in names}
    return {name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()} for name, body in data.items()}
