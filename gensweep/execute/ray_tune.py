"""The executor on Ray Tune: one trial a pack, on this machine or a cluster. The only file that imports ray."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import uuid
from collections import Counter, OrderedDict
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

for name, value in {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_prestart_worker_first_driver": "0",  # Tune's trials have an environment of their own, so others serve them
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}.items():
    os.environ.setdefault(name, value)  # read by Ray when it is imported

import ray
from ray import tune
from ray._private import ray_constants
from ray._private import worker as ray_worker
from ray.exceptions import RayError
from ray.tune.execution import class_cache
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gensweep.cluster import doctor
from gensweep.cluster.autoscaler import list_launchable_nodes
from gensweep.cluster.node_info import check_code, read_code_versions
from gensweep.cluster.ray_address import check_temp_folder
from gensweep.cluster.ray_guard import Processes, ended_process, protect_token, watch_ray
from gensweep.core.errors import GensweepError, OtherCode, RayDied, UserError
from gensweep.execute.packing import choose_pack_limit
from gensweep.execute.resources import Resources
from gensweep.execute.trial_setup import (
    freeze_imports,
    make_start_report,
    make_trial_config,
    prepare_arrays,
)
from gensweep.ledger.stores import Store
from gensweep.sweep.point import Pack, Point
from gensweep.system.scratch import make_scratch
from gensweep.system.signals import held_back, raise_if_stopped, stopping
from gensweep.trainables import TRAINABLES, Report

# Tune would hand the driver's cloud keys to its trials through Ray's runtime environment, which an agent writes into
# a log that everybody may read. Workers have the keys: from the environment that Ray was started in, or as a role.
class_cache.ENV_VARS_TO_PROPAGATE = {
    name for name in class_cache.ENV_VARS_TO_PROPAGATE if not name.startswith("AWS_")
}

_print_ray: Callable[..., None] = ray_worker.print_to_stdstream


def _print_but_state(data: dict[str, Any], ignore_prefix: bool) -> None:
    """Print what Ray publishes, but not the state of a raylet that died: the error's line says that it did."""
    if not any("Raylet is terminated" in line for line in data["lines"]):
        _print_ray(data, ignore_prefix)


PATIENCE = 60.0
"""Seconds that a node may take to answer a question; a worker that has to be started first takes a few."""


def execute(
    packs: Sequence[Pack], root: str | Path, resources: Resources, report: Report
) -> dict[str, str]:
    """Train every pack as a trial of one Tune run, within `open_executor`.

    Args:
        packs: what to train.
        root: the results root, on storage that every node sees.
        resources: who trains, and with what.
        report: called on the driver with each report of each trial.

    Returns:
        Ids of points whose trial died (its worker was killed, too often), each with what Ray says.

    Raises:
        OtherCode: a node that joined later has other code than this driver; it is told at once, and trials end where
            they are.
    """
    datasets = {pack.points[0].data_key: pack.points[0] for pack in packs}
    shared = {
        key: ray.put(data)
        for point in datasets.values()
        for key, data in prepare_arrays(point).items()
    }
    return _fit(packs, root, resources, report, shared)


@contextlib.contextmanager
def open_executor(resources: Resources) -> Generator[None]:
    """A Ray of our own, or a connection to the one at the address, which was probed; left as it was found.

    Raises:
        RayDied: a process of our own Ray ended. Points in training are left as they are: missing.
        UserError: a trial asks for more than the cluster has, or no cluster lets us in at the address.
    """
    if not resources.verbose:
        logging.getLogger("ray").setLevel(logging.CRITICAL)
    mine = not ray.is_initialized()
    try:
        if mine:
            with held_back():
                _start(resources)
        _check_resources(resources, _reach(resources))
        with watch_ray(_processes), stopping(through_ray=True):
            yield
    finally:
        if mine:
            with held_back():
                _stop()


def _processes() -> Processes:
    """Return the processes of a Ray that this process started, by kind; none of another's Ray."""
    node = ray_worker._global_node
    return {} if node is None else node.all_processes


def _stop() -> None:
    """Stop our own Ray; of one that is dead, only the processes that are left: the rest would wait for it."""
    if ended_process(_processes()) is None:
        ray.shutdown()
    else:
        for started_processes in list(_processes().values()):
            for started_process in started_processes:
                started_process.process.kill()


def check_nodes(store: Store) -> None:
    """Make sure that every node of the cluster has this code and this results root, within `open_executor`.

    Raises:
        UserError: one has not; says which, and what to do.
    """
    doctor.require_ready(doctor.examine_nodes(store, run_on_each_node, full=False))


def run_on_each_node(function: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """Call a function on every node that is alive, at the same time, within `open_executor`.

    Args:
        function: one of a module that nodes can import; takes the node's id, then the arguments.

    Returns:
        What it returned, by the node's name; a GensweepError where it raised, or gave no answer in time.
    """
    task = ray.remote(num_cpus=0, max_retries=0)(function)
    asked = {}
    for node, name in _names([node for node in ray.nodes() if node["Alive"]]).items():
        there = NodeAffinitySchedulingStrategy(node, soft=False)
        asked[task.options(scheduling_strategy=there).remote(node, *arguments)] = name
    answered = set(ray.wait(list(asked), num_returns=len(asked), timeout=PATIENCE)[0])
    return {name: _answer(call, call in answered) for call, name in asked.items()}


def _answer(call: Any, is_there: bool) -> Any:
    if not is_there:
        ray.cancel(call, force=True)
        return GensweepError(f"no answer in {PATIENCE:.0f} s")
    try:
        return ray.get(call)
    except RayError as error:
        return GensweepError(_last_line(error))


def _names(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Id -> host, with its address and a part of the id where hosts share their name."""
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)
    several = {host for host, count in hosts.items() if count > 1}
    names = {}
    for node in sorted(nodes, key=lambda node: (node["NodeManagerHostname"], node["NodeID"])):
        host = node["NodeManagerHostname"]
        more = f" ({node['NodeManagerAddress']}, {node['NodeID'][:6]})" if host in several else ""
        names[node["NodeID"]] = host + more
    return names


def compute_max_lanes(resources: Resources, points: int) -> int:
    """Lanes of a pack at most where the cluster is to train so many points, within `open_executor`."""
    there = _reach(resources)
    gpus = _gpus(resources, there)
    slots = resources.count_slots(there.get("CPU", 0), there.get("GPU", 0), gpus)
    return choose_pack_limit(resources.pack, "cuda" if gpus else "cpu", points, slots)


def _start(resources: Resources) -> None:
    said: dict[str, Any] = (
        {} if resources.verbose else {"log_to_driver": False, "logging_level": "ERROR"}
    )
    if resources.address is None:
        check_temp_folder(os.environ)
        os.environ.setdefault(
            "RAY_enable_autoscaler_v2", "1"
        )  # as `ray start` has it; the first ends late
        said["include_dashboard"] = False
        if resources.memory_budget and resources.memory_budget.total:
            said["_memory"] = resources.memory_budget.free
        said_by = _print_ray if resources.verbose else _print_but_state
        setattr(ray_worker, "print_to_stdstream", said_by)  # noqa: B010 - typed as Ray's very own
    private = contextlib.nullcontext() if resources.address else _kept_private()
    try:
        with private:
            ray.init(
                address=resources.address or "local",
                configure_logging=resources.verbose,
                **said,
            )
    except (
        Exception
    ) as error:  # Ray raises plain ones too, when the machine is too busy to start in time
        if resources.address is None:
            why = str(error).rstrip(".")
            hint = "is it busy? Try again, or train without Ray: --local"
            raise GensweepError(f"Ray could not start on this machine: {why}; {hint}") from error
        why = " ".join(str(error).split())
        hint = (
            "is it up, is this its head's port (6379, if none was named), and RAY_AUTH_MODE the same here and there? "
            "One that wants a token lets in who has it and sets RAY_AUTH_MODE=token"
        )
        if "Version mismatch" in why:
            hint = "use the same everywhere: pip install -c constraints.txt, here and there"
        raise UserError(
            f"--address {resources.address}: no Ray cluster lets us in ({why}); {hint}"
        ) from error


@contextlib.contextmanager
def _kept_private() -> Generator[None]:
    """Let the Ray that starts within listen on loopback alone, and nobody else read its token.

    Whoever reaches Ray's ports and has its token runs code as the user.
    """
    protect_token()
    before = ray_constants.ENABLE_RAY_CLUSTER
    ray_constants.ENABLE_RAY_CLUSTER = (
        False  # what Ray does on macOS: the node's address is 127.0.0.1
    )
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _check_resources(resources: Resources, there: Mapping[str, float]) -> None:
    if resources.device == "cuda" and not there.get("GPU"):
        raise UserError("--device cuda: the cluster has no GPU")
    if resources.device == "mps" and resources.address is None and sys.platform != "darwin":
        raise UserError("--device mps: not on this machine, which is no Mac")
    for name, wanted in (("CPU", resources.cpus_per_trial), ("GPU", resources.gpus_per_trial or 0)):
        if wanted > there.get(name, 0):
            raise UserError(
                f"--{name.lower()}s-per-trial {wanted:g}: the cluster has {there.get(name, 0):g} {name}s in all"
            )


def _reach(resources: Resources) -> dict[str, float]:
    """What the cluster has, or will have when trials wait for it and it grows as far as it may."""
    there, workers = ray.cluster_resources(), _addable(resources)
    names = there.keys() | {name for worker in workers for name in worker}
    return {
        name: max(there.get(name, 0), sum(worker.get(name, 0) for worker in workers))
        for name in names
    }


def _addable(resources: Resources) -> list[dict[str, float]]:
    return [] if resources.address is None else list_launchable_nodes()


@lru_cache(maxsize=1)
def read(kept: Any) -> Any:
    """An object of Ray's store, kept for the worker's next trial: 10,000 configs take 0.1 s to decode."""
    return ray.get(kept)


def _trial(
    config: dict[str, Any],
    configs: list[Any],
    datasets: dict[str, Any],
    drivers: dict[str, str | None] | None,
) -> None:
    """Tune's one function: the pack's own trainable, with its config and its dataset read from the object store.

    Raises:
        OtherCode: as `check_code`, of the driver's code, which is None where it cannot differ.
    """
    if drivers is not None:
        check_code(drivers)
    model, trial = read(configs[0])[config["pack"]]
    point = trial["points"][0]
    key = Point.make(model, **point).data_key
    TRAINABLES[model](trial, {key: ray.get(datasets[key])} if key in datasets else None)
    freeze_imports()


def _fit(
    packs: Sequence[Pack],
    root: str | Path,
    resources: Resources,
    report: Report,
    shared: dict[str, Any],
) -> dict[str, str]:
    configs = [(pack.model, make_trial_config(pack, root, resources)) for pack in packs]
    function = tune.with_parameters(
        _trial,
        configs=[ray.put(configs)],
        datasets=shared,
        drivers=read_code_versions() if resources.address else None,
    )
    scratch = str(make_scratch())
    tuner = tune.Tuner(
        tune.with_resources(function, _requests(packs, resources)),
        param_space={"pack": tune.grid_search(list(range(len(packs))))},
        tune_config=tune.TuneConfig(
            scheduler=_InOrder(), reuse_actors=True, max_concurrent_trials=resources.max_concurrent
        ),
        run_config=tune.RunConfig(
            name=f"gensweep-{uuid.uuid4().hex[:8]}",
            storage_path=scratch,
            callbacks=[_Reporter(report, packs)],
            failure_config=tune.FailureConfig(max_failures=resources.max_failures),
            verbose=2 if resources.verbose else 0,
        ),
    )
    try:
        results = tuner.fit()
        if (
            what := ended_process(_processes())
        ) is not None:  # whatever Tune made of it, no trial failed by itself
            raise RayDied(f"Ray died: {what}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    died = {
        result.config["pack"]: _last_line(result.error)
        for result in results
        if result.error and result.config
    }
    return {point.id: said for index, said in died.items() for point in packs[index].points}


def _requests(
    packs: Sequence[Pack], resources: Resources
) -> Callable[[dict[str, Any]], tune.PlacementGroupFactory]:
    """What each trial asks for; of memory no more than the largest node has, so that it is never waited for in vain."""
    bundle = {"CPU": resources.cpus_per_trial, "GPU": _gpus(resources, _reach(resources))}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]] + _addable(resources)
    most = max((node.get("memory", 0) for node in nodes), default=0)
    needs = [
        min(resources.memory_budget.compute_required_bytes(pack), int(most))
        if resources.memory_budget
        else 0
        for pack in packs
    ]
    return lambda config: tune.PlacementGroupFactory([bundle | {"memory": needs[config["pack"]]}])


class _InOrder(FIFOScheduler):
    """Ray's own order, at a cost that does not grow: at each event that one looks at every trial there has been."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: OrderedDict[Trial, None] = OrderedDict()

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        self._waiting[trial] = None
        self._waiting.move_to_end(
            trial
        )  # one to be tried again, whose first start was out of turn, may be in line

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        while self._waiting:
            if (first := next(iter(self._waiting))).status == Trial.PENDING:
                return first
            del self._waiting[first]
        return None


class _Reporter(tune.Callback):
    """Hands each trial's report on. Tune pickles its callbacks; what we report to stays here."""

    def __init__(self, report: Report, packs: Sequence[Pack]) -> None:
        self._report, self._packs = report, packs
        self._refused: Exception | None = None

    def on_trial_start(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        self._hand_on(make_start_report(self._packs[trial.config["pack"]]))

    def on_trial_result(
        self, iteration: int, trials: list, trial: Any, result: dict, **info: Any
    ) -> None:
        self._hand_on(result)

    def _hand_on(self, result: dict[str, Any]) -> None:
        """Report; what the results root refuses ends the run at the end of the step."""
        try:
            self._report(result)
        except OSError as error:
            self._refused = error

    def on_trial_error(self, iteration: int, trials: list, trial: Any, **info: Any) -> None:
        """Of a trial that died. Where nodes differ in code it ends the run: they would fail whatever they are given."""
        name, _, why = _last_line(Path(trial.error_file).read_text()).partition(": ")
        if name.endswith(OtherCode.__name__):
            self._refused = OtherCode(why)

    on_trial_recover = on_trial_error

    def on_step_end(self, iteration: int, trials: list, **info: Any) -> None:
        raise_if_stopped()
        if self._refused:  # raised here, since Tune makes text of what is raised about a trial
            raise self._refused

    def __getstate__(self) -> dict:
        return {}


def _gpus(resources: Resources, there: Mapping[str, float]) -> float:
    if resources.gpus_per_trial is not None:
        return resources.gpus_per_trial
    return 1 if resources.device in ("auto", "cuda") and there.get("GPU", 0) >= 1 else 0


def _last_line(error: BaseException | str) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
