"""What logging to W&B costs: `python -m benchmarks.tracking [--points N]`.

Tiny points are trained in one warm process, in turn without W&B and with it offline (A B A B), so that both meet the
same noise; what stays is seconds per point. Then a sweep runs on Ray, once each way, and the processes it starts are
counted: a worker that logs has one helper process of W&B, and there is no actor more.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import torch

from gensweep.sweep.point import Pack, Point
from gensweep.tracking.settings import DISABLED, OFFLINE, Tracking
from gensweep.trial.config import TrialConfig
from gensweep.trial.trial import run_pack

MODELS = {
    "text_to_text": {"hidden": 8, "train_fraction": 0.02, "epochs": 2},
    "vae": {
        "filters": 2,
        "latent_dim": 4,
        "count": 40,
        "encoder_layers": 4,
        "decoder_layers": 4,
        "epochs": 2,
    },
}
SWEEP = """
from gensweep import Grid, Sweep
SWEEP = Sweep("cost", [Grid("text_to_text", hidden=8, train_fraction=0.02, epochs=2)], seeds=8)
"""


def seconds(point: Point, mode: str, root: Path) -> float:
    """Wall clock of one point."""
    start = time.perf_counter()
    run_pack(
        Pack((point,)),
        None,
        TrialConfig(results=root, tracking=Tracking(mode, sweep="cost")),
        lambda report: None,
    )
    return time.perf_counter() - start


def in_turn(model: str, points: int, folder: Path) -> None:
    """Print what each way took, and the difference of neighbours."""
    took: dict[str, list[float]] = {DISABLED: [], OFFLINE: []}
    for seed in range(points + 1):
        for mode, kept in took.items():
            kept.append(
                seconds(
                    Point.make(model, MODELS[model], seed),
                    mode,
                    folder / mode,
                )
            )
    without, logged = (
        kept[1:] for kept in took.values()
    )  # the first ones warm the worker
    rows = {
        "without": without,
        "offline": logged,
        "more": [b - a for a, b in zip(without, logged, strict=True)],
    }
    print(f"\n{model}, seconds per point over {points} points, in turn:")
    for name, kept in rows.items():
        print(
            f"  {name:8} min {min(kept):7.3f}  median {statistics.median(kept):7.3f}  max {max(kept):7.3f}"
        )
    print(
        f"  the first point, which starts W&B: {took[OFFLINE][0]:.2f} with it, {took[DISABLED][0]:.2f} without"
    )


def processes(mode: str, folder: Path) -> Counter[str]:
    """The most processes at once of each name below a sweep's driver, which is run to its end."""
    file = folder / "cost.py"
    file.write_text(SWEEP)
    command = [
        sys.executable,
        "-m",
        "gensweep",
        str(file),
        "--results",
        str(folder / mode),
        "--wandb",
        mode,
    ]
    most: Counter[str] = Counter()
    environment = {
        key: value
        for key, value in os.environ.items()
        if key != "WANDB_SERVICE"
    }  # not this process's
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env=environment
    ) as driver:
        ended = threading.Event()
        threading.Thread(
            target=lambda: (driver.wait(), ended.set()), daemon=True
        ).start()
        while not ended.wait(0.1):
            most |= _below(driver.pid)
    assert driver.returncode == 0, f"the sweep ended with {driver.returncode}"
    return most


def _below(pid: int) -> Counter[str]:
    table = subprocess.run(
        ["ps", "-eo", "pid=,ppid=,comm="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = [line.split(None, 2) for line in table.splitlines()]
    found, names = {str(pid)}, Counter()
    for _ in range(8):  # grandchildren
        found |= {row[0] for row in rows if row[1] in found}
    for number, _, name in rows:
        if (
            number in found
            and number != str(pid)
            and (name.startswith("ray::") or name == "wandb-core")
        ):
            names[name.partition(".")[0]] += 1
    return names


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=20)
    points = parser.parse_args().points
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        for model in MODELS:
            in_turn(model, points, Path(name) / model)
        for mode in (DISABLED, OFFLINE):
            print(
                f"\nmost processes at once of 8 points on Ray, W&B {mode}:",
                dict(processes(mode, Path(name))),
            )


if __name__ == "__main__":
    main()
