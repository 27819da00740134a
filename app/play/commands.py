"""What each command's key does to a play. Owns that list; refuses keys (keymap) and drawing (play, hud)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from app.drawing.picture import theme_names
from app.keys.keymap import Command
from app.play.play import Play
from app.play.round import Round
from engine.frame_loop import FASTEST, SLOWEST

NOT_IN_PLAYBACK = (Command.RESET, Command.NEXT_WORLD, Command.RECORD, Command.LOAD)
HELD = (Command.REWIND,)  # what lasts as long as its key is down


def obey(play: Play, command: Command) -> None:
    """Carry out a command."""
    if command is Command.MENU:
        play.to_menu()
    elif play.options.measured:
        play.hud.toast("not while play is measured")
    elif command is Command.FULLSCREEN:
        play.window.toggle_fullscreen()
        play.release_all()
    elif play.options.playback and command in NOT_IN_PLAYBACK:
        play.hud.toast("not while a recording plays")
    elif play.round is not None:
        _COMMANDS[command](play, play.round)
        play.draw()


def hold(play: Play, command: Command, down: bool) -> None:
    """Begin or end what lasts as long as a key is held."""
    current = play.round
    if command is not Command.REWIND or current is None:
        return
    if not down:
        current.loop.play_on()
    elif play.options.measured or play.options.playback:
        play.hud.toast(f"not while {'play is measured' if play.options.measured else 'a recording plays'}")
    else:
        current.loop.rewind()


def show_speed(speed: float) -> str:
    """A speed as a person reads it: 2× or 1/2×."""
    return f"{speed:g}×" if speed >= 1 else f"1/{1 / speed:g}×"


def _pause(play: Play, current: Round) -> None:
    play.hud.paused = not play.hud.paused
    if play.hud.paused:
        current.loop.pause()
    else:
        current.loop.resume()


def _step(play: Play, current: Round) -> None:
    play.hud.paused = True
    current.loop.single_step()


def _record(play: Play, current: Round) -> None:
    if current.recorder is not None:
        play.keeper.stop_recording(current)
    else:
        play.keeper.record_under(current, play.settings.recordings)


def _reset(play: Play, current: Round) -> None:
    start, rng_seed = secrets.randbelow(current.session.checkpoint.starts), secrets.randbelow(1 << 31)
    current.loop.request_reset(start, rng_seed)
    play.hud.toast(f"start {start}, seed {rng_seed}")


def _next_world(play: Play, current: Round) -> None:
    if not [name for name in play.shelf.names if name != current.name]:
        play.hud.toast("this is the only world here")
    elif not play.expecting:
        play.enter(play.shelf.after(current.name))


def _next_theme(play: Play, current: Round) -> None:
    names = theme_names(current.manifest)
    if len(names) < 2:
        play.hud.toast("this world has no other colours")
        return
    theme = names[(names.index(current.picture.theme or names[0]) + 1) % len(names)]
    current.wear(theme)
    play.hud.toast(f"colours: {theme}")


def _toggle_speed(play: Play, current: Round) -> None:
    current.capped = not current.capped
    current.loop.set_capped(current.capped)
    play.hud.toast(f"{current.manifest.tick_rate} frames a second" if current.capped else "no speed cap")


def _save(play: Play, current: Round) -> None:
    play.choose_slot(current, Command.SAVE, play.keeper.save)


def _load(play: Play, current: Round) -> None:
    play.choose_slot(current, Command.LOAD, play.keeper.load)


def _slower(play: Play, current: Round) -> None:
    _set_speed(play, current, current.speed / 2)


def _faster(play: Play, current: Round) -> None:
    _set_speed(play, current, current.speed * 2)


def _set_speed(play: Play, current: Round, speed: float) -> None:
    current.set_speed(min(FASTEST, max(SLOWEST, speed)))
    play.hud.speed = "" if current.speed == 1 else show_speed(current.speed)
    play.hud.toast("normal speed" if current.speed == 1 else f"speed {play.hud.speed}")


def _toggle_overlay(play: Play, current: Round) -> None:
    play.stage.overlay_shown = not play.stage.overlay_shown


def _toggle_help(play: Play, current: Round) -> None:
    play.hud.turn_help()


_COMMANDS: Mapping[Command, Callable[[Play, Round], None]] = {
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
