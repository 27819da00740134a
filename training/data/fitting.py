"""Episodes of one game as another world's: the numbers of actions and the colours of pictures. Owns that translation;
refuses actions that the other world doesn't know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.actions import Action
from models.manifest import BadInput
from training.data.batches import Batch, Feed, close
from training.data.dataset import DataSetCard

DEPTH = 5  # bits of a colour channel that are looked at


@dataclass(frozen=True)
class Fitting:
    """`world` is the data's, `names` its actions; `actions` int64 [A] are the other world's numbers for them, -1 where
    it has none. `nearest` uint8 [2^15] is the palette index of each colour of RGB pictures; None: they are kept."""

    world: str
    names: tuple[str, ...]
    actions: npt.NDArray[np.int64]
    nearest: npt.NDArray[np.uint8] | None

    @classmethod
    def of(
        cls,
        card: DataSetCard,
        actions: Sequence[Action],
        shape: tuple[int, ...],
        palette: Sequence[tuple[int, int, int]] | None,
    ) -> Fitting:
        """From a data set to a world of `actions` with pictures of `shape`, whose colours, where pixels are indices,
        are `palette`. Raises BadInput where the pictures can't be such."""
        paints = len(card.picture_shape) == 3 and len(shape) == 2
        if card.picture_shape[:2] != shape[:2] or (card.picture_shape != shape and not paints):
            raise BadInput(
                f"{card.world}: picture_shape: expected {list(shape)} as in the world adapted from, "
                f"found {list(card.picture_shape)}"
            )
        numbers = {action.value: number for number, action in enumerate(actions)}
        known = np.array([numbers.get(name, -1) for name in card.actions], np.int64)
        return cls(card.world, card.actions, known, _nearest(palette) if paints and palette else None)

    def __call__(self, batch: Batch) -> Batch:
        """The batch as the other world has it. Raises BadInput on an action that it doesn't know."""
        actions = self.actions[batch.actions]
        if (actions < 0).any():
            unknown = self.names[int(batch.actions[actions < 0][0])]
            known = ", ".join(name for name, number in zip(self.names, self.actions, strict=True) if number >= 0)
            raise BadInput(
                f"{self.world}: actions: expected those of the world adapted from ({known}), found {unknown}"
            )
        frames = batch.frames
        if self.nearest is not None:
            red, green, blue = (frames[..., channel].astype(np.int64) >> (8 - DEPTH) for channel in range(3))
            frames = self.nearest[(red << 2 * DEPTH) + (green << DEPTH) + blue]
        return replace(batch, frames=frames, actions=actions)

    def feed(self, feed: Feed) -> Feed:
        """The batches of `feed`, translated."""

        def translated(first: int) -> Iterator[Batch]:
            batches = feed(first)
            try:
                for batch in batches:
                    yield self(batch)
            finally:
                close(batches)

        return translated


def _nearest(palette: Sequence[tuple[int, int, int]]) -> npt.NDArray[np.uint8]:
    steps = (np.arange(1 << DEPTH) + 0.5) * (1 << (8 - DEPTH))
    colours = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 1, 3)
    distances = ((colours - np.array(palette, np.float64)) ** 2).sum(-1)
    nearest: npt.NDArray[np.uint8] = distances.argmin(-1).astype(np.uint8)
    return nearest
