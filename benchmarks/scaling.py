"""What limits many points on many nodes: the driver and Tune's loop, with trials that do nothing but keep the books.

The cluster is as many raylets of this machine as are asked for. Its trials are `bookkeeping` in place of training: a
claim, a file, the epochs' reports, a record. Everything else is what a sweep does: plan, Tune, Ray, screen. What a
point costs is a slope within a run, from when every worker has started; only processor seconds carry over to another
cluster, for here all nodes share this machine's cores.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.compare import ROOT, clean_environment, timed
from benchmarks.pages import markdown_table
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.open_store import open_store
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.sweep.grid import Grid
from gensweep.sweep.spec import Sweep
from gensweep.trial.config import TrialConfig

NODES, SLOTS = 16, 1
EPOCHS = 11
"""Of the last run's points; those of the others have one."""
WARM_SHARE = 0.3
"""Of the outcomes, the first, which are not counted."""
OBJECTS = 100_000_000
"""Bytes of a node's object store: each believes that it has the machine."""
FAR = {"points": 10_000, "nodes": 100, "trials": 8, "epochs": 10}
"""What is told from the slopes: points, nodes, trials at once on each, epochs of a point."""
_DRIVE = (
    "import sys; from benchmarks.scaling import drive; drive(*sys.argv[1:])"
)


@dataclass(frozen=True)
class Driven:
    """One run of a driver.

    Attributes:
        points: trivial ones.
        epochs: reports of each, beside that of its outcome.
        workers: processes that trained; more than slots where some were ended and started again.
        wall: seconds between two outcomes.
        driver: the driver's processor seconds per point.
        halves: the same of each half of what was counted: alike where nothing grows with the number of points.
        ray: processor seconds per point of the GCS and of all raylets, over the whole run.
        memory: the most that the driver held, bytes.
    """

    points: int
    epochs: int
    workers: int
    wall: float
    driver: float
    halves: tuple[float, float]
    ray: float
    memory: int


def bookkeeping(
    config: dict[str, Any],
    packs: list[Any],
    trial_config: TrialConfig,
    datasets: dict[str, Any],
    plugins: list[Any],
    drivers: dict[str, str | None] | None,
) -> None:
    """A trial that trains nothing, in place of `gensweep.execute.ray_tune._run_trial`, whose arguments it has."""
    from ray import tune

    from gensweep.cluster.node_info import check_code
    from gensweep.execute.ray_tune import get_cached

    if drivers is not None:
        check_code(drivers)
    point = get_cached(packs[0])[config["pack"]].points[0]
    root = Path(trial_config.results)
    _wait_for_all(root)
    ledger, epochs = Ledger(open_store(root)), point.params["epochs"]
    with ledger.claim(point.id, trial_config.driver) as claim:
        ledger.write_file(claim, point.id, "nothing.txt", b"nothing")
        for epoch in range(1, epochs + 1):
            tune.report(
                {
                    "point": point.id,
                    "epoch": epoch,
                    "epochs": epochs,
                    "train/loss": 1.0,
                }
            )
        metrics = {"test/loss": 1.0}
        record = Record(
            point.id,
            point.model,
            point.params,
            point.seed,
            Status.OK,
            metrics=metrics,
            epochs=epochs,
        )
        ledger.finish(claim, record)
    tune.report(
        {
            "point": point.id,
            "epoch": epochs,
            "status": Status.OK,
            "seconds": 0.0,
            "error": None,
        }
    )


def _wait_for_all(root: Path) -> None:
    """Until every slot has its worker: Tune gives a free worker trials whose own are still starting, and ends those."""
    (root / "workers" / str(os.getpid())).touch()
    while len(os.listdir(root / "workers")) < int(
        (root / "slots").read_text()
    ):
        time.sleep(0.1)


def drive(
    address: str,
    points: str,
    epochs: str,
    root: str,
    max_concurrent: str = "",
) -> None:
    """Be the driver of one run; leaves in ``root/driven.json`` when each outcome was heard, and the seconds spent."""
    from rich.console import Console

    from gensweep.execute import driver, ray_tune
    from gensweep.execute.progress import Screen
    from gensweep.execute.resources import Resources, RunOptions

    heard, workers, report = [], set(), Screen.report

    def stamped(screen: Screen, result: dict[str, Any]) -> None:
        report(screen, result)
        if "status" in result:
            heard.append((time.perf_counter(), time.process_time()))
            workers.add(result["pid"])

    most = int(max_concurrent) if max_concurrent else None
    resources = Resources(
        device="cpu",
        gpus_per_trial=0,
        address=address,
        max_concurrent=most,
        pack=1,
    )
    sweep = Sweep(
        "trivial", [Grid("text_to_text", epochs=int(epochs))], int(points)
    )
    with (
        patch.object(ray_tune, "_run_trial", bookkeeping),
        patch.object(Screen, "report", stamped),
        patch.object(driver, "_collect"),
    ):
        status = driver.run(
            sweep, RunOptions(root, resources=resources), Console()
        )
    peak = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    memory = (
        int(peak.split()[1]) * 1024
    )  # getrusage would tell of the process that started this one, too
    (Path(root) / "driven.json").write_text(
        json.dumps(
            {"heard": heard, "workers": len(workers), "memory": memory}
        )
    )
    sys.exit(status)


def measure(
    points: int, nodes: int, slots: int, say: Callable[[str], None]
) -> list[Driven]:
    """Run a driver over a quarter of the points, over all, and over a quarter with more epochs, on one cluster.

    Args:
        points: of the largest run.
        nodes: raylets beside the head's.
        slots: trials at once on each.
        say: told of each run when it has ended.
    """
    found = []
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        environment = clean_environment(Path(name)) | {
            "PYTHONPATH": str(ROOT)
        }
        with (
            patch.dict(os.environ, environment),
            _cluster(nodes, slots) as cluster,
        ):
            for number, (size, epochs) in enumerate(
                ((points // 4, 1), (points, 1), (points // 4, EPOCHS))
            ):
                found.append(
                    _driven(
                        cluster,
                        size,
                        epochs,
                        nodes * slots,
                        Path(name) / str(number),
                        environment,
                    )
                )
                say(f"{found[-1]}")
    return found


@contextmanager
def _cluster(nodes: int, slots: int) -> Iterator[Any]:
    import gensweep.execute.ray_tune  # noqa: F401, I001 - it sets what Ray reads when it is imported
    from ray.cluster_utils import Cluster

    head = {
        "num_cpus": 0,
        "include_dashboard": False,
        "object_store_memory": OBJECTS,
    }
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        for _ in range(nodes):
            cluster.add_node(num_cpus=slots, object_store_memory=OBJECTS)
        yield cluster
    finally:
        cluster.shutdown()


def _driven(
    cluster: Any,
    points: int,
    epochs: int,
    slots: int,
    root: Path,
    environment: dict[str, str],
) -> Driven:
    (root / "workers").mkdir(parents=True)
    (root / "slots").write_text(str(slots))
    before = _ray_seconds(cluster)
    timed(
        [sys.executable, "-c", _DRIVE, cluster.address, points, epochs, root],
        environment,
    )
    spent, found = (
        _ray_seconds(cluster) - before,
        json.loads((root / "driven.json").read_text()),
    )
    heard = found["heard"][round(WARM_SHARE * points) :]
    first, middle, last = heard[0], heard[len(heard) // 2], heard[-1]
    half, rest = len(heard) // 2, len(heard) - 1 - len(heard) // 2
    halves = (middle[1] - first[1]) / half, (last[1] - middle[1]) / rest
    wall, driver = (
        (last[index] - first[index]) / (half + rest) for index in (0, 1)
    )
    return Driven(
        points,
        epochs,
        found["workers"],
        wall,
        driver,
        halves,
        spent / points,
        found["memory"],
    )


def _ray_seconds(cluster: Any) -> float:
    """Processor seconds that the GCS and the raylets have spent."""
    nodes = [cluster.head_node, *cluster.worker_nodes]
    processes = [info.process.pid for node in nodes for kind in ("gcs_server", "raylet")
                 for info in node.all_processes.get(kind, [])]  # fmt: skip
    fields = [
        Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        for pid in processes
    ]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf(
        "SC_CLK_TCK"
    )


def runs_table(runs: list[Driven]) -> str:
    """What each run cost."""
    heads = [
        "points",
        "epochs",
        "workers",
        "driver, ms a point",
        "its halves",
        "GCS and raylets",
        "wall, ms",
        "MB",
    ]
    rows = []
    for run in runs:
        times = [
            f"{run.driver * 1e3:.1f}",
            " / ".join(f"{half * 1e3:.1f}" for half in run.halves),
        ]
        rest = [
            f"{run.ray * 1e3:.1f}",
            f"{run.wall * 1e3:.0f}",
            f"{run.memory / 1e6:.0f}",
        ]
        rows.append(
            [
                f"{run.points:,}",
                str(run.epochs),
                str(run.workers),
                *times,
                *rest,
            ]
        )
    return markdown_table(heads, rows)


def far(runs: list[Driven]) -> str:
    """What the slopes say of the large run of `FAR`."""
    small, large, longer = runs
    report = (longer.driver - small.driver) / (longer.epochs - small.epochs)
    point = large.driver + report * (FAR["epochs"] - large.epochs)
    slots, grown = (
        FAR["nodes"] * FAR["trials"],
        (large.memory - small.memory) / (large.points - small.points),
    )
    return (
        f"{FAR['points']:,} points of {FAR['epochs']} epochs on {FAR['nodes']} nodes of {FAR['trials']} trials: "
        f"{point * 1e3:.1f} ms of the driver a point, of which {report * 1e3:.2f} ms a reported epoch: "
        f"{point * FAR['points']:.0f} s in all, and half a core where a point takes {2 * point * slots:.0f} s. "
        f"Memory: {(large.memory + grown * (FAR['points'] - large.points)) / 1e6:.0f} MB.\n"
    )
