import hashlib
from pathlib import Path

import numpy as np
import pytest

from engine.checkpoint import load_checkpoint
from models.manifest import BadInput, read_manifest
from training.seal import attach_metrics


def test_what_is_sealed_is_what_is_loaded(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    assert checkpoint.manifest.name == "puzzle"
    assert checkpoint.start_tokens.shape == (3, 4, 64)
    assert checkpoint.start_pixels.max() < 16
    assert sorted(path.name for path in tiny_world.iterdir()) == sorted([*checkpoint.manifest.files, "manifest.yaml"])
    for name, entry in checkpoint.manifest.files.items():
        assert hashlib.sha256((tiny_world / name).read_bytes()).hexdigest() == entry.sha256


def test_starts_come_from_levels_that_choose(tiny_world: Path) -> None:
    # Copies' seeds are stored; the levels that they lead to are of the choosing split.
    from training.starts import find_starts

    starts = find_starts("puzzle", 3, 4, "choose", 5)
    assert np.array_equal(starts.seeds, load_checkpoint(tiny_world).level_seeds)
    with pytest.raises(ValueError, match="training levels"):
        find_starts("puzzle", 3, 4, "train", 5)


def test_metrics_do_not_change_the_digest(tiny_world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    folder.mkdir()
    for path in tiny_world.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    before = read_manifest(folder)
    attach_metrics(folder, before, b"{}", {"psnr_db": 1.0})
    after = load_checkpoint(folder).manifest
    assert after.digest == before.digest
    assert after.metrics == "metrics.json"
    (folder / "metrics.json").write_bytes(b"[]")
    with pytest.raises(BadInput, match=r"metrics\.json"):
        load_checkpoint(folder)
