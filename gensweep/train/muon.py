"""Muon for stacked matrices: one step serves one network, or many lane by lane."""

from __future__ import annotations

import math

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial of one iteration (Jordan et al. 2024)."""
ITERATIONS = 5
EPSILON = 1e-7
"""The smallest norm that a matrix is divided by."""


def orthogonalise(matrices: Tensor) -> Tensor:
    """Return nearly U V^T for each matrix U S V^T, by Newton-Schulz (Jordan et al. 2024).

    Args:
        matrices: [m, n] or [lanes, m, n].
    """
    if len(matrices) == 1 and matrices.ndim == 3:
        # A plain product is faster than a batch of one.
        return orthogonalise(matrices[0]).unsqueeze(0)
    a, b, c = COEFFICIENTS
    # `torch.optim.Muon` computes in bfloat16 everywhere. On a CPU without bfloat16 units, float32
    # is several times faster, and more accurate.
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else torch.float32)
    is_tall = x.shape[-2] > x.shape[-1]
    if is_tall:
        x = x.mT  # so that the smaller of the two possible Gram matrices is computed
    x = x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=EPSILON)
    add_product = torch.addmm if x.ndim == 2 else torch.baddbmm
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        polynomial = add_product(gram, gram, gram, beta=b, alpha=c)
        x = add_product(x, polynomial, x, beta=a)
    if is_tall:
        x = x.mT
    return x.to(matrices.dtype)


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

    The update is the same as that of `torch.optim.Muon` with its default, "original" scale
    sqrt(max(1, m / n)).

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
        raise ValueError(f"Muon moves matrices, not a parameter of shape {tuple(parameter.shape)}")
    mean.lerp_(gradient, 1 - momentum)
    update = orthogonalise(gradient.lerp(mean, momentum))
    rows, columns = parameter.shape[-2:]
    scale = -lr * math.sqrt(max(1.0, rows / columns))
    parameter.mul_(1 - lr * weight_decay).add_(update, alpha=scale)
