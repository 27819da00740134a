"""One training stage: the loop that both networks are trained with.

Owns budget, optimizers, averaged weights, curves, and a checkpoint from which a killed stage goes on exactly. Refuses
to know what is trained: an Objective turns a batch into a loss.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from engine.atomic import whole_file
from models.manifest import BadInput
from training.data.batches import Batch, Feed, close
from training.muon import Muon, split_parameters
from training.preset import StagePreset
from training.progress import ProgressLine, progress_line
from training.schedule import warmup_stable_decay

REPORT_STEPS = 10  # between two points of a curve
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}


class Objective(nn.Module):
    """What a stage minimises. `model` is trained, averaged and saved; everything else is left alone."""

    model: nn.Module
    outer: tuple[str, ...]  # names of `model`'s parts that AdamW trains

    def forward(self, batch: Batch, generator: torch.Generator, progress: float) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the loss and figures for the curves, all scalars. All randomness comes from `generator`."""
        raise NotImplementedError


@dataclass(frozen=True)
class StageReport:
    """What a stage spent: steps, hours of training on `device`, or on several in turn, by commas."""

    steps: int
    hours: float
    device: str


class Stage:
    """Trains `objective.model` on batches from `feed(first step)`; state lives in `folder`/`name`.pt."""

    def __init__(
        self,
        name: str,
        objective: Objective,
        feed: Feed,
        preset: StagePreset,
        folder: Path,
        seed: int,
        accelerator: Accelerator,
    ) -> None:
        self.name, self.preset, self.seed, self.feed = name, preset, seed, feed
        self.path = folder / f"{name}.pt"
        self.stable_path = folder / f"{name}.stable.pt"
        self.accelerator = accelerator
        # Convolutions are fastest with the channels innermost, on CPUs as on tensor cores.
        self.model = objective.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stub
        self.average = deepcopy(objective.model).requires_grad_(False).to(accelerator.device)
        if preset.compiled:
            objective.model.compile(dynamic=False)
        inner, outer = split_parameters(objective.model, objective.outer)
        adam = torch.optim.AdamW(outer, lr=preset.learning_rate, betas=(0.9, preset.memory), weight_decay=0.0)
        muon = Muon(inner, lr=preset.muon_rate, weight_decay=preset.weight_decay)
        self.rates = (preset.learning_rate, preset.muon_rate)
        self.objective, *optimizers = accelerator.prepare(objective, adam, muon)
        self.optimizers = optimizers
        self.clock = CLOCKS[preset.clock]
        self.device = device_name(accelerator.device)
        self.step = 0
        self.elapsed = 0.0  # seconds of training, over all runs
        self.decaying = False

    @property
    def progress(self) -> float:
        """Share of the budget that is spent."""
        return self._spent(self.step, self.elapsed)

    def _spent(self, step: int, elapsed: float) -> float:
        """Of steps or of minutes, whichever is further."""
        spent = step / self.preset.steps
        if self.preset.minutes is not None:
            spent = max(spent, elapsed / (60 * self.preset.minutes))
        return min(1.0, spent)

    def run(self) -> StageReport:
        """Train to the end of the budget, going on from the checkpoint if there is one. Leaves the averaged weights
        in `average`."""
        self._resume()
        if self.accelerator.is_main_process:
            writer = SummaryWriter(str(self.path.parent / "curves" / self.name))
            try:
                with progress_line(self.name) as line:
                    self._train(lambda figures: self._report(figures, writer, line))
            finally:
                writer.close()
        else:
            self._train(lambda figures: None)
        self.accelerator.wait_for_everyone()
        self.average.eval()
        return StageReport(self.step, self.elapsed / 3600, self.device)

    def _report(self, figures: dict[str, Tensor], writer: SummaryWriter, line: ProgressLine) -> None:
        values = {key: float(value) for key, value in figures.items()}
        for key, value in values.items():
            writer.add_scalar(key, value, self.step)
        shown = "  ".join(f"{key} {value:.4f}" for key, value in values.items())
        line.update(self.progress, f"step {self.step}  {self.elapsed / self.step:.2f} s a step  {shown}")

    def _train(self, report: Callable[[dict[str, Tensor]], None]) -> None:
        if self.progress >= 1:
            return
        saved = time.monotonic()
        batches = self.feed(self.step)
        try:
            while self.progress < 1:
                batch = next(batches)
                with interrupt_deferred():
                    began = self.clock()
                    figures = self._one_step(batch)
                    self.elapsed = self._agreed(self.elapsed + self.clock() - began)
                if self.step % REPORT_STEPS == 0 or self.progress >= 1:
                    report(figures)
                if time.monotonic() - saved > 60 * self.preset.save_minutes:
                    self._save(self.path)
                    saved = time.monotonic()
        finally:
            # Also on an interrupt: what has been trained is kept.
            self._save(self.path)
            close(batches)

    def _one_step(self, batch: Batch) -> dict[str, Tensor]:
        progress = self.progress
        if not self.decaying and progress >= 1 - self.preset.decay_share:
            self._save(self.stable_path)
            self.decaying = True
        factor = warmup_stable_decay(progress, self.step, self.preset.warmup_steps, self.preset.decay_share)
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
        rank = self.accelerator.process_index
        generator = torch.Generator().manual_seed(((self.seed * 1_000_003 + self.step) << 8) + rank)
        loss, figures = self.objective(batch, generator, progress)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        self.accelerator.backward(loss)
        if self.preset.clip is not None:
            self.accelerator.clip_grad_norm_(self.model.parameters(), self.preset.clip)
        for optimizer in self.optimizers:
            optimizer.step()
        self.step += 1
        self._average()
        return {"loss": loss.detach(), **figures}

    def _agreed(self, seconds: float) -> float:
        """The main process's clock, so that all processes follow one schedule and end at one step."""
        if self.accelerator.num_processes == 1:
            return seconds
        clock = torch.tensor([seconds], dtype=torch.float64, device=self.accelerator.device)
        return float(broadcast(clock, 0))

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.preset.ema, (1 + self.step) / (10 + self.step))
        torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - decay)

    def _save(self, path: Path) -> None:
        if not self.accelerator.is_main_process:
            return
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "elapsed": self.elapsed,
            "decaying": self.decaying,
            "device": self.device,
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            torch.save(state, file)

    def _resume(self) -> None:
        if not self.path.is_file():
            return
        self._restore(load_state(self.path))
        if self.decaying and self.stable_path.is_file():
            stable = load_state(self.stable_path)
            if self._spent(stable["step"], stable["elapsed"]) < 1 - self.preset.decay_share:
                # The budget has been raised since the decay began: go on from where the rate was last at its height.
                self._restore(stable)

    def _restore(self, state: dict[str, Any]) -> None:
        try:
            self.model.load_state_dict(state["model"])
            self.average.load_state_dict(state["average"])
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
            self.step, self.elapsed, self.decaying = state["step"], state["elapsed"], state["decaying"]
            before = state["device"].split(", ")
            self.device = ", ".join([*before, *({device_name(self.accelerator.device)} - set(before))])
        except (KeyError, RuntimeError, ValueError) as error:
            raise BadInput(f"{self.path}: checkpoint: expected one of this preset's shape, found another") from error


def device_name(device: torch.device) -> str:
    """`cpu`, or what the card is called."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


@contextmanager
def interrupt_deferred() -> Iterator[None]:
    """Holds a keyboard interrupt back until the block has ended: half a step must not be saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[tuple[int, FrameType | None]] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: pressed.append((number, frame)))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed and callable(before):
        before(*pressed[0])


def load_weights(model: nn.Module, path: Path) -> None:
    """Put the averaged weights of a stage's checkpoint into `model`. Raises BadInput where they are of another
    shape."""
    try:
        model.load_state_dict(load_state(path)["average"])
    except (KeyError, RuntimeError) as error:
        raise BadInput(f"{path}: checkpoint: expected one of this preset's shape, found another") from error


def read_spent(path: Path) -> StageReport:
    """What the stage with this checkpoint has spent. Raises BadInput."""
    state = load_state(path)
    return StageReport(state["step"], state["elapsed"] / 3600, state["device"])


def load_state(path: Path) -> dict[str, Any]:
    """Read a stage's checkpoint; tensors and plain values only. Raises BadInput."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    except Exception as error:  # torch raises whatever its unpickler met
        raise BadInput(f"{path}: checkpoint: cannot be read ({type(error).__name__})") from error
