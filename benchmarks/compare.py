"""gensweep and the idiomatic script in turn, each as a process of its own, from its start to its end."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.cases import Case, write_arrays
from benchmarks.pages import markdown_table, spread
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.status import Status
from gensweep.prepare import array_cache

ROOT = Path(__file__).parents[1]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SHOWN = (
    "test/loss", "test/char_accuracy", "test/exact_match", "test/mse", "test/reconstruction_mse", "test/nll", "test/kl",
    "test/generator_loss", "test/discriminator_loss", "test/discriminator_accuracy",
)  # fmt: skip
"""Metrics that both sides measure."""


class BenchmarkError(Exception):
    """A process of the benchmark ended with an error."""


@dataclass(frozen=True)
class Trained:
    """One point of one run: its axes, the seconds inside its training function, its metrics at the end."""

    lr: float
    seed: int
    seconds: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Run:
    """One process: wall clock from start to end in seconds, its points, and what they computed in."""

    wall: float
    points: list[Trained]
    precision: str = "float32"

    @property
    def seconds(self) -> float:
        """Seconds a point, without the start of Ray and of workers."""
        return statistics.fmean(point.seconds for point in self.points)


@dataclass(frozen=True)
class Comparison:
    """A case's runs, a pair a round."""

    case: Case
    gensweep: list[Run]
    idiomatic: list[Run]

    @property
    def precision(self) -> str:
        """What gensweep's records say that they computed in."""
        return self.gensweep[0].precision

    def ratios(self, of: Callable[[Run], float]) -> list[float]:
        """Idiomatic over gensweep in each round: above 1, gensweep is faster."""
        return [
            of(theirs) / of(ours)
            for ours, theirs in zip(
                self.gensweep, self.idiomatic, strict=True
            )
        ]


def compare(case: Case, cores: int, say: Callable[[str], None]) -> Comparison:
    """Run both sides in turn, gensweep first, so that it meets the machine cold."""
    ours: list[Run] = []
    theirs: list[Run] = []
    for number in range(1, case.rounds + 1):
        ours.append(run_gensweep(case, cores))
        theirs.append(run_idiomatic(case, cores))
        pair = Comparison(case, ours[-1:], theirs[-1:])
        (wall,), (point,) = (
            pair.ratios(lambda run: run.wall),
            pair.ratios(lambda run: run.seconds),
        )
        say(
            f"{case.model} {number}/{case.rounds}: gensweep {ours[-1].wall:.1f} s, idiomatic {theirs[-1].wall:.1f} s, "
            f"ratio {wall:.2f}; a point {ours[-1].seconds:.2f} s, {theirs[-1].seconds:.2f} s, ratio {point:.2f}"
        )
    return Comparison(case, ours, theirs)


def run_gensweep(case: Case, cores: int) -> Run:
    """The real command line, with all that it does: checkpoints, samples, records, tables, page.

    The arrays are in its cache, as they are in the script's file; a reader that it needs is not.
    """
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        file, results = folder / "benchmark.py", folder / "results"
        file.write_text(case.sweep_file())
        environment = clean_environment(folder)
        with patch.dict(os.environ, environment):
            array_cache.load_arrays(case.points()[0].data_config())
        options = [
            "--results",
            results,
            "--wandb",
            "disabled",
            "--device",
            "cpu",
            "--max-concurrent",
            cores,
        ]
        wall = timed(
            [sys.executable, "-m", "gensweep", file, *options], environment
        )
        points = []
        for point in case.points():
            record = Ledger(results).read_record(point.id)
            if record.status != Status.OK:
                raise BenchmarkError(
                    f"{point.id} is {record.status}: {record.error}"
                )
            points.append(
                Trained(
                    point.params["lr"],
                    point.seed,
                    record.seconds,
                    record.metrics,
                )
            )
        return Run(wall, points, record.hardware["precision"])


def run_idiomatic(case: Case, cores: int) -> Run:
    """The script, with a default Ray Tune grid."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        settings = case.settings() | {
            "cores": cores,
            "arrays": str(folder / "arrays.npz"),
            "storage": str(folder / "ray_results"),
            "results": str(folder / "results.json"),
        }
        (folder / "settings.json").write_text(json.dumps(settings))
        environment = clean_environment(folder)
        with patch.dict(os.environ, environment):
            write_arrays(case.points()[0], folder / "arrays.npz")
        wall = timed(
            [sys.executable, "-m", case.script, folder / "settings.json"],
            environment,
        )
        rows = json.loads((folder / "results.json").read_text())
        points = [
            Trained(
                row["lr"],
                row["seed"],
                row["metrics"]["seconds"],
                row["metrics"],
            )
            for row in rows
        ]
        return Run(wall, points)


def timed(command: Sequence[Any], environment: Mapping[str, str]) -> float:
    """Seconds that a process takes from start to end, from the repository's root; its output is shown only on failure.

    Raises:
        BenchmarkError: it ended with an error; the message has the end of what it said.
    """
    with tempfile.TemporaryFile("w+") as output:
        start = time.perf_counter()
        done = subprocess.run(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=ROOT,
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            output.seek(0)
            said = "".join(output.readlines()[-20:])
            raise BenchmarkError(
                f"{' '.join(map(str, command))} ended with {done.returncode}:\n{said}"
            )
    return seconds


def clean_environment(folder: Path) -> dict[str, str]:
    """This process's variables, but a cache of its own, and none that set threads (Ray does) or name a cluster."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in (*THREADS, "RAY_ADDRESS")
    }
    return kept | {
        "GENSWEEP_CACHE": str(folder / "cache"),
        "WANDB_MODE": "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def times_table(found: Comparison) -> str:
    """Seconds of both sides, and their ratio."""
    rows = []
    for what, of in (
        ("whole process, s", lambda run: run.wall),
        ("a point, s", lambda run: run.seconds),
    ):
        sides = [
            spread([of(run) for run in runs])
            for runs in (found.gensweep, found.idiomatic)
        ]
        rows.append([what, *sides, spread(found.ratios(of))])
    heads = [
        "min / median / max",
        "gensweep",
        "idiomatic",
        "idiomatic / gensweep",
    ]
    return markdown_table(heads, rows)


def metrics_table(found: Comparison) -> str:
    """Metrics that both sides measured, mean over seeds (and rounds, which repeat each other), standard deviation."""
    rows = []
    for name in SHOWN:
        for lr in found.case.rates:
            sides = [
                _values(runs, name, lr)
                for runs in (found.gensweep, found.idiomatic)
            ]
            if all(sides):
                rows.append([name, f"{lr:g}", *map(_mean, sides)])
    return markdown_table(["metric", "lr", "gensweep", "idiomatic"], rows)


def _values(runs: Sequence[Run], name: str, lr: float) -> list[float]:
    """The metric of each seed, mean over runs."""
    found: dict[int, list[float]] = {}
    for run in runs:
        for point in run.points:
            if point.lr == lr and name in point.metrics:
                found.setdefault(point.seed, []).append(point.metrics[name])
    return [statistics.fmean(values) for values in found.values()]


def _mean(values: Sequence[float]) -> str:
    deviation = (
        f" ± {statistics.stdev(values):.2g}" if len(values) > 1 else ""
    )
    return f"{statistics.fmean(values):.4g}{deviation}"
