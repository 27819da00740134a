"""Autoplayers: what they play, and that they see nothing but pictures."""

from __future__ import annotations

import inspect
from itertools import groupby

import numpy as np
import pytest

import engine.autoplay
from engine.autoplay import make_autoplayer
from engine.checkpoint import Checkpoint
from models.actions import Action
from models.manifest import BadInput

PICTURE = np.zeros((32, 32), np.uint8)


def play(checkpoint: Checkpoint, name: str, ticks: int, seed: int = 0) -> list[Action]:
    player = make_autoplayer(name, checkpoint.manifest, seed)
    return [player.next_action(PICTURE) for _ in range(ticks)]


@pytest.mark.parametrize("name", ["random", "sticky"])
def test_seeded_and_over_all_actions_of_the_world(checkpoint: Checkpoint, name: str) -> None:
    actions = play(checkpoint, name, 1000)
    assert actions == play(checkpoint, name, 1000) != play(checkpoint, name, 1000, seed=1)
    assert set(actions) == {entry.action for entry in checkpoint.manifest.actions}


def test_sticky_holds_its_actions(checkpoint: Checkpoint) -> None:
    runs = [len(list(group)) for _, group in groupby(play(checkpoint, "sticky", 2000))]
    assert min(runs[:-1]) >= 4 and 8 < np.mean(runs) < 40


def test_script_plays_the_manifests_over_and_over(checkpoint: Checkpoint) -> None:
    stroll = [Action.RIGHT] * 3 + [Action.RIGHT_JUMP] * 2
    assert play(checkpoint, "script", 12) == play(checkpoint, "script:stroll", 12) == (stroll * 3)[:12]
    assert play(checkpoint, "script:rest", 2) == [Action.NOOP] * 2


def test_a_script_of_any_length_plays_at_once(checkpoint: Checkpoint) -> None:
    script = [(Action.RIGHT, 10**30), (Action.LEFT, 1)]
    endless = checkpoint.manifest.model_copy(update={"scripts": {"endless": script}})
    assert make_autoplayer("script", endless, 0).next_action(PICTURE) is Action.RIGHT


@pytest.mark.parametrize("name", ["reader", "", "random:x", "script:none", "sticky:"])
def test_unknown_players_are_told(checkpoint: Checkpoint, name: str) -> None:
    if name == "sticky:":
        assert play(checkpoint, name, 1)  # nothing after the colon asks for nothing
        return
    with pytest.raises(BadInput, match="autoplayer: expected"):
        make_autoplayer(name, checkpoint.manifest, 0)


def test_a_world_without_scripts_is_told(checkpoint: Checkpoint) -> None:
    bare = checkpoint.manifest.model_copy(update={"scripts": {}})
    with pytest.raises(BadInput, match="it has none"):
        make_autoplayer("script", bare, 0)


def test_they_are_given_pictures_only() -> None:
    players = [member for name, member in vars(engine.autoplay).items() if name.endswith("Autoplayer")]
    assert len(players) == 4
    for player in players:
        assert list(inspect.signature(player.next_action).parameters) == ["self", "pixels"]
