"""What a step by Muon costs against one by Adam, and against Muon's formula as it is usually written."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks.pages import markdown_table
from gensweep.prepare.array_cache import load_arrays
from gensweep.sweep.point import Point

if TYPE_CHECKING:
    from torch import Tensor

    from gensweep.train.loop import Training

MODELS = ("text_to_text", "image_to_text", "text_to_image")
RECIPE = {"batch_size": 64, "schedule": "warmup_linear", "lr": 3e-3}
"""What the sweep `best` has, but for the optimizer."""
WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Costs:
    """Seconds of every step of one model, in turn: by Adam, by Muon, by Muon's plain formula."""

    model: str
    adam: list[float]
    muon: list[float]
    plain: list[float]


def factor_plainly(matrices: Tensor) -> tuple[Tensor, Tensor]:
    """Return factors of the orthogonalised matrix, all five iterations on the matrix itself.

    This is the formula of Jordan et al. 2024 and of `torch.optim.Muon`, in float32.
    """
    import torch

    from gensweep.train.newton_schulz import COEFFICIENTS, EPSILON, ITERATIONS

    a, b, c = COEFFICIENTS
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if is_tall else matrices
    x = x / x.norm().clamp(min=EPSILON)
    for iteration in range(ITERATIONS):
        gram = x @ x.mT
        polynomial = torch.addmm(gram, gram, gram, beta=b, alpha=c)
        if iteration < ITERATIONS - 1:
            x = torch.addmm(x, polynomial, x, beta=a)
    polynomial.diagonal().add_(a)
    return (x.mT, polynomial) if is_tall else (polynomial, x)


def measure(steps: int, say: Callable[[str], None]) -> list[Costs]:
    """Time steps of every sequence model, on one thread; the three sides take turns.

    Args:
        steps: of each side, after some that are not counted.
        say: told each result.
    """
    import torch

    from gensweep.train.memory import configure_malloc

    torch.set_num_threads(1)
    configure_malloc()
    measured = []
    for model in MODELS:
        adam, muon, plain = (
            _iter_steps(_make(model, name))
            for name in ("adam", "muon", "muon")
        )
        costs = Costs(model, [], [], [])
        for step in range(WARM_UP_STEPS + steps):
            times = [_time(adam), _time(muon)]
            with patch(
                "gensweep.train.muon.factor_orthogonal", factor_plainly
            ):
                times.append(_time(plain))
            if step >= WARM_UP_STEPS:
                for side, seconds in zip(
                    (costs.adam, costs.muon, costs.plain), times, strict=True
                ):
                    side.append(seconds)
        measured.append(costs)
        say(
            f"{model}: a step by Muon takes {_compare(costs.muon, costs.adam)} of one by Adam"
        )
    return measured


def _make(model: str, optimizer: str) -> Training:
    import torch

    from gensweep.train.loop import Training

    point = Point.make(model, RECIPE | {"optimizer": optimizer}, 0)
    data = point.data_config()
    return Training(
        point.model_config(), data, 0, load_arrays(data), torch.device("cpu")
    )


def _iter_steps(training: Training) -> Iterator[Any]:
    """Take steps without an end; an epoch has hundreds."""
    return itertools.chain.from_iterable(
        training.run_steps() for _ in itertools.count()
    )


def _time(steps: Iterator[Any]) -> float:
    start = time.perf_counter()
    next(steps)
    return time.perf_counter() - start


def _compare(some: list[float], others: list[float]) -> str:
    """Median of the ratios of neighbouring steps, so that a change of the load meets both sides."""
    ratios = [one / other for one, other in zip(some, others, strict=True)]
    return f"{statistics.median(ratios):.2f} times"


def get_costs_table(measured: list[Costs]) -> str:
    """Return median steps in ms, and medians of the ratios of neighbouring steps."""
    heads = [
        "a step at batch 64",
        "Adam, ms",
        "Muon, ms",
        "plain formula, ms",
    ]
    heads += ["Muon / Adam", "plain formula / Adam"]
    rows = []
    for costs in measured:
        sides = (costs.adam, costs.muon, costs.plain)
        medians = [f"{statistics.median(side) * 1e3:.1f}" for side in sides]
        ratios = [
            _compare(side, costs.adam).split()[0]
            for side in (costs.muon, costs.plain)
        ]
        rows.append([costs.model, *medians, *ratios])
    return markdown_table(heads, rows)
