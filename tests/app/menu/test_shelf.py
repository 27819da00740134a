"""Worlds at hand: broken ones are left out, sessions are built behind the scenes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.menu.shelf import Shelf
from app.play.round import make_exchanges
from engine.backends.base import NoCard
from engine.backends.wish import BackendName, BackendWish
from models.manifest import BadInput


def test_order_and_turn(shelf: Shelf) -> None:
    assert shelf.names == ["boxes", "hills"]
    assert shelf.after("boxes") == "hills"
    assert shelf.after("hills") == "boxes"


def test_a_prepared_session_stands_at_its_start(shelf: Shelf) -> None:
    session = shelf.prepare("hills", 2, 9).result(timeout=20)
    assert (session.start, session.rng_seed, session.index) == (2, 9, 0)
    assert shelf.prepare("hills", 0, 1).result(timeout=20) is session
    assert session.start == 0


def test_a_broken_world_is_left_out_with_one_line(worlds: Path, make_world: Callable[..., Path]) -> None:
    broken = make_world("broken")
    data = bytearray((broken / "step.onnx").read_bytes())
    data[20] ^= 1
    (broken / "step.onnx").write_bytes(data)
    shelf = Shelf([broken, worlds / "hills"])
    assert shelf.names == ["hills"]
    (problem,) = shelf.problems
    assert "step.onnx: sha256" in problem
    shelf.close()


def test_a_graph_that_cannot_load_is_told_when_asked_for_and_can_be_tried_again(
    make_world: Callable[..., Path], reseal: Callable[[Path], None]
) -> None:
    folder = make_world("empty")
    (folder / "step.onnx").write_bytes(b"not a graph")
    reseal(folder)
    shelf = Shelf([folder], BackendWish(threads=1))
    first = shelf.request("empty")
    with pytest.raises(BadInput, match=r"step\.onnx: graph"):
        first.result(timeout=20)
    shelf.forget("empty")
    assert shelf.request("empty") is not first
    shelf.close()


def test_a_session_that_failed_gives_its_backend_back(worlds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = Shelf([worlds / "boxes"], BackendWish(threads=1))
    backend = shelf.request("boxes").result(timeout=60).backend
    closed: list[bool] = []
    monkeypatch.setattr(backend, "close", lambda: closed.append(True))
    shelf.forget("boxes")
    shelf.request("boxes").result(timeout=60)
    assert closed == [True], "before the new one is built: a card may hold only one"
    shelf.close()


def test_no_loop_outlives_the_shelf(worlds: Path) -> None:
    shelf = Shelf([worlds / "boxes"], BackendWish(threads=1))
    loop = make_exchanges(shelf.prepare("boxes", 0, 1).result(timeout=60)).loop
    loop.start()
    busy = threading.Event()
    shelf._builder.submit(busy.wait, 20)
    shelf.retire(loop)  # stands behind what is being built, and is never begun
    threading.Timer(0.1, busy.set).start()
    shelf.close()
    assert not loop.running


def test_why_another_backend_plays_is_told_once(worlds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    shelf = Shelf([worlds / "boxes", worlds / "hills"], BackendWish(BackendName.TENSORRT, 1), tell=told.append)
    monkeypatch.setattr("engine.backends.choice.open_tensorrt", _refuse)
    sessions = [shelf.prepare(name, 0, 0).result(timeout=60) for name in shelf.names]
    assert [session.backend.info.name for session in sessions] == ["onnx", "onnx"]
    assert told == ["no TensorRT: no NVIDIA driver is running here; the CPU plays"] and shelf.stage == ""
    shelf.close()


def _refuse(*given: object, **named: object) -> None:
    raise NoCard("no NVIDIA driver is running here")


def test_a_graph_that_was_swapped_since_it_was_checked_is_not_loaded(
    worlds: Path, make_world: Callable[..., Path]
) -> None:
    folder = make_world("swapped")
    shelf = Shelf([folder], BackendWish(threads=1))
    (folder / "step.onnx").write_bytes((worlds / "hills" / "encoder.onnx").read_bytes())
    with pytest.raises(BadInput, match=r"step\.onnx: (size|sha256): expected"):
        shelf.prepare("swapped", 0, 1).result(timeout=20)
    shelf.close()
