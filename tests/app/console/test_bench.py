"""How the bench is judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pygame
import pytest

from app.console.bench import missed_targets, print_bench, print_projections
from app.console.bench_window import BenchWindow, press
from app.drawing.window import Window
from app.keys.keymap import Keymap
from engine.backends.wish import BackendName, BackendWish
from engine.measuring.bench import bench
from models.actions import Action
from models.manifest import read_manifest

RESULT: dict[str, Any] = {
    "world": "hills",
    "backend": "onnx",
    "version": "onnxruntime 1",
    "device": "CPU x",
    "note": "",
    "frames": 300,
    "fps": 90.0,
    "fps_paced": 30.0,
    "compute_ms": {"p50": 9.0, "p99": 14.0, "max": 20.0},
    "interval_ms": {"p50": 33.3, "p99": 34.0, "max": 36.0},
    "key_to_screen_ms": {"p50": 30.0, "p99": 50.0},
    "on_time": 0.999,
    "startup_s": 1.2,
    "cold_start_s": 0.3,
    "warm_start_s": 0.2,
    "rss_mb": 300.0,
    "vram_peak_mb": None,
    "vram_whole_card": False,
    "matrix_share": 0.5,
}
MACHINE = {
    "cpu": "x",
    "cores": 2,
    "instruction_set": "avx2",
    "memory_gb": 8.0,
    "system": "Linux",
    "python": "3.11",
    "onnxruntime": "1.32",
    "matrix_gflops": 100.0,
    "dreamcade": "0.1.0",
    "card": None,
}


PROJECTION: dict[str, Any] = {
    "world": "hills",
    "card": "RTX 3060",
    "parameters": 12_300_000,
    "half_operations": 4 * 10**9,
    "float_operations": 10**9,
    "bytes": 10**7,
    "kernels": 100,
    "frame_ms": 20.0,
    "fps": 50.0,
    "vram_mb": 512.0,
    "limit_mb": 8192.0,
    "fits": True,
    "reaches": {"30": True, "60": False},
}


def document(**changes: Any) -> dict[str, Any]:
    return {
        "schema": 3,
        "machine": MACHINE,
        "results": [RESULT | changes],
        "skipped": [{"world": "hills", "backend": "tensorrt", "reason": "no NVIDIA driver is running here"}],
        "host_times": [{"world": "hills", "p50": 0.1, "p99": 0.2, "max": 0.3}],
        "projections": [PROJECTION],
        "unprojected": [{"world": "boxes", "reason": "projection: expected the onnx package: `pip install a[rtx]`"}],
        "method_errors": [
            {
                "world": "hills",
                "backend": "onnx",
                "device": "CPU x",
                "projected_fps": 45.0,
                "measured_fps": 90.0,
                "error": -0.5,
            }
        ],
    }


def test_all_targets_met() -> None:
    assert missed_targets(document()) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fps": 59.0}, "unthrottled FPS: expected ≥ 60, got 59.0"),
        ({"compute_ms": {"p50": 9.0, "p99": 26.0, "max": 30.0}}, "compute p99: expected ≤ 25 ms, got 26.0 ms"),
        ({"interval_ms": {"p50": 9.0, "p99": 41.0, "max": 50.0}}, "interval p99"),
        ({"key_to_screen_ms": {"p50": None, "p99": None}}, "key → screen p99: expected ≤ 67 ms, got not measured"),
        ({"on_time": 0.98}, "frames on time: expected ≥ 99 %, got 98.0 %"),
        ({"rss_mb": 601.0}, "resident memory"),
    ],
)
def test_each_missed_target_is_one_line(changes: dict[str, Any], words: str) -> None:
    (line,) = missed_targets(document(**changes))
    assert line.startswith("hills on onnx: ")
    assert words in line


def test_what_was_not_measured_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_bench(document())
    out = capsys.readouterr().out
    assert "not measured" in out
    assert "≤ 67 ms" in out
    assert "a[rtx]" in out and "hills: host time around a step" in out and "p50 0.10 ms" in out
    assert "no NVIDIA driver" in out and "projected, not measured" in out and "-50%" in out


def test_where_nothing_ran_there_is_no_table(capsys: pytest.CaptureFixture[str]) -> None:
    print_bench(document() | {"results": [], "method_errors": []})
    out = capsys.readouterr().out
    assert "unthrottled FPS" not in out and "no NVIDIA driver" in out


def test_a_slow_host_is_a_missed_target() -> None:
    slow = document() | {"host_times": [{"world": "hills", "p50": 0.7, "p99": 0.9, "max": 1.0}]}
    assert missed_targets(slow) == ["hills: host time around a step p50: expected ≤ 0.5 ms, got 0.70 ms"]


def test_projections_judge_both_paces_and_say_what_is_not_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    print_projections(document())
    out = capsys.readouterr().out
    (row,) = [line for line in out.splitlines() if line.lstrip().startswith("hills") and "RTX 3060" in line]
    assert [cell.strip() for cell in row.split("│")][2:] == [
        *("12.3 M", "4.00", "1.00", "50", "20.00 ms", "512 MB", "yes", "no, too slow"),
    ]
    assert "30 FPS in 8 GiB?" in out and "none is known yet" in out and "casts are fused" in out
    error = document()["method_errors"][0] | {"device": "NVIDIA GeForce RTX 3060", "backend": "tensorrt"}
    large = PROJECTION | {"fits": False, "reaches": {"30": False, "60": False}}
    print_projections(document() | {"method_errors": [error], "projections": [large]})
    out = capsys.readouterr().out
    assert "measured on NVIDIA GeForce RTX 3060" in out and out.count("no, too much VRAM") == 2


def test_the_whole_cards_memory_is_marked(capsys: pytest.CaptureFixture[str]) -> None:
    print_bench(document(vram_peak_mb=700.0, vram_whole_card=True))
    assert "700.0 MB, whole card" in " ".join(capsys.readouterr().out.split())


def test_what_stands_in_brackets_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    bad = document(note="no TensorRT: `pip install dreamcade[rtx]`")
    bad["skipped"][0]["reason"] = "TensorRT is not installed: `pip install dreamcade[rtx]`"
    print_bench(bad)
    out = " ".join(capsys.readouterr().out.split())
    assert out.count("dreamcade[rtx]") == 2 and "the CPU plays" not in out


def test_a_window_that_is_left_gives_no_figures(worlds: Path, tap: Callable[..., None]) -> None:
    with BenchWindow() as driver:
        tap(pygame.K_ESCAPE)
        with pytest.raises(KeyboardInterrupt):
            bench([worlds / "hills"], 1000, driver.drive, (BackendWish(BackendName.ONNX, 1),))


def test_presses_go_through_the_event_queue(window: Window, worlds: Any) -> None:
    keymap = Keymap(read_manifest(worlds / "hills"))
    held: set[int] = set()
    for number, action in enumerate([Action.RIGHT_JUMP, Action.LEFT, Action.NOOP]):
        held = press(keymap, action, held, when=float(number))
        for event in pygame.event.get():
            assert event.pressed_at == number
            (keymap.press if event.type == pygame.KEYDOWN else keymap.release)(event.key)
        assert keymap.action is action
