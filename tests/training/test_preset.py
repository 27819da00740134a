import re
from pathlib import Path

import pytest

from models.manifest import BadInput
from training.preset import PRESETS, load_preset

MINE = """
data: {frames: 100}
tokenizer: {patch: 8, stage: {steps: 10, minutes: 6, batch: 2, learning_rate: 0.003}}
dynamics: {stage: {steps: 20, minutes: 9, batch: 2, learning_rate: 0.002}}
teacher: {stage: {steps: 20, batch: 2, learning_rate: 0.002}}
student: {stage: {steps: 20, batch: 2, learning_rate: 0.002}}
worlds:
  puzzle: {tokenizer: {patch: 16, stage: {minutes: 3}}}
"""


@pytest.mark.parametrize("name", sorted(path.stem for path in PRESETS.glob("*.yaml")))
@pytest.mark.parametrize("world", ["platformer", "puzzle"])
def test_every_preset_reads_for_every_world(name: str, world: str) -> None:
    preset = load_preset(name, world)
    tokens = 128 // preset.tokenizer.patch
    assert tokens**2 <= 256
    assert tokens % preset.dynamics.fold == 0


def test_a_world_overrides_and_a_budget_overrides_the_world(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE, encoding="utf-8")
    puzzle, platformer = (load_preset(str(path), world) for world in ("puzzle", "platformer"))
    assert (puzzle.tokenizer.patch, puzzle.tokenizer.stage.minutes) == (16, 3)
    assert (platformer.tokenizer.patch, platformer.tokenizer.stage.minutes) == (8, 6)
    assert puzzle.tokenizer.stage.steps == platformer.tokenizer.stage.steps == 10, "what it leaves out stays"
    assert puzzle.dynamics == platformer.dynamics
    short = load_preset(str(path), "puzzle", {"tokenizer": 1.5, "dynamics": None})
    assert short.tokenizer.stage.minutes == 1.5 and short.dynamics == puzzle.dynamics
    assert load_preset(str(path), "puzzle", mode="distil").student.mode == "distil"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("5", "document"),
        ("[]", "document"),
        ("", "document"),
        ("a: [", "document"),
        ("data: {frames: 100}", "tokenizer"),
        # Of a key that comes twice the last counts.
        (MINE + "worlds: 3", "worlds"),
        (MINE + "worlds: {puzzle: 5}", "worlds"),
        (MINE + "seed: x", "seed"),
        (MINE + "data: {frames: 0}", "data.frames"),
        (MINE + "unknown: 1", "unknown"),
    ],
)
def test_a_wrong_file_is_bad_input(tmp_path: Path, text: str, place: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=rf"mine\.yaml: {re.escape(place)}"):
        load_preset(str(path), "puzzle")


@pytest.mark.parametrize("patch", [12, 64, 0, -8])
def test_a_patch_that_does_not_fit_is_refused(tmp_path: Path, patch: int) -> None:
    path = tmp_path / "mine.yaml"
    text = MINE.replace("patch: 16", f"patch: {patch}")
    assert text != MINE
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=r"mine\.yaml: tokenizer\.patch"):
        load_preset(str(path), "puzzle")
    assert load_preset(str(path), "platformer").tokenizer.patch == 8, "nothing else is wrong with the file"
