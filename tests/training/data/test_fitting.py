import numpy as np
import pytest

from models.actions import Action
from models.manifest import BadInput
from training.data.batches import Batch
from training.data.dataset import DataSetCard
from training.data.fitting import Fitting

PALETTE = [(0, 0, 0), (255, 255, 255), (255, 0, 0)]


def _card(shape: tuple[int, ...], actions: tuple[str, ...] = ("noop", "jump", "left")) -> DataSetCard:
    return DataSetCard(
        world="mine",
        version=0,
        split="train",
        seed=0,
        policy="recorded",
        copies=1,
        episode_ticks=8,
        segment_ticks=8,
        frames=8,
        actions=actions,
        event_names=(),
        picture_shape=shape,
    )


def _batch(frames: np.ndarray, actions: list[int]) -> Batch:  # type: ignore[type-arg]
    return Batch(frames, np.array([actions]), np.zeros((1, len(actions)), np.uint32))


def test_actions_are_renumbered_and_colours_become_the_nearest_index() -> None:
    fitting = Fitting.of(_card((4, 4, 3)), (Action.LEFT, Action.NOOP, Action.JUMP), (4, 4), PALETTE)
    frames = np.zeros((1, 3, 4, 4, 3), np.uint8)
    frames[0, 1] = (250, 10, 30)
    frames[0, 2] = (200, 220, 240)
    fitted = fitting(_batch(frames, [1, 2]))
    assert fitted.actions.tolist() == [[2, 0]]
    assert fitted.frames.shape == (1, 3, 4, 4)
    assert [int(frame[0, 0]) for frame in fitted.frames[0]] == [0, 2, 1]


def test_indices_stay_as_they_are() -> None:
    fitting = Fitting.of(_card((4, 4)), (Action.NOOP, Action.JUMP, Action.LEFT), (4, 4), PALETTE)
    frames = np.arange(48, dtype=np.uint8).reshape(1, 3, 4, 4)
    assert np.array_equal(fitting(_batch(frames, [0, 0])).frames, frames)


def test_what_the_other_world_lacks_is_refused() -> None:
    fitting = Fitting.of(_card((4, 4)), (Action.NOOP, Action.LEFT), (4, 4), PALETTE)
    frames = np.zeros((1, 2, 4, 4), np.uint8)
    assert fitting(_batch(frames, [2])).actions.tolist() == [[1]]
    with pytest.raises(BadInput, match=r"mine: actions: expected .*noop, left.*, found jump"):
        fitting(_batch(frames, [1]))
    with pytest.raises(BadInput, match="picture_shape"):
        Fitting.of(_card((8, 8)), (Action.NOOP,), (4, 4), PALETTE)
    with pytest.raises(BadInput, match="picture_shape"):
        Fitting.of(_card((4, 4)), (Action.NOOP,), (4, 4, 3), None)
