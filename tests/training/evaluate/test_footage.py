"""Clips and moments: true, repeatable, on report levels."""

from __future__ import annotations

import numpy as np

from training.evaluate.footage import CONTEXT, find_moments, record_clips, world_at
from training.evaluate.known import sight_of
from training.worlds.base import SPLITS


def test_a_clip_goes_on_from_its_moment(world_name: str) -> None:
    clips = record_clips(world_name, 6, 12, seed=3)
    assert len(clips) == 6
    world = world_at(world_name, [clip.moment for clip in clips])
    assert world.level_seeds == SPLITS["report"]
    for tick in range(12):
        assert (sight_of(world_name).notes(world) == [clip.notes[tick] for clip in clips]).all()
        frames, *_ = world.step(np.array([clip.actions[tick] for clip in clips]))
        assert (frames == np.stack([clip.frames[tick] for clip in clips])).all()
    assert clips[0].notes.shape[0] == 13
    assert len({clip.frames.tobytes() for clip in clips}) > 1


def test_a_moment_shows_its_scene(world_name: str) -> None:
    moments = find_moments(world_name, 2, seed=9)
    assert len(moments) == 2
    world = world_at(world_name, moments)
    assert world.calm.all()
    assert (world.render_frames() == np.stack([moment.frames[-1] for moment in moments])).all()
    for moment in moments:
        assert moment.frames.shape == (CONTEXT, 128, 128) and moment.actions.shape == (CONTEXT - 1,)


def test_the_same_seed_gives_the_same_moments(world_name: str) -> None:
    once, again = (find_moments(world_name, 1, seed=9) for _ in range(2))
    other = find_moments(world_name, 1, seed=11)
    assert all((a.frames == b.frames).all() for a, b in zip(once, again, strict=True))
    assert any((a.frames != b.frames).any() for a, b in zip(once, other, strict=True))


def test_half_of_the_clips_are_lively() -> None:
    clips = record_clips("platformer", 8, 34, seed=3, split="choose")
    scrolled = [clip.notes[32, 0] - clip.notes[0, 0] for clip in clips]
    assert sum(pixels >= 32 for pixels in scrolled) >= 4
    assert clips[0].moment.split == "choose"
    assert world_at("platformer", [clips[0].moment]).level_seeds == SPLITS["choose"]
