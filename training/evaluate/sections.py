"""The sections of a world's metrics, one method for each group of them. Owns which measure is given what; refuses the
layout of the whole (evaluate)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

from training.evaluate.coherence import measure_coherence
from training.evaluate.control import Counterfactual, measure_control, measure_other_keys
from training.evaluate.dreams import find_solved, measure_dreamt_boards, measure_dreamt_screens
from training.evaluate.extent import Extent
from training.evaluate.fidelity import PALETTE, Colours
from training.evaluate.footage import Clip, Moment, Pictures, find_moments, record_clips
from training.evaluate.neural_world import Playable
from training.evaluate.one_step import measure_one_step
from training.evaluate.physics import measure_physics
from training.evaluate.plays import find_plays
from training.evaluate.reconstruction import measure_reconstruction
from training.evaluate.rollout import HORIZONS, measure_rollout
from training.evaluate.rules import find_presses, measure_conservation, measure_moves
from training.evaluate.showing import Showing
from training.evaluate.stability import measure_stability
from training.worlds.registry import world_class

Section = dict[str, Any]


class Sections:
    """Measures one playable world."""

    def __init__(
        self, playable: Playable, world_name: str, extent: Extent, out: Path | None, tell: Callable[[str], None]
    ) -> None:
        """`out` takes sheets, clips and plots; `tell` hears what is being measured."""
        self._playable, self._world_name, self._extent, self._tell = playable, world_name, extent, tell
        self._colours = Colours(world_class(world_name).palettes[PALETTE])
        self._seeds = extent.copy_seeds()
        self._showing = Showing(world_class(world_name), out) if out is not None else None

    @cached_property
    def _starts(self) -> list[Moment]:
        extent = self._extent
        wanted = max(extent.starts, extent.stable_runs, extent.long_runs, extent.screen_runs)
        return find_moments(self._world_name, wanted, self._seeds["starts"], extent.split)

    def all(self) -> dict[str, Section]:
        """Every section that the world has, by name."""
        sections = self._pictures() | self._play()
        return sections | (self._platformer() if self._world_name == "platformer" else self._puzzle())

    def _pictures(self) -> dict[str, Section]:
        """Pictures against true ones."""
        name, playable, extent, seeds = self._world_name, self._playable, self._extent, self._seeds
        self._tell("reconstruction")
        reconstruction = measure_reconstruction(
            playable, name, self._colours, extent.episodes, extent.reconstructed, extent.seed, extent.split
        )
        clips = record_clips(name, extent.clips, HORIZONS[-1], seeds["clips"], extent.split)
        self._tell("one step")
        one_step = measure_one_step(playable, name, clips, extent.one_step_ticks)
        self._tell("rollout")
        rollout, made = measure_rollout(playable, name, self._colours, clips)
        if self._showing is not None:
            self._showing.rollouts(clips, made)
            self._showing.rollout_chart(rollout)
        return {
            "reconstruction": reconstruction,
            "one_step": one_step,
            "rollout": rollout,
            "control": self._control(clips, made),
        }

    def _control(self, clips: list[Clip], made: list[Pictures]) -> Section:
        extent = self._extent
        self._tell("control")
        moments = find_moments(self._world_name, extent.moments, self._seeds["control"], extent.split)
        counterfactual, states = measure_control(self._playable, self._world_name, moments)
        other = measure_other_keys(self._playable, self._world_name, self._colours, clips, made, extent.seed)
        return _joined(counterfactual, self._inverse_dynamics(states), other)

    def _inverse_dynamics(self, states: list[Counterfactual]) -> Section:
        if not self._extent.taught_clips:
            return {"f1": None, "f1_ceiling": None, "intervals": {}}
        # Torch takes a while to import, and nothing else here needs it.
        from training.evaluate.inverse_dynamics import (
            collect_clips,
            measure_inverse_dynamics,
            train_inverse_dynamics,
        )

        self._tell("inverse dynamics")
        clips = collect_clips(self._world_name, self._extent.taught_clips, self._extent.seed)
        network = train_inverse_dynamics(self._world_name, clips, self._extent.taught_steps, self._extent.seed)
        return measure_inverse_dynamics(network, states)

    def _play(self) -> dict[str, Section]:
        """Closed loops that an autoplayer plays."""
        name, playable, extent, showing = self._world_name, self._playable, self._extent, self._showing
        self._tell("coherence")
        coherence = measure_coherence(
            playable, name, self._starts[: extent.starts], extent.frames, showing.watch if showing else None
        )
        self._tell("stability")
        stability = measure_stability(
            playable,
            name,
            self._starts[: extent.stable_runs],
            extent.stable_frames,
            showing.watch_long if showing else None,
        )
        if showing is not None:
            showing.starts()
            showing.coherence_chart(coherence)
            showing.long_runs()
            showing.stability_chart(stability)
        return {"coherence": coherence, "stability": stability}

    def _platformer(self) -> dict[str, Section]:
        playable, extent = self._playable, self._extent
        self._tell("physics")
        plays = find_plays(extent.plays, extent.outcomes, self._seeds["plays"], extent.split)
        physics = measure_physics(playable, *plays)
        self._tell("levels")
        levels = measure_dreamt_screens(playable, self._starts[: extent.screen_runs], extent.screen_frames)
        return {"physics": physics, "levels": levels}

    def _puzzle(self) -> dict[str, Section]:
        playable, extent = self._playable, self._extent
        self._tell("rules")
        moves = measure_moves(playable, find_presses(extent.presses, self._seeds["presses"], extent.split))
        conserved = measure_conservation(playable, self._starts[: extent.long_runs], extent.long_moves)
        self._tell("levels")
        levels = measure_dreamt_boards(playable, find_solved(extent.boards, self._seeds["boards"], extent.split))
        return {"rules": _joined(moves, conserved), "levels": levels}


def _joined(*parts: Section) -> Section:
    """One section of several parts, whose intervals are put together at its end."""
    whole = {key: value for part in parts for key, value in part.items() if key != "intervals"}
    return whole | {"intervals": {key: value for part in parts for key, value in part["intervals"].items()}}
