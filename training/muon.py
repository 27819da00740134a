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


def orthogonalise(matrices: Tensor, iterations: int = 5) -> Tensor:
    """float [...,M,N] → the nearest matrices (roughly) with all singular values about 1."""
    a, b, c = _COEFFICIENTS
    x: Tensor = matrices / (torch.linalg.matrix_norm(matrices, keepdim=True) + 1e-7)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    for _ in range(iterations):
        square = x @ x.mT
        x = a * x + (b * square + c * square @ square) @ x
    return x.mT if tall else x


def orthogonalise_all(matrices: list[Tensor]) -> list[Tensor]:
    """Each of float [M,N], of whatever sizes, orthogonalised and stretched for the taller ones, which has their rows
    change as much as those of a square one. What zeros pad makes no difference to the iteration."""
    wide = [matrix.T if matrix.shape[0] > matrix.shape[1] else matrix for matrix in matrices]
    rows, columns = (max(matrix.shape[side] for matrix in wide) for side in (0, 1))
    padded = matrices[0].new_zeros(len(wide), rows, columns)
    corners = [whole[: matrix.shape[0], : matrix.shape[1]] for whole, matrix in zip(padded, wide, strict=True)]
    torch._foreach_copy_(corners, wide)
    whole = orthogonalise(padded)
    out = []
    for matrix, one in zip(matrices, whole, strict=True):
        tall = matrix.shape[0] > matrix.shape[1]
        part = (one.T if tall else one)[: matrix.shape[0], : matrix.shape[1]]
        out.append((part * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5).contiguous())
    return out


class Muon(torch.optim.Optimizer):
    """Parameters of two dimensions or more; kernels [O,I,h,w] are treated as matrices [O, I·h·w]."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]  # no closure is evaluated
        for group in self.param_groups:
            alike: dict[object, list[Tensor]] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    shape = parameter.flatten(1).shape
                    # One by one they are too small to keep a GPU busy: there all go together, padded with zeros.
                    alike.setdefault("cuda" if parameter.is_cuda else shape, []).append(parameter)
            for parameters in alike.values():
                self._update(parameters, group)

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for parameter in parameters:
            if not self.state[parameter]:
                self.state[parameter]["momentum"] = torch.zeros_like(parameter)
        buffers = [self.state[parameter]["momentum"] for parameter in parameters]
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        updates = torch._foreach_lerp(gradients, buffers, group["momentum"])  # Nesterov
        matrices = orthogonalise_all([update.flatten(1) for update in updates])
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        steps = [matrix.view_as(parameter) for matrix, parameter in zip(matrices, parameters, strict=True)]
        torch._foreach_add_(parameters, steps, alpha=-group["lr"])


def split_parameters(module: nn.Module, outside: tuple[str, ...]) -> tuple[list[Tensor], list[Tensor]]:
    """(for Muon, for AdamW). Whatever has a name that begins with one of `outside` goes to AdamW, as do gains and
    biases."""
    inner: list[Tensor] = []
    outer: list[Tensor] = []
    for name, parameter in module.named_parameters():
        hidden = parameter.ndim in (2, 4) and min(parameter.shape[:2]) > 1 and not name.startswith(outside)
        (inner if hidden else outer).append(parameter)
    return inner, outer
