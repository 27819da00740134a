"""Thumbnails: a few small pictures of a video, and none of what isn't one."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from app.library.thumbnails import KEPT, PICTURES, Thumbnails, read_pictures
from engine.recordings.video import VideoWriter


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video that gets brighter."""
    writer = VideoWriter(tmp_path / "video.mp4", (32, 32), 30)
    for tick in range(200):
        writer.add(np.full((32, 32, 3), tick, np.uint8), tick)
    writer.close()
    return tmp_path / "video.mp4"


def test_pictures_are_small_few_and_in_order(video: Path) -> None:
    pictures = read_pictures(video)
    assert len(pictures) == PICTURES and {picture.shape for picture in pictures} == {(128, 128, 3)}
    means = [float(picture.mean()) for picture in pictures]
    assert means == sorted(means) and means[-1] > means[0] + 80


@pytest.mark.parametrize("data", [b"", b"no video at all", b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n"])
def test_what_is_no_video_has_none(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "video.mp4").write_bytes(data)
    assert read_pictures(tmp_path / "video.mp4") == [] and read_pictures(tmp_path / "none.mp4") == []


def test_half_a_video_has_its_first_pictures(video: Path) -> None:
    data = video.read_bytes()
    video.write_bytes(data[: len(data) * 2 // 3])
    assert 0 < len(read_pictures(video)) <= PICTURES


def test_they_are_read_behind_the_scenes_and_some_are_kept(video: Path) -> None:
    thumbnails = Thumbnails()
    end = time.monotonic() + 60
    while not thumbnails.get(video):
        assert time.monotonic() < end
        time.sleep(0.01)
    for number in range(KEPT + 5):
        thumbnails.get(video.with_name(f"{number}.mp4"))
    assert len(thumbnails._found) == KEPT
    thumbnails.close()
