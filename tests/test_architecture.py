"""The house as a test: floors, what the player installs, and tests that mirror the source."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parent.parent
FLOORS = ("app", "engine", "models", "training")


def test_the_floors_hold() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml")) == 0


@pytest.mark.parametrize(
    "module",
    [
        "app.cli",
        "app.arcade",
        "app.console.worlds",
        "engine.headless",
        "engine.measuring.bench",
        "engine.recordings.replay",
    ],
)
def test_the_player_never_loads_training_libraries(module: str) -> None:
    others = ("torch", "gymnasium", "onnx", "training", "huggingface_hub")  # the last only where it is asked for
    code = f"import sys, {module}; print([m for m in {others} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("[]")


def test_every_test_file_has_a_source() -> None:
    lost = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        place = path.relative_to(ROOT / "tests").with_name(path.name.removeprefix("test_"))
        source = ROOT / place
        if place.parts[0] in FLOORS and not (source.is_file() or source.with_suffix("").is_dir()):
            # One source may have several test files: test_platformer_physics.py beside test_platformer.py.
            stems = {entry.stem for entry in source.parent.glob("*.py")}
            if not any(place.stem.startswith(stem) for stem in stems):
                lost.append(str(place))
    assert lost == []


def test_the_player_installs_small() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    heavy = ("torch", "tensorflow", "accelerate", "gymnasium", "webdataset")
    assert not [need for need in project["dependencies"] if need.startswith(heavy)]


def test_nothing_lies_at_the_top_that_does_not_belong() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    top = {line.split("/")[0] for line in listed.splitlines() if not line.startswith(".")}
    if not top:
        pytest.skip("not a git checkout")
    assert top == {"pyproject.toml", "README.md", "LICENSE", "assets", "tests", *FLOORS}
