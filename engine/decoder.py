"""What tokens look like. Owns running a world's decoder graph now and then; refuses to make frames (backends)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.checkpoint import Checkpoint, verify_file
from models.manifest import BadInput


def decode(checkpoint: Checkpoint, tokens: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """The picture uint8 [H,W] or [H,W,3] of tokens int64 [P]. Raises BadInput where the graph isn't what it must be."""
    import onnxruntime as ort  # takes a while to import, and most sessions never need a decoder

    verify_file(checkpoint.folder, checkpoint.manifest.graphs.decoder, checkpoint.manifest)  # it is loaded late
    path = checkpoint.folder / checkpoint.manifest.graphs.decoder
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # a bad graph is told as BadInput, once
    try:
        graph = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        picture: npt.NDArray[np.uint8] = graph.run(["picture"], {"tokens": tokens[None]})[0]
    except Exception as error:  # the runtime's exceptions share no base class of their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(f"{path}: graph: expected one that paints tokens ({reason})") from error
    if picture.dtype != np.uint8 or picture.shape != (1, *checkpoint.manifest.picture_shape):
        expected = f"uint8 {[1, *checkpoint.manifest.picture_shape]}"
        raise BadInput(f"{path}: output picture: expected {expected}, found {picture.dtype} {list(picture.shape)}")
    pixels: npt.NDArray[np.uint8] = picture[0]
    return pixels
