import pytest
from rich.console import Console

import training.progress as module
from training.progress import progress_line


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with progress_line("simulating") as line:
        for step in range(1, 101):
            line.update(step / 100, f"step {step}")
    shown = capsys.readouterr().err.splitlines()
    assert len(shown) == 2  # the first and the last: seconds lie between two lines
    assert shown[-1].startswith("simulating  100.0 %")
    assert shown[-1].endswith("step 100")


def test_what_was_done_before_does_not_count_for_the_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 100.0, 200.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    with progress_line("training") as line:
        for share in (0.8, 0.85, 0.9):
            line.update(share, "")
    first, second, third = capsys.readouterr().err.splitlines()
    assert "left" not in first
    assert "300 s left" in second
    assert "200 s left" in third


def test_a_bar_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(module, "Console", lambda **_: Console(stderr=True, force_terminal=True, width=120))
    with progress_line("simulating") as line:
        line.update(0.5, "half way")
    shown = capsys.readouterr().err
    assert "50%" in shown
    assert "half way" in shown
