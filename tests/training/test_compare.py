from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from models.manifest import BadInput
from training.compare import compare, compare_table


def test_checkpoints_are_measured_on_the_same_clips(tiny_world: Path, shipped: Any) -> None:
    folders = [tiny_world, shipped[0]]
    compared = compare(folders, "puzzle", 2, "choose", threads=1)
    assert [one.checkpoint for one in compared] == [str(folder) for folder in folders]
    assert compared[0].copy_last_db == compared[1].copy_last_db
    assert all(one.changed_pixels is not None and 0 <= one.changed_pixels < 0.9 for one in compared)
    assert compared[1].steps == {"dynamics": 7}
    console = Console(width=200)
    with console.capture() as shown:
        console.print(compare_table("puzzle", compared))
    assert f"{compared[0].copy_last_db:.1f} dB" in shown.get()


def test_what_cannot_be_compared_is_refused(tiny_world: Path) -> None:
    with pytest.raises(BadInput, match="expected actions and pixels like those of moon"):
        compare([tiny_world], "moon", 2, "choose")
    with pytest.raises(BadInput, match="train: split: expected one of choose, report"):
        compare([tiny_world], "puzzle", 2, "train")
