"""Facts about the machine."""

from __future__ import annotations

import pytest

import engine.measuring.machine
from engine.measuring.machine import machine, model_threads, package_version, usable_cores


def test_facts_are_there() -> None:
    facts = machine()
    assert facts.cpu and facts.instruction_set and facts.system and facts.python.startswith("3.")
    assert facts.cores >= 1 and facts.memory_gb > 0.5 and facts.onnxruntime[0].isdigit()


def test_an_uninstalled_package_has_no_version() -> None:
    assert package_version("no-such-distribution") == "unknown"


@pytest.mark.parametrize(("quota", "cores"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)])
def test_a_containers_quota_counts(
    quota: str, cores: int | None, monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    free = usable_cores()
    monkeypatch.setattr(engine.measuring.machine.Path, "read_text", lambda path, **kwargs: quota)
    assert usable_cores() == (cores or free)


@pytest.mark.parametrize(
    ("setting", "threads"), [("3", 3), ("900", 64), ("0", None), ("-1", None), ("many", None), ("", None)]
)
def test_threads_can_be_set(setting: str, threads: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DREAMCADE_THREADS", setting)
    assert model_threads() == (threads or min(usable_cores(), 4))
