"""Moving thumbnails of recordings. Owns decoding a few pictures of a video in the background; refuses to draw them.

A video that can't be decoded, for whatever reason, has no thumbnail; nothing else depends on it.
"""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

PICTURES = 24  # of a thumbnail
STRIDE = 5  # frames of the video from one to the next
SIDE = 128  # pixels of the longer side
KEPT = 24  # thumbnails in memory

Pictures = list[npt.NDArray[np.uint8]]


class Thumbnails:
    """Thumbnails by video, the ones asked for last kept."""

    def __init__(self) -> None:
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="thumbnails")
        self._found: OrderedDict[Path, Future[Pictures]] = OrderedDict()

    def get(self, video: Path) -> Pictures | None:
        """Pictures uint8 [h,w,3] of a video: None while it is being read, an empty list where it can't be."""
        if video not in self._found:
            self._found[video] = self._reader.submit(read_pictures, video)
        self._found.move_to_end(video)
        while len(self._found) > KEPT:
            _, dropped = self._found.popitem(last=False)
            dropped.cancel()
        future = self._found[video]
        return future.result() if future.done() and not future.cancelled() else None

    def close(self) -> None:
        """Stop reading."""
        self._reader.shutdown(wait=True, cancel_futures=True)


def read_pictures(video: Path) -> Pictures:
    """The first pictures of an MP4, every STRIDE-th, made small; none where it can't be decoded."""
    import av  # takes a while to import

    pictures: Pictures = []
    try:
        with av.open(str(video.absolute()), format="mp4", options={"protocol_whitelist": "file"}) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number % STRIDE == 0:
                    scale = SIDE / max(frame.width, frame.height, 1)
                    size = max(1, int(frame.width * scale)), max(1, int(frame.height * scale))
                    small = frame.reformat(*size, format="rgb24", interpolation="POINT")
                    pictures.append(small.to_ndarray().astype(np.uint8))
                if len(pictures) == PICTURES:
                    break
    except Exception:  # the decoder has kinds of its own for each way in which a file can be broken
        return pictures
    return pictures
