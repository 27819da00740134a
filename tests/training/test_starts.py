import numpy as np
import pytest

from training.starts import find_starts
from training.worlds.base import SPLITS


@pytest.mark.parametrize("world", ["platformer", "puzzle"])
def test_starts_repeat_and_are_of_their_split(world: str) -> None:
    starts = find_starts(world, 2, 4, "choose", 3)
    again = find_starts(world, 2, 4, "choose", 3)
    assert starts.frames.shape == (2, 4, 128, 128)
    assert starts.actions.shape == (2, 3)
    assert np.array_equal(starts.frames, again.frames)
    assert all(int(seed) in SPLITS["choose"] for seed in starts.level_seeds)
    assert not np.array_equal(starts.frames[0], starts.frames[1])
