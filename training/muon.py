"""Muon: momentum whose update is orthogonalised, for the matrices and kernels inside a network.

Owns one optimizer. Refuses embeddings, output heads, gains and biases: those stay with AdamW. Source: Jordan et al.,
"Muon: An optimizer for hidden layers in neural networks", 2024. (torch.optim.Muon takes matrices only; most of our
weights are kernels.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic Newton–Schulz iteration, from the source


def orthogonalise(matrix: Tensor, iterations: int = 5) -> Tensor:
    """float [M,N] → the nearest matrix (roughly) with all singular values about 1."""
    a, b, c = _COEFFICIENTS
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(iterations):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Parameters of two dimensions or more; kernels [O,I,h,w] are treated as matrices [O, I·h·w]."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no closure is evaluated
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        buffer: Tensor = state["momentum"]
        buffer.lerp_(gradient, 1 - group["momentum"])
        update = gradient.lerp(buffer, group["momentum"])  # Nesterov
        matrix = orthogonalise(update.flatten(1))
        scale = max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(matrix.view_as(parameter), alpha=-group["lr"] * scale)


def split_parameters(module: nn.Module, outside: tuple[str, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """(for Muon, for AdamW). Whatever has a name that begins with one of `outside` goes to AdamW, as do gains and
    biases."""
    inner: list[Tensor] = []
    outer: list[Tensor] = []
    for name, parameter in module.named_parameters():
        hidden = parameter.ndim in (2, 4) and min(parameter.shape[:2]) > 1 and not name.startswith(outside)
        (inner if hidden else outer).append(parameter)
    return inner, outer
