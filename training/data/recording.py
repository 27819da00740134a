"""Recordings of any game, video and actions, made into episodes. Owns pictures' size and colours and where episodes
begin and end; refuses to record.

Where the video leaves a tick out, or play began anew, an episode ends. Pictures become palette indices of a world, or
stay RGB. A neural world's own sessions are refused unless they are asked for: a model that learns from what a model
made drifts away from the game.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from models.actions import Action
from models.manifest import BadInput
from training.data.dataset import CARD_NAME, DataSetCard, read_card, shard_path, shard_paths, write_card
from training.data.episode import Episode
from training.data.key_log import KeyLog, read_key_log
from training.data.shards import PackedSegment, pack_episode, write_shard
from training.worlds.base import FRAME_SIZE, SimulatedWorld
from training.worlds.registry import WORLDS, world_class

if TYPE_CHECKING:
    import av

EPISODE_TICKS = 512  # at most: memory holds one episode
SHARD_EPISODES = 32
SEGMENT_TICKS = 128
LEAST_TICKS = 8  # of an episode: shorter ones teach little
POLICY = "recorded"

Pictures = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ImportReport:
    """What was made of a recording. `left_out` are transitions that no episode holds."""

    episodes: int
    frames: int
    left_out: int
    self_generated: bool
    folder_frames: int


def import_recording(
    video: Path,
    actions: Path,
    out: Path,
    *,
    game: str,
    palette: str | None = None,
    split: str = "train",
    allow_self_generated: bool = False,
) -> ImportReport:
    """Add the episodes of a recording to the data set `out`, in shards of their own. `game` is a world's name, whose
    palette, the first where `palette` isn't given, the pictures are in, or any other: then they are RGB. Raises
    BadInput."""
    log = read_key_log(actions)
    if log.self_generated and not allow_self_generated:
        raise BadInput(f"{actions}: session: expected a game's recording, a neural world made this one itself")
    world = world_class(game) if game in WORLDS else None
    card = _card(out, game, world, split, log.self_generated)
    colours = None if world is None else _colours(world, palette or log.palette)
    frames = episodes = 0
    packed: list[list[PackedSegment]] = []
    number = len(shard_paths(out))
    for episode in _episodes(video, log, card, colours):
        name = f"{game}-{split}-{video.stem}-{number:06d}-{len(packed):03d}"
        packed.append(list(pack_episode(episode, name, card.event_names, SEGMENT_TICKS)))
        frames, episodes = frames + episode.ticks, episodes + 1
        if len(packed) == SHARD_EPISODES:
            number = _write(out, number, packed)
    if packed:
        number = _write(out, number, packed)
    if not episodes:
        raise BadInput(f"{video}: video: expected at least {LEAST_TICKS} ticks on end, found none")
    total = frames + (card.frames if (out / CARD_NAME).exists() else 0)
    write_card(out, card.model_copy(update={"frames": total}))
    steps = sum(action is not None for action in log.led)
    return ImportReport(episodes, frames, max(0, steps - frames), log.self_generated, total)


def _write(out: Path, number: int, packed: list[list[PackedSegment]]) -> int:
    out.mkdir(parents=True, exist_ok=True)
    write_shard(shard_path(out, number), [segment for segments in packed for segment in segments])
    packed.clear()
    return number + 1


def _card(out: Path, game: str, world: type[SimulatedWorld] | None, split: str, self_generated: bool) -> DataSetCard:
    """The card of the folder, which may have been begun by an earlier import of the same kind."""
    card = DataSetCard(
        world=game,
        version=0 if world is None else world.version,
        split=split,
        seed=0,
        policy=POLICY,
        copies=1,
        episode_ticks=EPISODE_TICKS,
        segment_ticks=SEGMENT_TICKS,
        frames=1,
        actions=tuple(action.value for action in (Action if world is None else world.actions)),
        event_names=() if world is None else world.event_names,
        picture_shape=(FRAME_SIZE, FRAME_SIZE) if world is not None else (FRAME_SIZE, FRAME_SIZE, 3),
        self_generated=self_generated,
    )
    if not (out / CARD_NAME).exists():
        return card
    begun = read_card(out)
    for field in ("world", "version", "split", "policy", "actions", "picture_shape", "self_generated"):
        was, wanted = getattr(begun, field), getattr(card, field)
        if was != wanted:
            raise BadInput(f"{out / CARD_NAME}: {field}: expected {wanted}, the folder was begun with {was}")
    return begun


def _colours(world: type[SimulatedWorld], palette: str | None) -> npt.NDArray[np.int64]:
    name = palette or next(iter(world.palettes))
    if name not in world.palettes:
        raise BadInput(f"{name}: palette: expected one of {', '.join(world.palettes)}")
    return np.array(world.palettes[name], np.int64)


def _episodes(video: Path, log: KeyLog, card: DataSetCard, colours: npt.NDArray[np.int64] | None) -> Iterator[Episode]:
    """Stretches of consecutive ticks, each action of which is known."""
    frames: list[Pictures] = []
    actions: list[int] = []
    last = -2

    def finished() -> Iterator[Episode]:
        if len(actions) >= LEAST_TICKS:
            yield Episode(
                frames=np.stack(frames[: len(actions) + 1]),
                actions=np.array(actions, np.uint8),
                events=np.zeros(len(actions), np.uint32),
                world=card.world,
                version=card.version,
                split=card.split,
                seed=0,
                policy=POLICY,
                self_generated=card.self_generated,
            )

    for tick, picture in _pictures(video, log.tick_rate, colours):
        if tick >= len(log.led):
            break
        action = log.led[tick]
        if action is not None and action.value not in card.actions:
            raise BadInput(f"{video}: action: expected one of {', '.join(card.actions)}, found {action.value}")
        if action is None or tick != last + 1 or len(actions) == EPISODE_TICKS:
            yield from finished()
            # A full episode and the next one share a picture.
            goes_on = action is not None and tick == last + 1
            frames, actions = frames[-1:] if goes_on else [], []
        if frames and action is not None:
            actions.append(card.actions.index(action.value))
        frames.append(picture)
        last = tick
    yield from finished()


def _pictures(
    video: Path, tick_rate: int | None, colours: npt.NDArray[np.int64] | None
) -> Iterator[tuple[int, Pictures]]:
    """(tick, picture) as the video has them: uint8 [128,128] indices, or [128,128,3] without colours."""
    import av  # takes a while to import, and only this command needs it

    try:
        with av.open(str(video)) as container:
            if not container.streams.video:
                raise BadInput(f"{video}: video: expected a picture stream, found none")
            stream = container.streams.video[0]
            rate = Fraction(tick_rate) if tick_rate else _rate(stream)
            first: int | None = None
            for number, frame in enumerate(container.decode(stream)):
                shown = number
                if frame.pts is not None and frame.time_base is not None:
                    shown = round(frame.pts * frame.time_base * rate)
                first = shown if first is None else first
                yield shown - first, _picture(frame, colours)
    except av.FFmpegError as error:
        raise BadInput(f"{video}: video: cannot be read ({error.strerror})") from error
    except OSError as error:
        raise BadInput(f"{video}: file: cannot be read ({error.strerror or error})") from error


def _rate(stream: av.VideoStream) -> Fraction:
    """Pictures a second, those that are left out counted in: the average is too low where some are."""
    average, base = stream.average_rate or Fraction(30), stream.base_rate
    # Some formats know no rate and give one in which every millisecond could have a picture.
    return base if base is not None and average <= base < 2 * average else average


def _picture(frame: av.VideoFrame, colours: npt.NDArray[np.int64] | None) -> Pictures:
    if colours is None:
        small = frame.reformat(FRAME_SIZE, FRAME_SIZE, format="rgb24", interpolation="AREA")
        return small.to_ndarray().astype(np.uint8, copy=False)
    pixels = frame.to_ndarray(format="rgb24")
    # The middle of each enlarged pixel: compression blurs its edges.
    rows, columns = (((np.arange(FRAME_SIZE) + 0.5) * side / FRAME_SIZE).astype(int) for side in pixels.shape[:2])
    middle = pixels[rows[:, None], columns].astype(np.int64)
    nearest = ((middle[:, :, None] - colours) ** 2).sum(-1).argmin(-1)
    indices: Pictures = nearest.astype(np.uint8)
    return indices
