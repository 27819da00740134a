"""What a report that is sent in says, and what it keeps to itself."""

from __future__ import annotations

import json
import platform
from typing import Any

import pytest

from app.console.submission import anonymous_report
from engine.checkpoint import bundled_worlds

RESULT: dict[str, Any] = {
    "backend": "tensorrt",
    "version": "TensorRT-RTX 1.7",
    "device": "NVIDIA GeForce RTX 3060",
    "note": "read /home/somebody/secret",
    "frames": 300,
    "fps": 90.0,
    "fps_paced": 30.0,
    "compute_ms": {"p50": 9.0, "p99": 14.0, "max": 20.0},
    "interval_ms": {"p50": 33.3, "p99": 34.0, "max": 36.0},
    "key_to_screen_ms": {"p50": 30.0, "p99": 50.0},
    "on_time": 0.999,
    "startup_s": 1.2,
    "cold_start_s": 5.0,
    "warm_start_s": 0.5,
    "rss_mb": 300.0,
    "vram_peak_mb": 700.0,
    "vram_whole_card": False,
    "matrix_share": None,
}
CARD = {"name": "NVIDIA GeForce RTX 3060", "architecture": "sm_86", "driver": "580.1", "memory_gb": 12.0}
MACHINE = {
    "cpu": "x",
    "cores": 2,
    "instruction_set": "avx2",
    "memory_gb": 8.0,
    "system": f"Linux {platform.release()}-of-somebody x86_64",
    "python": "3.11",
    "dreamcade": "0.1.0",
    "onnxruntime": "1.32",
    "matrix_gflops": 100.0,
    "card": CARD,
}


SIZE = {"parameters": 250, "half_operations": 4, "float_operations": 1, "bytes": 10, "kernels": 100}


def _document(**parts: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {
        name: [] for name in ("results", "skipped", "host_times", "projections", "unprojected", "method_errors")
    }
    return {"schema": 3, "machine": MACHINE, **empty, **parts}


def test_a_report_says_what_was_measured_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    bundled = bundled_worlds()[0].name
    reasons = [
        "/home/somebody/world/step.onnx: file: expected one",
        "C:\\Users\\somebody\\world: file: expected one",
        "~/world of mine/step.onnx: my-own-secret: somebody",
    ]
    skipped = [{"world": "my-own-secret", "backend": "onnx", "reason": reason} for reason in reasons]
    results = [RESULT | {"world": bundled}, RESULT | {"world": "my-own-secret"}]
    report = anonymous_report(_document(results=results, skipped=skipped))
    assert [result["world"] for result in report["results"]] == [bundled, "another world"]
    assert report["results"][0]["vram_peak_mb"] == 700.0 and report["machine"]["card"] == CARD
    text = json.dumps(report)
    assert "secret" not in text and "somebody" not in text and "/home" not in text and "of mine" not in text
    assert report["skipped"][0]["reason"] == "[left out]: file: expected one"
    assert report["machine"]["system"] == "Linux" and report["results"][0]["note"] == "[left out]"


def test_rungs_are_told_apart_and_a_librarys_refusal_reaches_the_report() -> None:
    rungs = ["rung-128-160x6", "rung-256-1024x24"]
    refusal = "TensorRT-RTX 1.7.1 builds no engine for compute capability 7.5: unsupported SM, expected 8.0 or newer"
    document = _document(
        results=[RESULT | {"world": rungs[0], "note": "no CUDA graph (CUDA: StreamEndCapture: not permitted)"}],
        skipped=[{"world": rungs[1], "backend": "tensorrt", "reason": refusal}],
        projections=[{"world": rung, **SIZE} for rung in rungs],
    )
    report = anonymous_report(document)
    (row,), (skipped,) = report["results"], report["skipped"]
    assert row["world"] == rungs[0] and row | SIZE == row and row["note"].startswith("no CUDA graph (CUDA: Stream")
    assert skipped == {"world": rungs[1], **SIZE, "backend": "tensorrt", "reason": refusal}
