"""`dreamcade-train`: the commands of the training tree. Owns options and exit codes; refuses work of its own."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from models.manifest import BadInput

app = typer.Typer(help="Make the worlds that Dreamcade plays.", no_args_is_help=True, pretty_exceptions_enable=False)

World = Annotated[str, typer.Option("--world", help="platformer, puzzle or moon")]
PresetName = Annotated[str, typer.Option("--preset", help="tiny, cpu, gpu, or a YAML file")]
RunFolder = Annotated[Path, typer.Option("--run", help="folder of the run: data, checkpoints, curves")]
GAP_TICKS, GAP_SEED = 16, 4_321  # of the clips on which the correlation gap is measured

Minutes = Annotated[float | None, typer.Option(min=0.01, help="the stage's budget of time; the preset's otherwise")]


def _target(parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """The path of a figures' file, tried before anything is measured. Raises BadInput."""
    if path is not None:
        from engine.measuring.figures_file import check_target

        check_target(path, parameter.opts[0])
    return path


JsonFile = Annotated[Path | None, typer.Option("--json", callback=_target, help="also write the figures to this file")]


@app.command()
def collect(
    world: World,
    frames: Annotated[int, typer.Option(min=1, help="transitions to have in the folder in the end")],
    out: Annotated[Path, typer.Option(help="the data set's folder; collecting goes on where it stopped")],
    split: Annotated[str, typer.Option(help="level seeds: train, choose or report")] = "train",
    seed: Annotated[int, typer.Option(min=0)] = 0,
    processes: Annotated[int | None, typer.Option(min=1, help="that play; one a core if not given")] = None,
    measure: Annotated[bool, typer.Option(help="then measure reading: frames a second and memory")] = False,
    json_file: JsonFile = None,
) -> None:
    """Simulate a world and store lossless episodes."""
    from training.data.collect import collect as collect_episodes
    from training.data.reading_bench import measure_reading
    from training.progress import progress_line

    with progress_line("collect") as line:
        report = collect_episodes(
            world,
            frames,
            out,
            split=split,
            seed=seed,
            progress=lambda report: line.update(report.frames / report.target, report.note),
            processes=processes or os.cpu_count() or 1,
        )
    figures: dict[str, Any] = {"collect": asdict(report) | {"bytes_per_frame": report.bytes_per_frame}}
    if measure:
        figures["reading"] = asdict(measure_reading(out, seconds=5.0))
    _show(figures, json_file)
    if not report.complete:
        raise KeyboardInterrupt


@app.command(name="import")
def import_video(
    video: Annotated[Path, typer.Option(help="the recording's pictures, in any format that FFmpeg reads")],
    actions: Annotated[Path, typer.Option(help="one action a line, or the actions.ndjson of a session folder")],
    out: Annotated[Path, typer.Option(help="the data set's folder; a second recording is added to it")],
    world: Annotated[str, typer.Option(help="platformer or puzzle, or another game's name: then pictures stay RGB")],
    palette: Annotated[str | None, typer.Option(help="the world's palette that the pictures are in")] = None,
    split: Annotated[str, typer.Option(help="what the episodes are for: train, choose or report")] = "train",
    self_generated: Annotated[
        bool, typer.Option("--self-generated", help="also take what a neural world made itself")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Make episodes of a recording of any game."""
    from training.data.recording import import_recording

    report = import_recording(
        video, actions, out, game=world, palette=palette, split=split, allow_self_generated=self_generated
    )
    _show({"import": asdict(report)}, json_file)


@app.command()
def tokenizer(
    world: World,
    run: RunFolder,
    preset: PresetName = "cpu",
    minutes: Minutes = None,
    json_file: JsonFile = None,
) -> None:
    """Train, or go on training, a run's tokenizer."""
    from training.precision import make_accelerator

    this = _run(world, preset, run, {"tokenizer": minutes})
    _show({"tokenizer": asdict(this.train_tokenizer(make_accelerator(this.preset.precision)))}, json_file)


@app.command()
def dynamics(
    world: World,
    run: RunFolder,
    preset: PresetName = "cpu",
    minutes: Minutes = None,
    json_file: JsonFile = None,
) -> None:
    """Train, or go on training, a run's dynamics model."""
    from training.precision import make_accelerator

    this = _run(world, preset, run, {"dynamics": minutes})
    _show({"dynamics": asdict(this.train_dynamics(make_accelerator(this.preset.precision)))}, json_file)


@app.command()
def chance(world: World, run: RunFolder, preset: PresetName = "cpu", json_file: JsonFile = None) -> None:
    """Teach a run's dynamics model a world's own odds of what comes in, where the world knows them."""
    from training.precision import make_accelerator

    this = _run(world, preset, run, {})
    report = this.train_chance(make_accelerator(this.preset.precision))
    _show({"chance": None if report is None else asdict(report)}, json_file)


@app.command()
def teacher(
    world: World,
    run: RunFolder,
    preset: PresetName = "cpu",
    minutes: Minutes = None,
    gap: Annotated[int, typer.Option(min=0, help="then measure the correlation gap on so many clips")] = 40,
    json_file: JsonFile = None,
) -> None:
    """Train, or go on training, a run's teacher, and measure what one pass loses beside several."""
    from training.precision import make_accelerator

    this = _run(world, preset, run, {"teacher": minutes})
    figures: dict[str, Any] = {"teacher": asdict(this.train_teacher(make_accelerator(this.preset.precision)))}
    if gap:
        from training.correlation_gap import measure_gap
        from training.evaluate.footage import record_clips
        from training.progress import progress_line

        with progress_line("gap") as line:
            figures["correlation_gap"] = measure_gap(
                this.teacher()[1],
                record_clips(world, gap, GAP_TICKS, GAP_SEED, "choose"),
                progress=lambda share: line.update(share, ""),
            )
    _show(figures, json_file)


@app.command()
def student(
    world: World,
    run: RunFolder,
    preset: PresetName = "cpu",
    minutes: Minutes = None,
    mode: Annotated[str | None, typer.Option(help="distil, finetune or hybrid; the preset's otherwise")] = None,
    json_file: JsonFile = None,
) -> None:
    """Train, or go on training, a run's student: from its teacher, from data, or from both."""
    from training.precision import make_accelerator

    this = _run(world, preset, run, {"student": minutes}, mode)
    _show({"student": asdict(this.train_student(make_accelerator(this.preset.precision)))}, json_file)


@app.command()
def adapt(
    source: Annotated[str, typer.Option("--from", help="a bundled world's name, or a checkpoint folder")],
    data: Annotated[list[Path], typer.Option(help="the new episodes: of collect or import; can be repeated")],
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="the checkpoint folder to make or replace")],
    preset: PresetName = "cpu",
    minutes: Annotated[float | None, typer.Option(min=0.01, help="budget of time; the preset's otherwise")] = None,
    self_generated: Annotated[
        bool, typer.Option("--self-generated", help="also learn from what a neural world made itself")
    ] = False,
    json_file: JsonFile = None,
) -> None:
    """Adapt a world to new episodes: other art, other rules, another game."""
    from engine.checkpoint import find_world
    from training.adapt import Adaptation
    from training.adapt import adapt as adapt_world

    manifest = adapt_world(Adaptation(find_world(source), data, preset, run, minutes, self_generated), out)
    made = manifest.provenance
    _show({"world": str(out), "digest": manifest.digest, "steps": made.steps, "hours": made.hours}, json_file)


@app.command()
def base(
    data: Annotated[list[Path], typer.Option(help="a world's data set; given once for each world")],
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="the checkpoint folder to make or replace, to adapt worlds from")],
    preset: PresetName = "cpu",
    minutes: Annotated[
        float | None, typer.Option(min=0.01, help="of the dynamics stage; the preset's otherwise")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Train one network on several worlds, to adapt each of them from."""
    from training.base import BASE, BaseRun, train_base
    from training.preset import load_preset

    loaded = load_preset(preset, BASE)
    if minutes is not None:
        share = loaded.adapt.tokenizer_share
        loaded = load_preset(preset, BASE, {"tokenizer": minutes * share, "dynamics": minutes * (1 - share)})
    manifest = train_base(BaseRun(data, preset, loaded, run), out)
    made = manifest.provenance
    _show({"world": str(out), "digest": manifest.digest, "steps": made.steps, "hours": made.hours}, json_file)


@app.command()
def compare(
    world: Annotated[str, typer.Option("--world", help="the simulated world to measure on")],
    checkpoint: Annotated[list[str], typer.Option(help="a bundled world's name, or a checkpoint folder; repeated")],
    clips: Annotated[int, typer.Option(min=2, help="of play that each is measured on")] = 32,
    split: Annotated[str, typer.Option(help="level seeds: choose or report")] = "choose",
    threads: Annotated[int | None, typer.Option(min=1)] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure checkpoints beside each other on one world's levels: an adapted one, say, beside what it came from."""
    from engine.checkpoint import find_world
    from training.compare import compare as measure
    from training.compare import compare_table

    folders = [find_world(name) for name in checkpoint]
    console, began = Console(stderr=True), time.monotonic()
    compared = measure(
        folders,
        world,
        clips,
        split,
        threads,
        lambda line: console.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False, markup=False),
    )
    Console().print(compare_table(world, compared))
    if json_file is not None:
        _write_json(
            {"world": world, "split": split, "clips": clips, "compared": list(map(asdict, compared))}, json_file
        )


@app.command()
def export(
    world: World,
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="the checkpoint folder to make or replace")],
    preset: PresetName = "cpu",
    stage: Annotated[
        str | None, typer.Option(help="dynamics or student; the one that the preset ships if not given")
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """Make a checkpoint folder of what a run has trained so far."""
    from training.seal import check_replaceable

    if stage not in (None, "dynamics", "student"):
        raise BadInput(f"{stage}: --stage: expected dynamics or student")
    check_replaceable(out)
    manifest = _run(world, preset, run, {}).export(out, stage)
    _show({"digest": manifest.digest, "cost": manifest.cost.model_dump()}, json_file)


@app.command()
def evaluate(
    world: Annotated[str, typer.Option(help="a bundled world's name, or a checkpoint folder")],
    split: Annotated[str, typer.Option(help="level seeds: choose, to choose between models, or report")] = "report",
    quick: Annotated[bool, typer.Option("--quick", help="fewer and shorter clips")] = False,
    frames: Annotated[int | None, typer.Option(help="length of each coherence run")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="put the metrics into the checkpoint folder")] = False,
    out: Annotated[Path | None, typer.Option(help="folder for contact sheets, clips and plots")] = None,
    data: Annotated[
        list[Path] | None, typer.Option(help="training data to compare the levels with; can be repeated")
    ] = None,
    teacher: Annotated[Path | None, typer.Option(help="metrics of its teacher: what it has kept is added")] = None,
    control: Annotated[Path | None, typer.Option(help="metrics of the model trained on data alone")] = None,
    speedup: Annotated[float | None, typer.Option(min=0, help="its speed, as a multiple of the teacher's")] = None,
    worlds: Annotated[int | None, typer.Option(min=1, help="played at a time; one a core if not given")] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure a checkpoint through its own graphs, on levels that it wasn't trained on."""
    from engine.checkpoint import find_world
    from models.manifest import read_manifest
    from training.evaluate.evaluate import evaluate as measure
    from training.evaluate.evaluate import headline
    from training.evaluate.extent import extent_of

    folder = find_world(world)
    if keep and split != "report":
        raise BadInput(f"{split}: --split: expected report with --keep, the metrics that ship are of those levels")
    console, began = Console(stderr=True), time.monotonic()
    metrics = measure(
        folder,
        extent_of(quick, frames, split),
        out=out,
        command=f"dreamcade-train evaluate --world {folder.name}{' --quick' * quick}"
        + f" --split {split}" * (split != "report")
        + (f" --frames {frames}" if frames is not None else ""),
        worlds=worlds,
        training_data=data or [],
        progress=lambda line: console.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False),
    )
    if teacher is not None:
        from training.evaluate.retention import compare
        from training.scorecard import read_json

        others = read_json(teacher), read_json(control) if control is not None else None
        metrics["student"] = compare(metrics, *others, speedup)
    if keep:
        from training.seal import attach_metrics

        attach_metrics(folder, read_manifest(folder), json.dumps(metrics, indent=1).encode(), headline(metrics))
    _show(metrics, json_file)
    if metrics["protocol"]["levels"] is not None and metrics["protocol"]["levels"]["shared"]:
        console.print("levels that were trained on are among those measured on", highlight=False)
        raise typer.Exit(1)


@app.command()
def evaluate_teacher(
    world: World,
    run: RunFolder,
    preset: PresetName = "cpu",
    split: Annotated[str, typer.Option(help="level seeds: choose, to choose between models, or report")] = "report",
    quick: Annotated[bool, typer.Option("--quick", help="fewer and shorter clips")] = False,
    frames: Annotated[int | None, typer.Option(help="length of each coherence run")] = None,
    out: Annotated[Path | None, typer.Option(help="folder for contact sheets, clips and plots")] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure a run's teacher like a checkpoint, in torch: what `evaluate --teacher` compares a student with."""
    from training.evaluate.evaluate import measure
    from training.evaluate.extent import extent_of
    from training.evaluate.teacher_world import TeacherWorld

    this, console, began = _run(world, preset, run, {}), Console(stderr=True), time.monotonic()
    tokenizer, model = this.teacher()
    playable = TeacherWorld(tokenizer, model, this.preset.teacher.passes, this.preset.export.min_p)
    metrics = measure(
        playable,
        world,
        extent_of(quick, frames, split),
        out=out,
        progress=lambda line: console.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False),
    )
    _show(metrics, json_file)


@app.command()
def scorecard(
    world: Annotated[
        list[str] | None, typer.Option(help="a bundled world's name, or a checkpoint folder [default: all bundled]")
    ] = None,
    bench: Annotated[
        list[Path] | None, typer.Option(help="a file of dreamcade bench --json; may be given again")
    ] = None,
    hourly_price: Annotated[float | None, typer.Option(min=0, help="of the training machine, for the ledger")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="exit code 1 where a gate or target is missed")] = False,
    json_file: JsonFile = None,
) -> None:
    """The project's gates and targets beside what was measured."""
    from engine.checkpoint import bundled_worlds, find_world
    from training.scorecard import scorecard as score
    from training.scorecard_table import show_scorecard

    folders = [find_world(name) for name in world] if world else bundled_worlds()
    lines, spent = score(folders, bench or [], hourly_price)
    show_scorecard(Console(), lines, spent)
    if json_file is not None:
        _write_json({"lines": [asdict(line) for line in lines], "spent": [asdict(one) for one in spent]}, json_file)
    if strict and any(line.verdict == "missed" for line in lines):
        raise typer.Exit(1)


@app.command(name="run")
def run_all(
    world: World = "platformer",
    preset: PresetName = "cpu",
    folder: Annotated[Path | None, typer.Option("--run", help="folder of the run [default: runs/WORLD-PRESET]")] = None,
    out: Annotated[Path | None, typer.Option(help="the checkpoint folder [default: RUN/world]")] = None,
    json_file: JsonFile = None,
) -> None:
    """From nothing to a world that can be played: simulate, tokenizer, dynamics, export. Goes on where it stopped."""
    from training.run import run
    from training.seal import check_replaceable

    folder = folder or Path("runs") / f"{world}-{Path(preset).stem}"
    out = out or folder / "world"
    check_replaceable(out)
    this = _run(world, preset, folder, {})
    manifest = run(this, out)
    _show({"world": str(out), "digest": manifest.digest}, json_file)
    Console().print(f"play it: dreamcade play --world {out}", highlight=False, soft_wrap=True)


@app.command()
def pack(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="folder for the pieces, of at most 16 MiB each, and their list")],
) -> None:
    """A run's state in pieces, to go on elsewhere: checkpoints and curves, without the data."""
    from training.pieces import pack as pack_run

    made = pack_run(run, out)
    Console().print(f"{len(made.files)} files in {len(made.pieces)} pieces", highlight=False)


@app.command()
def unpack(
    pieces: Annotated[Path, typer.Option("--from", help="folder of the pieces")],
    run: RunFolder,
) -> None:
    """Put a run's state together again; its stages then go on where they were."""
    from training.pieces import unpack as unpack_run

    made = unpack_run(pieces, run)
    Console().print(f"{len(made.files)} files from {len(made.pieces)} pieces", highlight=False)


@app.command()
def parity(
    world: Annotated[str, typer.Option(help="a bundled world's name, or a checkpoint folder")],
    frames: Annotated[int, typer.Option(min=1, help="states to step from")] = 3000,
    json_file: JsonFile = None,
) -> None:
    """Does the half-precision graph that cards run choose the same tokens? Emulated on the CPU."""
    from engine.checkpoint import find_world
    from training.half_parity import measure_half
    from training.progress import progress_line

    with progress_line("parity") as line:
        measured = measure_half(find_world(world), frames, progress=lambda share: line.update(share, ""))
    _show(asdict(measured) | {"holds": measured.holds}, json_file)
    if not measured.holds:
        raise typer.Exit(1)


@app.command()
def ladder(
    out: Annotated[Path, typer.Option(help="folder for the rungs, one checkpoint folder each")],
    count: Annotated[int | None, typer.Option(min=1, help="only so many rungs, the smallest first")] = None,
) -> None:
    """Write random-weight graphs from today's size far up: `dreamcade bench --graphs DIR` finds a card's limits."""
    from training.ladder import RUNGS, build_ladder

    console = Console()
    build_ladder(out, RUNGS[:count], lambda line: console.print(line, highlight=False, markup=False))
    line = f"measure them: dreamcade bench --graphs {out}; only calculate: --project-only with it"
    console.print(line, highlight=False, markup=False, soft_wrap=True)


@app.command()
def bench(
    world: Annotated[str, typer.Option(help="a bundled world's name, or a checkpoint folder")],
    preset: PresetName = "cpu",
    run: Annotated[Path | None, typer.Option("--run", help="take the weights of this run; random ones else")] = None,
    frames: Annotated[int, typer.Option(min=2, help="frames of each run")] = 300,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; cuda where there is one")] = None,
    json_file: JsonFile = None,
) -> None:
    """Measure the closed loop like `dreamcade bench`, with torch beside it: eager, and compiled with CUDA graphs."""
    with Console(stderr=True).status("") as status:
        console, began = status.console, time.monotonic()

        def tell(line: str) -> None:
            if console.is_terminal:
                status.update(escape(line))
            else:
                console.print(f"{time.monotonic() - began:5.0f} s  {line}", highlight=False, markup=False)

        tell("loading torch")
        from training.torch_bench import bench_table, bench_torch

        document = bench_torch(world, preset, run, frames, device, tell)
    console = Console()
    console.print(bench_table(document))
    for skipped in document["skipped"]:
        console.print(f"{skipped['backend']}: not measured: {skipped['reason']}", highlight=False, markup=False)
    if json_file is not None:
        _write_json(document, json_file)


def _run(world: str, preset_name: str, folder: Path, minutes: dict[str, float | None], mode: str | None = None) -> Any:
    from training.preset import load_preset
    from training.run import Run
    from training.worlds.registry import world_class

    world_class(world)
    return Run(world, preset_name, load_preset(preset_name, world, minutes, mode), folder)


def _show(figures: dict[str, Any], json_file: Path | None) -> None:
    Console().print_json(json.dumps(figures, default=str))
    if json_file is not None:
        _write_json(figures, json_file)


def _write_json(figures: dict[str, Any], path: Path) -> None:
    from engine.atomic import write_atomically

    if path.is_dir():
        raise BadInput(f"{path}: --json: expected a file's name, found a folder")
    write_atomically(path, json.dumps(figures, indent=1, default=str).encode())


def main() -> None:
    """Run the command line. Exit codes: 0 success, 1 a finding, 2 bad usage or bad input in one line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # not every console knows every character
    try:
        code = app(standalone_mode=False)
    except BadInput as error:
        code = _fail(str(error))
    except (KeyboardInterrupt, typer.Abort):
        code = _fail("stopped; what was finished is kept", 130)
    except OSError as error:
        code = _fail(f"{error.filename}: file: {error.strerror}")
    except Exception as error:
        # Usage errors: their class has moved between the versions of typer, what they can do has not.
        if not hasattr(error, "format_message"):
            raise
        code = _fail(error.format_message())
    sys.exit(code if isinstance(code, int) else 0)


def _fail(line: str, code: int = 2) -> int:
    sys.stderr.write(f"dreamcade-train: {line}\n")
    return code


if __name__ == "__main__":
    main()
