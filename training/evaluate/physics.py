"""Whether the platformer's physics hold: the player that the pictures show against the simulator's, tick by tick.

Owns position, landing, outcomes and the lost player; refuses the reading of pictures (readers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.evaluate.interval import wilson
from training.evaluate.neural_world import Playable, each
from training.evaluate.plays import TICKS, Cell, Play
from training.evaluate.readers.platformer import PlatformerReader, Sighting
from training.evaluate.readers.platformer_screen import coin_cells, find_beetles
from training.worlds import platformer_art as art
from training.worlds.platformer_levels import BODY_HEIGHT, PIT_FEET

POSITION_TICK = 16
WITHIN = 2  # pixels, both ways
AIRBORNE = 4  # ticks in the air before a landing that counts
LATE = 2  # ticks that a death may be shown early or late
BOUNCED, GONE = 4, 6  # ticks after a stomp at which the player has bounced, at which the beetle is gone
BOUNCE = 3  # pixels that the bounce may be off by
NEAR = 6  # pixels within which a beetle is taken for the one that is looked for
KINDS = ("stomp", "coin", "spike")


@dataclass
class _Tally:
    """Trials and how many were right."""

    right: int = 0
    tried: int = 0

    def add(self, right: bool) -> None:
        self.right += right
        self.tried += 1

    @property
    def share(self) -> float | None:
        return self.right / self.tried if self.tried else None


@dataclass
class _Score:
    position: _Tally = field(default_factory=_Tally)
    copy_last: _Tally = field(default_factory=_Tally)
    landing: _Tally = field(default_factory=_Tally)
    outcomes: dict[str, _Tally] = field(default_factory=lambda: {kind: _Tally() for kind in KINDS})
    found: _Tally = field(default_factory=_Tally)  # ticks in which the player is where one can be
    moving_ticks: int = 0


def measure_physics(playable: Playable, moving: Sequence[Play], others: Sequence[Play]) -> dict[str, Any]:
    """Positions come from the plays in which the player moves; everything else from all plays.

    `outcomes` is the share of the worst of stomps, coins and spikes. `lost` is the share of ticks in which the truth
    shows the player and the picture shows none, two, or one in the ground.
    """
    score = _Score()
    plays = [*moving, *others]
    for number, (play, made) in enumerate(zip(plays, each(playable, _Made, plays), strict=True)):
        if number < len(moving):
            score.moving_ticks += play.moving
            if play.visible(POSITION_TICK):
                score.position.add(made.off_by(POSITION_TICK) <= WITHIN)
                score.copy_last.add(max(abs(_moved(play.x)), abs(_moved(play.y))) <= WITHIN)
        _landings(score, play, made)
        _outcomes(score, play, made)
        for tick in range(1, TICKS + 1):
            if play.visible(tick):
                score.found.add(not made.lost[tick])
    return _figures(score)


def _moved(place: Any) -> int:
    return int(place[POSITION_TICK] - place[0])


def _figures(score: _Score) -> dict[str, Any]:
    shares = {kind: tally.share for kind, tally in score.outcomes.items()}
    measured = [share for share in shares.values() if share is not None]
    return {
        "within_2px_16": score.position.share,
        "landing": score.landing.share,
        "outcomes": min(measured) if measured else None,
        "lost": None if score.found.share is None else 1 - score.found.share,
        "copy_last": {"within_2px_16": score.copy_last.share},
        **shares,
        "counts": {
            "runs": score.position.tried,
            "moving_ticks": score.moving_ticks,
            "landings": score.landing.tried,
            **{kind: tally.tried for kind, tally in score.outcomes.items()},
            "ticks": score.found.tried,
        },
        "intervals": {
            "within_2px_16": wilson(score.position.right, score.position.tried),
            "landing": wilson(score.landing.right, score.landing.tried),
            **{kind: wilson(tally.right, tally.tried) for kind, tally in score.outcomes.items()},
            "lost": wilson(score.found.tried - score.found.right, score.found.tried),
        },
    }


class _Made:
    """A play as the model makes it, read tick by tick; entry 0 is the moment."""

    def __init__(self, playable: Playable, rng_seed: int, play: Play) -> None:
        reader = PlatformerReader()
        playable.begin(play.clip.moment, rng_seed)
        reader.see(play.clip.moment.frames[-1], None)
        assert reader.seen is not None
        self._play = play
        self.frames = [play.clip.moment.frames[-1]]
        self.seen: list[Sighting] = [reader.seen]
        self.lost = [False]
        for action in play.clip.actions:
            self.frames.append(playable.step(int(action)))
            verdict = reader.see(self.frames[-1], None)
            self.seen.append(reader.seen)
            self.lost.append(reader.seen.players != 1 or verdict.cause in ("in the ground", "ground unreadable"))

    def off_by(self, tick: int) -> float:
        """Pixels between the player that is seen and the true one, the larger way; infinite where none is seen."""
        seen, play = self.seen[tick], self._play
        if seen.hero is None or seen.phase is None:
            return float("inf")
        x = seen.world_x + int(play.camera[0])
        return max(abs(x - int(play.x[tick])), abs(seen.hero.y - int(play.y[tick])))

    def grounded(self, tick: int) -> bool | None:
        """Whether the player is shown standing or walking; None where none is seen."""
        hero = self.seen[tick].hero
        if hero is None:
            return None
        # Who cheers at a flag may do so in the air.
        return self.seen[tick].standing if hero.pose == art.HERO_CHEER else hero.pose < art.HERO_JUMP

    @property
    def death(self) -> int | None:
        """The first tick that shows the player dead, told apart from the living above the frieze alone."""
        for tick, seen in enumerate(self.seen):
            if seen.hero is not None and seen.hero.dead and seen.hero.y + BODY_HEIGHT <= PIT_FEET:
                return tick
        return None

    def shows_coin(self, tick: int, cell: Cell) -> bool | None:
        """Whether the picture has a coin in that tile; None where the ground can't be read or the tile isn't shown."""
        seen = self.seen[tick]
        if seen.phase is None:
            return None
        column = cell.column - (int(self._play.camera[0]) + seen.travelled) // art.TILE
        if not 0 <= column <= 16:
            return None
        return bool(coin_cells(self.frames[tick], seen.phase)[cell.row, column])

    def shows_beetle(self, tick: int, x: int, y: int) -> bool:
        """Whether a living beetle is seen near a hit box of the world."""
        left = x - int(self._play.camera[0]) - self.seen[tick].travelled
        return bool(find_beetles(self.frames[tick], (left, y), reach=NEAR))


def _landings(score: _Score, play: Play, made: _Made) -> None:
    """The first tick on the ground, after some in the air, is the same within one."""
    for tick in play.ticks_of("land"):
        if not AIRBORNE < tick < TICKS or play.on_ground[tick - AIRBORNE : tick].any() or not play.on_ground[tick]:
            continue
        near = range(tick - AIRBORNE + 1, min(tick + AIRBORNE, TICKS) + 1)
        landed = [t for t in near if made.grounded(t) and made.grounded(t - 1) is False]
        score.landing.add(bool(landed) and abs(landed[0] - tick) <= 1)


def _outcomes(score: _Score, play: Play, made: _Made) -> None:
    for tick in play.ticks_of("stomp"):
        if tick + GONE <= TICKS and play.alive[tick : tick + GONE + 1].all():
            score.outcomes["stomp"].add(_stomped(play, made, tick))
    for tick in play.ticks_of("death_enemy"):
        if tick + LATE <= TICKS:
            score.outcomes["stomp"].add(_died(made, tick))
    for tick in play.ticks_of("death_spike"):
        if tick + LATE <= TICKS:
            score.outcomes["spike"].add(_died(made, tick))
    if play.spikes:
        score.outcomes["spike"].add(made.death is None and not made.lost[TICKS])
    for cells, there in ((play.taken, False), (play.spared, True)):
        for cell in cells:
            seen_at = _uncovered(play, cell)
            if seen_at is not None:
                score.outcomes["coin"].add(made.shows_coin(seen_at, cell) is there)


def _died(made: _Made, tick: int) -> bool:
    return made.death is not None and abs(made.death - tick) <= LATE


def _stomped(play: Play, made: _Made, tick: int) -> bool:
    """The player lives and bounces, and the beetle is no more, unless another has come near where it was."""
    hero = made.seen[tick + BOUNCED].hero
    # Who dies later may do so in the game as well.
    died = made.death is not None and (made.death <= tick + GONE or bool(play.alive.all()))
    if died or hero is None or abs(hero.y - int(play.y[tick + BOUNCED])) > BOUNCE:
        return False
    before, after = play.beetles[tick - 1], play.beetles[tick]
    gone = before[(before[:, 0] >= 0) & (after[:, 0] < 0)]
    others = play.beetles[tick + GONE]
    alone = [beetle for beetle in gone if (np.abs(others - beetle).max(1) > NEAR).all()]
    return not any(made.shows_beetle(tick + GONE, *beetle.tolist()) for beetle in alone)


def _uncovered(play: Play, cell: Cell) -> int | None:
    """The first tick from the cell's own on at which its tile is whole on the screen and free of the true player and of
    all beetles; None where that isn't before the end."""
    left, top = cell.column * art.TILE, cell.row * art.TILE
    for tick in range(cell.tick + 1, TICKS + 1):
        on_screen = 0 <= left - int(play.camera[tick]) <= 128 - art.TILE
        boxes = [(int(play.x[tick]), int(play.y[tick])), *play.beetles[tick].tolist()]
        if on_screen and all(abs(left - x) >= 14 or top + art.TILE <= y - 4 or top >= y + 18 for x, y in boxes):
            return tick
    return None
