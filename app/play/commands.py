"""What each command's key does to a player. Owns that list; refuses keys (keymap) and drawing (player, hud)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from app.drawing.picture import theme_names
from app.keys.keymap import Command
from app.play.round import Round
from engine.frame_loop import FASTEST, SLOWEST

if TYPE_CHECKING:
    from app.play.player import Player

NOT_IN_PLAYBACK = (Command.RESET, Command.NEXT_WORLD, Command.RECORD, Command.LOAD)
HELD = (Command.REWIND,)  # what lasts as long as its key is down


def obey(player: Player, command: Command) -> None:
    """Carry out a command."""
    if command is Command.MENU:
        player.to_menu()
    elif player.options.measured:
        player.hud.toast("not while play is measured")
    elif command is Command.FULLSCREEN:
        player.window.toggle_fullscreen()
        player.release_all()
    elif player.options.playback and command in NOT_IN_PLAYBACK:
        player.hud.toast("not while a recording plays")
    elif player.round is not None:
        _COMMANDS[command](player, player.round)
        player.draw()


def hold(player: Player, command: Command, down: bool) -> None:
    """Begin or end what lasts as long as a key is held."""
    current = player.round
    if command is not Command.REWIND or current is None:
        return
    if not down:
        current.loop.play_on()
    elif player.options.measured or player.options.playback:
        player.hud.toast(f"not while {'play is measured' if player.options.measured else 'a recording plays'}")
    else:
        current.loop.rewind()


def show_speed(speed: float) -> str:
    """A speed as a person reads it: 2× or 1/2×."""
    return f"{speed:g}×" if speed >= 1 else f"1/{1 / speed:g}×"


def _pause(player: Player, current: Round) -> None:
    player.hud.paused = not player.hud.paused
    if player.hud.paused:
        current.loop.pause()
    else:
        current.loop.resume()


def _step(player: Player, current: Round) -> None:
    player.hud.paused = True
    current.loop.single_step()


def _record(player: Player, current: Round) -> None:
    if current.recorder is not None:
        player.stop_recording()
    else:
        player.record_under(player.settings.recordings)


def _reset(player: Player, current: Round) -> None:
    start, rng_seed = secrets.randbelow(current.session.checkpoint.starts), secrets.randbelow(1 << 31)
    current.loop.request_reset(start, rng_seed)
    player.hud.toast(f"start {start}, seed {rng_seed}")


def _next_world(player: Player, current: Round) -> None:
    if not [name for name in player.shelf.names if name != current.name]:
        player.hud.toast("this is the only world here")
    elif not player.expecting:
        player.enter(player.shelf.after(current.name))


def _next_theme(player: Player, current: Round) -> None:
    names = theme_names(current.manifest)
    if len(names) < 2:
        player.hud.toast("this world has no other colours")
        return
    theme = names[(names.index(current.picture.theme or names[0]) + 1) % len(names)]
    current.picture.set_theme(theme)
    current.picture.load(current.newest.pixels)
    player.hud.toast(f"colours: {theme}")


def _toggle_speed(player: Player, current: Round) -> None:
    current.capped = not current.capped
    current.loop.set_capped(current.capped)
    player.hud.toast(f"{current.manifest.tick_rate} frames a second" if current.capped else "no speed cap")


def _save(player: Player, current: Round) -> None:
    player.choose_slot(Command.SAVE, player.save_to)


def _load(player: Player, current: Round) -> None:
    player.choose_slot(Command.LOAD, player.load_from)


def _slower(player: Player, current: Round) -> None:
    _set_speed(player, current, current.speed / 2)


def _faster(player: Player, current: Round) -> None:
    _set_speed(player, current, current.speed * 2)


def _set_speed(player: Player, current: Round, speed: float) -> None:
    current.set_speed(min(FASTEST, max(SLOWEST, speed)))
    player.hud.speed = "" if current.speed == 1 else show_speed(current.speed)
    player.hud.toast("normal speed" if current.speed == 1 else f"speed {player.hud.speed}")


def _toggle_overlay(player: Player, current: Round) -> None:
    player.overlay_shown = not player.overlay_shown


def _toggle_help(player: Player, current: Round) -> None:
    player.hud.turn_help()


_COMMANDS: Mapping[Command, Callable[[Player, Round], None]] = {
    Command.PAUSE: _pause,
    Command.STEP: _step,
    Command.RECORD: _record,
    Command.RESET: _reset,
    Command.NEXT_WORLD: _next_world,
    Command.THEME: _next_theme,
    Command.SAVE: _save,
    Command.LOAD: _load,
    Command.SLOWER: _slower,
    Command.FASTER: _faster,
    Command.SPEED: _toggle_speed,
    Command.OVERLAY: _toggle_overlay,
    Command.HELP: _toggle_help,
}
