"""Pictures of what was measured, to be looked at: sheets and clips. Owns their layout; refuses figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.atomic import write_atomically
from engine.recordings.video import VideoWriter

GAP = 4  # pixels between pictures
Pictures = npt.NDArray[np.uint8]


def contact_sheet(rows: Sequence[Sequence[Pictures]]) -> Pictures:
    """Rows of equally large RGB pictures uint8 [H,W,3] as one picture; a short row is left dark at its end."""
    height, width = rows[0][0].shape[:2]
    columns = max(len(row) for row in rows)
    shape = (len(rows) * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3)
    sheet = np.full(shape, 24, np.uint8)
    for number, row in enumerate(rows):
        for place, picture in enumerate(row):
            top, left = number * (height + GAP), place * (width + GAP)
            sheet[top : top + height, left : left + width] = picture
    return sheet


def write_png(picture: Pictures, path: Path) -> None:
    """Write an RGB picture uint8 [H,W,3]."""
    import av  # takes a while to import, and only sheets need it

    codec = av.CodecContext.create("png", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.height, codec.width = picture.shape[:2]
    codec.pix_fmt = "rgb24"
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    buffer = io.BytesIO()
    for packet in [*codec.encode(frame), *codec.encode(None)]:
        buffer.write(bytes(packet))
    write_atomically(path, buffer.getvalue())


def write_clip(pictures: Sequence[Pictures], path: Path, tick_rate: int) -> None:
    """Write RGB pictures uint8 [H,W,3] as a video."""
    even = [np.pad(p, ((0, p.shape[0] % 2), (0, p.shape[1] % 2), (0, 0))) for p in pictures]
    writer = VideoWriter(path, even[0].shape, tick_rate)
    for tick, picture in enumerate(even):
        writer.add(picture, tick)
    writer.close()
