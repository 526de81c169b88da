"""The executor on Ray Tune: one trial for each pack, on this machine or on a cluster.

Importing this module keeps cloud keys out of Ray's log, as `class_cache` below explains.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import gensweep.execute.ray_environment  # noqa: F401 - sets what Ray reads when it is imported

# isort: split
import ray
from ray import tune
from ray.tune.execution import class_cache

from gensweep.cluster.node_info import check_code, read_code_versions
from gensweep.cluster.ray_guard import ended_process
from gensweep.core.errors import RayDiedError
from gensweep.execute.limits import Limits
from gensweep.execute.ray_nodes import check_nodes
from gensweep.execute.ray_reporter import Reporter
from gensweep.execute.ray_resources import (
    choose_gpus_per_trial,
    compute_max_lanes,
    compute_max_resources,
    list_nodes_to_launch,
)
from gensweep.execute.ray_schedule import InOrder, LimitStopper
from gensweep.execute.ray_session import get_ray_processes, open_executor
from gensweep.execute.resources import Resources
from gensweep.execute.trial_setup import (
    TrialErrors,
    freeze_imports,
    make_trial_config,
    prepare_arrays,
)
from gensweep.plugins.loader import list_active_plugins
from gensweep.plugins.worker import load_shipped_plugins
from gensweep.sweep.point import Pack
from gensweep.system.scratch import make_scratch
from gensweep.trial.config import TrialConfig
from gensweep.trial.reports import ReportFunction

__all__ = ["check_nodes", "compute_max_lanes", "execute", "open_executor"]

# Tune would pass the driver's cloud keys to its trials through Ray's runtime environment, which
# an agent writes into a log that everybody may read. Workers get the keys from the environment
# that Ray was started in, or from a role.
class_cache.ENV_VARS_TO_PROPAGATE = {
    name
    for name in class_cache.ENV_VARS_TO_PROPAGATE
    if not name.startswith("AWS_")
}


def execute(
    packs: Sequence[Pack],
    root: str | Path,
    resources: Resources,
    report: ReportFunction,
    limits: Limits,
) -> TrialErrors:
    """Train every pack as a trial of one Tune run, within `open_executor`.

    Args:
        packs: what to train.
        root: the results root, on storage that every node sees.
        resources: what trials may use.
        report: called on the driver with each report of each trial.
        limits: when one is reached, trials in progress finish, and no other starts.

    Raises:
        CodeMismatchError: a node that joined later has other code than this driver. The run ends at
            once; what trials have done is kept.
    """
    points = {pack.points[0].data_key: pack.points[0] for pack in packs}
    shared: dict[str, Any] = {}
    for point in points.values():
        for key, arrays in prepare_arrays(point).items():
            shared[key] = ray.put(arrays)
    is_shared = resources.address is not None
    reporter = Reporter(report, packs, is_shared)
    tuner, scratch = _make_tuner(
        packs, root, resources, reporter, limits, shared
    )
    try:
        tuner.fit()
        # Whatever Tune reports about trials then, none of them failed by itself.
        ended = ended_process(get_ray_processes())
        if ended is not None:
            raise RayDiedError(f"Ray died: {ended}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    died = {}
    for number, reason in reporter.starts.died.items():
        for point in packs[number].points:
            died[point.id] = reason
    return TrialErrors(died, reporter.starts.start_error)


def _make_tuner(
    packs: Sequence[Pack],
    root: str | Path,
    resources: Resources,
    reporter: Reporter,
    limits: Limits,
    shared: dict[str, Any],
) -> tuple[tune.Tuner, str]:
    """Return the tuner that trains the packs, and the folder of its files.

    Args:
        packs: what to train.
        root: the results root.
        resources: what trials may use.
        reporter: takes each report of each trial.
        limits: when one is reached, no further trial starts.
        shared: references to the datasets in Ray's object store, by `Point.data_key`.
    """
    function = tune.with_parameters(
        _run_trial,
        # In a list, so that Ray passes the reference on instead of what it refers to.
        packs=[ray.put(packs)],
        trial_config=make_trial_config(root, resources),
        datasets=shared,
        plugins=[ray.put(list_active_plugins())],
        drivers=read_code_versions() if resources.address else None,
    )
    scratch = str(make_scratch())
    tuner = tune.Tuner(
        tune.with_resources(function, _make_requests(packs, resources)),
        param_space={"pack": tune.grid_search(list(range(len(packs))))},
        tune_config=tune.TuneConfig(
            scheduler=InOrder(limits),
            reuse_actors=True,
            max_concurrent_trials=resources.max_concurrent,
        ),
        run_config=tune.RunConfig(
            name=f"gensweep-{uuid.uuid4().hex[:8]}",
            storage_path=scratch,
            callbacks=[reporter],
            stop=LimitStopper(limits, reporter.starts),
            failure_config=tune.FailureConfig(
                max_failures=resources.max_failures
            ),
            verbose=2 if resources.verbose else 0,
            # The one for notebooks clears the output of the cell.
            progress_reporter=tune.CLIReporter(),
        ),
    )
    return tuner, scratch


@lru_cache(maxsize=2)
def get_cached(reference: Any) -> Any:
    """Return an object of Ray's store, and keep it: decoding 10,000 packs takes 0.1 s."""
    return ray.get(reference)


def _run_trial(
    config: dict[str, Any],
    packs: list[Any],
    trial_config: TrialConfig,
    datasets: dict[str, Any],
    plugins: list[Any],
    drivers: dict[str, str | None] | None,
) -> None:
    """Train the pack; this is the one function that Tune calls.

    Args:
        config: the number of the pack, as `pack`.
        packs: one reference to all packs.
        trial_config: the settings of every trial.
        datasets: references to the datasets, by `Point.data_key`.
        plugins: one reference to the plugins of the sweep.
        drivers: versions of the driver's code; None if a worker's cannot differ.

    Raises:
        CodeMismatchError: as `check_code`.
    """
    from gensweep.trial.trial import run_pack  # imports torch

    if drivers is not None:
        check_code(drivers)
    load_shipped_plugins(get_cached(plugins[0]))
    # The plugins come first: a point names a model, which may be one of theirs.
    pack = get_cached(packs[0])[config["pack"]]
    key = pack.points[0].data_key
    arrays = {}
    if key in datasets:
        arrays[key] = ray.get(datasets[key])
    run_pack(pack, arrays, trial_config, tune.report)
    freeze_imports()


def _make_requests(
    packs: Sequence[Pack], resources: Resources
) -> Callable[[dict[str, Any]], tune.PlacementGroupFactory]:
    """Return a function that returns what each trial requests of the cluster."""
    gpus = choose_gpus_per_trial(resources, compute_max_resources(resources))
    bundle = {"CPU": resources.cpus_per_trial, "GPU": gpus}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    nodes += list_nodes_to_launch(resources)
    # A request for more memory than the largest node has would wait for ever.
    largest = int(max((node.get("memory", 0) for node in nodes), default=0))
    needs = [0 for _ in packs]
    if resources.memory_budget:
        needs = [
            min(resources.memory_budget.compute_required_bytes(pack), largest)
            for pack in packs
        ]
    return lambda config: tune.PlacementGroupFactory(
        [bundle | {"memory": needs[config["pack"]]}]
    )
