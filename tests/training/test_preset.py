from pathlib import Path

import pytest

from models.manifest import BadInput
from training.preset import PRESETS, load_preset


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.yaml")))
@pytest.mark.parametrize("world", ["platformer", "puzzle"])
def test_every_preset_reads_for_every_world(name: str, world: str) -> None:
    preset = load_preset(name, world)
    tokens = 128 // preset.tokenizer.patch
    assert tokens**2 <= 256
    assert tokens % preset.dynamics.fold == 0


def test_a_world_overrides_and_a_budget_overrides_the_world() -> None:
    assert load_preset("cpu", "puzzle").tokenizer.patch == 16
    assert load_preset("cpu", "platformer").tokenizer.patch == 8
    assert load_preset("cpu", "puzzle", {"dynamics": 1.5, "tokenizer": None}).dynamics.stage.minutes == 1.5


@pytest.mark.parametrize(
    "text",
    ["5", "[]", "worlds: 3", "worlds: {puzzle: 5}", "seed: x", "data: {frames: 0}", "unknown: 1", "a: [", ""],
)
def test_a_wrong_file_is_bad_input(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"mine\.yaml"):
        load_preset(str(path), "puzzle")


def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    text = (PRESETS / "tiny.yaml").read_text(encoding="utf-8").replace("patch: 16", "patch: 12")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match="patch"):
        load_preset(str(path), "puzzle")
