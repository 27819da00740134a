"""True play to measure against: clips and moments of the simulated world. Owns how they are found; refuses any model.

Level seeds of the report split, on which nothing was trained or chosen, or of the split that chooses between models.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import numpy.typing as npt

from training.evaluate.known import Notes, sight_of
from training.policies import Policy, make_policy
from training.worlds.base import SimulatedWorld, Snapshot
from training.worlds.registry import make_world

SPLIT = "report"
MEASURED_SPLITS = ("choose", "report")
CONTEXT = 8  # true frames that come before anything is predicted
SETTLE_TICKS = 4  # that all is calm before a moment
WANDER_TICKS = 240  # a moment lies at most so far into play, or at the first calm after that
PATIENCE_TICKS = 2 * WANDER_TICKS
SPARE = 2  # one copy more for so many: some get stuck and are never calm again
COLUMNS = 4  # clips that are recorded one after another from each copy
APART = 40  # ticks of play before a copy's next clip

Pictures = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Moment:
    """Where a prediction begins: frames uint8 [C,H,W], actions int64 [C-1] between them, and the simulator's own state
    after the last frame (one copy) on levels of `split`, for stand-ins and for stepping the truth on."""

    frames: Pictures
    actions: npt.NDArray[np.int64]
    scene: Snapshot
    split: str = SPLIT


@dataclass(frozen=True)
class Clip:
    """True play from a moment on: actions int64 [T], the frames uint8 [T,H,W] that they led to, and the sight's notes
    of the moment and of every frame, int64 [T+1,K]."""

    moment: Moment
    actions: npt.NDArray[np.int64]
    frames: Pictures
    notes: Notes


def world_at(world_name: str, moments: Sequence[Moment]) -> SimulatedWorld:
    """A simulated world whose copies are where these moments, all of one split, end."""
    world = make_world(world_name, len(moments), moments[0].split)
    scenes = [moment.scene for moment in moments]
    world.restore({name: np.concatenate([scene[name] for scene in scenes]) for name in scenes[0]})
    return world


def record_clips(world_name: str, clips: int, ticks: int, seed: int, split: str = SPLIT) -> list[Clip]:
    """`clips` clips of `ticks` ticks: half of mixed play, whatever happens in them, and half of good play, in which
    enough happens (the sight's `lively`)."""
    sight, copies = sight_of(world_name), -(-clips // COLUMNS)
    mixed = islice(stream_clips(world_name, copies, ticks, seed, split), clips // 2)
    good = stream_clips(world_name, copies, ticks, seed + 500, split, "noisy_expert")
    return [*mixed, *islice((clip for clip in good if sight.lively(clip.notes)), clips - clips // 2)]


def stream_clips(
    world_name: str,
    copies: int,
    ticks: int,
    seed: int,
    split: str = SPLIT,
    policy_name: str = "mixture",
    apart: int = APART,
) -> Iterator[Clip]:
    """Clips of `ticks` ticks, without end, from each copy one after `apart` ticks more of play."""
    world = make_world(world_name, copies, split)
    policy = make_policy(policy_name, np.random.default_rng([seed, 1]))
    world.reset(seed=seed)
    while True:
        for _ in range(apart):
            world.step(policy.act(world))
        yield from _record(world_name, world, policy, ticks)


def _record(world_name: str, world: SimulatedWorld, policy: Policy, ticks: int) -> list[Clip]:
    sight, before = sight_of(world_name), CONTEXT - 1
    frames, actions, notes = [world.render_frames()], [], [sight.notes(world)]
    scene: Snapshot = {}
    for tick in range(before + ticks):
        if tick == before:
            scene = world.snapshot()
        action = policy.act(world)
        frames.append(world.step(action)[0])
        actions.append(action)
        notes.append(sight.notes(world))
    shown, pressed, noted = np.stack(frames, 1), np.stack(actions, 1), np.stack(notes, 1)
    return [
        Clip(
            Moment(shown[i, :CONTEXT], pressed[i, :before], _one_copy(scene, i), world.split),
            pressed[i, before:],
            shown[i, CONTEXT:],
            noted[i, before:],
        )
        for i in range(world.num_envs)
    ]


def find_moments(world_name: str, moments: int, seed: int, split: str = SPLIT) -> list[Moment]:
    """Up to `moments` calm moments of good play, each of a copy of its own: where a player could begin."""
    copies = moments + -(-moments // SPARE)
    wanted = np.random.default_rng([seed, 6]).integers(CONTEXT, WANDER_TICKS, copies)
    calm_for = np.zeros(copies, np.int64)
    found: dict[int, Moment] = {}

    def fresh(world: SimulatedWorld, tick: int) -> Flags:
        calm_for[:] = np.where(world.calm, calm_for + 1, 0)
        ready: Flags = (calm_for >= SETTLE_TICKS) & (tick >= wanted)
        ready[list(found)] = False
        return ready

    for copy, moment in stream_moments(world_name, copies, seed, fresh, split, PATIENCE_TICKS):
        found[copy] = moment
        if len(found) == copies:
            break
    return [found[copy] for copy in sorted(found)[:moments]]


def stream_moments(
    world_name: str,
    copies: int,
    seed: int,
    ready: Callable[[SimulatedWorld, int], Flags],
    split: str = SPLIT,
    ticks: int | None = None,
) -> Iterator[tuple[int, Moment]]:
    """Moments of good play as they come, with the copy that each is of, for `ticks` ticks or without end. `ready` is
    asked after every tick, which it is told, and says which copies are to be taken: bool [N]."""
    world = make_world(world_name, copies, split)
    policy = make_policy("noisy_expert", np.random.default_rng([seed, 2]))
    frame, _ = world.reset(seed=seed)
    frames, actions = deque([frame], CONTEXT), deque[npt.NDArray[np.int64]](maxlen=CONTEXT - 1)
    for tick in count() if ticks is None else range(ticks):
        action = policy.act(world)
        frame, *_ = world.step(action)
        frames.append(frame)
        actions.append(action)
        taken = np.flatnonzero(ready(world, tick)).tolist() if len(frames) == CONTEXT else []
        scene = world.snapshot() if taken else {}
        for copy in taken:
            shown, pressed = np.stack([f[copy] for f in frames]), np.array([a[copy] for a in actions], np.int64)
            yield copy, Moment(shown, pressed, _one_copy(scene, copy), split)


def _one_copy(scene: Snapshot, copy: int) -> Snapshot:
    return {name: array[copy : copy + 1].copy() for name, array in scene.items()}
