from __future__ import annotations

import pytest
import torch
from accelerate import Accelerator

from models.teacher import Told, patch_nats
from training.correlation_gap import SEEN, measure_gap
from training.evaluate.footage import record_clips
from training.run import Run


def test_one_pass_is_the_factorised_likelihood_and_more_passes_know_more(fresh_run: Run) -> None:
    fresh_run.train_teacher(Accelerator(cpu=True))
    _, teacher = fresh_run.teacher()
    clips = record_clips("puzzle", 2, 4, 7, "choose")
    shares: list[float] = []
    measured = measure_gap(teacher, clips, (1, 3), shares.append)
    assert shares == [0.5, 1.0]
    nats = []
    for clip in clips:
        frames = torch.from_numpy(clip.moment.frames), torch.from_numpy(clip.frames)
        actions = torch.from_numpy(clip.moment.actions), torch.from_numpy(clip.actions)
        whole, pressed = torch.cat(frames), torch.cat(actions)
        nothing = Told(whole[1:], torch.zeros(len(pressed), 256, dtype=torch.bool))
        with torch.no_grad():
            prediction, _ = teacher.predict(whole[None, :-1], pressed[None], teacher.initial_state(1), nothing)
        nats.append(float(patch_nats(prediction, whole[1:], 8).sum(1)[SEEN:].mean()))
    assert measured["nats_a_frame"]["1"] == pytest.approx(sum(nats) / 2, rel=1e-3)
    gap = measured["nats_a_frame"]["1"] - measured["nats_a_frame"]["3"]
    assert measured["gap_nats"] == pytest.approx(gap, abs=2e-3)
    assert measured["gap_share"] == pytest.approx(gap / measured["nats_a_frame"]["1"], abs=1e-3)
