"""Parsing and building, which need no card."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from engine.backends.base import BackendFailed
from engine.backends.engine_build import BuildOptions, build_engine
from engine.backends.graph_tensors import encoder_tensors, step_tensors
from engine.backends.half_graph import half_graph
from engine.backends.library import Library
from engine.checkpoint import bundled_worlds
from engine.measuring.memory import list_cards
from models.manifest import TensorSpec, read_manifest

AMPERE = BuildOptions((8, 6))


def _step(folder: Path) -> tuple[bytes, list[TensorSpec]]:
    manifest = read_manifest(folder)
    path = folder / manifest.graphs.step
    inputs, outputs = step_tensors(manifest)
    return half_graph(path.read_bytes(), path.name), [*inputs, *outputs]


@pytest.mark.parametrize("folder", bundled_worlds(), ids=lambda folder: folder.name)
def test_the_shipped_steps_build_for_an_rtx_3060(library: Library, folder: Path) -> None:
    graph, ends = _step(folder)
    engine = build_engine(library, graph, AMPERE, ends)
    assert len(engine) > read_manifest(folder).cost.parameters  # two bytes a parameter, and more


def test_what_the_exporter_makes_builds(library: Library, tiny_world: Path) -> None:
    graph, ends = _step(tiny_world)
    assert build_engine(library, graph, AMPERE, ends)
    assert build_engine(library, graph, BuildOptions((8, 9), workspace=32 << 20), ends)
    manifest = read_manifest(tiny_world)
    inputs, outputs = encoder_tensors(manifest)
    encoder = half_graph((tiny_world / manifest.graphs.encoder).read_bytes(), "encoder")
    assert build_engine(library, encoder, AMPERE, [*inputs, *outputs])


@pytest.mark.skipif(bool(list_cards()), reason="a card is here, which the library would build for")
def test_a_chip_without_a_name_is_refused_in_the_librarys_words(library: Library, world_folder: Path) -> None:
    with pytest.raises(BackendFailed, match=r"builds no engine for compute capability 6.1: .{10,}"):
        build_engine(library, _step(world_folder)[0], BuildOptions((6, 1)), _step(world_folder)[1])


def test_what_the_parser_refuses_is_told_in_its_words(library: Library, world_folder: Path) -> None:
    graph, ends = _step(world_folder)
    model = onnx.load_from_string(graph)
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(BackendFailed, match=r"refuses the graph: .*Plugin not found") as error:
        build_engine(library, model.SerializeToString(), AMPERE, ends)
    assert "\n" not in str(error.value)
    with pytest.raises(BackendFailed, match=r"refuses the graph"):
        build_engine(library, b"no graph", AMPERE, ends)


def test_other_ends_than_the_manifests_are_told(library: Library, world_folder: Path) -> None:
    graph, ends = _step(world_folder)
    with pytest.raises(BackendFailed, match=r"next_ring: the manifest knows none"):
        build_engine(library, graph, AMPERE, ends[:-1])
    odd = TensorSpec(name="tokens", shape=(1, 99), dtype="int64")
    with pytest.raises(BackendFailed, match=r"tokens: expected int64 \[1, 99\]"):
        build_engine(library, graph, AMPERE, [odd, *ends[1:]])
