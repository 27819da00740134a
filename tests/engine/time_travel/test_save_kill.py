"""A process killed while it saves, at any moment: the slot holds a whole save, never older than the last one told."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

import engine.time_travel.save
from engine.session import Session
from engine.time_travel.save import read_save, save_bytes, write_save
from models.actions import Action
from models.manifest import BadInput

ROOT = Path(engine.time_travel.save.__file__).parents[2]
SAVES = 8

CHILD = """
import os, sys
from pathlib import Path
from engine.time_travel.save import write_save

folder = Path(sys.argv[1])
saves = [(folder / f"{number}.ready").read_bytes() for number in range(%d)]
number = 0
while True:
    write_save(folder / "slots" / "slot-1.save", saves[number %% len(saves)])
    os.write(1, b"%%d\\n" %% number)
    number += 1
"""


def kill_often(session: Session, folder: Path, times: int) -> None:
    """Kill a process that saves without a pause, `times` times, and look at the slot each time."""
    for number in range(SAVES):
        session.step(Action.RIGHT)
        (folder / f"{number}.ready").write_bytes(save_bytes(session.moment(), session.checkpoint, None))
    slot = folder / "slots" / "slot-1.save"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    chance = random.Random(0)
    for _ in range(times):
        command = [sys.executable, "-c", CHILD % SAVES, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as child:
            assert child.stdout is not None
            told = [int(child.stdout.readline())]
            time.sleep(chance.uniform(0, 0.05))  # another moment each time: any must do
            child.kill()
            told += [int(line) for line in child.stdout.read().split()]
        found = read_save(slot, session.checkpoint).header.index
        assert found in {(told[-1] + later) % SAVES + 1 for later in (0, 1)}  # the last told, or the one after it


def test_killed_while_saving(session: Session, tmp_path: Path) -> None:
    kill_often(session, tmp_path, 2)


@pytest.mark.slow
def test_killed_while_saving_a_hundred_times(session: Session, tmp_path: Path) -> None:
    kill_often(session, tmp_path, 100)
    print("killed while saving: 100 of 100 recovered")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
def test_a_disk_that_is_full_leaves_the_save_before(session: Session, tmp_path: Path) -> None:
    """The system itself refuses to let the file grow."""
    import resource

    slot = tmp_path / "slot-1.save"
    data = save_bytes(session.moment(), session.checkpoint, None)
    write_save(slot, data)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(data) // 2, before[1]))
    try:
        with pytest.raises(BadInput, match=r"slot-1\.save: save: cannot be written \(File too large\)"):
            write_save(slot, data)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert read_save(slot, session.checkpoint).header.index == 0
    assert [path.name for path in tmp_path.iterdir()] == ["slot-1.save"]
