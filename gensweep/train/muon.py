"""Muon for stacked matrices: one step serves one network, or many lane by lane."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gensweep.train.newton_schulz import factor_orthogonal


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return nearly U V^T for each matrix U S V^T, by Newton-Schulz (Jordan et al. 2024).

    Args:
        matrices: [m, n] or [lanes, m, n].
    """
    if matrices.ndim == 3 and _is_one_by_one(matrices):
        return torch.stack([orthogonalise(matrix) for matrix in matrices])
    left, right = factor_orthogonal(matrices)
    return (left @ right).to(matrices.dtype)


@torch.no_grad()
def apply_muon(
    parameter: Tensor,
    gradient: Tensor,
    mean: Tensor,
    lr: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Step matrices by their orthogonalised Nesterov momentum (Jordan et al. 2024), in place.

    The update is that of `torch.optim.Muon` with its default, "original" scale
    sqrt(max(1, m / n)), but for rounding. On a CPU, its distance from the formula in double
    precision is less than 1e-4 of its norm, whatever the singular values are. PyTorch's bfloat16
    is 3e-3 off for random matrices, and 3e-1 for matrices of low rank.

    Args:
        parameter: [m, n], or [lanes, m, n] of independent matrices.
        gradient: of the same shape.
        mean: the gradient's running mean, of the same shape; zeros before the first step.
        lr: learning rate of a square matrix.
        momentum: decay of the running mean.
        weight_decay: decoupled: each step scales the matrix by 1 - lr * weight_decay.

    Raises:
        ValueError: the parameter has other than two or three axes.
    """
    if parameter.ndim not in (2, 3):
        raise ValueError(
            f"Muon moves matrices, not a parameter of shape {tuple(parameter.shape)}"
        )
    if parameter.ndim == 3 and _is_one_by_one(parameter):
        for lane in range(len(parameter)):
            apply_muon(
                parameter[lane],
                gradient[lane],
                mean[lane],
                lr,
                momentum,
                weight_decay,
            )
        return
    mean.lerp_(gradient, 1 - momentum)
    left, right = factor_orthogonal(gradient.lerp(mean, momentum))
    rows, columns = parameter.shape[-2:]
    scale = -lr * math.sqrt(max(1.0, rows / columns))
    decay = 1 - lr * weight_decay
    if parameter.ndim == 2 and left.dtype == parameter.dtype:
        # The update itself is never stored.
        parameter.addmm_(left, right, beta=decay, alpha=scale)
    else:
        parameter.mul_(decay).add_(
            (left @ right).to(parameter.dtype), alpha=scale
        )


def _is_one_by_one(matrices: Tensor) -> bool:
    """Return whether the lanes [lanes, m, n] are stepped one after another.

    A CPU gains nothing from products of many lanes at once, and each lane then computes exactly
    what it computes alone.
    """
    return len(matrices) == 1 or matrices.device.type == "cpu"
