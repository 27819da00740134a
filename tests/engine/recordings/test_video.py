"""The video of a recording, read back with PyAV."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from engine.recordings.video import VideoWriter


def pictures(count: int, height: int = 32, width: int = 32) -> npt.NDArray[np.uint8]:
    """Blocks of flat colour that move."""
    chance = np.random.default_rng(1)
    blocks = chance.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
    still = np.repeat(np.repeat(blocks, 8, 0), 8, 1)
    return np.stack([np.roll(still, shift, axis=1) for shift in range(count)])


def read(path: Path, torn: bool = False) -> tuple[list[npt.NDArray[np.uint8]], list[float]]:
    """Pictures and times in seconds."""
    frames: list[av.VideoFrame] = []
    with av.open(str(path)) as container:
        try:
            frames.extend(container.decode(video=0))
        except av.error.InvalidDataError:
            assert torn, "only a file that was cut may end in half a picture"
    return [frame.to_ndarray(format="rgb24") for frame in frames], [float(frame.time) for frame in frames]


@pytest.mark.parametrize(("height", "width", "scale"), [(32, 32, 16), (128, 128, 4), (72, 40, 6)])
def test_enlarged_by_a_whole_number_and_true_to_colour(tmp_path: Path, height: int, width: int, scale: int) -> None:
    shown = pictures(20, height, width)
    writer = VideoWriter(tmp_path / "v.mp4", (height, width), 30)
    for tick, picture in enumerate(shown):
        writer.add(picture, tick)
    writer.close()
    frames, times = read(tmp_path / "v.mp4")
    assert len(frames) == 20 and frames[0].shape == (height * scale, width * scale, 3)
    assert times == pytest.approx([tick / 30 for tick in range(20)], abs=1e-3)
    for frame, picture in zip(frames, shown, strict=True):
        centres = frame[scale // 2 :: scale, scale // 2 :: scale].astype(int)
        assert np.abs(centres - picture).mean() < 4


def test_a_missing_picture_leaves_time_true(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "v.mp4", (32, 32), 10)
    for tick in (0, 1, 5, 6):
        writer.add(pictures(1)[0], tick)
    writer.close()
    assert read(tmp_path / "v.mp4")[1] == pytest.approx([0.0, 0.1, 0.5, 0.6], abs=1e-3)


@pytest.mark.parametrize("share", [0.35, 0.6, 0.8, 1.0])
def test_a_file_cut_anywhere_opens(tmp_path: Path, share: float) -> None:
    """Never closed and cut off: what stands before the last fragment plays."""
    path = tmp_path / "v.mp4"
    writer = VideoWriter(path, (32, 32), 30)
    for tick, picture in enumerate(pictures(90)):
        writer.add(picture, tick)
    body = path.read_bytes()  # as a killed process leaves it
    writer.abandon()
    path.write_bytes(body[: int(share * len(body))])
    frames, _ = read(path, torn=True)
    assert len(frames) >= 90 * share - 30


def test_abandon_leaves_the_fragments(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "v.mp4", (32, 32), 30)
    for tick, picture in enumerate(pictures(40)):
        writer.add(picture, tick)
    writer.abandon()
    assert len(read(tmp_path / "v.mp4")[0]) >= 30
