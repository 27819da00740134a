"""What play begins with other than a start of the world: a frame of a recording, a picture. Owns finding the world and
telling how it went; refuses to play.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.backends.wish import BackendName, BackendWish
from engine.checkpoint import Checkpoint, find_world, load_checkpoint
from engine.frame import Frame
from engine.recordings.branch import Branch
from engine.recordings.recording import SessionRecord
from engine.recordings.replay import check_playable
from engine.recordings.share import open_record
from engine.session import Begin, Session
from engine.start_picture import EncodedPicture, encode_picture
from models.manifest import BadInput


@dataclass(frozen=True)
class Beginning:
    """How play begins, once. `waiting` says in a few words how far it is, `outcome` in a line how it went; `ran_on` is
    what it was recorded on, None where it wasn't."""

    begin: Begin
    waiting: Callable[[], str]
    outcome: Callable[[], str]
    cancel: Callable[[], None]  # nobody waits for it any more
    ran_on: BackendWish | None = None
    picture: Callable[[], EncodedPicture | None] = lambda: None  # what play begins from, once it is encoded

    def suit(self, wish: BackendWish) -> BackendWish:
        """What is wished for; where nothing is, what the recording ran on, so that it comes out the same."""
        if self.ran_on is None:
            return wish
        name = self.ran_on.name if wish.name is BackendName.AUTO else wish.name
        return replace(wish, name=name, threads=wish.threads or self.ran_on.threads)


def open_recording(path: Path, world: str | None) -> tuple[SessionRecord, Checkpoint]:
    """A record, from a folder or a shared file, and its checkpoint, checked against each other. Raises BadInput."""
    record = open_record(path)
    if not record.entries:
        raise BadInput(f"{path}: recording: expected at least one frame, found none")
    try:
        checkpoint = load_checkpoint(find_world(world or record.header.world))
    except BadInput as error:
        raise error if world else BadInput(f"{error}; --world names another folder") from error
    check_playable(record, checkpoint)
    return record, checkpoint


def split_place(place: str) -> tuple[Path, int | None]:
    """SESSION@FRAME as path and frame; without @FRAME the last frame is meant. Raises BadInput."""
    session, at, frame = place.rpartition("@")
    if not at:
        return Path(place), None
    if not session or not frame.isdecimal() or len(frame) > 18:
        raise BadInput(f"--from: expected SESSION@FRAME with a frame's number, got {place!r}")
    return Path(session), int(frame)


def parse_start(text: str | None) -> int | Path | None:
    """--start: the number of a start, or a picture's file. Raises BadInput."""
    if text is None:
        return None
    if text.isdecimal():
        return int(text[:18])
    if text.startswith("-") or not text:
        raise BadInput(f"--start: expected the number of a start or a picture's file, got {text!r}")
    return Path(text)


def begin_from_picture(path: Path, world: str | None, rng_seed: int) -> tuple[Beginning, Checkpoint]:
    """Play from a picture in `world`. Raises BadInput where there is none, or no world to play it in."""
    from app.play.picture_file import read_picture

    rgb = read_picture(path)
    if world is None:
        raise BadInput("--start: expected --world with a picture: the world that it is to be played in")
    return picture_beginning(rgb, rng_seed), load_checkpoint(find_world(world))


def picture_beginning(rgb: npt.NDArray[np.uint8], rng_seed: int) -> Beginning:
    """Play from a picture uint8 [h,w,3], in whichever world is played first."""
    found: list[EncodedPicture] = []

    def begin(session: Session) -> Frame:
        found.append(encode_picture(rgb, session.checkpoint, session.backend))
        return session.reset(found[0].start, rng_seed)

    def outcome() -> str:
        return f"{found[0].error}: {found[0].verdict}"

    def picture() -> EncodedPicture | None:
        return found[0] if found else None

    return Beginning(begin, lambda: "looking at the picture", outcome, lambda: None, picture=picture)


def branch_from(place: str, world: str | None) -> tuple[Beginning, Checkpoint]:
    """Play on from a frame of a recording. Raises BadInput."""
    path, frame = split_place(place)
    record, checkpoint = open_recording(path, world)
    branch = Branch(record, checkpoint, frame)

    def outcome() -> str:
        if branch.differs_at is None:
            return f"branched at frame {branch.number}: all before it came out as recorded"
        return f"branched at frame {branch.number}: it differs from the recording from frame {branch.differs_at} on"

    def waiting() -> str:
        return f"frame {branch.made} of {branch.total}"

    def cancel() -> None:
        branch.cancelled = True

    return Beginning(branch.begin, waiting, outcome, cancel, recorded_wish(record)), checkpoint


def recorded_wish(record: SessionRecord) -> BackendWish:
    """The backend that a recording began on."""
    name = BackendName.TENSORRT if record.header.backend == BackendName.TENSORRT else BackendName.ONNX
    return BackendWish(name, record.header.threads)
