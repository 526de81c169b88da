"""Muon for matrices, alone or stacked lane by lane, so that one step serves one network or many."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5
EPSILON = 1e-7


def orthogonalise(matrices: Tensor) -> Tensor:
    """Nearly U V^T for each matrix U S V^T of [m, n] or [lanes, m, n], by Newton-Schulz (Jordan et al. 2024).

    Iterates in bfloat16 on CUDA, as `torch.optim.Muon` does everywhere, and in float32 elsewhere: on a
    CPU without bfloat16 units that is several times faster, and closer.
    """
    a, b, c = COEFFICIENTS
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else torch.float32)
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=EPSILON)
    product = torch.addmm if x.ndim == 2 else torch.baddbmm
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = product(x, product(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan et al. 2024), with decoupled weight decay and Nesterov momentum.

    The same update as `torch.optim.Muon` with its default, "original" scale sqrt(max(1, m / n)).

    Args:
        params: tensors [m, n], or [lanes, m, n] of independent matrices.
        lr: learning rate of a square matrix.
        momentum: decay of the gradient's running mean.
        weight_decay: decoupled: each step scales the matrix by 1 - lr * weight_decay.

    Raises:
        ValueError: a parameter has other than two or three axes.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float, weight_decay: float) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.ndim not in (2, 3):
                    raise ValueError(f"Muon moves matrices, not a parameter of shape {tuple(parameter.shape)}")

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # ty: ignore[incompatible-method-override]
        """Move every parameter that has a gradient.

        Raises:
            ValueError: a closure is given; none is supported.
        """
        if closure is not None:
            raise ValueError("Muon takes no closure")
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                mean = self.state[parameter].setdefault("momentum", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - momentum)
                update = orthogonalise(parameter.grad.lerp(mean, momentum))
                parameter.mul_(1 - lr * group["weight_decay"])
                rows, columns = parameter.shape[-2:]
                parameter.add_(update, alpha=-lr * math.sqrt(max(1.0, rows / columns)))
