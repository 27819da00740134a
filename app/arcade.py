"""From the menu to a world and back. Owns that round trip; refuses to draw and to parse arguments."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pygame

from app.drawing.picture import find_theme, find_theme_or_first
from app.drawing.window import Window, find_display, lost_display
from app.keys.gamepad import Gamepads
from app.keys.keymap import COMMAND_KEYS, check_keys, command_codes
from app.library.screen import Library
from app.menu.menu import Menu, Place
from app.menu.shelf import Shelf
from app.outcome import Outcome
from app.painter.screen import Painter
from app.play.beginnings import picture_beginning
from app.play.options import PlayOptions
from app.play.player import Player
from app.settings.file import SettingsFile
from app.settings.schema import Settings
from app.settings.screen import SettingsScreen
from engine.autoplay import make_autoplayer
from engine.backends.wish import BackendWish
from engine.checkpoint import Checkpoint, find_world, known_worlds
from models.manifest import BadInput, Manifest, read_manifest


def open_shelf(
    world: str | None, wish: BackendWish, settings: Settings, tell: Callable[[str], None]
) -> tuple[Shelf, str | None]:
    """The known worlds, with `world` (a name or a folder) among them. Returns its name too; raises BadInput if it is
    broken. A known world of the same name yields to a folder that was named. What the settings ask for that a world
    can't be played with is told to `tell`; the world stays."""
    commands = command_codes(settings.command_keys)

    def check(manifest: Manifest) -> None:
        try:
            check_keys(manifest, settings.keys.get(manifest.name, {}), commands)
        except BadInput as error:
            check_keys(manifest, {}, command_codes(COMMAND_KEYS))
            tell(f"settings: {error}")

    named = find_world(world) if world is not None else None
    if named is None:
        return Shelf(known_worlds(), wish, check, tell), None
    name = read_manifest(named).name
    others = [folder for folder in known_worlds() if folder.name != name and folder != named]
    shelf = Shelf([named, *others], wish, check, tell)
    if name not in shelf.names:
        raise BadInput(shelf.problems[0])
    return shelf, name


def run_arcade(
    file: SettingsFile,
    options: PlayOptions,
    world: str | None,
    wish: BackendWish,
    fullscreen: bool,
    tell: Callable[[str], None],
) -> None:
    """Open the window and stay until the player quits. `world` is played first, else the menu shows. `tell` is told
    what went otherwise than asked for. Raises BadInput also where the screen goes away in the middle, wherever one
    is."""
    settings = file.current
    find_display()  # before anything is read: without one there is nothing to read it for
    shelf, chosen = open_shelf(world, wish, settings, tell)
    try:
        if chosen is not None:
            _check_options(shelf.checkpoint(chosen), options)
            shelf.request(chosen)  # the graph loads while the window opens
        for problem in shelf.problems:
            tell(problem)
        window = Window(scale=settings.scale, fullscreen=fullscreen)
        try:
            pads = Gamepads()
            pads.start()
            player = Player(window, shelf, settings, options, pads=pads, file=file)
            menu = Menu(window, shelf, settings, command_codes(settings.command_keys), pads=pads, file=file)
            try:
                _round_trip(menu, player, chosen, file, tell)
            finally:
                _tell_of(player, tell)
        except pygame.error as error:
            raise lost_display(error) from error
        finally:
            window.close()
    finally:
        shelf.close()


def _check_options(checkpoint: Checkpoint, options: PlayOptions) -> None:
    """Raise BadInput for a start, theme or autoplayer that the named world doesn't have."""
    manifest = checkpoint.manifest
    if options.start is not None and options.start >= checkpoint.starts:
        raise BadInput(f"--start: expected 0 to {checkpoint.starts - 1} for {manifest.name}, got {options.start}")
    if options.theme is not None:
        find_theme(manifest, options.theme)
    if options.autoplay is not None:
        make_autoplayer(options.autoplay, manifest, 0)


def _tell_of(player: Player, tell: Callable[[str], None]) -> None:
    """What a player that has left couldn't keep: recordings, videos, saves."""
    for problem in player.recording_problems:
        tell(problem)


def _round_trip(menu: Menu, player: Player, named: str | None, file: SettingsFile, tell: Callable[[str], None]) -> None:
    for problem in (*menu.shelf.problems, *file.problems[:1]):
        menu.say(problem)
    if named is not None:
        menu.select(named)
    chosen = named
    while chosen is not None or (chosen := menu.run()) is not None or menu.place is not None:
        if chosen is None:
            if _visit(menu, file, tell) is Outcome.QUIT:
                return
            continue
        player.follow_file()
        known = len(player.recording_problems)
        if player.run(chosen) is Outcome.QUIT:
            return
        for problem in player.recording_problems[known:]:
            menu.say(problem)
        if player.problem is not None:
            if player.options.frames is not None or (chosen == named and player.first_frame_at is None):
                raise BadInput(player.problem)  # nobody is there to look at a menu, or nothing was seen yet
            menu.say(player.problem)
        chosen = None


def _visit(menu: Menu, file: SettingsFile, tell: Callable[[str], None]) -> Outcome:
    """Go where the menu was left to."""
    window, shelf, pads = menu.window, menu.shelf, menu.pads
    if menu.place is Place.LIBRARY:
        return Library(window, shelf, file, pads, tell).run()
    if menu.place is Place.SETTINGS:
        return SettingsScreen(window, file, [shelf.checkpoint(name).manifest for name in shelf.names], pads).run()
    return _paint(menu, file, tell) if shelf.names else Outcome.MENU


def _paint(menu: Menu, file: SettingsFile, tell: Callable[[str], None]) -> Outcome:
    """Paint in the chosen world, and play from the painting. A reconstruction that isn't wanted leads back to the
    painter."""
    window, shelf, pads, name = menu.window, menu.shelf, menu.pads, menu.shelf.names[menu.selected]
    shelf.request(name)  # made ready while somebody paints
    theme = find_theme_or_first(shelf.checkpoint(name).manifest, file.current.theme.get(name))
    commands = command_codes(file.current.command_keys)
    painter = Painter(window, shelf.checkpoint(name), file.current.saves, theme, commands, pads)
    try:
        while painter.run() is not Outcome.QUIT and painter.to_play is not None:
            options = PlayOptions(beginning=picture_beginning(painter.to_play, secrets.randbelow(1 << 31)))
            player = Player(window, shelf, file.current, options, pads=pads, file=file)
            try:
                outcome = player.run(name)
            finally:
                _tell_of(player, tell)
            if outcome is Outcome.QUIT:
                return Outcome.QUIT
            for problem in player.recording_problems[-1:]:
                menu.say(problem)
            if player.problem is not None:
                menu.say(player.problem)
                return Outcome.MENU
            if not player.picture_refused:
                return Outcome.MENU
    finally:
        if kept := painter.close():
            menu.say(kept)
    return painter.outcome or Outcome.MENU
