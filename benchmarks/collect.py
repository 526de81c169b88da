"""How long `collect` takes for thousands of records, and how much memory: `python -m benchmarks.collect`.

Writes records of points that were never trained (random numbers, a failed and a diverged one in a hundred), with
histories, then collects them in a process of its own. Seconds are of the processor and of the wall clock: the
difference is the disk.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gensweep.ledger.ledger import POINTS
from gensweep.ledger.manifest_writer import write_sweep_json
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep.spec import Grid, Sweep

SEEDS = 100
EPOCHS = 10
METRICS = (
    "loss",
    "char_accuracy",
    "exact_match",
    "exact_match_plus",
    "exact_match_minus",
    "mean_absolute_error",
)


def write_records(root: Path, count: int) -> Path:
    """Write a sweep of ``count`` points with a record and a history each; returns its folder."""
    depths, settings = [1, 2, 3, 4, 5], max(1, count // SEEDS // 25)
    rates = np.geomspace(1e-4, 1e-2, settings).tolist()
    grid = Grid(
        "text_to_text",
        encoder_layers=depths,
        decoder_layers=depths,
        lr=rates,
        epochs=EPOCHS,
    )
    sweep = Sweep(
        "many",
        [grid],
        SEEDS,
        tables=["depth"],
        figures=["depth_heatmap", "learning_curves"],
    )
    rng = np.random.default_rng(0)
    header = ",".join(
        ["epoch", "train/loss", *(f"validation/{name}" for name in METRICS)]
    )
    for number, point in enumerate(sweep.points()):
        folder = root / POINTS / point.id
        folder.mkdir(parents=True)
        values = rng.random((EPOCHS, len(METRICS) + 1)).round(6)
        lines = [
            ",".join(map(str, [epoch, *row]))
            for epoch, row in enumerate(values.tolist(), 1)
        ]
        (folder / "history.csv").write_text(
            "\n".join([header, *lines]) + "\n"
        )
        status = {50: Status.FAILED, 99: Status.DIVERGED}.get(
            number % 100, Status.OK
        )
        metrics = dict(
            zip(
                (f"test/{name}" for name in METRICS),
                rng.random(len(METRICS)),
                strict=True,
            )
        )
        record = Record(
            point.id, point.model, point.params, point.seed, status,
            metrics=metrics if status == Status.OK else {}, seconds=float(rng.random() * 60), epochs=EPOCHS,
            error=None if status == Status.OK else "ValueError: made up",
        )  # fmt: skip
        (folder / "record.json").write_text(record.to_json())
    write_sweep_json(Store(root), sweep, "python -m benchmarks.collect")
    return root / sweep.name


def collect(folder: Path) -> dict[str, float]:
    """Collect in this process; seconds, and megabytes at the peak."""
    from gensweep.report.collect import collect as collect_folder

    wall, processor = time.perf_counter(), time.process_time()
    files = collect_folder(folder)
    return {
        "files": len(files),
        "wall_s": round(time.perf_counter() - wall, 2),
        "processor_s": round(time.process_time() - processor, 2),
        "peak_mb": round(
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        ),
    }


def main() -> None:
    """Write the records, collect them in a fresh process, print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--records", type=int, default=10_000, help="how many"
    )
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.folder:
        print(json.dumps(collect(Path(chosen.folder))))
        return
    with tempfile.TemporaryDirectory(prefix="gensweep-") as root:
        folder = write_records(Path(root), chosen.records)
        points = len(list((Path(root) / POINTS).iterdir()))
        command = [
            sys.executable,
            "-m",
            "benchmarks.collect",
            "--folder",
            str(folder),
        ]
        print(
            f"{points:,} records:",
            subprocess.run(
                command, capture_output=True, text=True, check=True
            ).stdout.strip(),
        )


if __name__ == "__main__":
    main()
