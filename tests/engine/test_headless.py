"""Play without a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.autoplay import make_autoplayer
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint
from engine.headless import play_headless
from engine.recording import read_session
from models.manifest import BadInput


def test_plays_and_records(checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path) -> None:
    player = make_autoplayer("sticky", checkpoint.manifest, 1)
    report = play_headless(checkpoint, backend, player, 150, tmp_path / "rec", rng_seed=4, start=2)
    record = read_session(tmp_path / "rec")
    assert (report.world, report.frames, record.frames) == ("predictable", 150, 151)
    assert report.last_digest == record.entries[-1].tokens_digest  # type: ignore[union-attr]
    assert report.recording == str(tmp_path / "rec") and report.recording_problem is None
    assert report.fps > 0 and report.compute_ms.p50 is not None


def test_same_seed_same_play(checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    def digest(seed: int) -> str:
        player = make_autoplayer("random", checkpoint.manifest, 1)
        return play_headless(checkpoint, backend, player, 30, rng_seed=seed).last_digest

    assert digest(1) == digest(1) != digest(2)


def test_paced_play_keeps_the_tick_rate(checkpoint: Checkpoint, backend: OnnxBackend) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    player = make_autoplayer("script", checkpoint.manifest, 0)
    report = play_headless(checkpoint, backend, player, 31, paced=True, clock=lambda: now[0], sleep=sleep)
    assert report.seconds == pytest.approx(1.0)


@pytest.mark.parametrize("frames", [0, -3])
def test_no_frames_is_bad_input(checkpoint: Checkpoint, backend: OnnxBackend, frames: int) -> None:
    with pytest.raises(BadInput, match="frames: expected at least 1"):
        play_headless(checkpoint, backend, make_autoplayer("random", checkpoint.manifest, 0), frames)
