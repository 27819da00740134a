"""Parsing and building, which need no card."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnx
import pytest

from engine.backends.base import BackendFailed
from engine.backends.engine_build import BuildOptions, build_engine
from engine.backends.graph_tensors import encoder_tensors, step_tensors
from engine.backends.half_graph import half_graph
from engine.backends.library import Library
from engine.backends.vram import estimate_engine
from engine.checkpoint import bundled_worlds
from engine.measuring.memory import list_cards
from models.manifest import TensorSpec, read_manifest

AMPERE, TURING = (8, 6), (7, 5)
FOR_AMPERE = BuildOptions(AMPERE)


def _step(folder: Path, capability: tuple[int, int] = AMPERE) -> tuple[bytes, list[TensorSpec]]:
    manifest = read_manifest(folder)
    path = folder / manifest.graphs.step
    inputs, outputs = step_tensors(manifest)
    return half_graph(path.read_bytes(), path.name, capability), [*inputs, *outputs]


@pytest.mark.parametrize(
    "capability", [pytest.param(AMPERE, id="RTX 3060"), pytest.param(TURING, id="RTX 2060", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("folder", bundled_worlds(), ids=lambda folder: folder.name)
def test_the_shipped_steps_build(library: Library, folder: Path, capability: tuple[int, int]) -> None:
    graph, ends = _step(folder, capability)
    began = time.perf_counter()
    engine = build_engine(library, graph, BuildOptions(capability), ends)
    print(f"{folder.name} for {capability}: {len(engine)} bytes, {time.perf_counter() - began:.1f} s")
    manifest = read_manifest(folder)
    assert manifest.cost.parameters < len(engine) < estimate_engine(manifest)


def test_a_choice_builds_for_a_chip_without_float_products(library: Library, tiny_world: Path) -> None:
    graph, ends = _step(tiny_world, TURING)
    assert build_engine(library, graph, BuildOptions(TURING), ends)
    with pytest.raises(BackendFailed, match=r"compute capability 7.5: .*FP32 GEMM is not supported"):
        build_engine(library, _step(tiny_world, AMPERE)[0], BuildOptions(TURING), ends)


def test_what_the_exporter_makes_builds(library: Library, tiny_world: Path) -> None:
    graph, ends = _step(tiny_world)
    assert build_engine(library, graph, FOR_AMPERE, ends)
    assert build_engine(library, graph, BuildOptions((8, 9), workspace=32 << 20), ends)
    manifest = read_manifest(tiny_world)
    inputs, outputs = encoder_tensors(manifest)
    encoder = half_graph((tiny_world / manifest.graphs.encoder).read_bytes(), "encoder")
    assert build_engine(library, encoder, FOR_AMPERE, [*inputs, *outputs])


@pytest.mark.skipif(bool(list_cards()), reason="a card is here, which the library would build for")
def test_a_chip_without_a_name_is_refused_in_the_librarys_words(library: Library, world_folder: Path) -> None:
    with pytest.raises(BackendFailed, match=r"builds no engine for compute capability 6.1: .{10,}"):
        build_engine(library, _step(world_folder)[0], BuildOptions((6, 1)), _step(world_folder)[1])


def test_what_the_parser_refuses_is_told_in_its_words(library: Library, world_folder: Path) -> None:
    graph, ends = _step(world_folder)
    model = onnx.load_from_string(graph)
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(BackendFailed, match=r"refuses the graph: .*Plugin not found") as error:
        build_engine(library, model.SerializeToString(), FOR_AMPERE, ends)
    assert "\n" not in str(error.value)
    with pytest.raises(BackendFailed, match=r"refuses the graph"):
        build_engine(library, b"no graph", FOR_AMPERE, ends)


def test_other_ends_than_the_manifests_are_told(library: Library, world_folder: Path) -> None:
    graph, ends = _step(world_folder)
    with pytest.raises(BackendFailed, match=r"next_ring: the manifest knows none"):
        build_engine(library, graph, FOR_AMPERE, ends[:-1])
    odd = TensorSpec(name="tokens", shape=(1, 99), dtype="int64")
    with pytest.raises(BackendFailed, match=r"tokens: expected int64 \[1, 99\]"):
        build_engine(library, graph, FOR_AMPERE, [odd, *ends[1:]])


@pytest.mark.parametrize("name", ["Builder", "OnnxParser"])
def test_a_constructor_that_raises_is_one_line(library: Library, name: str) -> None:
    class Module:
        def __getattr__(self, asked: str) -> Any:
            if asked != name:
                return getattr(library.module, asked)
            raise TypeError("pybind11::init():\nfactory function returned nullptr")

    broken = replace(library, module=Module())
    with pytest.raises(BackendFailed, match=r"builds no engine .*factory function returned nullptr") as error:
        build_engine(broken, b"", FOR_AMPERE, [])
    assert "\n" not in str(error.value)
