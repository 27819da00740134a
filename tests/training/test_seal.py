import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.checkpoint import load_checkpoint
from models.manifest import BadInput, read_manifest
from training.seal import attach_metrics, check_replaceable
from training.starts import find_starts
from training.worlds.base import SPLITS


def test_what_is_sealed_is_what_is_loaded(tiny_world: Path) -> None:
    checkpoint = load_checkpoint(tiny_world)
    assert checkpoint.manifest.name == "puzzle"
    assert checkpoint.start_tokens.shape == (3, 4, checkpoint.manifest.tokens) == (3, 4, 256)
    assert checkpoint.start_pixels.max() < 16
    assert sorted(path.name for path in tiny_world.iterdir()) == sorted([*checkpoint.manifest.files, "manifest.yaml"])
    for name, entry in checkpoint.manifest.files.items():
        assert hashlib.sha256((tiny_world / name).read_bytes()).hexdigest() == entry.sha256


def test_a_world_that_half_precision_changes_is_not_sealed(
    seal_tiny: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "world"
    monkeypatch.setattr("training.half_parity.LEAST_EQUAL", 0.5)
    seal_tiny(folder, half_states=2)
    sealed = read_manifest(folder).digest
    monkeypatch.setattr("training.half_parity.LEAST_EQUAL", 1.1)
    with pytest.raises(BadInput, match="half precision: expected"):
        seal_tiny(folder, half_states=2)
    assert read_manifest(folder).digest == sealed


def test_starts_come_from_levels_that_choose(tiny_world: Path) -> None:
    stored = load_checkpoint(tiny_world).level_seeds
    assert len(set(stored.tolist())) == 3
    assert all(int(seed) in SPLITS["choose"] for seed in stored)
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


def test_a_folder_with_other_things_in_it_is_never_replaced(tiny_world: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    for place in (tmp_path, tmp_path / "thesis.txt", Path()):
        with pytest.raises(BadInput, match="out"):
            check_replaceable(place)
    check_replaceable(tiny_world)
    check_replaceable(tmp_path / "new")
