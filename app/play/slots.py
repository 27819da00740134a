"""Save slots: which file each one is and what stands in it. Owns places and reading them; refuses to draw them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from engine.atomic import remove_halves
from engine.checkpoint import Checkpoint
from engine.time_travel.save import SAVE_SUFFIX, Save, read_save
from models.manifest import BadInput

SLOTS = 6  # a world


@dataclass(frozen=True, eq=False)
class Slot:
    """One slot: a save, or nothing, or a file that can't be used and why, in one line."""

    number: int
    path: Path
    save: Save | None = None
    problem: str | None = None


def slot_path(saves: Path, world: str, number: int) -> Path:
    """The file of slot `number`, from 1, of a world."""
    return saves / world / f"slot-{number}{SAVE_SUFFIX}"


def read_slots(saves: Path, checkpoint: Checkpoint) -> list[Slot]:
    """Every slot of a world. A file that can't be used is kept as it is and told; halves that a kill left go."""
    remove_halves(saves / checkpoint.manifest.name, SAVE_SUFFIX)
    return [_read_slot(number, slot_path(saves, checkpoint.manifest.name, number), checkpoint) for number in _NUMBERS]


def likely_slot(slots: list[Slot], used: int | None, saving: bool) -> int:
    """Place in `slots` of the one that is probably meant: that of number `used`, the last in this game. Before any was
    used, to save an empty one, else the oldest, so that nobody's last game goes by a slip; to load the newest."""
    if used is not None:
        return used - 1
    ages = [_written(slot) for slot in slots]
    if saving:
        return ages.index(min(ages))
    return ages.index(max(ages))


def _written(slot: Slot) -> float:
    """When, by the file's own date; 0 where there is none."""
    try:
        return slot.path.stat().st_mtime
    except OSError:
        return 0.0


def _read_slot(number: int, path: Path, checkpoint: Checkpoint) -> Slot:
    try:
        if not path.exists():
            return Slot(number, path)
        return Slot(number, path, read_save(path, checkpoint))
    except BadInput as error:
        return Slot(number, path, problem=str(error))
    except OSError as error:
        return Slot(number, path, problem=f"{path}: file: cannot be read ({error.strerror or error})")


_NUMBERS = range(1, SLOTS + 1)
