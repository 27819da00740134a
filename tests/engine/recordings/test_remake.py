"""A record played again to be kept: the folder that comes out verifies, the video has every frame."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from engine.autoplay import make_autoplayer
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint
from engine.headless import play_headless
from engine.recordings.recording import SessionRecord, read_session
from engine.recordings.remake import export_video, remake
from engine.recordings.replay import verify
from engine.recordings.share import read_share, write_share
from models.manifest import BadInput


@pytest.fixture
def record(checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path) -> SessionRecord:
    """A shared session of random play."""
    player = make_autoplayer("random", checkpoint.manifest, 3)
    play_headless(checkpoint, backend, player, 50, tmp_path / "rec", rng_seed=5, start=1)
    write_share(read_session(tmp_path / "rec"), tmp_path / "a.dreamcade")
    return read_share(tmp_path / "a.dreamcade")


def test_the_folder_is_what_was_recorded_first(
    record: SessionRecord, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path
) -> None:
    seen: list[int] = []
    report = remake(record, checkpoint, backend, tmp_path / "again", lambda frame: seen.append(frame.index))
    assert report.same and report.frames == 51 and seen == list(range(51))
    again = read_session(tmp_path / "again")
    assert again.entries == read_session(tmp_path / "rec").entries
    assert verify(again, checkpoint, backend).same
    with av.open(str(tmp_path / "again" / "video.mp4")) as container:
        assert sum(1 for _ in container.decode(video=0)) == 51


@pytest.mark.parametrize("scale", [1, 3, None])
def test_a_video_of_any_whole_scale(
    record: SessionRecord, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path, scale: int | None
) -> None:
    path = tmp_path / "a.mp4"
    export_video(record, checkpoint, backend, path, scale, lambda frame: None)
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 51 and frames[0].shape[:2] == ((32 * scale,) * 2 if scale else (512, 512))
    colours = np.array(checkpoint.manifest.palettes["day"])
    shown, scale = frames[0], scale or 16
    corner = shown[scale // 2, scale // 2].astype(int)
    assert np.abs(corner - colours[checkpoint.start_pixels[1][0, 0]]).max() < 60
    assert not [entry for entry in tmp_path.iterdir() if entry.name.startswith(".")]


def test_a_video_never_replaces_a_file(
    record: SessionRecord, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path
) -> None:
    (tmp_path / "a.mp4").write_text("mine", encoding="utf-8")
    with pytest.raises(BadInput, match="expected a new one"):
        export_video(record, checkpoint, backend, tmp_path / "a.mp4", 2, lambda frame: None)
    assert (tmp_path / "a.mp4").read_text(encoding="utf-8") == "mine"


def test_a_place_that_cannot_be_written_is_told(
    record: SessionRecord, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=r"a\.mp4: video: cannot be written"):
        export_video(record, checkpoint, backend, tmp_path / "none" / "a.mp4", 2, lambda frame: None)
    with pytest.raises(BadInput, match="recording"):
        remake(record, checkpoint, backend, tmp_path / "rec", lambda frame: None)
