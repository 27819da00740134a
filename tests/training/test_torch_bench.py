"""torch's rows in the bench document."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from models.manifest import BadInput
from training import torch_bench
from training.torch_bench import bench_table, bench_torch


def test_rows_stand_beside_the_backends(tiny_world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_bench.torch, "compile", _no_compiler)
    told: list[str] = []
    document = bench_torch(str(tiny_world), "tiny", None, 4, "cpu", told.append)
    assert any("torch eager" in line for line in told)
    console = Console(width=200, file=StringIO())
    console.print(bench_table(document))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "torch eager" in shown and "onnx" in shown and "not measured" in shown
    rows = {row["backend"]: row for row in document["results"]}
    assert {"onnx", "torch eager"} <= set(rows) and rows["torch eager"]["fps"] > 0
    reasons = {skipped["backend"]: skipped["reason"] for skipped in document["skipped"]}
    assert "no compiler" in reasons["torch compile"]


def _no_compiler(*given: object, **named: object) -> object:
    def fail(*tensors: object) -> None:
        raise RuntimeError("no compiler was found\nmore of it")

    return fail


def test_another_shape_is_bad_input(tiny_world: Path) -> None:
    with pytest.raises(BadInput, match="preset: expected the state of"):
        bench_torch(str(tiny_world), "cpu", None, 4, "cpu")
