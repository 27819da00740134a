"""True play to measure against: clips and moments of the simulated world. Owns how they are found; refuses any model.

Level seeds of the report split alone: nothing was trained on them or chosen with them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.evaluate.known import Notes, sight_of
from training.policies import Policy, make_policy
from training.worlds.base import SimulatedWorld, Snapshot
from training.worlds.registry import make_world

SPLIT = "report"
CONTEXT = 8  # true frames that come before anything is predicted
SETTLE_TICKS = 4  # that all is calm before a moment
WANDER_TICKS = 240  # a moment lies at most so far into play, or at the first calm after that
PATIENCE_TICKS = 2 * WANDER_TICKS
SPARE = 2  # one copy more for so many: some get stuck and are never calm again
COLUMNS = 4  # clips that are recorded one after another from each copy
APART = 40  # ticks of play before a copy's next clip

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Moment:
    """Where a prediction begins: frames uint8 [C,H,W], actions int64 [C-1] between them, and the simulator's own state
    after the last frame (one copy), for stand-ins and for stepping the truth on."""

    frames: Pictures
    actions: npt.NDArray[np.int64]
    scene: Snapshot


@dataclass(frozen=True)
class Clip:
    """True play from a moment on: actions int64 [T], the frames uint8 [T,H,W] that they led to, and the sight's notes
    of the moment and of every frame, int64 [T+1,K]."""

    moment: Moment
    actions: npt.NDArray[np.int64]
    frames: Pictures
    notes: Notes


def world_at(world_name: str, scenes: list[Snapshot]) -> SimulatedWorld:
    """A simulated world whose copies are at these states of one copy each."""
    world = make_world(world_name, len(scenes), SPLIT)
    world.restore({name: np.concatenate([scene[name] for scene in scenes]) for name in scenes[0]})
    return world


def record_clips(world_name: str, count: int, ticks: int, seed: int) -> list[Clip]:
    """`count` clips of `ticks` ticks of mixed play, whatever happens in them."""
    copies = -(-count // COLUMNS)
    world = make_world(world_name, copies, SPLIT)
    policy = make_policy("mixture", np.random.default_rng([seed, 1]))
    world.reset(seed=seed)
    clips: list[Clip] = []
    while len(clips) < count:
        for _ in range(APART):
            world.step(policy.act(world))
        clips += _record(world_name, world, policy, ticks)
    return clips[:count]


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
            Moment(shown[i, :CONTEXT], pressed[i, :before], _one_copy(scene, i)),
            pressed[i, before:],
            shown[i, CONTEXT:],
            noted[i, before:],
        )
        for i in range(world.num_envs)
    ]


def find_moments(world_name: str, count: int, seed: int) -> list[Moment]:
    """Up to `count` calm moments of good play, each of a copy of its own: where a player could begin."""
    copies = count + -(-count // SPARE)
    world = make_world(world_name, copies, SPLIT)
    rng = np.random.default_rng([seed, 2])
    policy = make_policy("noisy_expert", rng)
    frame, _ = world.reset(seed=seed)
    wanted = rng.integers(CONTEXT, WANDER_TICKS, copies)
    frames, actions = deque([frame], CONTEXT), deque[npt.NDArray[np.int64]](maxlen=CONTEXT - 1)
    calm_for = np.zeros(copies, np.int64)
    found: dict[int, Moment] = {}
    for tick in range(PATIENCE_TICKS):
        action = policy.act(world)
        frame, *_ = world.step(action)
        frames.append(frame)
        actions.append(action)
        calm_for = np.where(world.calm, calm_for + 1, 0)
        ready = np.flatnonzero((calm_for >= SETTLE_TICKS) & (tick >= wanted)).tolist()
        fresh = [copy for copy in ready if copy not in found]
        scene = world.snapshot() if fresh else {}
        for copy in fresh:
            shown, pressed = np.stack([f[copy] for f in frames]), np.array([a[copy] for a in actions], np.int64)
            found[copy] = Moment(shown, pressed, _one_copy(scene, copy))
        if len(found) == copies:
            break
    return [found[copy] for copy in sorted(found)[:count]]


def _one_copy(scene: Snapshot, copy: int) -> Snapshot:
    return {name: array[copy : copy + 1].copy() for name, array in scene.items()}
