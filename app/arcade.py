"""From the menu to a world and back. Owns that round trip; refuses to draw and to parse arguments."""

from __future__ import annotations

from collections.abc import Callable

from app.keymap import command_codes
from app.menu import Menu
from app.player import Outcome, Player, PlayOptions
from app.settings import Settings
from app.shelf import Shelf
from app.window import Window
from engine.checkpoint import bundled_worlds, find_world
from models.manifest import BadInput, read_manifest


def open_shelf(world: str | None, threads: int | None) -> tuple[Shelf, str | None]:
    """The bundled worlds, with `world` (a name or a folder) among them. Returns its name too; raises BadInput if it is
    broken. A bundled world of the same name yields to a folder that was named."""
    named = find_world(world) if world is not None else None
    if named is None:
        return Shelf(bundled_worlds(), threads), None
    name = read_manifest(named).name
    others = [folder for folder in bundled_worlds() if folder.name != name and folder != named]
    shelf = Shelf([named, *others], threads)
    if name not in shelf.names:
        raise BadInput(shelf.problems[0])
    return shelf, name


def run_arcade(
    settings: Settings,
    options: PlayOptions,
    world: str | None,
    threads: int | None,
    fullscreen: bool,
    tell: Callable[[str], None],
) -> None:
    """Open the window and stay until the player quits. `world` is played first, else the menu shows."""
    shelf, chosen = open_shelf(world, threads)
    if chosen is not None:
        _check_start(shelf, chosen, options)
    for problem in shelf.problems:
        tell(problem)
    if chosen is not None:
        shelf.request(chosen)  # the graph loads while the window opens
    window = Window(scale=settings.scale, fullscreen=fullscreen)
    try:
        _round_trip(window, shelf, settings, options, chosen)
    finally:
        shelf.close()
        window.close()


def _check_start(shelf: Shelf, name: str, options: PlayOptions) -> None:
    starts = shelf.checkpoint(name).starts
    if options.start is not None and options.start >= starts:
        raise BadInput(f"--start: expected 0 to {starts - 1} for {name}, got {options.start}")


def _round_trip(window: Window, shelf: Shelf, settings: Settings, options: PlayOptions, chosen: str | None) -> None:
    commands = command_codes(settings.command_keys)
    menu = Menu(window, shelf, settings, commands)
    player = Player(window, shelf, settings, options)
    for problem in shelf.problems:
        menu.say(problem)
    if chosen is not None:
        menu.select(chosen)
    while chosen is not None or (chosen := menu.run()) is not None:
        if player.run(chosen) is Outcome.QUIT:
            return
        if player.problem is not None:
            menu.say(player.problem)
        chosen = None
