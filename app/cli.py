"""The `dreamcade` command. Owns arguments, exit codes and one-line errors; refuses to do the work itself.

Exit codes: 0 success, 1 a finding (a replay that differs, a target missed under --strict), 2 bad usage or bad input.
What a command needs is imported inside it, so that none waits for what another one needs.
"""

from __future__ import annotations

import io
import json
import secrets
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.console.plain_text import plain_text
from engine.backends.wish import BackendName, BackendWish
from models.manifest import BadInput

FINDING = 1
BAD_USAGE = 2
INTERRUPTED = 130

app = typer.Typer(
    name="dreamcade",
    help="A desktop arcade whose games are neural networks. Without a command, `play` opens the menu.",
    no_args_is_help=False,
    add_completion=False,
    pretty_exceptions_enable=False,
)
worlds_app = typer.Typer(help="The worlds that are here; others from a hub and to it.", add_completion=False)
app.add_typer(worlds_app, name="worlds")


def _target(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """The path of a figures' file, tried before anything is measured. Raises BadInput."""
    if path is not None:
        from engine.measuring.figures_file import check_target

        check_target(path, parameter.opts[0])
    return path


JsonOption = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", callback=_target, help="Also write the figures to FILE.")
]
WorldOption = Annotated[str | None, typer.Option("--world", help="A known world's name, or a world's folder.")]
RepoArgument = Annotated[str, typer.Argument(metavar="ORG/NAME", help="A repository of the hub.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, max=64, help="Threads of the model; by default what suits the machine."),
]
BackendOption = Annotated[
    BackendName | None,
    typer.Option("--backend", help="What runs the model: auto takes a card where one is here, else the CPU."),
]
VramOption = Annotated[
    str | None, typer.Option("--vram-limit", metavar="SIZE", help="The most memory to take on a card, such as 8GiB.")
]
SettingsOption = Annotated[Path | None, typer.Option("--settings", metavar="FILE", help="Settings file to use.")]
FullscreenOption = Annotated[bool, typer.Option("--fullscreen", help="Use the whole screen.")]


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code; whatever is wrong with the input is one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows few letters gets question marks
    given = sys.argv[1:] if arguments is None else arguments
    if not given or (given[0].startswith("-") and given[0] not in ("--help", "-h")):
        given = ["play", *given]
    try:
        code = app(given, standalone_mode=False, prog_name="dreamcade")
    except BadInput as problem:
        _complain(str(problem))
        code = BAD_USAGE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except Exception as problem:
        if hasattr(problem, "format_message"):  # a usage error: their class has no public name
            _complain(problem.format_message())
        elif _raised_in(problem, "onnxruntime"):
            _complain(f"onnxruntime: a graph failed while running ({problem})")
        else:
            raise  # a fault of ours: its traceback is wanted
        code = BAD_USAGE
    sys.exit(code if isinstance(code, int) else 0)


def _raised_in(error: Exception, package: str) -> bool:
    """Whether the error came up inside a package. The runtime raises plain RuntimeError as well as its own kinds."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return step is not None and str(step.tb_frame.f_globals.get("__name__")).startswith(package)


def _complain(message: str) -> None:
    print(f"dreamcade: {plain_text(' '.join(message.split()))}", file=sys.stderr)


def _wish(backend: BackendName | None, threads: int | None, vram_limit: str | None) -> BackendWish:
    """What was asked for. Raises BadInput for a size that is none."""
    from engine.backends.vram import parse_size

    limit = None if vram_limit is None else parse_size(vram_limit, "--vram-limit")
    return BackendWish(backend or BackendName.AUTO, threads, limit)


def _whole_place(place: str) -> str:
    """--from with its frame: where the whole text is a path, no part of its name is taken for one. Raises BadInput."""
    from engine.recordings.share import open_record

    try:
        named = "@" in place and Path(place).exists()
    except (OSError, ValueError):  # a name that no file can have: reading it says so
        named = False
    return f"{place}@{max(0, open_record(Path(place)).frames - 1)}" if named else place


def _write_json(path: Path | None, document: dict[str, Any], option: str = "--json") -> None:
    """Write figures where `option` asks for them. Raises BadInput where that can't be done."""
    from engine.atomic import write_atomically

    if path is None:
        return
    if not path.name:
        raise BadInput(f"{path}: {option}: expected a file's name")
    try:
        write_atomically(path, (json.dumps(document, indent=2) + "\n").encode())
    except OSError as error:
        raise BadInput(f"{path}: {option}: cannot be written ({error.strerror or error})") from error


@app.command()
def play(
    world: WorldOption = None,
    start: Annotated[
        str | None, typer.Option("--start", metavar="N|PICTURE", help="Start to begin from, or a picture; random.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of the world's chance; random.")] = None,
    theme: Annotated[str | None, typer.Option("--theme", help="Colours to begin with (T changes them).")] = None,
    fullscreen: FullscreenOption = False,
    place: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SESSION@FRAME",
            help="Go on from a frame of a recording, counted over the whole of it from 0, as replay --verify names it; "
            "without @, its last.",
        ),
    ] = None,
    headless: Annotated[bool, typer.Option("--headless", help="Play without a window.")] = False,
    autoplay: Annotated[
        str | None, typer.Option("--autoplay", help="random, sticky, script or script:NAME plays instead of keys.")
    ] = None,
    frames: Annotated[int | None, typer.Option("--frames", min=1, help="Stop after this many; headless: 300.")] = None,
    record: Annotated[Path | None, typer.Option("--record", metavar="DIR", help="Record into a new folder.")] = None,
    no_cap: Annotated[bool, typer.Option("--no-cap", help="As fast as the machine can.")] = False,
    backend: BackendOption = None,
    vram_limit: VramOption = None,
    threads: ThreadsOption = None,
    settings: SettingsOption = None,
    json_file: JsonOption = None,
) -> None:
    """Play in a window, or without one (--headless). Without --world, a menu shows the worlds."""
    from app.play.beginnings import begin_from_picture, branch_from, parse_start

    begun = parse_start(start)
    if place is not None:
        place = _whole_place(place)
    if place is not None and (start is not None or seed is not None):
        raise BadInput("--from: expected neither --start nor --seed with it: the recording says them")
    if headless:
        from app.console.headless import run_headless

        wish = _wish(backend, threads, vram_limit)
        report = run_headless(world, begun, seed, autoplay or "sticky", frames or 300, record, wish, _complain, place)
        _write_json(json_file, report)
        return
    if json_file is not None:
        raise BadInput("--json: expected --headless with it; F1 shows the figures in the window")
    from app.arcade import run_arcade
    from app.play.options import PlayOptions
    from app.settings.file import open_settings

    file = open_settings(settings, _complain)
    chosen = file.current
    beginning = None
    if place is not None:
        beginning, checkpoint = branch_from(place, world)
        world = world or str(checkpoint.folder)
    elif isinstance(begun, Path):
        beginning, _ = begin_from_picture(begun, world, secrets.randbelow(1 << 31) if seed is None else seed)
    options = PlayOptions(
        begun if isinstance(begun, int) else None,
        seed,
        theme,
        autoplay,
        frames,
        record,
        capped=not no_cap,
        beginning=beginning,
    )
    wish = _wish(backend or chosen.backend, threads or chosen.threads, vram_limit)
    if beginning is not None:
        wish = beginning.suit(wish)
    run_arcade(file, options, world, wish, fullscreen or chosen.fullscreen, _complain)


@app.command()
def bench(
    world: WorldOption = None,
    frames: Annotated[int, typer.Option("--frames", min=2, help="Frames of each run.")] = 300,
    window: Annotated[bool, typer.Option("--window", help="With the real window open and its figures shown.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if a target is missed.")] = False,
    graphs: Annotated[
        Path | None, typer.Option("--graphs", metavar="DIR", help="The worlds in DIR, such as a ladder's rungs.")
    ] = None,
    submit: Annotated[
        Path | None,
        typer.Option(
            "--submit", metavar="FILE", callback=_target, help="Write an anonymous report that can be sent in."
        ),
    ] = None,
    project_only: Annotated[
        bool, typer.Option("--project-only", help="Run nothing: only calculate what an RTX 3060 would reach.")
    ] = False,
    backend: BackendOption = None,
    vram_limit: VramOption = None,
    threads: ThreadsOption = None,
    json_file: JsonOption = None,
) -> None:
    """Measure the closed loop on every backend: unthrottled and paced, compute and interval times, key to screen,
    memory, cold and warm start."""
    from app.console.bench import missed_targets, print_bench, print_projections, run_bench, run_projection
    from app.console.submission import anonymous_report

    if project_only:
        if submit is not None or strict or window:
            raise BadInput("--project-only: expected no --submit, --strict or --window with it, nothing is measured")
        document = run_projection(world, graphs, _wish(backend, threads, vram_limit).vram_limit)
        print_projections(document)
        _write_json(json_file, document)
        return
    names = [BackendName.ONNX, BackendName.TENSORRT] if backend is None else [backend]
    wishes = [_wish(name, threads, vram_limit) for name in names]
    document = run_bench(world, graphs, frames, window, wishes)
    print_bench(document)
    _write_json(json_file, document)
    _write_json(submit, anonymous_report(document), "--submit")
    missed = missed_targets(document)
    for line in missed if strict else []:
        _complain(line)
    if strict and missed:
        raise typer.Exit(FINDING)


@app.command()
def replay(
    session: Annotated[Path, typer.Argument(help="A recording's folder, or a shared file.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Regenerate and compare every frame, without a window.")
    ] = False,
    world: WorldOption = None,
    fullscreen: FullscreenOption = False,
    threads: ThreadsOption = None,
    settings: SettingsOption = None,
    json_file: JsonOption = None,
) -> None:
    """Play a recording again in a window, or --verify that every frame comes out as it was recorded."""
    from app.console import replay

    if verify:
        report = replay.verify_recording(session, world, threads, _complain)
        _write_json(json_file, report)
        if not report["same"]:
            raise typer.Exit(FINDING)
        return
    if json_file is not None:
        raise BadInput("--json: expected --verify with it")
    from app.settings.reading import load_settings

    chosen = load_settings(settings, _complain)
    if not replay.show_recording(session, world, threads, chosen, fullscreen, _complain):
        raise typer.Exit(FINDING)


@app.command("export")
def export_command(
    session: Annotated[Path, typer.Argument(help="A recording's folder.")],
    target: Annotated[Path, typer.Argument(metavar="FILE", help="Ends in .dreamcade (a few kilobytes) or .mp4.")],
    scale: Annotated[
        int | None, typer.Option("--scale", min=1, max=32, help="Video pixels a game pixel; by default about 512 wide.")
    ] = None,
    world: WorldOption = None,
    threads: ThreadsOption = None,
) -> None:
    """Write a recording as a small file to pass on, or as a video."""
    from app.console.sharing import export_session

    export_session(session, target, world, scale, threads, _complain)


@app.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A shared file (.dreamcade).")],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the recording.")],
    world: WorldOption = None,
    threads: ThreadsOption = None,
    json_file: JsonOption = None,
) -> None:
    """Make a shared session again, frame by frame, into a recording with video."""
    from app.console.sharing import import_session

    report = import_session(file, folder, world, threads, _complain)
    _write_json(json_file, report)
    if not report["same"]:
        raise typer.Exit(FINDING)


@app.command()
def soak(
    minutes: Annotated[float, typer.Option("--minutes", min=0.0, max=10_000.0, help="How long to go on.")] = 60.0,
    world: WorldOption = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of what is done and when.")] = 0,
    backend: BackendOption = None,
    vram_limit: VramOption = None,
    threads: ThreadsOption = None,
    json_file: JsonOption = None,
) -> None:
    """Play all worlds without a window for long: rewind, save, load, record, verify, and report what gave way."""
    from app.console.soak import run_soak

    document, missed = run_soak(world, minutes, seed, _wish(backend, threads, vram_limit), _complain)
    _write_json(json_file, document)
    for line in missed:
        _complain(line)
    if missed:
        raise typer.Exit(FINDING)


@worlds_app.callback(invoke_without_command=True)
def worlds(context: typer.Context, json_file: JsonOption = None) -> None:
    """The worlds that are here; others from a hub and to it. Without a command, `list`."""
    if context.invoked_subcommand is None:
        worlds_list(json_file)


@worlds_app.command("list")
def worlds_list(json_file: JsonOption = None) -> None:
    """The worlds that are here, bundled and pulled, and what they need."""
    from app.console.worlds import list_worlds

    _write_json(json_file, list_worlds(_complain))


@worlds_app.command("verify")
def worlds_verify(
    name: Annotated[str | None, typer.Argument(help="A world's name or folder; all that are here.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Check sizes, hashes, start frames and graphs."""
    from app.console.worlds import verify_worlds

    report = verify_worlds(name, _complain)
    _write_json(json_file, report)
    if not all(entry["whole"] for entry in report["worlds"]):
        raise typer.Exit(BAD_USAGE)


@worlds_app.command("pull")
def worlds_pull(
    repo: RepoArgument,
    wanted: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="The name to keep it under; by default its own.")
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Fetch a world from the hub, or go on with it, verify it, and have it in the menu."""
    from app.console.worlds import pull

    _write_json(json_file, pull(repo, wanted))


@worlds_app.command("push")
def worlds_push(
    world: Annotated[str, typer.Argument(metavar="DIR", help="A world's folder or name.")],
    repo: RepoArgument,
    private: Annotated[
        bool, typer.Option("--private", help="A new repository is for those only who may see it.")
    ] = False,
    json_file: JsonOption = None,
) -> None:
    """Verify a world and put it on the hub, with the hub's own login."""
    from app.console.worlds import push

    _write_json(json_file, push(world, repo, private))


@worlds_app.command("remove")
def worlds_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A pulled world, or the ORG/NAME of an unfinished pull.")],
    json_file: JsonOption = None,
) -> None:
    """Remove a pulled world."""
    from app.console.worlds import remove

    _write_json(json_file, remove(name))


@app.command()
def doctor(
    clear_cache: Annotated[bool, typer.Option("--clear-cache", help="Delete the engines that were kept.")] = False,
    build_for: Annotated[
        str | None,
        typer.Option("--build-for", metavar="X.Y", help="Build the worlds' engines for a compute capability: 8.6."),
    ] = None,
    settings: SettingsOption = None,
    json_file: JsonOption = None,
) -> None:
    """What this machine has, and what that means for play; with --build-for, whether engines for a card that needn't be
    here can be built, how large they are and how long it takes."""
    from app.console.doctor import clear_engines, examine
    from app.settings.reading import load_settings

    if build_for is not None:
        from app.console.engines import build_engines

        if clear_cache:
            raise BadInput("--build-for: expected no --clear-cache with it")
        report = build_engines(build_for, _complain)
        _write_json(json_file, report)
        if any(engine["problem"] is not None for engine in report["engines"]):
            raise typer.Exit(FINDING)
        return
    if clear_cache:
        clear_engines()
    _write_json(json_file, examine(load_settings(settings, _complain), settings))


if __name__ == "__main__":
    main()
