"""Weights through a sealed checkpoint folder and back, on real graphs of a tiny world."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch

from models.manifest import BadInput, Manifest, read_manifest
from tests.training.conftest import sealed
from training.preset import Preset, load_preset
from training.seal import Networks
from training.shipped_weights import read_networks

Shipped = tuple[Path, Networks, Preset]


@pytest.mark.parametrize("shape", [{}, {"trunk": "attention"}, {"surroundings": (3, 1)}])
def test_every_weight_comes_back_exactly(shape: dict[str, Any], tmp_path: Path) -> None:
    folder, made, preset = sealed(tmp_path / "world", **shape)
    read = read_networks(folder, read_manifest(folder), preset)
    for name, weight in made.dynamics.state_dict().items():
        assert torch.equal(read.dynamics.state_dict()[name], weight), name
    assert read.dynamics.settled is None and read.sampling == made.sampling
    for name, weight in made.tokenizer.state_dict().items():
        if not name.startswith(("lift.", "own")):
            assert torch.equal(read.tokenizer.state_dict()[name], weight), name
    assert torch.equal(read.tokenizer.lifted(), made.tokenizer.lifted())


def test_another_architecture_is_one_line(shipped: tuple[Path, Networks], tmp_path: Path) -> None:
    folder, manifest, preset = shipped[0], read_manifest(shipped[0]), shipped[2]
    wider = preset.model_copy(update={"dynamics": preset.dynamics.model_copy(update={"token_channels": 40})})
    with pytest.raises(BadInput, match=r"step\.onnx: position: expected weights of shape \[1, 40, 16, 16\].*found one"):
        read_networks(folder, manifest, wider)
    with pytest.raises(BadInput, match=r"step\.onnx: trunk\.0\.out\.weight: expected .*found none"):
        read_networks(_without(folder, tmp_path / "less", "dynamics.trunk.0.out.weight"), manifest, preset)
    (tmp_path / "less" / "step.onnx").write_bytes(b"no graph")
    with pytest.raises(BadInput, match=r"step\.onnx: graph: cannot be read"):
        read_networks(tmp_path / "less", manifest, preset)


def test_other_shifts_of_the_same_number_are_found_out(shipped: Shipped) -> None:
    folder, manifest, preset = shipped[0], read_manifest(shipped[0]), shipped[2]
    shifts = ((0, 0), (0, 3), (0, -3), (3, 0), (-3, 0))
    other = preset.model_copy(update={"dynamics": preset.dynamics.model_copy(update={"shifts": shifts})})
    with pytest.raises(BadInput, match="parity"):
        read_networks(folder, manifest, other)


def _without(folder: Path, copy: Path, name: str) -> Path:
    """A copy of the folder whose step graph calls a constant otherwise."""
    shutil.copytree(folder, copy)
    model = onnx.load(copy / "step.onnx")
    for entry in model.graph.initializer:
        if entry.name == name:
            entry.name = "renamed"
    for node in model.graph.node:
        node.input[:] = ["renamed" if entry == name else entry for entry in node.input]
    onnx.save(model, copy / "step.onnx")
    return copy


@pytest.mark.parametrize("world", ["platformer", "puzzle"])
def test_the_bundled_worlds_can_be_read(world: str) -> None:
    folder = Path(__file__).parents[2] / "assets" / "worlds" / world
    manifest: Manifest = read_manifest(folder)
    networks = read_networks(folder, manifest, load_preset("cpu", world))
    assert sum(weight.numel() for weight in networks.dynamics.parameters()) > 10**6
