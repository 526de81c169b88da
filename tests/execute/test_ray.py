"""Runs on Ray Tune: the numbers of a run without it, and workers that are killed."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from runs import TINY, call, grid, records, same, train, write_sweep

from gensweep.cluster.ray_guard import watch_ray
from gensweep.core.errors import RayDiedError, StoreError, UserError
from gensweep.execute.driver import run
from gensweep.execute.memory_budget import GRAIN_BYTES, MemoryBudget
from gensweep.execute.progress import Screen
from gensweep.execute.resources import Resources, RunOptions
from gensweep.ledger.claims import read_holder
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.status import Status
from gensweep.ledger.stores import Store
from gensweep.sweep.load import read_sweep
from gensweep.sweep.point import Pack, Point
from gensweep.system.signals import Stopped, raise_on_signal
from gensweep.system.terminal import Console

pytestmark = [pytest.mark.ray, pytest.mark.filterwarnings("default")]
EPOCHS = 4


def t2t(seed: int) -> Point:
    return Point.make("text_to_text", TINY | {"epochs": EPOCHS}, seed)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of the same points without Ray."""
    root = tmp_path_factory.mktemp("plain")
    train([t2t(seed) for seed in range(2)], root)
    return root


def is_epoch(result: dict[str, Any]) -> bool:
    """Whether a report is of an epoch, not of a start or an outcome."""
    return "train/loss" in result and "status" not in result


def killing(
    monkeypatch: pytest.MonkeyPatch, root: Path, seed: int, epochs: range
) -> list[dict[str, Any]]:
    """Kill the worker that trains a seed's point when it reports one of these epochs; returns every report."""
    reports: list[dict[str, Any]] = []
    report = Screen.report

    def events(screen: Screen, result: dict[str, Any]) -> None:
        reports.append(result)
        report(screen, result)
        if result.get("point") == t2t(seed).id and is_epoch(result) and result["epoch"] in epochs:
            holder = read_holder(Store(root), f"points/{t2t(seed).id}")
            assert holder is not None
            assert holder.worker.pid == result["pid"] != os.getpid()
            os.kill(holder.worker.pid, signal.SIGKILL)

    monkeypatch.setattr(Screen, "report", events)
    return reports


@contextmanager
def killed_when_it_begins(root: Path, point: Point) -> Iterator[None]:
    """Kill every worker that claims a point, before it can have trained an epoch."""
    done = threading.Event()

    def watch() -> None:
        seen = {os.getpid()}
        while not done.wait(0.001):
            holder = read_holder(Store(root), f"points/{point.id}")
            if holder is not None and holder.worker.pid not in seen:
                seen.add(holder.worker.pid)
                os.kill(holder.worker.pid, signal.SIGKILL)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_killed_worker_goes_on_elsewhere_with_the_same_numbers(
    ray: Any, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, job = tmp_path / "results", ray.get_runtime_context().get_job_id()
    file = write_sweep(tmp_path, grid(epochs=EPOCHS), seeds=2)
    reports = killing(monkeypatch, root, seed=1, epochs=range(1, 2))
    ended = call(file, "--results", root, "--max-concurrent", 1)
    assert (ended.code, ended.error) == (0, "")
    assert "training 2 in 2 trials" in ended.out
    for seed in (0, 1):
        same(root, plain, t2t(seed))
    epochs = [result for result in reports if result.get("point") == t2t(1).id and is_epoch(result)]
    assert [result["epoch"] for result in epochs] == [1, 2, 3, 4], "resumed, not restarted"
    assert epochs[0]["pid"] != epochs[1]["pid"] == epochs[-1]["pid"]
    assert "Nothing to do: 2 of 2 points done." in call(file, "--results", root).out
    assert ray.is_initialized()
    assert ray.get_runtime_context().get_job_id() == job, (
        "the Ray that was there is used and left alone"
    )


def test_a_killed_pack_goes_on_with_every_lane(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, straight = tmp_path / "results", tmp_path / "straight"
    file = write_sweep(tmp_path, grid(epochs=EPOCHS), seeds=2, pack=2)
    assert call(file, "--results", straight, "--local").code == 0
    reported: list[dict[str, Any]] = []
    report = Screen.report

    def events(screen: Screen, result: dict[str, Any]) -> None:
        report(screen, result)
        if "pid" in result and "lanes" in result:
            reported.append(result)
            if len(reported) == 2:
                os.kill(result["pid"], signal.SIGKILL)

    monkeypatch.setattr(Screen, "report", events)
    ended = call(file, "--results", root)
    assert (ended.code, ended.error) == (0, "")
    assert "training 2 in 1 trial." in ended.out
    assert [[lane["epoch"] for lane in result["lanes"]] for result in reported] == [
        [1, 1],
        [2, 2],
        [3, 3],
        [4, 4],
    ]
    assert reported[1]["pid"] != reported[2]["pid"]
    for seed in (0, 1):
        same(root, straight, t2t(seed))
        assert records(root)[t2t(seed).id].pack == {"size": 2, "lane": seed}


def test_a_worker_that_dies_again_and_again_but_gets_on_is_no_failure(
    ray: Any, tmp_path: Path, plain: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "results"
    options = RunOptions(str(root), resources=Resources(max_concurrent=1, max_failures=0))
    reports = killing(monkeypatch, root, seed=0, epochs=range(1, 4))
    assert (
        run(
            read_sweep(Path(write_sweep(tmp_path, grid(epochs=EPOCHS)))),
            options,
            Console(quiet=True),
        )
        == 0
    )
    assert [result["epoch"] for result in reports if is_epoch(result)] == [1, 2, 3, 4]
    same(root, plain, t2t(0))


def test_a_worker_that_dies_too_often_is_a_failed_point(
    ray: Any, tmp_path: Path, plain: Path
) -> None:
    root = tmp_path / "results"
    file = write_sweep(tmp_path, grid(epochs=EPOCHS))
    options = RunOptions(str(root), resources=Resources(max_concurrent=1, max_failures=0))
    with killed_when_it_begins(root, t2t(0)):
        assert run(read_sweep(Path(file)), options, Console(quiet=True)) == 1
    record = records(root)[t2t(0).id]
    assert record.status == Status.FAILED
    assert (record.error or "").startswith("the worker died: ")
    retried = call(file, "--results", root, "--local", "--retry-failed")
    assert retried.code == 0
    same(root, plain, t2t(0))


def test_the_trainables_work_in_a_tuner_of_ones_own(ray: Any, tmp_path: Path, plain: Path) -> None:
    from ray import tune

    from gensweep.trainables import train_text_to_text

    space = TINY | {"epochs": EPOCHS, "seed": tune.grid_search([0, 1]), "device": "cpu"}
    tuner = tune.Tuner(
        train_text_to_text,
        param_space=space,
        tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=1),
        run_config=tune.RunConfig(storage_path=str(tmp_path), verbose=0),
    )
    results = tuner.fit()
    assert not results.errors
    measured = {result.config["seed"]: result.metrics for result in results if result.config}
    for seed in (0, 1):
        expected = records(plain)[t2t(seed).id].metrics
        assert expected.keys() >= {"test/char_accuracy", "test/loss"}
        assert {name: measured[seed][name] for name in expected} == expected
        assert measured[seed]["status"] == Status.OK
    assert not list(tmp_path.rglob("record.json")), "without `results` no records are kept"


def schedulers() -> dict[str, Any]:
    """Tune's schedulers, each with three epochs at most."""
    from ray.tune.schedulers import (
        ASHAScheduler,
        FIFOScheduler,
        HyperBandScheduler,
        MedianStoppingRule,
        PopulationBasedTraining,
    )

    judged = {"metric": "validation/loss", "mode": "min"}
    return {
        "FIFO": FIFOScheduler(),
        "ASHA": ASHAScheduler(max_t=3, reduction_factor=2, **judged),
        "HyperBand": HyperBandScheduler(max_t=3, reduction_factor=3, **judged),
        "median": MedianStoppingRule(grace_period=1, min_samples_required=2, **judged),
        "PBT": PopulationBasedTraining(
            perturbation_interval=1, hyperparam_mutations={"lr": [1e-2, 1e-4]}, **judged
        ),
    }


@pytest.mark.parametrize("name", ["FIFO", "ASHA", "HyperBand", "median", "PBT"])
def test_a_scheduler_of_tunes_ends_and_leaves_the_right_records(
    ray: Any, tmp_path: Path, name: str
) -> None:
    """Whatever stops, pauses or resumes a trial."""
    from ray import tune

    from gensweep.trainables import train_text_to_text

    root, straight, seeds = tmp_path / "results", tmp_path / "straight", range(4)
    points = {
        seed: Point.make("text_to_text", TINY | {"epochs": 3, "lr": 1e-3}, seed) for seed in seeds
    }
    stop = {"training_iteration": 3} if name == "FIFO" else None
    space = TINY | {"epochs": 3, "lr": 1e-3, "device": "cpu", "seed": tune.grid_search(list(seeds))}
    tuner = tune.Tuner(
        train_text_to_text,
        param_space=space | {"results": str(root)},
        tune_config=tune.TuneConfig(scheduler=schedulers()[name]),
        run_config=tune.RunConfig(storage_path=str(tmp_path / "tune"), verbose=0, stop=stop),
    )
    with alarm(240):
        results = tuner.fit()
    assert not results.errors
    train([points[seed] for seed in seeds], straight)
    ended = {
        result.config["seed"]: result.metrics
        for result in results
        if result.config and result.metrics
    }
    assert ended.keys() == set(seeds)
    complete = [seed for seed in seeds if ended[seed]["epoch"] == 3]
    assert complete, "at least one trial was trained to its end"
    assert records(root).keys() == {points[seed].id for seed in complete}
    for seed in seeds:
        assert ended[seed]["training_iteration"] == ended[seed]["epoch"]
    for seed in complete:
        same(root, straight, points[seed])
        expected = records(straight)[points[seed].id].metrics
        assert expected.items() <= ended[seed].items(), "the test is in the last report"
    deadline = time.monotonic() + 30
    while Ledger(root).read({point.id: point.params for point in points.values()}).running:
        assert time.monotonic() < deadline, "a point is still claimed"
        time.sleep(0.1)


@contextmanager
def alarm(seconds: int) -> Iterator[None]:
    """Fail where the block takes longer."""

    def ring(number: int, frame: Any) -> None:
        raise TimeoutError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def standing_in(kind: str) -> Iterator[tuple[subprocess.Popen, Callable[[], Any]]]:
    """A process in place of one of Ray's, and what tells of it."""
    with subprocess.Popen(["sleep", "100"]) as process:
        try:
            yield process, lambda: {kind: [SimpleNamespace(process=process)]}
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["gcs_server", "raylet"])
def test_a_block_ends_when_a_process_of_rays_does(kind: str) -> None:
    began = time.monotonic()
    with (
        standing_in(kind) as (process, processes),
        pytest.raises(RayDiedError, match=f"Ray died: its {kind} ended with signal 9"),
        watch_ray(processes),
        raise_on_signal(through_ray=True),
    ):
        process.kill()
        time.sleep(50)
    assert time.monotonic() - began < 40


def test_an_error_of_a_dead_ray_is_its_death_and_a_signal_stays_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        standing_in("raylet") as (_, processes),
        pytest.raises(ValueError, match="plain"),
        watch_ray(processes),
    ):
        raise ValueError("plain")
    with (
        standing_in("raylet") as (_, processes),
        pytest.raises(Stopped),
        watch_ray(processes),
        raise_on_signal(through_ray=True),
    ):
        os.kill(os.getpid(), signal.SIGTERM)
    with standing_in("raylet") as (process, processes):
        process.kill()
        process.wait()
        monkeypatch.setattr(threading.Thread, "start", lambda thread: None)  # before it is noticed
        with pytest.raises(RayDiedError), watch_ray(processes):
            raise ValueError("what Ray made of it")


def children(pid: int) -> dict[int, str]:
    """The processes that a process started, with their commands."""
    result = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                result[int(folder.name)] = (folder / "cmdline").read_text().partition("\0")[0]
    return result


def test_the_state_of_a_dead_raylet_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    from gensweep.execute.ray_session import print_without_state_dump

    for line in ("Raylet is terminated. [state-dump] x", "a worker is short of memory"):
        print_without_state_dump(
            {"lines": [line], "pid": "raylet", "is_err": False}, ignore_prefix=True
        )
    assert "state-dump" not in (output := capsys.readouterr().out)
    assert "short of memory" in output


@pytest.mark.parametrize("victim", ["gcs_server", "raylet"])
def test_a_run_whose_ray_dies_says_so_at_once_and_fails_no_point(
    tmp_path: Path, victim: str
) -> None:
    root = tmp_path / "results"
    command = [
        "-m",
        "gensweep",
        write_sweep(tmp_path, grid(epochs=100_000), seeds=2),
        "--ray",
        "--results",
        str(root),
    ]
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            deadline = time.monotonic() + 240
            while not list(root.glob("points/*/checkpoint.pt")) and time.monotonic() < deadline:
                time.sleep(0.05)
            [pid] = [
                pid for pid, name in children(process.pid).items() if name.endswith(f"/{victim}")
            ]
            os.kill(pid, signal.SIGKILL)
            killed = time.monotonic()
            output = process.communicate(timeout=50)[0].decode()
        finally:
            process.kill()
    assert process.returncode == 1
    assert time.monotonic() - killed < 30, "Ray itself would wait for a minute"
    why = f"error: Ray died: its {victim} ended with signal 9"
    line = f"{why}; finished work is saved. To continue: python {' '.join(command)}"
    assert line in output.splitlines()
    assert "Traceback" not in output and "state-dump" not in output
    assert not records(root), "the points are missing, and go on"


def test_a_ray_of_our_own_is_reached_from_this_machine_alone(tmp_path: Path) -> None:
    """Its processes listen on loopback, and its token is readable by its owner alone, also one that was not."""
    script = """
import os, sys
from pathlib import Path
from gensweep.execute import ray_tune
from gensweep.execute.resources import Resources

with ray_tune.open_executor(Resources()):
    import psutil
    ray_processes = psutil.Process().children(recursive=True) + [psutil.Process()]
    for process in ray_processes:
        for connection in process.net_connections("inet"):
            if connection.status == "LISTEN":
                print("listens", connection.laddr.ip)
token = Path.home() / ".ray" / "auth_token"
print("token", oct(token.stat().st_mode & 0o777), len(token.read_text()))
"""
    home = tmp_path / "home"
    home.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("RAY_AUTH")
    }
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"HOME": str(home)},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    message = ended.stdout.splitlines()
    assert message[-1] == "token 0o600 64"
    assert (home / ".ray").stat().st_mode & 0o777 == 0o700
    listening = {line.split()[1].removeprefix("::ffff:") for line in message[:-1]}
    assert listening == {"127.0.0.1"}


def test_the_token_of_ray_is_closed_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gensweep.execute import ray_session

    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    token = tmp_path / ".ray" / "auth_token"
    token.parent.mkdir()
    token.write_text("there before")
    token.chmod(0o644)
    with ray_session.keep_private():
        pass
    assert token.read_text() == "there before"
    assert token.stat().st_mode & 0o777 == 0o600


def test_a_ray_without_a_token_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from gensweep.execute import ray_session

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    with ray_session.keep_private():
        pass
    assert not list(tmp_path.iterdir())
    assert (
        "RAY_AUTH_MODE=disabled: while Ray runs, every user of this machine can run code as you"
        in caplog.text
    )


def test_sigterm_ends_a_run_on_a_cluster_and_says_how_to_go_on(ray: Any, tmp_path: Path) -> None:
    """The harder of the two signals: Ray sets a handler for it, in Python and in C++."""
    root, address = tmp_path / "results", ray.get_runtime_context().gcs_address
    command = [
        "-m",
        "gensweep",
        write_sweep(tmp_path, grid(epochs=100_000)),
        "--results",
        str(root),
    ]
    command += ["--address", address]
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not list(root.glob("points/*/claim.json")) and time.monotonic() < deadline:
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            output = process.communicate(timeout=60)[0].decode()
        finally:
            process.kill()
    assert process.returncode == 143
    assert (
        output.splitlines()[-1]
        == f"Stopped; finished work is saved. To continue: python {' '.join(command)}"
    )
    assert "Traceback" not in output


def test_a_trial_asks_for_its_memory_and_never_for_more_than_a_node_has(ray: Any) -> None:
    from gensweep.execute.ray_tune import _make_requests

    points = [Point.make("text_to_text", TINY | {"hidden": hidden}, 0) for hidden in (4, 5)]
    needs = {points[0].cell: 3 * GRAIN_BYTES - 1, points[1].cell: 10**15}
    room = MemoryBudget(needs, total=0, reserve=0)
    packs, largest = (
        [Pack((point,)) for point in points],
        int(ray.nodes()[0]["Resources"]["memory"]),
    )
    for limited, wanted in ((room, [3 * GRAIN_BYTES, largest]), (None, [None, None])):
        ask = _make_requests(packs, Resources(device="cpu", memory_budget=limited))
        assert [ask({"pack": index}).required_resources.get("memory") for index in (0, 1)] == wanted
        assert ask({"pack": 0}).required_resources["CPU"] == 1


@pytest.mark.parametrize("error", [StoreError("gone"), OSError(errno.ESTALE, "gone")])
@pytest.mark.parametrize("moment", ["start", "result"])
def test_a_store_that_is_gone_ends_the_run_at_the_end_of_a_step(
    moment: str, error: OSError
) -> None:
    """Not within it, where Tune makes text of every error."""
    from gensweep.execute.ray_reporter import Reporter

    def report(result: dict[str, Any]) -> None:
        raise error

    reporter = Reporter(report, [Pack((t2t(0),))])
    reporter.on_step_end(0, [])
    if moment == "start":
        reporter.on_trial_start(0, [], SimpleNamespace(config={"pack": 0}))
    else:
        reporter.on_trial_result(0, [], None, {"epoch": 1})
    with pytest.raises(type(error), match="gone"):
        reporter.on_step_end(0, [])


def test_a_cluster_may_grow_to_what_trials_ask_for(
    ray: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cores and no GPU are up; the autoscaler may start three workers, of two kinds, at most."""
    from gensweep.execute.ray_resources import (
        check_resources,
        choose_gpus_per_trial,
        compute_max_lanes,
        compute_max_resources,
    )
    from gensweep.execute.ray_tune import _make_requests

    kinds = {
        "head": {"resources": {"CPU": 2}, "max_workers": 0},
        "small": {"resources": {"CPU": 4, "GPU": 1, "memory": 10**12}, "max_workers": 1},
        "large": {"resources": {"CPU": 8, "GPU": 2, "memory": 10**13}, "max_workers": 9},
    }
    here, cluster = Resources(), Resources(address="auto")
    cpu = Resources(address="auto", device="cpu")

    def gpus(resources: Resources) -> float:
        return choose_gpus_per_trial(resources, compute_max_resources(resources))

    monkeypatch.setenv("HOME", str(tmp_path))
    assert gpus(cluster) == gpus(here) == 0, "no autoscaler"
    (tmp_path / "ray_bootstrap_config.yaml").write_text(
        json.dumps({"max_workers": 3, "available_node_types": kinds})
    )
    assert gpus(here) == 0
    assert (compute_max_resources(cluster)["CPU"], compute_max_resources(cluster)["GPU"]) == (
        4 + 8 + 8,
        1 + 2 + 2,
    )
    assert (gpus(cluster), compute_max_lanes(cluster, 50)) == (1, 50 // 5)
    assert (gpus(cpu), compute_max_lanes(cpu, 50)) == (0, 1)
    check_resources(
        Resources(address="auto", device="cuda", gpus_per_trial=2), compute_max_resources(cluster)
    )
    with pytest.raises(UserError, match="--gpus-per-trial 6: the cluster has 5 GPUs in all"):
        check_resources(Resources(address="auto", gpus_per_trial=6), compute_max_resources(cluster))
    point = Point.make("text_to_text", TINY, 0)
    room = MemoryBudget({point.cell: 10**14}, total=0, reserve=0)
    requested = _make_requests([Pack((point,))], Resources(address="auto", memory_budget=room))(
        {"pack": 0}
    ).required_resources
    assert requested == {"CPU": 1, "GPU": 1, "memory": 10**13}


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (("--cpus-per-trial", 64), "--cpus-per-trial 64: "),
        (("--gpus-per-trial", 64), "--gpus-per-trial 64: the cluster has "),
    ],
)
def test_more_than_the_cluster_has_is_refused(
    ray: Any, tmp_path: Path, option: tuple, message: str
) -> None:
    ended = call(write_sweep(tmp_path), "--results", tmp_path / "results", *option)
    assert ended.code == 2
    assert ended.error.startswith(f"error: {message}")
    assert not records(tmp_path / "results")


def test_a_cluster_says_how_many_lanes_its_gpus_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """40 points: on 2 GPUs 20 each; on tenths of them with 16 cores, 3 on each; as many as asked; on cores one."""
    from gensweep.execute import ray_tune

    available = {"CPU": 16.0, "GPU": 2.0}
    monkeypatch.setattr(ray_tune.ray, "cluster_resources", lambda: available)
    assert ray_tune.compute_max_lanes(Resources(), 40) == 20
    assert ray_tune.compute_max_lanes(Resources(gpus_per_trial=0.1), 40) == 3
    assert ray_tune.compute_max_lanes(Resources(pack=7), 40) == 7
    assert ray_tune.compute_max_lanes(Resources(device="cpu"), 40) == 1
    available.pop("GPU")
    assert ray_tune.compute_max_lanes(Resources(), 40) == 1
