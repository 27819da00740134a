"""How far a pull is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io

from rich.console import Console

from app.hub.progress import PullProgress


def show(terminal: bool) -> str:
    """What two files look like."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=100)
    with PullProgress(console) as progress:
        progress.begin("step.onnx", 2_000_000, 500_000)
        progress.advance(1_500_000)
        progress.begin("[b]", 10, 0)
        progress.advance(10)
        progress.say("done [b]")
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_plain_lines() -> None:
    assert show(False) == "step.onnx: 2.0 MB, 0.5 MB of it here already\n[b]: 0.0 MB\ndone [b]\n"


def test_a_bar() -> None:
    shown = show(True)
    assert "done [b]" in shown and "\x1b[" in shown
