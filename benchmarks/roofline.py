"""How much of the machine's own matmul rate a training step reaches, on one thread."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case, arrays
from benchmarks.flops import step_flops
from benchmarks.pages import markdown_table
from gensweep.prepare import array_cache

if TYPE_CHECKING:
    import torch

PRODUCTS = ((1024, 1024, 1024), (128, 256, 1024))
"""Rows, inner size and columns: a large product, and an LSTM's at batches of 128 and 256 units."""
IDIOMATIC = "idiomatic"
"""The script's side of a step; gensweep's are called by their precision."""


_step: Callable[[], object]
"""Of a process that takes steps of one side: its next."""


@dataclass(frozen=True)
class Rates:
    """Measured matmul rates of one thread in GFLOP/s, by product: `float32` and `bfloat16`."""

    float32: dict[tuple[int, int, int], float]
    bfloat16: dict[tuple[int, int, int], float]


def matmul_rates(seconds: float = 0.5) -> Rates:
    """Measure each product in each precision for about so many seconds."""
    import torch

    torch.set_num_threads(1)
    found = [
        {p: _rate(*p, dtype, seconds) for p in PRODUCTS}
        for dtype in (torch.float32, torch.bfloat16)
    ]
    return Rates(*found)


def _rate(
    rows: int, inner: int, columns: int, dtype: torch.dtype, seconds: float
) -> float:
    """The best of many, by PyTorch's matmul or by a 1x1 convolution, which another library computes."""
    import torch
    from torch.nn import functional as F

    a, b = (
        torch.randn(rows, inner).to(dtype),
        torch.randn(columns, inner).to(dtype),
    )
    picture = (
        a.t().reshape(1, inner, rows, 1).to(memory_format=torch.channels_last)
    )
    kernel = b.reshape(columns, inner, 1, 1)
    ways: list[Callable[[], object]] = [
        lambda: F.linear(a, b),
        lambda: F.conv2d(picture, kernel),
    ]
    best = float("inf")
    for way in ways:
        way()
        end = time.perf_counter() + seconds / len(ways)
        while time.perf_counter() < end:
            start = time.perf_counter()
            way()
            best = min(best, time.perf_counter() - start)
    return 2 * rows * inner * columns / best / 1e9


@dataclass(frozen=True)
class Step:
    """A full training step on one thread, batch, loss and optimizer included, median in seconds of either side.

    Attributes:
        case: what is trained.
        precision: what gensweep computes in; the script has float32.
        gensweep, idiomatic: seconds.
    """

    case: Case
    precision: str
    gensweep: float
    idiomatic: float

    @property
    def flops(self) -> int:
        """See `step_flops`."""
        return step_flops(self.case.points()[0].model_config())


@contextlib.contextmanager
def workers() -> Generator[dict[str, ProcessPoolExecutor]]:
    """A process for the script's steps, and one for gensweep's in each precision that pays here, by name.

    Each is set up as that side's trials are.
    """
    import torch

    from gensweep.system.precision import BFLOAT16, FLOAT32
    from gensweep.train.precision import has_native_bfloat16

    native = has_native_bfloat16(torch.device("cpu"))
    sides = [FLOAT32, BFLOAT16] if native else [FLOAT32]
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as stack:
        yield {
            side: stack.enter_context(ProcessPoolExecutor(1, context))
            for side in (*sides, IDIOMATIC)
        }


def time_steps(
    case: Case,
    sides: Mapping[str, ProcessPoolExecutor],
    seconds: float = 3.0,
    turns: int = 3,
) -> list[Step]:
    """Time all sides' steps in turn, each in its process as a trial is, for about so many seconds of each."""
    for ready in [
        process.submit(_begin, side, case) for side, process in sides.items()
    ]:
        ready.result()
    took: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(turns):
        for side, process in sides.items():
            took[side] += process.submit(
                _some_steps, seconds / turns
            ).result()
    *ours, theirs = (statistics.median(took[side]) for side in sides)
    return [
        Step(case, precision, mine, theirs)
        for precision, mine in zip(sides, ours, strict=False)
    ]


def _begin(side: str, case: Case) -> None:
    """In a worker: get ready to take steps."""
    global _step
    import torch

    from gensweep.train.memory import configure_malloc

    torch.set_num_threads(1)
    if side == IDIOMATIC:
        _step = _idiomatic_steps(case)
    else:
        configure_malloc()  # as its trials do
        _step = _gensweep_steps(case.computing(side))


def _some_steps(seconds: float) -> list[float]:
    """In a worker: take steps for about so many seconds, at least one; the seconds of each."""
    _step()  # warm
    took: list[float] = []
    end = time.perf_counter() + seconds
    while not took or time.perf_counter() < end:
        start = time.perf_counter()
        _step()
        took.append(time.perf_counter() - start)
    return took


def _gensweep_steps(case: Case) -> Callable[[], object]:
    """A function that trains on the next full batch, epoch after epoch, as a trial does."""
    import torch

    from gensweep.train.loop import Training

    point = case.points()[0]
    data = point.data_config()
    training = Training(
        point.model_config(),
        data,
        point.seed,
        array_cache.load_arrays(data),
        torch.device("cpu"),
    )
    full = _full_batches(training.steps_per_epoch)
    return _endless(lambda: itertools.islice(training.run_steps(), full))


def _idiomatic_steps(case: Case) -> Callable[[], object]:
    """The same of the script's loader, model and optimizer."""
    from torch.utils.data import DataLoader

    script = importlib.import_module(case.script)
    settings = case.settings()
    config = settings["params"] | {"lr": case.rates[0], "seed": 0}
    training = {
        name.partition("/")[2]: array
        for name, array in arrays(case.points()[0]).items()
        if "train/" in name
    }
    model = script.build(config)
    optimizer = script.make_optimizer(config, model)
    model.train()
    dataset = script.make_dataset(config, training)
    loader = DataLoader(
        dataset, batch_size=config["batch_size"], shuffle=True, drop_last=True
    )
    return _endless(
        lambda: (
            script.train_step(model, *batch, optimizer) for batch in loader
        )
    )


def _full_batches(steps: int) -> int:
    """Steps of an epoch without the last one, whose batch may be smaller."""
    return max(1, steps - 1)


def _endless(epoch: Callable[[], Any]) -> Callable[[], object]:
    steps = itertools.chain.from_iterable(epoch() for _ in itertools.count())
    return lambda: next(steps)


def rates_table(rates: Rates) -> str:
    """Rates by product."""
    rows = [
        [
            f"{list(p[:2])} x {list(p[1:])}",
            f"{rates.float32[p]:.0f}",
            f"{rates.bfloat16[p]:.0f}",
        ]
        for p in PRODUCTS
    ]
    return markdown_table(
        ["product, GFLOP/s on one thread", "float32", "bfloat16"], rows
    )


def steps_table(rates: Rates, steps: Sequence[Step]) -> str:
    """What gensweep's step reaches of the machine's rates, and the script's step beside it."""
    roofs = [max(rates.float32.values()), max(rates.bfloat16.values())]
    rows = []
    for step in steps:
        reached = step.flops / step.gensweep / 1e9
        rows.append([
            step.case.model, f"{step.flops / 1e9:.2f}", step.precision, f"{step.gensweep * 1e3:.1f}", f"{reached:.1f}",
            *(f"{reached / roof:.0%}" for roof in roofs),
            f"{step.idiomatic * 1e3:.1f}", f"{step.idiomatic / step.gensweep:.2f}",
        ])  # fmt: skip
    heads = [
        "model", "GFLOP a step", "precision", "gensweep, ms", "GFLOP/s", "of float32", "of bfloat16", "idiomatic, ms",
        "idiomatic / gensweep",
    ]  # fmt: skip
    return markdown_table(heads, rows)
