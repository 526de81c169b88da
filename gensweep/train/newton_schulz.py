"""Newton-Schulz iterations: the nearest orthogonal matrix, nearly, by products alone.

Each iteration takes X to p(X X^T) X, with p(G) = a I + b G + c G^2 (Jordan et al. 2024). Of a long
matrix the Gram matrix G = X X^T is small, and p(G) commutes with it. So some iterations can be done
on G alone: X is multiplied once by the product Q of their polynomials, and G becomes G p(G)^2.
"""

from __future__ import annotations

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the polynomial of one iteration (Jordan et al. 2024)."""
ITERATIONS = 5
EPSILON = 1e-7
"""The smallest norm that a matrix is divided by."""
PHASES = (3, ITERATIONS - 3)
"""Iterations on a Gram matrix, before X is multiplied and its Gram matrix is computed again.

An iteration multiplies the smallest singular values by 3.4, and with their squares the rounding
errors of G. After five iterations on one G these are 3e-3 of the result for a matrix of low rank;
with a new G after three they are 3e-5, as many as those of iterations on X itself."""
MIN_ASPECT = 2
"""A matrix whose longer side is so many times its shorter one gains from iterations on G."""
MIN_SPLIT = 128
"""Smaller symmetric products gain nothing from leaving a quarter out."""


def factor_orthogonal(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return two factors whose product is nearly U V^T for each matrix U S V^T.

    The caller multiplies them, since it can add the product to something else in the same step.

    Args:
        matrices: [m, n] or [lanes, m, n].
    """
    m, n = matrices.shape[-2:]
    is_long = max(m, n) >= MIN_ASPECT * min(m, n)
    if matrices.ndim == 2 and matrices.device.type == "cpu" and is_long:
        return _factor_long(matrices.float())
    # `torch.optim.Muon` computes in bfloat16 everywhere. On a CPU without bfloat16 units, float32
    # is several times faster, and more accurate.
    x = matrices.to(torch.bfloat16 if matrices.is_cuda else torch.float32)
    # So that the smaller of the two possible Gram matrices is computed.
    is_tall = m > n
    if is_tall:
        x = x.mT
    polynomial, x = _factor_wide(
        x / x.norm(dim=(-2, -1), keepdim=True).clamp(min=EPSILON)
    )
    if is_tall:
        return x.mT, polynomial.mT
    return polynomial, x


def _factor_wide(x: Tensor) -> tuple[Tensor, Tensor]:
    """Iterate on normalised X itself, [m, n] or [lanes, m, n] with m <= n."""
    a, b, c = COEFFICIENTS
    add_product = torch.addmm if x.ndim == 2 else torch.baddbmm
    for iteration in range(1, ITERATIONS + 1):
        gram = x @ x.mT
        polynomial = add_product(gram, gram, gram, beta=b, alpha=c)
        if iteration < ITERATIONS:
            x = add_product(x, polynomial, x, beta=a)
    polynomial.diagonal(dim1=-2, dim2=-1).add_(a)
    return polynomial, x


def _factor_long(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Iterate on the Gram matrix of a float32 matrix [m, n]."""
    is_tall = matrix.shape[0] > matrix.shape[1]
    first, second = PHASES
    gram = _compute_gram(matrix, is_tall)
    # The trace is the sum of squares. To divide X itself would be a pass over all of it.
    squared_norm = gram.trace().clamp(min=EPSILON**2)
    product = (
        _iterate_on_gram(gram / squared_norm, first) / squared_norm.sqrt()
    )
    x = matrix @ product if is_tall else product @ matrix
    product = _iterate_on_gram(_compute_gram(x, is_tall), second)
    return (x, product) if is_tall else (product, x)


def _compute_gram(matrix: Tensor, is_tall: bool) -> Tensor:
    """Return the smaller of the two Gram matrices."""
    if is_tall:
        return multiply_symmetric(matrix.mT, matrix)
    return multiply_symmetric(matrix, matrix.mT)


def _iterate_on_gram(gram: Tensor, iterations: int) -> Tensor:
    """Return the product of the polynomials of some iterations.

    Args:
        gram: X X^T, [m, m]; it is overwritten.
        iterations: at least one.
    """
    a, b, c = COEFFICIENTS
    polynomial = torch.empty_like(gram)
    between = torch.empty_like(gram)
    product: Tensor | None = None
    for iteration in range(1, iterations + 1):
        add_symmetric_product(gram, gram, gram, b, c, polynomial)
        polynomial.diagonal().add_(a)
        if iteration < iterations:
            multiply_symmetric(polynomial, gram, between)
            multiply_symmetric(between, polynomial, gram)
        if product is None:
            product = polynomial
            polynomial = torch.empty_like(gram)
        else:
            product = multiply_symmetric(polynomial, product)
    assert product is not None, "at least one iteration"
    return product


# --- products that are symmetric


def multiply_symmetric(
    left: Tensor, right: Tensor, out: Tensor | None = None
) -> Tensor:
    """Return a product [m, m] that is known to be symmetric; a quarter of it is not computed.

    Args:
        left: [m, k].
        right: [k, m].
        out: where to write it, [m, m]; neither ``left`` nor ``right``.
    """
    if out is None:
        out = left.new_empty(len(left), len(left))
    for rows, columns in _list_blocks(len(left)):
        torch.mm(left[rows], right[:, columns], out=out[rows, columns])
    _mirror(out)
    return out


def add_symmetric_product(
    start: Tensor,
    left: Tensor,
    right: Tensor,
    beta: float,
    alpha: float,
    out: Tensor,
) -> None:
    """Compute beta * start + alpha * left @ right, [m, m], all of them symmetric."""
    for rows, columns in _list_blocks(len(left)):
        torch.addmm(
            start[rows, columns],
            left[rows],
            right[:, columns],
            beta=beta,
            alpha=alpha,
            out=out[rows, columns],
        )
    _mirror(out)


def _list_blocks(size: int) -> list[tuple[slice, slice]]:
    """Return the rows and columns of blocks that cover the diagonal and all above it."""
    half = _find_half(size)
    if not half:
        return [(slice(0, size), slice(0, size))]
    return [
        (slice(0, half), slice(0, size)),
        (slice(half, size), slice(half, size)),
    ]


def _mirror(matrix: Tensor) -> None:
    """Copy the block above the diagonal to below it."""
    half = _find_half(len(matrix))
    if half:
        matrix[half:, :half] = matrix[:half, half:].mT


def _find_half(size: int) -> int:
    """Return where a symmetric matrix is split; 0: it is not."""
    return size // 2 if size >= MIN_SPLIT else 0
