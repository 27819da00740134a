"""Whether any level that is measured on was trained on, be it mirrored or turned. Owns which levels are compared;
refuses to judge by seeds alone.

Levels follow from seeds: those of the copies that measuring plays, and those that the training data's card files name.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from models.manifest import BadInput, first_problem
from training.data.dataset import read_card, shard_paths
from training.data.shards import SegmentMeta
from training.worlds import platformer_levels
from training.worlds.base import SimulatedWorld
from training.worlds.platformer import Platformer
from training.worlds.puzzle import PuzzleWorld
from training.worlds.puzzle_levels import board_identity, generate_level
from training.worlds.registry import make_world

LEVEL_ENDS = {"platformer": "biome", "puzzle": "solved"}  # the event that draws the next level
DEPTH = 30  # levels of each measured copy: more than it gets to


def compare_levels(world_name: str, copy_seeds: Iterable[int], split: str, folders: Iterable[Path]) -> dict[str, int]:
    """How many levels are measured on, how many were trained on, and how many of both are alike. Raises BadInput."""
    measured = _level_seeds(world_name, split, dict.fromkeys(copy_seeds, DEPTH))
    trained: set[int] = set()
    for folder in folders:
        trained |= training_levels(folder, world_name)
    theirs = {level_identity(world_name, seed) for seed in trained}
    shared = sum(level_identity(world_name, seed) in theirs for seed in measured)
    return {"measured_levels": len(measured), "training_levels": len(trained), "shared": shared}


def training_levels(folder: Path, world_name: str) -> set[int]:
    """The level seeds that the episodes of a data set were in. Raises BadInput."""
    card = read_card(folder)
    if card.world != world_name:
        raise BadInput(f"{folder}: world: expected data of {world_name}, found {card.world}")
    copies: dict[str, int] = {}
    reached: dict[str, int] = {}
    for path in shard_paths(folder):
        for meta in _metas(path):
            copies[meta.episode] = meta.seed
            reached[meta.episode] = reached.get(meta.episode, 1) + meta.events.get(LEVEL_ENDS[world_name], 0)
    if not copies:
        raise BadInput(f"{folder}: data: expected at least one segment")
    depths: dict[int, int] = {}
    for episode, seed in copies.items():
        depths[seed] = max(depths.get(seed, 0), reached[episode] + 1)
    return _level_seeds(world_name, card.split, depths)


def level_identity(world_name: str, level_seed: int) -> bytes:
    """The same for levels that are mirror images or turned by quarters."""
    if world_name == "platformer":
        ops = platformer_levels.level(level_seed)
        return min(ops, ops[::-1])
    return board_identity(generate_level(level_seed).board)


def _level_seeds(world_name: str, split: str, depths: dict[int, int]) -> set[int]:
    """The first levels of these copy seeds, as many of each as it says."""
    seeds = list(depths)
    world = make_world(world_name, len(seeds), split)
    world.reset(seed=seeds)
    deep = np.array(list(depths.values()))
    found: set[int] = set()
    for level in range(int(deep.max())):
        _set_level(world, level)
        found |= set(world.current_level_seeds[deep > level].tolist())
    return found


def _set_level(world: SimulatedWorld, level: int) -> None:
    if isinstance(world, Platformer):
        world.level_index[:] = level
    elif isinstance(world, PuzzleWorld):
        world.state.level[:] = level
    else:
        raise BadInput(f"{world.name}: world: its levels can't be compared")


def _metas(path: Path) -> Iterable[SegmentMeta]:
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith(".json") else None
                if file is not None:
                    yield SegmentMeta.model_validate_json(file.read())
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be read ({error.strerror})") from error
    except tarfile.TarError as error:
        raise BadInput(f"{path}: file: expected a whole tar file ({error})") from error
