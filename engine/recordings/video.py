"""The video of a recording. Owns encoding frames so that a killed process leaves a file that opens; refuses queues.

A fragmented MP4: a fragment is complete and on disk every half second, and no index is needed at the end.
"""

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from engine.recordings.whole_file import WholeFile

if TYPE_CHECKING:
    import av

SIDE = 512  # pixels that a small picture is enlarged to, by a whole number
FRAGMENT_LIMIT = 1 << 20  # bytes: a fragment below this reaches the disk in one write, so a kill can hardly tear it
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}
_ENCODER = {"preset": "ultrafast", "tune": "zerolatency", "crf": "20", "bf": "0"}


class VideoWriter:
    """Encodes pictures of one shape to H.264. Used by one thread. Raises OSError when the disk refuses."""

    def __init__(self, path: Path, shape: tuple[int, ...], tick_rate: int, scale: int | None = None) -> None:
        """`shape` is that of the pictures: (H, W) of palette indices or (H, W, 3). `scale` enlarges them by a whole
        number, None as suits their size; width and height must come out even."""
        import av  # takes a while to import, and only a recording needs it
        from av.video.reformatter import VideoReformatter

        height, width = shape[:2]
        scale = scale or 2 * max(1, SIDE // 2 // max(height, width))  # even, as the chroma planes want it
        self._size = (width * scale, height * scale)
        self._file = WholeFile(path)
        self._container: av.container.OutputContainer = av.open(
            self._file, "w", format="mp4", options=_FRAGMENTS, buffer_size=FRAGMENT_LIMIT
        )
        stream = self._container.add_stream("libx264", rate=tick_rate, options=_ENCODER)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        stream.gop_size = max(1, tick_rate // 2)
        stream.codec_context.thread_count = 1  # the cores belong to the model
        stream.codec_context.time_base = Fraction(1, tick_rate)
        self._stream = stream
        self._frame_class = av.VideoFrame
        self._scaler = VideoReformatter()  # kept: setting one up costs more than a picture

    def add(self, picture: npt.NDArray[np.uint8], tick: int) -> None:
        """Encode a picture uint8 [H,W,3], shown from `tick` on; ticks rise."""
        small = self._frame_class.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        frame = self._scaler.reformat(small, *self._size, format="yuv420p", interpolation="POINT")
        frame.pts, frame.time_base = tick, self._stream.codec_context.time_base
        self._container.mux(self._stream.encode(frame))

    def sync(self) -> None:
        """Make the fragments written so far survive a power cut."""
        self._file.sync()

    def close(self) -> None:
        """Write what the encoder still holds and close. Raises OSError."""
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        finally:
            self._file.close()

    def abandon(self) -> None:
        """Close without another word, after a failure: the fragments on disk stay."""
        self._file.close()
        with contextlib.suppress(Exception):  # its last bytes have no file any more
            self._container.close()
