"""A bench report that can be sent in. Owns what it says; refuses whatever could tell who sent it.

Only what is listed here goes in: no paths, no names of worlds that don't ship, no kernel release, nothing of the host.
A ladder's rungs go by their names, which say their size and nothing else. What a library said when it refused, and what
a row was given up for (a CUDA graph, a workspace), goes in too, without the parts of it that may be paths.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.checkpoint import bundled_worlds

SCHEMA = 3
_RUNG = re.compile(r"rung-\d+-\d+x\d+")
_PARTS = re.compile(r"(: |; |[()])")  # what stands between the parts of a reason
_SIZE = ("parameters", "half_operations", "float_operations", "bytes", "kernels")
_MACHINE = ("cpu", "cores", "instruction_set", "memory_gb", "python", "dreamcade", "onnxruntime", "matrix_gflops")
_RESULT = (
    *("backend", "version", "device", "frames", "fps", "fps_paced", "compute_ms", "interval_ms", "key_to_screen_ms"),
    *("on_time", "startup_s", "cold_start_s", "warm_start_s", "rss_mb", "vram_peak_mb", "vram_whole_card"),
    "matrix_share",
)


def anonymous_report(document: dict[str, Any]) -> dict[str, Any]:
    """What of a bench document can be made public."""
    known = {folder.name for folder in bundled_worlds()}
    machine = {name: document["machine"][name] for name in _MACHINE} | {"card": document["machine"]["card"]}
    sizes = {row["world"]: {name: row[name] for name in _SIZE} for row in document["projections"]}

    def world(entry: dict[str, Any]) -> dict[str, Any]:
        name = entry["world"]
        return {"world": name if name in known or _RUNG.fullmatch(name) else "another world", **sizes.get(name, {})}

    return {
        "report": "dreamcade-bench",
        "schema": SCHEMA,
        "bench_schema": document["schema"],
        "month": datetime.now(UTC).strftime("%Y-%m"),
        "machine": machine | {"system": document["machine"]["system"].split(" ")[0]},
        "results": [
            world(result)
            | {name: result[name] for name in _RESULT}
            | {"note": _impersonal(result["note"], result["world"], known)}
            for result in document["results"]
        ],
        "skipped": [
            world(skipped)
            | {"backend": skipped["backend"], "reason": _impersonal(skipped["reason"], skipped["world"], known)}
            for skipped in document["skipped"]
        ],
        "host_times": [world(host) | {name: host[name] for name in ("p50", "p99")} for host in document["host_times"]],
        "method_errors": [
            world(error) | {name: error[name] for name in ("backend", "device", "projected_fps", "error")}
            for error in document["method_errors"]
        ],
    }


def _impersonal(reason: str, world: str, known: set[str]) -> str:
    """A reason without any part that holds a path (it may have spaces), without the home folder's name and that of a
    world that doesn't ship."""
    text = "".join("[left out]" if re.search(r"[/\\]", part) else part for part in _PARTS.split(reason))
    private = [Path.home().name] + ([] if world in known or _RUNG.fullmatch(world) else [world])
    for word in filter(None, private):
        text = re.sub(rf"\b{re.escape(word)}\b", "[left out]", text, flags=re.IGNORECASE)
    return text
