"""Which tensors a world's graphs take and give. Owns that list, made from the manifest; refuses any runtime's types."""

from __future__ import annotations

from models.manifest import Manifest, TensorSpec


def step_tensors(manifest: Manifest) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Inputs and outputs that the step graph must have; the first three of each are not state."""
    count = manifest.tokens
    inputs = [
        TensorSpec(name="tokens", shape=(1, count), dtype="int64"),
        TensorSpec(name="action", shape=(1,), dtype="int64"),
        TensorSpec(name="noise", shape=(1, count), dtype="float32"),
    ]
    outputs = [
        TensorSpec(name="next_tokens", shape=(1, count), dtype="int64"),
        TensorSpec(name="picture", shape=(1, *manifest.picture_shape), dtype="uint8"),
        TensorSpec(name="entropy", shape=(1,), dtype="float32"),
    ]
    rolled = [TensorSpec(name=spec.output_name, shape=spec.shape, dtype=spec.dtype) for spec in manifest.state]
    return [*inputs, *manifest.state], [*outputs, *rolled]


def encoder_tensors(manifest: Manifest) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """Inputs and outputs that the encoder graph must have."""
    picture = TensorSpec(name="picture", shape=(1, *manifest.picture_shape), dtype="uint8")
    return [picture], [TensorSpec(name="tokens", shape=(1, manifest.tokens), dtype="int64")]
