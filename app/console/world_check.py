"""Whether a world's folder is whole and plays. Owns that check; refuses to mend."""

from __future__ import annotations

from pathlib import Path

from engine.checkpoint import Checkpoint, load_checkpoint
from engine.decoder import decode
from models.manifest import BadInput


def check_world(folder: Path) -> Checkpoint:
    """Verify sizes, hashes and start frames, and run every graph once. Raises BadInput in one line."""
    from engine.backends.onnx import OnnxBackend  # the runtime takes a while to import

    checkpoint = load_checkpoint(folder)
    try:
        backend = OnnxBackend(checkpoint, 1)
        backend.warm_up()
        backend.encode(checkpoint.start_pixels[0])
        backend.close()
        decode(checkpoint, checkpoint.start_tokens[0, -1])
    except BadInput:
        raise
    except Exception as error:  # the runtime's exceptions share no base class of their own
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise BadInput(f"{folder}: graph: expected one that runs ({reason})") from error
    return checkpoint
