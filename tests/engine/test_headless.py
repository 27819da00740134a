"""Play without a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.autoplay import make_autoplayer
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint, load_checkpoint
from engine.headless import play_headless
from engine.recordings.recording import read_session
from engine.recordings.replay import verify
from models.manifest import BadInput


def test_plays_and_records(checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path) -> None:
    player = make_autoplayer("sticky", checkpoint.manifest, 1)
    report = play_headless(checkpoint, backend, player, 150, tmp_path / "rec", rng_seed=4, start=2)
    record = read_session(tmp_path / "rec")
    assert (report.world, report.frames, record.frames) == ("predictable", 150, 151)
    assert report.last_digest == record.entries[-1].tokens_digest  # type: ignore[union-attr]
    assert report.recording == str(tmp_path / "rec") and report.recording_problem is None
    assert report.video_problem is None
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


def test_a_world_from_the_real_exporter(tiny_world: Path, tmp_path: Path) -> None:
    """Not the predictable graphs: networks, sampling and rings, recorded and made again by another backend."""
    checkpoint = load_checkpoint(tiny_world)
    player = make_autoplayer("random", checkpoint.manifest, 1)
    report = play_headless(checkpoint, OnnxBackend(checkpoint, threads=1), player, 20, tmp_path / "rec", rng_seed=9)
    again = OnnxBackend(checkpoint, threads=1)
    verdict = verify(read_session(tmp_path / "rec"), checkpoint, again)
    assert verdict.same and verdict.frames == 21 and report.recording_problem is None
    assert again.encode(checkpoint.start_pixels[0]).shape == (checkpoint.manifest.tokens,)
