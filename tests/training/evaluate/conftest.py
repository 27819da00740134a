"""Stand-ins for a model: one that is the simulator itself, and ones with a known fault."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from training.evaluate.footage import Moment, Pictures, world_at
from training.worlds.base import SimulatedWorld

WORLDS = ("platformer", "puzzle")


class Perfect:
    """A playable world that is the truth: it goes on from the moment's own scene."""

    def __init__(self, world_name: str) -> None:
        self.world_name = world_name
        self.world: SimulatedWorld | None = None

    def begin(self, moment: Moment, rng_seed: int) -> None:
        self.world = world_at(self.world_name, [moment])

    def step(self, action: int) -> Pictures:
        assert self.world is not None
        frames, *_ = self.world.step(np.array([action]))
        picture: npt.NDArray[np.uint8] = frames[0]
        return picture

    def observe(self, picture: Pictures) -> float:
        assert self.world is not None
        return float((self.world.render_frames()[0] == picture).all())

    def save(self) -> Any:
        assert self.world is not None
        return self.world.snapshot()

    def restore(self, saved: Any) -> None:
        assert self.world is not None
        self.world.restore(saved)

    def reconstruct(self, picture: Pictures) -> Pictures:
        return picture.copy()


class Frozen(Perfect):
    """It shows the moment's last frame for ever."""

    def begin(self, moment: Moment, rng_seed: int) -> None:
        super().begin(moment, rng_seed)
        self.picture = moment.frames[-1]

    def step(self, action: int) -> Pictures:
        return self.picture.copy()

    def observe(self, picture: Pictures) -> float:
        right = float((self.picture == picture).mean())
        self.picture = picture
        return right


class Blank(Perfect):
    """It shows one colour."""

    def step(self, action: int) -> Pictures:
        return np.full((128, 128), 2, np.uint8)

    def observe(self, picture: Pictures) -> float:
        return 0.0

    def reconstruct(self, picture: Pictures) -> Pictures:
        return np.full_like(picture, 2)


class Deaf(Perfect):
    """The truth, but with every key heard as no key."""

    def step(self, action: int) -> Pictures:
        return super().step(0)


class Film(Perfect):
    """True play that was recorded with other keys: it moves, whatever is pressed."""

    def begin(self, moment: Moment, rng_seed: int) -> None:
        super().begin(moment, rng_seed)
        self.rng, self.left, self.key = np.random.default_rng(rng_seed), 0, 0

    def step(self, action: int) -> Pictures:
        assert self.world is not None
        if not self.left:
            self.key, self.left = int(self.rng.integers(len(self.world.actions))), 8
        self.left -= 1
        return super().step(self.key)


class Noisy(Perfect):
    """The truth with one pixel of a hundred drawn anew."""

    def begin(self, moment: Moment, rng_seed: int) -> None:
        super().begin(moment, rng_seed)
        self.rng = np.random.default_rng(rng_seed)

    def step(self, action: int) -> Pictures:
        picture = super().step(action)
        wrong = self.rng.random(picture.shape) < 0.01
        return np.where(wrong, self.rng.integers(0, 16, picture.shape, np.uint8), picture)


@pytest.fixture(params=WORLDS)
def world_name(request: pytest.FixtureRequest) -> str:
    """Each world that can be measured."""
    name: str = request.param
    return name


@pytest.fixture
def perfect() -> type[Perfect]:
    return Perfect


@pytest.fixture
def frozen() -> type[Perfect]:
    return Frozen


@pytest.fixture
def blank() -> type[Perfect]:
    return Blank


@pytest.fixture
def deaf() -> type[Perfect]:
    return Deaf


@pytest.fixture
def film() -> type[Perfect]:
    return Film


@pytest.fixture
def noisy() -> type[Perfect]:
    return Noisy
