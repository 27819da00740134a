"""A bench report that can be sent in. Owns what it says; refuses whatever could tell who sent it.

Only what is listed here goes in: no paths, no names of worlds that don't ship, no kernel release, nothing of the host.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from engine.checkpoint import bundled_worlds

SCHEMA = 1
_MACHINE = ("cpu", "cores", "instruction_set", "memory_gb", "python", "dreamcade", "onnxruntime", "matrix_gflops")
_RESULT = (
    *("backend", "version", "device", "frames", "fps", "fps_paced", "compute_ms", "interval_ms", "key_to_screen_ms"),
    *("on_time", "startup_s", "cold_start_s", "warm_start_s", "rss_mb", "vram_peak_mb", "matrix_share"),
)


def anonymous_report(document: dict[str, Any]) -> dict[str, Any]:
    """What of a bench document can be made public."""
    known = {folder.name for folder in bundled_worlds()}
    machine = {name: document["machine"][name] for name in _MACHINE} | {"card": document["machine"]["card"]}
    return {
        "report": "dreamcade-bench",
        "schema": SCHEMA,
        "bench_schema": document["schema"],
        "month": datetime.now(UTC).strftime("%Y-%m"),
        "machine": machine | {"system": document["machine"]["system"].split(" ")[0]},
        "results": [_world(result, known) | {name: result[name] for name in _RESULT} for result in document["results"]],
        "skipped": [_world(skipped, known) | {"backend": skipped["backend"]} for skipped in document["skipped"]],
        "method_errors": [
            _world(error, known) | {name: error[name] for name in ("backend", "device", "projected_fps", "error")}
            for error in document["method_errors"]
        ],
    }


def _world(entry: dict[str, Any], known: set[str]) -> dict[str, Any]:
    return {"world": entry["world"] if entry["world"] in known else "another world"}
