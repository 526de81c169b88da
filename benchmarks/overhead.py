"""What a sweep costs beside its training: start, seconds per point, planning, reading the ledger, small commands."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.compare import BenchmarkError, clean_environment, timed
from benchmarks.pages import markdown_table, spread
from gensweep.ledger.ledger import POINTS, RECORD, Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.point import Point
from gensweep.sweep.spec import Grid, Sweep

GENSWEEP = (sys.executable, "-m", "gensweep")
TRIVIAL = {"hidden": 8, "train_fraction": 0.02, "epochs": 1}
"""Trains 360 examples in three steps."""
WARM_SHARE = 0.2
"""Of the records, the first, which are written while workers still start."""
MANY, SOME = 100_000, 10_000
TARGETS = {
    "point": 0.15, "plan": 3.0, "ledger": 10.0, "first epoch": 12.0, "--help": 1.5, "list": 1.5, "nothing to do": 2.0,
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """One measured cost.

    Attributes:
        what: in words.
        values: seconds, one a repetition.
        target: seconds that it should not exceed; None: it is shown to explain another.
    """

    what: str
    values: list[float]
    target: float | None = None


def measure(
    points: int,
    rounds: int,
    cores: int,
    quick: bool,
    say: Callable[[str], None],
) -> list[Cost]:
    """Measure everything.

    Args:
        points: trivial ones, trained as one sweep.
        rounds: repetitions of what takes seconds.
        cores: trials at once.
        quick: plan and read a tenth of the points.
        say: told of each cost when it is known.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        environment = clean_environment(folder)
        many = SOME if quick else MANY
        for cost in (
            *trivial_points(folder, environment, points, cores),
            *small_commands(folder, environment, rounds),
            *planning(folder, environment, many, rounds),
            ledger_reading(folder, many, rounds),
        ):
            say(f"{cost.what}: {spread(cost.values)} s")
            found.append(cost)
    return found


def trivial_points(
    folder: Path, environment: Mapping[str, str], points: int, cores: int
) -> Iterator[Cost]:
    """A sweep of trivial points against their bare training in a loop; also how soon its first epoch was done."""
    _bare(folder, environment, 2)  # fills the cache
    loop = _bare(folder, environment, points)
    began = time.time()
    timed([*_sweep(folder, points), "--max-concurrent", cores], environment)
    folders = [
        folder / "results" / POINTS / point.id for point in _trivial(points)
    ]
    ended = sorted((each / RECORD).stat().st_mtime for each in folders)
    first = (
        min(
            (each / "samples" / "epoch-0001.png").stat().st_mtime
            for each in folders
        )
        - began
    )
    for each in folders:
        if (
            Ledger(folder / "results").read_record(each.name).status
            != Status.OK
        ):
            raise BenchmarkError(f"{each.name} did not end ok")
    on_ray = _slope(ended, cores)
    yield Cost(
        "from the start of a run to its first epoch",
        [first],
        TARGETS["first epoch"],
    )
    yield Cost(f"a trivial point in a loop, mean of {points}", [loop])
    yield Cost(
        f"a trivial point of a sweep on Ray, core-seconds, mean of {points}",
        [on_ray],
    )
    yield Cost(
        "a point more than in the loop, core-seconds",
        [on_ray - loop],
        TARGETS["point"],
    )


def _slope(ended: list[float], cores: int) -> float:
    """Core-seconds between two records, without the first ones and so without the start of Ray and of workers."""
    skipped = max(cores, round(len(ended) * WARM_SHARE))
    return (ended[-1] - ended[skipped - 1]) * cores / (len(ended) - skipped)


def _trivial(points: int) -> list[Point]:
    return Sweep(
        "trivial", [Grid("text_to_text", **TRIVIAL)], points
    ).points()


def _sweep(folder: Path, points: int) -> list[Any]:
    file = folder / "trivial.py"
    grid = f"Grid('text_to_text', **{TRIVIAL!r})"
    file.write_text(
        f"from gensweep import Grid, Sweep\nSWEEP = Sweep('trivial', [{grid}], seeds={points})\n"
    )
    return [
        *GENSWEEP,
        file,
        "--results",
        folder / "results",
        "--wandb",
        "disabled",
        "--device",
        "cpu",
    ]


_LOOP = """
import json, sys, time
from gensweep.trainables import train_text_to_text
params, points, file = json.loads(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
ends = []
for seed in range(points):
    train_text_to_text({**params, "seed": seed, "device": "cpu"}, report=lambda report: None)
    ends.append(time.perf_counter())
open(file, "w").write(json.dumps((ends[-1] - ends[0]) / (points - 1)))
"""


def _bare(folder: Path, environment: Mapping[str, str], points: int) -> float:
    """Seconds a point of the training function in a loop, nothing written; the first point warms the process."""
    file = folder / "loop.json"
    one_thread = {
        **environment,
        "OMP_NUM_THREADS": "1",
    }  # as Ray sets it for a trial
    timed(
        [sys.executable, "-c", _LOOP, json.dumps(TRIVIAL), points, file],
        one_thread,
    )
    return json.loads(file.read_text())


def small_commands(
    folder: Path, environment: Mapping[str, str], rounds: int
) -> Iterator[Cost]:
    """Whole processes that a person waits for: help, a list, and the sweep of `trivial_points` again."""
    points = len(list((folder / "results" / POINTS).iterdir()))
    commands = {
        "--help": [*GENSWEEP, "--help"],
        "list": [*GENSWEEP, "list", "models"],
    }
    commands["nothing to do"] = _sweep(folder, points)
    words = {
        "--help": "--help",
        "list": "list models",
        "nothing to do": f"a run of {points} points, nothing to do",
    }
    for name, command in commands.items():
        took = [timed(command, environment) for _ in range(rounds)]
        yield Cost(words[name], took, TARGETS[name])


def planning(
    folder: Path, environment: Mapping[str, str], points: int, rounds: int
) -> Iterator[Cost]:
    """The points of a large grid and what is missing of them, in this process; then the same as `--dry-run`."""
    from gensweep.execute.plan import make_plan

    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        plan = make_plan(_many(points).points(), Ledger(folder / "nothing"))
        took.append(time.perf_counter() - start)
        if len(plan.todo) != points:
            raise BenchmarkError(
                f"the plan has {len(plan.todo)} points, not {points}"
            )
    yield Cost(
        f"planning {points:,} points", took, TARGETS["plan"] * points / MANY
    )
    file = folder / "many.py"
    file.write_text(
        "from gensweep import Grid, Sweep\n"
        f"SWEEP = Sweep('many', [Grid('text_to_text', lr={_rates(points)!r})], seeds={points // len(_rates(points))})\n"
    )
    command = [*GENSWEEP, file, "--dry-run", "--results", folder / "nothing"]
    yield Cost(
        f"the same, as the whole process of --dry-run of {points:,}",
        [timed(command, environment)],
    )


def _rates(points: int) -> list[float]:
    return np.geomspace(1e-4, 1e-2, points // 100).round(9).tolist()


def _many(points: int) -> Sweep:
    return Sweep(
        "many",
        [Grid("text_to_text", lr=_rates(points))],
        points // len(_rates(points)),
    )


def ledger_reading(folder: Path, points: int, rounds: int) -> Cost:
    """Reading made-up records of every point of a large grid, just written and so in the system's memory."""
    ledger, wanted = Ledger(folder / "many"), _many(points).points()
    for point in wanted:
        path = ledger.folder(point.id) / RECORD
        path.parent.mkdir(parents=True)
        metrics = {
            "test/loss": 1.0,
            "test/char_accuracy": 0.5,
            "test/exact_match": 0.1,
        }
        record = Record(
            point.id,
            point.model,
            point.params,
            point.seed,
            Status.OK,
            metrics=metrics,
            seconds=1.0,
            epochs=point.params["epochs"],
        )
        path.write_text(record.to_json())
    took = []
    for _ in range(rounds):
        start = time.perf_counter()
        state = ledger.read({point.id: point.params for point in wanted})
        took.append(time.perf_counter() - start)
        if len(state.records) != points:
            raise BenchmarkError(
                f"the ledger has {len(state.records)} records, not {points}"
            )
    return Cost(
        f"reading {points:,} records", took, TARGETS["ledger"] * points / MANY
    )


def costs_table(costs: list[Cost]) -> str:
    """Each cost with its target, and whether the median keeps it."""
    rows = []
    for cost in costs:
        kept = (
            cost.target is None
            or statistics.median(cost.values) <= cost.target
        )
        target = "" if cost.target is None else f"{cost.target:g}"
        rows.append(
            [
                cost.what,
                spread(cost.values),
                target,
                "" if cost.target is None else "yes" if kept else "NO",
            ]
        )
    return markdown_table(
        ["seconds", "min / median / max", "target", "kept"], rows
    )
