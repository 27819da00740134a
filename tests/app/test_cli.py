"""Commands end to end: exit codes, one clear line on stderr, files that come out."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import app.cli
from app.cli import main
from engine.backends.base import BackendFailed, NoCard
from engine.backends.device import Card

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(app.cli.__file__).parents[1]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs a command; returns exit code, stdout, stderr."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("app.settings.reading.default_settings_path", lambda: tmp_path / "none.yaml")

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return int(exit_.value.code or 0), out, err

    return call


@pytest.fixture
def recording(run: Run, worlds: Path, tmp_path: Path) -> Path:
    """A recorded session of 30 frames."""
    folder = tmp_path / "session"
    code, _, _ = run("play", "--headless", "--world", worlds / "hills", "--frames", 30, "--record", folder)
    assert code == 0
    return folder


def flip_an_action(recording: Path, frame: int) -> None:
    """Change what was played at a frame."""
    log = recording / "actions.ndjson"
    lines = log.read_text(encoding="utf-8").splitlines()
    entry = json.loads(lines[frame])
    entry["action"] = "left" if entry["action"] != "left" else "right"
    lines[frame] = json.dumps(entry)
    log.write_text("\n".join(lines) + "\n", encoding="utf-8")


def one_line(err: str) -> str:
    """What stands on stderr, which must be one line of ours."""
    assert err.startswith("dreamcade: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    return err


def without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linux machine on which no display server runs."""
    for name in ("SDL_VIDEODRIVER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")


@pytest.mark.parametrize(
    "command",
    [[], ["play"], ["bench"], ["replay"], ["worlds"], ["worlds", "verify"], ["doctor"], ["export"], ["import"]],
)
def test_every_command_has_help(run: Run, command: list[str]) -> None:
    code, out, err = run(*command, "--help")
    assert (code, err) == (0, "")
    assert "Usage" in out


@pytest.mark.parametrize(
    "arguments",
    [
        ["play", "--frames", "-5"],
        ["play", "--frames", "many"],
        ["play", "--start", "-1"],
        ["play", "--seed", "-1"],
        ["play", "--threads", "0"],
        ["play", "--no-such-option"],
        ["play", "--backend", "crystal"],
        ["play", "--headless", "--world", "puzzle", "--vram-limit", "much"],
        ["--no-such-option"],
        ["no-such-command"],
        ["replay"],
        ["bench", "--frames", "0"],
        ["worlds", "polish"],
        ["play", "--headless"],
        ["play", "--headless", "--world", "nowhere"],
        ["play", "--world", "nowhere"],
        ["play", "--settings", "nowhere.yaml"],
        ["play", "--json", "x.json"],
        ["replay", "nowhere"],
        ["replay", "nowhere", "--verify"],
        ["bench", "--world", "nowhere"],
        ["bench", "--world", "puzzle", "--graphs", "."],
        ["bench", "--project-only", "--strict"],
        ["bench", "--submit", "nowhere/report.json"],
        ["bench", "--json", "nowhere/bench.json"],
        ["soak", "--json", "nowhere/soak.json"],
        ["doctor", "--build-for", "12"],
        ["doctor", "--build-for", "1.2"],
        ["doctor", "--build-for", "8.6", "--clear-cache"],
        ["worlds", "verify", "nowhere"],
        ["play", "--start", "nowhere.png", "--world", "platformer"],
        ["play", "--start", "nowhere.png", "--headless"],
        ["play", "--start", ""],
        ["play", "--from", "nowhere@3"],
        ["play", "--from", "nowhere@three"],
        ["play", "--from", "@3", "--headless"],
        ["play", "--from", "nowhere@3", "--seed", "4"],
        ["export", "nowhere", "a.dreamcade"],
        ["export", "nowhere", "a.mp4"],
        ["export", "nowhere", "a.gif"],
        ["import", "nowhere", "folder"],
        ["play", "--headless", "--world", "x" * 5000],
        ["replay", "x" * 5000],
        ["replay", "x" * 5000, "--verify"],
        ["worlds", "verify", "x" * 5000],
    ],
)
def test_bad_usage_is_one_line_and_exit_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    one_line(err)


def test_without_a_display_one_line_names_headless(run: Run, worlds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_a_display(monkeypatch)
    code, _, err = run("play", "--world", worlds / "hills")
    assert code == 2
    assert "--headless" in one_line(err)


def test_without_a_display_replay_names_verify(
    run: Run, recording: Path, worlds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_a_display(monkeypatch)
    code, _, err = run("replay", recording, "--world", worlds / "hills")
    assert code == 2
    assert "--verify" in one_line(err)
    assert "--headless" not in err


def test_headless_play_reports_and_records(run: Run, worlds: Path, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    options = ("--frames", 40, "--autoplay", "script:stroll", "--seed", 4, "--start", 2, "--json", figures)
    code, out, _ = run("play", "--headless", "--world", worlds / "hills", *options, "--record", tmp_path / "session")
    assert code == 0
    assert "seed 4" in out
    report = json.loads(figures.read_text(encoding="utf-8"))
    assert (report["frames"], report["start"], report["rng_seed"]) == (40, 2, 4)
    assert (tmp_path / "session" / "video.mp4").exists()
    again = run("play", "--headless", "--world", worlds / "hills", *options)
    assert again[0] == 0
    assert json.loads(figures.read_text(encoding="utf-8"))["last_digest"] == report["last_digest"]


def test_window_play_ends_after_its_frames(run: Run, worlds: Path, tmp_path: Path) -> None:
    folder = tmp_path / "session"
    options = ("--autoplay", "random", "--frames", 12, "--seed", 3, "--start", 0, "--theme", "night", "--no-cap")
    code, _, err = run("--world", worlds / "boxes", *options, "--record", folder)
    assert (code, err) == (0, "")
    assert run("replay", folder, "--verify", "--world", worlds / "boxes")[0] == 0


@pytest.mark.parametrize("options", [("--start", 4), ("--autoplay", "genius"), ("--autoplay", "script:none")])
@pytest.mark.parametrize("mode", ["--headless", "--no-cap"])
def test_what_a_world_does_not_have_is_one_line(run: Run, worlds: Path, options: tuple[str, ...], mode: str) -> None:
    code, _, err = run("play", mode, "--world", worlds / "hills", "--frames", 5, *options)
    assert code == 2
    one_line(err)


def test_an_unknown_theme_is_one_line(run: Run, worlds: Path) -> None:
    code, _, err = run("play", "--world", worlds / "hills", "--frames", 5, "--theme", "noon")
    assert code == 2
    assert "day, night" in one_line(err)


def test_replay_verifies_and_tells_a_flipped_action_at_its_frame(
    run: Run, recording: Path, worlds: Path, tmp_path: Path
) -> None:
    figures = tmp_path / "report.json"
    code, out, err = run("replay", recording, "--verify", "--world", worlds / "hills", "--json", figures)
    assert (code, err) == (0, "")
    assert "31 frames" in out
    assert json.loads(figures.read_text(encoding="utf-8"))["same"]
    flip_an_action(recording, 17)
    code, out, _ = run("replay", recording, "--verify", "--world", worlds / "hills")
    assert code == 1
    assert "frame 17" in out


def test_replay_in_a_window_plays_to_the_end(run: Run, recording: Path, worlds: Path) -> None:
    code, out, err = run("replay", recording, "--world", worlds / "hills")
    assert (code, err) == (0, "")
    assert "came out as recorded" in out
    flip_an_action(recording, 17)
    code, out, _ = run("replay", recording, "--world", worlds / "hills")
    assert code == 1
    assert "from frame 17 on" in out


def test_a_recording_of_another_checkpoint_is_one_line(
    run: Run, recording: Path, worlds: Path, make_world: Callable[..., Path], reseal: Callable[[Path], None]
) -> None:
    assert run("replay", recording, "--verify", "--world", worlds / "boxes")[0] == 2
    other = make_world("hills")
    with (other / "step.onnx").open("ab") as graph:
        graph.write(b"")
    (other / "encoder.onnx").write_bytes((other / "decoder.onnx").read_bytes())
    reseal(other)
    code, _, err = run("replay", recording, "--verify", "--world", other)
    assert code == 2
    assert "checkpoint_digest" in one_line(err)


def test_a_recording_into_a_full_folder_is_one_line_and_loses_nothing(run: Run, recording: Path, worlds: Path) -> None:
    before = (recording / "actions.ndjson").read_bytes()
    code, _, err = run("play", "--headless", "--world", worlds / "hills", "--frames", 5, "--record", recording)
    assert code == 2
    one_line(err)
    assert (recording / "actions.ndjson").read_bytes() == before


@pytest.mark.parametrize("file", ["step.onnx", "encoder.onnx", "start_frames.npz", "manifest.yaml"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "flipped"])
def test_a_damaged_world_is_one_line_everywhere(
    run: Run, make_world: Callable[..., Path], file: str, damage: str
) -> None:
    path = make_world("damaged") / file
    data = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(data[: len(data) // 3])
    else:
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    for command in (["worlds", "verify", path.parent], ["play", "--headless", "--world", path.parent]):
        code, _, err = run(*command)
        assert code == 2
        one_line(err)


@pytest.mark.parametrize("command", [["play", "--headless"], ["bench", "--frames", "60"], ["bench", "--window"]])
def test_a_graph_that_fails_while_running_is_one_line(
    run: Run, make_world: Callable[..., Path], command: list[str]
) -> None:
    code, _, err = run(*command, "--world", make_world("brittle", breaks=True))
    assert code == 2
    one_line(err)


def test_worlds_and_doctor_tell_and_write(
    run: Run, tmp_path: Path, worlds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = [worlds / "boxes", worlds / "hills"]
    monkeypatch.setattr("app.console.worlds.known_worlds", lambda: folders)
    file = tmp_path / "out.json"
    code, out, _ = run("worlds", "--json", file)
    assert code == 0
    assert "Hills" in out
    assert [entry["name"] for entry in json.loads(file.read_text(encoding="utf-8"))["worlds"]] == ["boxes", "hills"]
    code, out, _ = run("worlds", "verify")
    assert (code, out.count("whole")) == (0, 2)
    code, out, _ = run("doctor", "--json", file)
    assert code == 0
    names = {fact["name"] for fact in json.loads(file.read_text(encoding="utf-8"))["facts"]}
    assert {"Python", "processor", "memory", "display", "onnxruntime", "graphics card", "recordings"} <= names


def test_a_bad_place_for_figures_names_option_and_path(run: Run) -> None:
    assert one_line(run("bench", "--submit", "nowhere/x.json")[2]).startswith("dreamcade: nowhere/x.json: --submit: ")


def test_bench_projects_without_running(
    run: Run, worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.console.bench.bench", None)
    file = tmp_path / "projection.json"
    code, out, _ = run("bench", "--graphs", worlds, "--project-only", "--vram-limit", "1GiB", "--json", file)
    assert code == 0 and "hills" in out and "60 FPS in 1 GiB?" in out and "none is known yet" in out
    rows = json.loads(file.read_text(encoding="utf-8"))["projections"]
    assert {"boxes", "hills"} <= {row["world"] for row in rows} and {row["limit_mb"] for row in rows} == {1024}


def test_doctor_builds_for_a_card_that_is_not_here(
    run: Run, worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(worlds / "hills", broken)
    (broken / "step.onnx").write_bytes(b"no graph")
    monkeypatch.setattr("app.console.engines.bundled_worlds", lambda: [worlds / "hills"])
    file = tmp_path / "engines.json"
    code, out, err = run("doctor", "--build-for", "8.6", "--json", file)
    assert (code, err) == (0, "") and "hills" in out and "compute capability 8.6" in out
    (engine,) = json.loads(file.read_text(encoding="utf-8"))["engines"]
    assert engine["engine_bytes"] > 0 and engine["build_s"] > 0 and engine["problem"] is None
    monkeypatch.setattr("app.console.engines.bundled_worlds", lambda: [broken, worlds / "hills"])
    code, out, err = run("doctor", "--build-for", "8.6")
    assert code == 1 and "hills" in out and "expected an ONNX model" in one_line(err)


def test_doctor_without_a_card_says_so_for_driver_and_capability(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.console.doctor.list_cards", list)
    monkeypatch.setattr("app.console.doctor.find_card", _no_card)
    monkeypatch.setattr("app.console.doctor.find_library", _no_library)
    file = tmp_path / "doctor.json"
    code, _, _ = run("doctor", "--json", file)
    facts = {fact["name"]: fact for fact in json.loads(file.read_text(encoding="utf-8"))["facts"]}
    assert code == 0 and "no NVIDIA driver is running here" in facts["driver"]["meaning"]
    assert facts["compute capability"]["value"] == "none"
    monkeypatch.setattr("app.console.doctor.list_cards", lambda: [("RTX 3060", 12288.0, 9000.0)])
    assert "pip install dreamcade[rtx]" in run("doctor")[1]


def test_doctor_knows_a_card_that_nvml_does_not(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card("NVIDIA GeForce RTX 3060", (8, 6), "CUDA 13.1", 12 << 30)
    monkeypatch.setattr("app.console.doctor.list_cards", list)
    monkeypatch.setattr("app.console.doctor.find_card", lambda: card)
    file = tmp_path / "doctor.json"

    def facts() -> dict[str, Any]:
        assert run("doctor", "--json", file)[0] == 0
        return {fact["name"]: fact for fact in json.loads(file.read_text(encoding="utf-8"))["facts"]}

    assert "RTX 3060" in facts()["graphics card"]["value"]
    assert facts()["compute capability"]["value"] == "8.6" and facts()["TensorRT"]["meaning"] == "plays on the card"
    monkeypatch.setattr("app.console.doctor.find_card", lambda: replace(card, capability=(6, 1)))
    assert facts()["TensorRT"]["verdict"] == "note" and "knows no sm_61" in facts()["TensorRT"]["meaning"]
    monkeypatch.setattr("app.console.doctor.list_cards", lambda: [("RTX 3060", 12288.0, 9000.0)])
    monkeypatch.setattr("app.console.doctor.find_card", _old_driver)
    assert "too old" in facts()["driver"]["meaning"] and "can't use the card" in facts()["TensorRT"]["meaning"]


def _old_driver() -> None:
    raise BackendFailed("the NVIDIA driver is too old")


def _no_library() -> None:
    raise BackendFailed("`pip install dreamcade[rtx]`")


@pytest.mark.parametrize("window", [(), ("--window",)])
def test_bench_prints_and_writes_the_document(run: Run, worlds: Path, tmp_path: Path, window: tuple[str, ...]) -> None:
    file = tmp_path / "bench.json"
    options = ("--frames", 60, "--backend", "onnx", "--json", file, "--submit", tmp_path / "report.json")
    code, out, _ = run("bench", "--world", worlds / "hills", *options, *window)
    assert code == 0
    assert "compute p99" in out
    document = json.loads(file.read_text(encoding="utf-8"))
    (result,) = document["results"]
    assert result["world"] == "hills"
    assert result["key_to_screen_ms"]["p50"] > 0
    assert result["vram_peak_mb"] is None
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["results"][0]["fps"] == result["fps"] and report["results"][0]["world"] == "another world"
    assert "hills" not in json.dumps(report) and str(tmp_path) not in json.dumps(report)


@pytest.mark.parametrize("file", ["nowhere/out.json", ".", "..", "/", "x" * 5000])
def test_figures_that_cannot_be_written_are_one_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run("doctor", "--json", file)
    assert code == 2
    one_line(err)


def test_doctor_names_the_settings_file_in_use(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"recordings: {tmp_path / ('x' * 300)}", encoding="utf-8")
    code, _, err = run("doctor", "--settings", file, "--json", tmp_path / "out.json")
    assert (code, err) == (0, "")
    facts = {fact["name"]: fact for fact in json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["facts"]}
    assert (facts["settings"]["value"], facts["settings"]["meaning"]) == (str(file), "found")


def test_a_terminal_that_knows_few_letters_gets_question_marks(tmp_path: Path) -> None:
    for encoding in ("cp1252", "ascii"):
        environment = os.environ | {"PYTHONIOENCODING": encoding, "XDG_CONFIG_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "app.cli", "doctor"]
        done = subprocess.run(command, capture_output=True, env=environment, cwd=ROOT, check=False)
        assert (done.returncode, done.stderr) == (0, b"")


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    heavy = "{'pygame', 'onnxruntime', 'av', 'torch', 'rich.table'} & set(sys.modules)"
    program = f"import sys, app.cli; sys.exit(str({heavy}) if {heavy} else 0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_card_that_is_not_here_is_one_line_and_the_cpu_plays(
    run: Run, worlds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.backends.choice.open_tensorrt", _no_card)
    file = tmp_path / "report.json"
    options = ("--headless", "--world", worlds / "hills", "--frames", 5, "--json", file)
    code, out, err = run("play", *options, "--backend", "tensorrt", "--vram-limit", "8GiB")
    assert code == 0 and "onnx" in out
    assert one_line(err) == "dreamcade: no TensorRT: no NVIDIA driver is running here; the CPU plays\n"
    assert "no NVIDIA driver" in json.loads(file.read_text(encoding="utf-8"))["backend"]["note"]
    for backend in ("auto", "onnx"):  # nothing is missed there
        assert run("play", *options, "--backend", backend)[::2] == (0, "")


def _no_card(*given: object, **named: object) -> None:
    raise NoCard("no NVIDIA driver is running here")


def test_doctor_clears_the_engine_cache(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMCADE_CACHE", str(tmp_path))
    (tmp_path / "engines").mkdir()
    (tmp_path / "engines" / "one.engine").write_bytes(bytes(100))
    code, out, _ = run("doctor")
    assert code == 0 and "1 engines" in out
    code, out, _ = run("doctor", "--clear-cache")
    assert code == 0 and "deleted 1 files" in out and not list((tmp_path / "engines").iterdir())


def test_a_session_goes_round_the_world_as_a_small_file(
    run: Run, recording: Path, worlds: Path, tmp_path: Path
) -> None:
    shared, again = tmp_path / "a.dreamcade", tmp_path / "again"
    assert run("export", recording, shared)[0] == 0
    assert shared.stat().st_size < 2000
    code, out, _ = run("replay", shared, "--verify", "--world", worlds / "hills")
    assert code == 0 and "all 31 frames" in out
    code, out, _ = run("import", shared, again, "--world", worlds / "hills", "--json", tmp_path / "report.json")
    assert code == 0 and "same" in out
    assert json.loads((tmp_path / "report.json").read_text())["frames"] == 31
    assert (again / "actions.ndjson").read_bytes() == (recording / "actions.ndjson").read_bytes()
    code, _, err = run("export", shared, tmp_path / "a.mp4", "--scale", 2, "--world", worlds / "hills")
    assert (code, err) == (0, "") and (tmp_path / "a.mp4").stat().st_size > 0
    one_line(run("export", recording, shared, "--scale", 2)[2])
    kept = shared.read_bytes()
    for target in (shared, tmp_path / "a.mp4"):
        code, _, err = run("export", recording, target, "--world", worlds / "hills")
        assert code == 2 and f"{target}: file: expected a new one" in one_line(err)
    assert shared.read_bytes() == kept


def test_a_shared_session_that_differs_is_told(run: Run, recording: Path, worlds: Path, tmp_path: Path) -> None:
    shared = tmp_path / "a.dreamcade"
    flip_an_action(recording, 12)
    run("export", recording, shared)
    code, out, _ = run("replay", shared, "--verify", "--world", worlds / "hills")
    assert code == 1 and "differs at frame 30" in out and "frame 0 is still the same" in out
    code, out, _ = run("import", shared, tmp_path / "again", "--world", worlds / "hills")
    assert code == 1 and "differs from frame 30 on" in out


def test_play_goes_on_from_a_frame_of_a_recording(run: Run, recording: Path, worlds: Path, tmp_path: Path) -> None:
    branch = tmp_path / "branch"
    arguments = ["--headless", "--world", worlds / "hills", "--autoplay", "random", "--frames", 10, "--record", branch]
    code, out, _ = run("play", "--from", f"{recording}@20", *arguments)
    assert code == 0 and "branched at frame 20: all before it came out as recorded" in out
    before, after = (path.joinpath("actions.ndjson").read_text().splitlines() for path in (recording, branch))
    assert len(after) == 31 and after[:21] == before[:21] and after[21:] != before[21:31]
    assert run("replay", branch, "--verify", "--world", worlds / "hills")[0] == 0
    code, _, err = run("play", "--from", f"{recording}@31", *arguments)
    assert code == 2 and "frame: expected 0 to 30, found 31" in one_line(err)


def test_a_path_with_an_at_sign_is_a_recording_too(run: Run, recording: Path, worlds: Path) -> None:
    odd = recording.rename(recording.with_name("we@ird"))
    arguments = ["--headless", "--world", worlds / "hills", "--frames", 1]
    for place, frame in ((odd, 30), (f"{odd}@20", 20)):
        code, out, _ = run("play", "--from", place, *arguments)
        assert code == 0 and f"branched at frame {frame}: " in out
    code, _, err = run("play", "--from", f"{odd}-other", *arguments)
    assert code == 2 and "--from: expected SESSION@FRAME" in one_line(err)


def test_what_a_file_says_does_not_reach_the_terminal_as_commands(run: Run, recording: Path) -> None:
    header = recording / "session.yaml"
    text = header.read_text(encoding="utf-8")
    header.write_text(text.replace("world: hills", 'world: "\\e[31mred\\u202e"'), encoding="utf-8")
    code, _, err = run("replay", recording, "--verify")
    assert code == 2 and "?[31mred?" in one_line(err) and "\x1b" not in err


def test_a_branch_plays_in_the_window(run: Run, recording: Path, worlds: Path, tmp_path: Path) -> None:
    branch = tmp_path / "branch"
    arguments = ["--world", worlds / "hills", "--autoplay", "random", "--frames", 30, "--record", branch]
    code, _, err = run("play", "--from", f"{recording}@20", *arguments)
    assert (code, err) == (0, "")
    before, after = (path.joinpath("actions.ndjson").read_text().splitlines() for path in (recording, branch))
    assert len(after) >= 31 and after[:21] == before[:21]


def test_play_begins_from_a_picture(run: Run, worlds: Path, tmp_path: Path) -> None:
    import pygame

    picture, recording = tmp_path / "a.png", tmp_path / "rec"
    pygame.image.save(pygame.Surface((50, 30)), str(picture))
    arguments = ["--world", worlds / "hills", "--headless", "--frames", 5, "--json", tmp_path / "r.json"]
    code, out, _ = run("play", "--start", picture, *arguments, "--record", recording)
    assert code == 0 and "of pixels kept" in out
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["start"] == "picture" and 0 <= report["reconstruction"]["exact_pixels"] <= 1
    assert run("replay", recording, "--verify", "--world", worlds / "hills")[0] == 0


def test_what_stands_in_brackets_is_text(run: Run, make_world: Callable[..., Path], tmp_path: Path) -> None:
    """A title and a path may hold what would be a style."""
    folder, world = tmp_path / "my [rtx] session", make_world("styled", title="Hills [red]")
    code, out, _ = run("play", "--headless", "--world", world, "--frames", 5, "--record", folder)
    assert code == 0 and "Hills [red]" in out and str(folder) in out
    code, out, _ = run("export", folder, tmp_path / "a [bold] file.dreamcade", "--world", world)
    assert code == 0 and "a [bold] file.dreamcade" in out
