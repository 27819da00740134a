"""What every simulated world shares. Owns seeding, the split of level seeds and the vector interface; refuses any
game's rules."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, NamedTuple

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.vector import AutoresetMode, VectorEnv

from models.actions import Action

FRAME_SIZE = 128  # pixels, both ways
COLOURS = 16

# Level seeds by purpose: never evaluate on a seed that a model was trained on or chosen with.
SPLITS: dict[str, range] = {
    "train": range(1_000_000),
    "choose": range(1_000_000, 2_000_000),
    "report": range(2_000_000, 3_000_000),
}

Frames = npt.NDArray[np.uint8]
Snapshot = dict[str, np.ndarray[Any, Any]]


class Chance(NamedTuple):
    """Of copy `copy`, the patch of 8×8 pixels in row `row` and column `column` of patches is one of `patches`, uint8
    [M,8,8], with `odds`, float [M]; it has become number `came`, or None of them where the world has gone astray."""

    copy: int
    row: int
    column: int
    patches: npt.NDArray[np.uint8]
    odds: npt.NDArray[np.float64]
    came: int | None


class SimulatedWorld(VectorEnv[Frames, npt.NDArray[np.int64], Any]):
    """N copies of one ground-truth game, stepped together, endless, drawn as palette indices.

    To write a new world, make one new file with a subclass that sets the class attributes below and implements:

    - `_reset_copies(seeds)`: start copy i anew from the level-seed stream of `seeds[i]`.
    - `_advance(actions) -> events`: move every copy on by one tick and return uint32 [N] bits of `event_names`.
    - `render_frames()`: draw all copies, uint8 [N,128,128] palette indices below 16.
    - `snapshot()` / `restore(snapshot)`: the whole state as arrays whose first axis is the copy, so that a state can be
      stepped with every action (counterfactuals) and copies can be picked with fancy indexing.
    - `current_level_seeds`: which level each copy is in.

    and, where the game has more to say than their defaults here, `suggest` (skilled play), `calm` and `stuck`. Then
    name it in `registry.py`.

    Everything the rules need must be visible in a few frames, new content must come in gradually, and all
    randomness must come from the copy's own level seeds: same seed and actions, same frames.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    genre: ClassVar[str]
    description: ClassVar[str]  # one sentence for the menu
    version: ClassVar[int]  # raise it whenever frames or rules change
    actions: ClassVar[tuple[Action, ...]]
    default_keys: ClassVar[dict[Action, tuple[str, ...]]]
    palettes: ClassVar[dict[str, list[tuple[int, int, int]]]]
    event_names: ClassVar[tuple[str, ...]]  # bit i of the event mask
    scripts: ClassVar[dict[str, list[tuple[Action, int]]]]  # open-loop autoplay: (action, ticks)
    policy_shares: ClassVar[dict[str, float] | None] = None  # of the mixture that plays for data, where not the usual
    knows_chances: ClassVar[bool] = False  # whether it has `chances` to tell
    tick_rate: ClassVar[int] = 30

    metadata: dict[str, Any] = {  # noqa: RUF012  # declared so by gymnasium
        "render_modes": ["rgb_array"],
        "render_fps": 30,
        "autoreset_mode": AutoresetMode.DISABLED,
    }

    def __init__(self, num_envs: int, split: str = "train") -> None:
        if num_envs < 1:
            raise ValueError(f"num_envs must be at least 1, got {num_envs}")
        self.num_envs = num_envs
        self.split = split
        self.level_seeds = SPLITS[split]
        self.single_observation_space = gymnasium.spaces.Box(0, COLOURS - 1, (FRAME_SIZE, FRAME_SIZE), np.uint8)
        self.single_action_space = gymnasium.spaces.Discrete(len(self.actions))
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | list[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Start every copy anew. `seed`: one int (copy i gets seed + i) or one a copy; None is 0, so that runs
        repeat."""
        if isinstance(seed, list):
            seeds = np.asarray(seed, np.int64)
        else:
            seeds = (seed or 0) + np.arange(self.num_envs, dtype=np.int64)
        if seeds.shape != (self.num_envs,):
            raise ValueError(f"seed must have {self.num_envs} entries, got {len(seeds)}")
        self._reset_copies(seeds)
        return self.render_frames(), {"events": np.zeros(self.num_envs, np.uint32)}

    def step(
        self, actions: npt.NDArray[np.int64]
    ) -> tuple[Frames, npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.bool_], dict[str, Any]]:
        """One tick. `actions` int [N], indices into `self.actions`. Returns frames uint8 [N,128,128], zero rewards,
        no terminations (worlds are endless) and `info["events"]` uint32 [N]."""
        events = self._advance(np.asarray(actions))
        no = np.zeros(self.num_envs, np.bool_)
        return self.render_frames(), np.zeros(self.num_envs), no, no.copy(), {"events": events}

    @property
    def calm(self) -> npt.NDArray[np.bool_]:
        """bool [N]: the copies at which play may begin: nobody is dying and no level is changing."""
        return np.ones(self.num_envs, np.bool_)

    @property
    def stuck(self) -> npt.NDArray[np.bool_]:
        """bool [N]: the copies that can't be won any more, as far as known. Collecting starts them anew after a
        while."""
        return np.zeros(self.num_envs, np.bool_)

    def suggest(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """What a skilled player that reads the simulator would press, int64 [N]; here one that presses at random."""
        return rng.integers(len(self.actions), size=self.num_envs)

    @property
    @abstractmethod
    def current_level_seeds(self) -> npt.NDArray[np.int64]:
        """int64 [N]: the seeds, inside the split, of the levels that the copies are in."""

    def chances(self) -> list[Chance]:
        """What chance has brought into the newest pictures, and what it might have brought; none where a world can't
        tell."""
        return []

    def go_astray(self, copies: npt.NDArray[np.bool_]) -> None:
        """From their next level on, let those of the copies, bool [N], come to where the rules don't lead, but a
        network's errors may; `chances` tells what should follow there. No part of snapshots. Nothing where a world
        knows no such places."""

    def event_bit(self, name: str) -> int:
        """The mask bit of a named event."""
        return 1 << self.event_names.index(name)

    @abstractmethod
    def _reset_copies(self, seeds: npt.NDArray[np.int64]) -> None: ...

    @abstractmethod
    def _advance(self, actions: npt.NDArray[Any]) -> npt.NDArray[np.uint32]: ...

    @abstractmethod
    def render_frames(self) -> Frames: ...

    @abstractmethod
    def snapshot(self) -> Snapshot: ...

    @abstractmethod
    def restore(self, snapshot: Snapshot) -> None: ...
