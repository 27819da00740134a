import pytest

from training.schedule import warmup_stable_decay


def test_it_rises_stays_and_falls() -> None:
    assert warmup_stable_decay(0.0, 0, 10, 0.25) == pytest.approx(0.1)
    assert warmup_stable_decay(0.1, 9, 10, 0.25) == 1.0
    assert warmup_stable_decay(0.74, 500, 10, 0.25) == 1.0
    assert warmup_stable_decay(0.875, 600, 10, 0.25) == pytest.approx(0.5)
    assert warmup_stable_decay(1.0, 700, 10, 0.25) == 0.0


def test_without_decay_it_stays() -> None:
    assert warmup_stable_decay(1.0, 700, 10, 0.0) == 1.0
