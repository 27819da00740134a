"""A process killed while it records, rewinds, resets: what was told as written regenerates to the last digest."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import engine.recordings.recorder
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import Checkpoint
from engine.recordings.recording import read_session
from engine.recordings.replay import verify
from models.manifest import BadInput

ROOT = Path(engine.recordings.recorder.__file__).parents[2]

CHILD = """
import os, random, sys, time
from pathlib import Path
from engine.backends.onnx import OnnxBackend
from engine.checkpoint import load_checkpoint
from engine.frame_loop import FrameLoop
from engine.mailbox import ActionMailbox, FrameMailbox
from engine.pacing import Pacer
from engine.recordings.recorder import Recorder
from engine.session import Session
from engine.measuring.telemetry import Telemetry
from engine.time_travel.timeline import Timeline
from models.actions import Action

checkpoint = load_checkpoint(Path(sys.argv[1]))
log, chance = Path(sys.argv[2]) / "actions.ndjson", random.Random(int(sys.argv[3]))
session = Session(checkpoint, OnnxBackend(checkpoint, threads=1), timeline=Timeline())
session.reset(1, 77)
actions, frames = ActionMailbox(), FrameMailbox()
recorder = Recorder(Path(sys.argv[2]))
loop = FrameLoop(session, actions, frames, Pacer(120), Telemetry(), recorder)
loop.set_speed(4.0)
loop.start()
while True:
    time.sleep(chance.uniform(0, 0.1))
    actions.put(chance.choice(list(Action)), time.perf_counter())
    if chance.random() < 0.2:
        loop.rewind()
        time.sleep(chance.uniform(0, 0.1))
        loop.play_on()
    if chance.random() < 0.1:
        loop.request_reset(chance.randrange(3), chance.randrange(1000))
    os.write(1, b"%d\\n" % log.read_bytes().count(b"tokens_digest"))
"""


def kill_often(world: Path, checkpoint: Checkpoint, backend: OnnxBackend, folder: Path, times: int) -> None:
    """Kill a process that plays and records, `times` times, and verify what it left."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    chance = random.Random(0)
    for number in range(times):
        place = folder / str(number)
        command = [sys.executable, "-c", CHILD, str(world), str(place), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            told = [int(child.stdout.readline())]
            time.sleep(chance.uniform(0, 1.0))  # another moment each time: any must do
            child.kill()
            told += [int(line) for line in child.stdout.read().splitlines()]
        try:
            record = read_session(place)
        except BadInput as error:
            assert "session.yaml: file: expected one, found none" in str(error), "killed before it had begun"
            assert not any(told)
            continue
        assert record.frames >= max(told), "what was written stays"
        report = verify(record, checkpoint, backend)
        assert report.same and report.frames == record.frames


def test_killed_while_recording(
    world_folder: Path, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path
) -> None:
    kill_often(world_folder, checkpoint, backend, tmp_path, 1)


@pytest.mark.slow
def test_killed_while_recording_a_hundred_times(
    world_folder: Path, checkpoint: Checkpoint, backend: OnnxBackend, tmp_path: Path
) -> None:
    kill_often(world_folder, checkpoint, backend, tmp_path, 100)
    print("killed while recording: 100 of 100 recovered")
