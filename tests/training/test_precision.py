import pytest
import torch

from training import precision


@pytest.mark.parametrize(("wanted", "fast", "expected"), [("no", True, "no"), ("bf16", False, "bf16")])
def test_a_precision_that_is_named_is_used(
    wanted: precision.Precision, fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "fast_bfloat16", lambda: fast)
    assert precision.make_accelerator(wanted).mixed_precision == expected


@pytest.mark.parametrize(("fast", "expected"), [(True, "bf16"), (False, "no")])
def test_auto_asks_the_machine(fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fast_bfloat16", lambda: fast)
    assert precision.make_accelerator("auto").mixed_precision == expected


def test_a_processor_without_the_instructions_is_not_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert not precision.fast_bfloat16()
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: True)
    assert precision.fast_bfloat16()
