"""A folder of shards. Owns `dataset.json`, shards' names and how files are written; refuses what a shard holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.atomic import whole_file
from models.manifest import BadInput, first_problem

CARD_NAME = "dataset.json"


class DataSetCard(BaseModel):
    """`dataset.json`: what all episodes of a folder have in common. Written before the first shard."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    world: str
    version: int
    split: str
    seed: Annotated[int, Field(ge=0)]
    policy: str
    copies: Annotated[int, Field(ge=1)]
    episode_ticks: Annotated[int, Field(ge=1)]
    segment_ticks: Annotated[int, Field(ge=1)]
    frames: Annotated[int, Field(ge=1)]
    actions: Annotated[tuple[str, ...], Field(min_length=1, max_length=256)]
    event_names: Annotated[tuple[str, ...], Field(max_length=32)]
    picture_shape: tuple[int, ...]
    self_generated: bool = True

    @property
    def shard_frames(self) -> int:
        """Transitions in a shard."""
        return self.copies * self.episode_ticks

    @property
    def shards(self) -> int:
        """Number of shards that the target needs."""
        return -(-self.frames // self.shard_frames)


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when complete and on the disk. Raises BadInput where it can't be."""
    try:
        with whole_file(path) as file:
            yield file
    except OSError as error:
        raise BadInput(f"{path}: file: cannot be written ({error.strerror})") from error


def shard_path(folder: Path, index: int) -> Path:
    """Where shard `index` is."""
    return folder / f"shard-{index:06d}.tar"


def shard_paths(folder: Path) -> list[Path]:
    """The shards that a folder has, in order."""
    return sorted(folder.glob("shard-*.tar"))


def write_card(folder: Path, card: DataSetCard) -> None:
    """Write `dataset.json`, making the folder where it is missing. Raises BadInput."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder}: folder: cannot be made ({error.strerror})") from error
    with written_whole(folder / CARD_NAME) as file:
        file.write(card.model_dump_json(indent=2).encode() + b"\n")


def read_card(folder: Path, version: int | None = None) -> DataSetCard:
    """Read `dataset.json`. Raises BadInput, also where the world's version isn't `version`."""
    path = folder / CARD_NAME
    try:
        card = DataSetCard.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadInput(f"{path}: file: expected a data set, cannot be read ({error.strerror})") from error
    except ValidationError as error:
        raise BadInput(f"{path}: {first_problem(error)}") from error
    if version is not None and card.version != version:
        raise BadInput(
            f"{path}: version: expected {card.world} version {version}, found {card.version}; collect it anew"
        )
    return card
