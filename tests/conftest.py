"""Fixtures that several floors share: a small real checkpoint, made by the real exporter from untrained networks."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the machine's affair; what comes out is ours. The examples are the same in every run, so
# that a run that fails fails again; `--hypothesis-profile explore` looks for new ones.
settings.register_profile("dreamcade", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("dreamcade")

# Before anything imports a numerical library: tests run beside other work and must not fight for cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
# What the developer has pulled is no part of the tests.
os.environ["DREAMCADE_WORLDS"] = str(Path(tempfile.gettempdir()) / "dreamcade-tests-pull-nothing")


@pytest.fixture(scope="session")
def seal_tiny() -> Callable[..., None]:
    """Seals a puzzle world with tiny untrained networks into a folder: real graphs, real start frames, no skill."""
    import torch

    from models.dynamics import DynamicsModel
    from models.manifest import Provenance
    from models.tokenizer import Tokenizer
    from training.dynamics_stage import dynamics_config
    from training.export import Sampling
    from training.preset import load_preset
    from training.run import PICTURE
    from training.seal import Networks, seal
    from training.starts import find_starts
    from training.tokenizer_stage import tokenizer_config
    from training.worlds.puzzle import PuzzleWorld

    torch.manual_seed(0)
    preset = load_preset("tiny", "puzzle")
    tokenizer = Tokenizer(tokenizer_config(preset, PICTURE))
    tokenizer.book.random_(0, 16)
    dynamics = DynamicsModel(dynamics_config(preset, tokenizer, len(PuzzleWorld.actions)))
    dynamics.show(tokenizer.book)
    provenance = Provenance(
        preset="tiny",
        device="cpu",
        seed=0,
        frames=0,
        steps={},
        hours={},
        world_version=PuzzleWorld.version,
        created="2026-01-01",
    )
    networks = Networks(tokenizer.eval(), dynamics.eval(), Sampling(min_p=0.1, shared_noise=False))
    starts = find_starts("puzzle", 3, 4, "choose", 5)

    def into(folder: Path, half_states: int = 0) -> None:
        seal(networks, PuzzleWorld, starts, provenance, folder, half_states)

    return into


@pytest.fixture(scope="session")
def tiny_world(tmp_path_factory: pytest.TempPathFactory, seal_tiny: Callable[..., None]) -> Path:
    """A world that `seal_tiny` made."""
    folder = tmp_path_factory.mktemp("worlds") / "tiny"
    seal_tiny(folder)
    return folder
