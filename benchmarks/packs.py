"""What a pack gains: steps of lanes trained together against steps of each alone, on a core and on a GPU."""

from __future__ import annotations

import importlib
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.cases import Case, arrays
from benchmarks.pages import markdown_table
from gensweep.prepare import array_cache
from gensweep.sweep.point import Point

if TYPE_CHECKING:
    import torch

    from gensweep.train.lanes import Lanes
    from gensweep.train.loop import Training

CPU_LANES, GPU_LANES, GPU_MODEL = 8, 32, "text_to_text"
SMALL = {"text_to_text": {"hidden": 16}, "cae": {"filters": 4}}
"""Models so small that a step is mostly the calls of its operations."""
NOT_MEASURED = "not measured: no GPU on this machine"


@dataclass(frozen=True)
class Gain:
    """Median seconds of a step: of one lane alone, and of all lanes together."""

    what: str
    lanes: int
    alone: float
    together: float

    @property
    def ratio(self) -> float:
        """Points trained together in the time of one trained alone, with equally many steps."""
        return self.lanes * self.alone / self.together


def measure(
    cases: Sequence[Case], seconds: float, say: Callable[[str], None]
) -> tuple[list[Gain], list[Gain]]:
    """Gains on one core, of every case and of the small models; and on a GPU, where there is one.

    Args:
        cases: one a model.
        seconds: how long each side of a measurement takes, about.
        say: told each result.
    """
    import torch

    torch.set_num_threads(1)
    cpu, gpu = [], []
    for case in cases:
        variants = [
            ("", {}),
            *(
                (f", {_words(params)}", params)
                for params in [SMALL.get(case.model, {})]
                if params
            ),
        ]
        for suffix, params in variants:
            cpu.append(
                _gain(
                    case.model + suffix,
                    _point(case, params),
                    CPU_LANES,
                    torch.device("cpu"),
                    seconds,
                )
            )
            say(
                f"{cpu[-1].what}: {CPU_LANES} lanes on a core {cpu[-1].ratio:.2f} times one alone"
            )
    if torch.cuda.is_available():
        device = torch.device("cuda")
        (case,) = (case for case in cases if case.model == GPU_MODEL)
        gpu.append(
            _gain(
                "gensweep alone", _point(case, {}), GPU_LANES, device, seconds
            )
        )
        idiomatic = _median(_idiomatic_steps(case, device), device, seconds)
        gpu.append(
            Gain(
                "nn.LSTM (cuDNN), the idiomatic script",
                GPU_LANES,
                idiomatic,
                gpu[0].together,
            )
        )
    return cpu, gpu


def _words(params: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in params.items())


def _point(case: Case, params: dict[str, Any]) -> Point:
    point = case.points()[0]
    return Point.make(point.model, point.params | params, 0)


def _gain(
    what: str, point: Point, lanes: int, device: torch.device, seconds: float
) -> Gain:
    """Time both in turn."""
    from gensweep.train.lanes import Lanes
    from gensweep.train.loop import Training

    data = point.data_config()
    prepared = array_cache.load_arrays(data)
    trainings: list[Training] = []
    for seed in range(lanes + 1):
        beside = trainings[0] if trainings else None
        trainings.append(
            Training(
                point.model_config(),
                data,
                seed,
                prepared,
                device,
                share_with=beside,
            )
        )
    together = Lanes()
    together.stack(trainings[1:])
    full = max(1, trainings[0].steps_per_epoch - 1)
    sides = [_full_steps(side, full) for side in (trainings[0], together)]
    took = [
        [_median(side, device, seconds / 2) for side in sides]
        for _ in range(2)
    ]
    alone, packed = (min(times) for times in zip(*took, strict=True))
    return Gain(what, lanes, alone, packed)


def _idiomatic_steps(
    case: Case, device: torch.device
) -> Callable[[], object]:
    from torch.utils.data import DataLoader

    script: Any = importlib.import_module(case.script)
    config = case.settings()["params"] | {"lr": case.rates[0], "seed": 0}
    training = {
        name.partition("/")[2]: array
        for name, array in arrays(case.points()[0]).items()
        if "train/" in name
    }
    model = script.build(config).to(device)
    optimizer = script.make_optimizer(config, model)
    loader = DataLoader(
        script.make_dataset(config, training),
        batch_size=config["batch_size"],
        shuffle=True,
    )
    return _endless(
        lambda: (
            script.train_step(
                model, *(part.to(device) for part in batch), optimizer
            )
            for batch in loader
        )
    )


def _full_steps(side: Training | Lanes, full: int) -> Callable[[], object]:
    """Steps of whole batches: an epoch's first ``full`` ones, again and again."""
    return _endless(lambda: itertools.islice(side.run_steps(), full))


def _endless(epoch: Callable[[], Any]) -> Callable[[], object]:
    steps = itertools.chain.from_iterable(epoch() for _ in itertools.count())
    return lambda: next(steps)


def _median(
    step: Callable[[], object], device: torch.device, seconds: float
) -> float:
    """Of steps, each to its end on the device."""
    import torch

    wait = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    for _ in range(3):
        step()
    took: list[float] = []
    end = time.perf_counter() + seconds
    while not took or time.perf_counter() < end:
        wait()
        start = time.perf_counter()
        step()
        wait()
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def gains_table(gains: Sequence[Gain], first: str) -> str:
    """Steps alone and together, and their ratio."""
    heads = [
        first,
        "lanes",
        "alone, ms",
        "together, ms",
        "points in the time of one alone",
    ]
    rows = [
        [
            g.what,
            str(g.lanes),
            f"{g.alone * 1e3:.2f}",
            f"{g.together * 1e3:.1f}",
            f"{g.ratio:.2f}",
        ]
        for g in gains
    ]
    return markdown_table(heads, rows)


def get_text(cpu: Sequence[Gain], gpu: Sequence[Gain]) -> tuple[str, str]:
    """Both tables; of a machine without a GPU, a line that says so."""
    gpu_table = (
        gains_table(gpu, "one GPU, against")
        if gpu
        else f"Packs on a GPU: {NOT_MEASURED}."
    )
    return gains_table(cpu, "one core"), gpu_table
