"""Runs on a Ray cluster that loses nodes, gains nodes, loses its driver, or has two drivers at once.

The nodes are raylets of one host, so whoever holds a claim can be seen to be dead; claims of another host are
`test_claims`'s and `test_cluster`'s.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from runs import TINY, command_line, ended, grid, other, same, train, wait_for, write_sweep

from gensweep.execute.progress import Screen
from gensweep.sweep.point import Point

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
EPOCHS, SEEDS = 4, 4


def t2t(seed: int) -> Point:
    return Point.make("text_to_text", TINY | {"epochs": EPOCHS}, seed)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the same points without Ray."""
    root = tmp_path_factory.mktemp("plain")
    train([t2t(seed) for seed in range(SEEDS)], root)
    return root


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head that trains nothing, and no other node yet."""
    import gensweep.execute.ray_tune  # noqa: F401, I001 - it sets what Ray reads when it is imported
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        # A Ray that an earlier test started in this process leaves the mode `token` behind, which
        # the drivers of these tests, processes of their own, do not have.
        patch.setenv("RAY_AUTH_MODE", "disabled")
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
        )
        yield cluster
        cluster.shutdown()


@pytest.fixture
def sweep(cluster: Any, tmp_path: Path) -> list[str]:
    """A run's arguments: four points, on the cluster."""
    file = write_sweep(tmp_path, grid(epochs=EPOCHS), seeds=SEEDS)
    return [file, "--results", str(tmp_path / "results"), "--address", cluster.address]


def collect_reports(arguments: list[str], folder: Path, holds: dict[int, tuple[int, ...]]) -> None:
    """Be the command line, with a line in ``folder/reports`` for every epoch that a trial reports.

    Args:
        arguments: as typed.
        folder: where to say what is going on.
        holds: seed -> epochs at whose report to wait while ``folder/hold-<epoch>`` exists. A trial waits for its
            report to be taken, so it stands still at the end of the epoch.
    """
    report, seeds = Screen.report, {t2t(seed).id: seed for seed in range(SEEDS)}

    def listened(screen: Screen, result: dict[str, Any]) -> None:
        if "train/loss" in result and "status" not in result:
            seed, epoch = seeds[result["point"]], result["epoch"]
            with (folder / "reports").open("a") as log:
                log.write(json.dumps({"seed": seed, "epoch": epoch, "pid": result["pid"]}) + "\n")
            while epoch in holds.get(seed, ()) and (folder / f"hold-{epoch}").exists():
                time.sleep(0.01)
        report(screen, result)

    Screen.report = listened  # type: ignore[method-assign]
    command_line(arguments, folder)


def hold_at_epochs(folder: Path, *epochs: int) -> Path:
    """A new folder for a driver that is to wait at these epochs."""
    folder.mkdir()
    for epoch in epochs:
        (folder / f"hold-{epoch}").touch()
    return folder


def release(folder: Path, epoch: int) -> None:
    (folder / f"hold-{epoch}").unlink()


def reports(*folders: Path) -> list[dict[str, int]]:
    """What these drivers heard: seed, epoch, and the worker's process."""
    return [
        json.loads(line)
        for folder in folders
        for line in (folder / "reports").read_text().splitlines()
    ]


def epochs_of(seed: int, *folders: Path) -> list[int]:
    return [messages["epoch"] for messages in reports(*folders) if messages["seed"] == seed]


def reported(folder: Path, seed: int, epoch: int) -> int:
    """Wait for a report; returns the process that it is from."""
    wait_for(folder / "reports", f'{{"seed": {seed}, "epoch": {epoch}, ')
    return next(
        messages["pid"]
        for messages in reports(folder)
        if (messages["seed"], messages["epoch"]) == (seed, epoch)
    )


def node_of(cluster: Any, pid: int) -> Any:
    """The node whose raylet started a worker."""
    parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    pids = {
        node: {info.process.pid for info in node.all_processes["raylet"]}
        for node in cluster.worker_nodes
    }
    return next(node for node, its in pids.items() if parent in its)


def lose(cluster: Any, pid: int) -> Any:
    """End the node of a worker as a machine ends: the worker, too, which outlives its raylet by a moment."""
    node = node_of(cluster, pid)
    cluster.remove_node(node, allow_graceful=False)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return node


def only(cluster: Any, count: int) -> list[Any]:
    """Make it so many worker nodes of one core each."""
    for node in list(cluster.worker_nodes)[count:]:
        cluster.remove_node(node)
    while len(cluster.worker_nodes) < count:
        cluster.add_node(num_cpus=1)
    return list(cluster.worker_nodes)


def test_what_a_lost_node_trained_goes_on_elsewhere_from_its_last_epoch(
    cluster: Any, sweep: list[str], tmp_path: Path, plain: Path
) -> None:
    """Both nodes are lost, one after the other, and another comes."""
    first = only(cluster, 2)
    folder = hold_at_epochs(tmp_path / "driver", 2, 3, 4)
    with other(collect_reports, sweep, folder, {0: (2, 3, 4)}) as driver:
        lost = lose(cluster, reported(folder, 0, 2))
        release(folder, 2)
        second = lose(cluster, reported(folder, 0, 3))
        assert {lost, second} == set(first), "it goes on where there is room"
        added = cluster.add_node(num_cpus=1)
        release(folder, 3)
        assert node_of(cluster, reported(folder, 0, 4)) is added, (
            "a node that comes during the run is used"
        )
        release(folder, 4)
        assert ended(driver) == 0, (folder / "output").read_text()
    for seed in range(SEEDS):
        assert epochs_of(seed, folder) == [1, 2, 3, 4], "resumed, not restarted"
        same(tmp_path / "results", plain, t2t(seed))


def test_a_killed_driver_s_command_goes_on_at_once(
    cluster: Any, sweep: list[str], tmp_path: Path, plain: Path
) -> None:
    only(cluster, 1)
    killed, again = hold_at_epochs(tmp_path / "killed", 2), hold_at_epochs(tmp_path / "again")
    with other(collect_reports, sweep, killed, {0: (2,)}) as driver:
        reported(killed, 0, 2)
        os.kill(driver.pid, signal.SIGKILL)
        ended(driver)
    with other(collect_reports, sweep, again, {}) as driver:
        assert ended(driver) == 0, (again / "output").read_text()
    assert "Waiting" not in (again / "output").read_text()
    assert (epochs_of(0, killed), epochs_of(0, again)) == ([1, 2], [3, 4])
    for seed in range(SEEDS):
        same(tmp_path / "results", plain, t2t(seed))


def test_two_drivers_on_one_results_folder_train_no_point_twice(
    cluster: Any, sweep: list[str], tmp_path: Path, plain: Path
) -> None:
    """The first waits with a point in its hand while the second trains all others; then each finds the other's."""
    only(cluster, 2)
    command = [*sweep, "--max-concurrent", "1"]
    one, two = hold_at_epochs(tmp_path / "one", 2), hold_at_epochs(tmp_path / "two")
    with other(collect_reports, command, one, {0: (2,)}) as first:
        reported(one, 0, 2)
        with other(collect_reports, command, two, {}) as second:
            wait_for(two / "output", "Waiting for 1 point in training by process")
            release(one, 2)
            assert (ended(first), ended(second)) == (0, 0), (one / "output").read_text() + (
                two / "output"
            ).read_text()
    trained = Counter((messages["seed"], messages["epoch"]) for messages in reports(one, two))
    assert trained == {(seed, epoch): 1 for seed in range(SEEDS) for epoch in range(1, EPOCHS + 1)}
    assert (epochs_of(0, one), epochs_of(0, two)) == ([1, 2, 3, 4], [])
    assert [epochs_of(seed, one) for seed in range(1, SEEDS)] == [[], [], []]
    for seed in range(SEEDS):
        same(tmp_path / "results", plain, t2t(seed))
