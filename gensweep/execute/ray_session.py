"""The Ray that trains: start one here or connect to a cluster, and ask what its nodes have."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import gensweep.execute.ray_environment  # noqa: F401 - sets what Ray reads when it is imported

# isort: split
import ray
from ray._private import ray_constants
from ray._private import worker as ray_worker
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gensweep.cluster import doctor
from gensweep.cluster.autoscaler import list_launchable_nodes
from gensweep.cluster.findings import require_ready
from gensweep.cluster.ray_address import check_temp_folder
from gensweep.cluster.ray_guard import (
    Processes,
    ended_process,
    protect_token,
    watch_ray,
)
from gensweep.core.errors import GensweepError, UserError
from gensweep.execute.packing import choose_pack_limit
from gensweep.execute.resources import Resources
from gensweep.ledger.stores import Store
from gensweep.system.signals import defer_signals, raise_on_signal

ANSWER_TIMEOUT_SECONDS = 60.0
"""How long a node may take to answer a question; starting a worker first takes a few seconds."""
_print_ray_output: Callable[..., None] = ray_worker.print_to_stdstream


@contextlib.contextmanager
def open_executor(resources: Resources) -> Generator[None]:
    """Start a Ray on this machine, or connect to the cluster at the address.

    A Ray that was started here is stopped at the end. A Ray that this process was connected to
    before stays connected.

    Raises:
        RayDiedError: a process of the Ray that was started here ended. Points in training stay
            missing.
        UserError: a trial requests more than the cluster has, or the connection failed.
    """
    if not resources.verbose:
        logging.getLogger("ray").setLevel(logging.CRITICAL)
    is_ours = not ray.is_initialized()
    try:
        if is_ours:
            with defer_signals():
                _start_ray(resources)
        check_resources(resources, compute_max_resources(resources))
        with watch_ray(get_ray_processes), raise_on_signal(through_ray=True):
            yield
    finally:
        if is_ours:
            with defer_signals():
                _stop_ray()


def get_ray_processes() -> Processes:
    """Return the processes of a Ray that this process started, by kind; none of another Ray."""
    node = ray_worker._global_node
    if node is None:
        return {}
    return node.all_processes


def _start_ray(resources: Resources) -> None:
    options: dict[str, Any] = {}
    if not resources.verbose:
        options |= {"log_to_driver": False, "logging_level": "ERROR"}
    private: contextlib.AbstractContextManager[None] = contextlib.nullcontext()
    if resources.address is None:
        options |= _prepare_local_start(resources)
        private = keep_private()
    try:
        with private:
            ray.init(
                address=resources.address or "local",
                configure_logging=resources.verbose,
                **options,
            )
    # Ray raises plain exceptions too, for example if the machine is too busy to start in time.
    except Exception as error:
        if resources.address is None:
            raise _explain_failed_start(error) from error
        raise _explain_failed_connection(error, resources.address) from error


def _prepare_local_start(resources: Resources) -> dict[str, Any]:
    """Prepare the start of a Ray on this machine, and return options of `ray.init` for it."""
    check_temp_folder(os.environ)
    # As `ray start` does; the first version of the autoscaler is slow to end.
    os.environ.setdefault("RAY_enable_autoscaler_v2", "1")
    print_output = print_without_state_dump
    if resources.verbose:
        print_output = _print_ray_output
    # setattr, because the attribute is typed as Ray's own function.
    setattr(ray_worker, "print_to_stdstream", print_output)  # noqa: B010
    options: dict[str, Any] = {"include_dashboard": False}
    budget = resources.memory_budget
    if budget and budget.total:
        options["_memory"] = budget.free
    return options


def print_without_state_dump(data: dict[str, Any], ignore_prefix: bool) -> None:
    """Print what Ray publishes, except the long state of a raylet that died.

    The error message of the run says that it died.
    """
    if not any("Raylet is terminated" in line for line in data["lines"]):
        _print_ray_output(data, ignore_prefix)


def _explain_failed_start(error: Exception) -> GensweepError:
    reason = str(error).rstrip(".")
    hint = "is it busy? Try again, or train without Ray: --local"
    return GensweepError(
        f"Ray could not start on this machine: {reason}; {hint}"
    )


def _explain_failed_connection(error: Exception, address: str) -> UserError:
    reason = " ".join(str(error).split())
    hint = (
        "is the cluster up, and is this the port of its head node (6379 by default)? If the "
        "cluster requires a token, set RAY_AUTH_MODE=token and make sure that "
        "~/.ray/auth_token is the same on both sides"
    )
    if "Version mismatch" in reason:
        hint = (
            "install the same versions on this machine and on the cluster: "
            "pip install -c constraints.txt"
        )
    return UserError(
        f"--address {address}: could not connect to a Ray cluster ({reason}); {hint}"
    )


@contextlib.contextmanager
def keep_private() -> Generator[None]:
    """Let a Ray that starts in the block listen on loopback only, and protect its token.

    Whoever reaches Ray's ports and has its token can run code as this user.
    """
    protect_token()
    before = ray_constants.ENABLE_RAY_CLUSTER
    # This is what Ray does on macOS: the node's address is then 127.0.0.1.
    ray_constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        ray_constants.ENABLE_RAY_CLUSTER = before


def _stop_ray() -> None:
    """Stop the Ray that was started here."""
    if ended_process(get_ray_processes()) is None:
        ray.shutdown()
        return
    # A shutdown would wait for the process that is dead, so the others are killed.
    for processes in list(get_ray_processes().values()):
        for started in processes:
            started.process.kill()


def check_nodes(store: Store) -> None:
    """Check that every node has this code and reaches the results root, within `open_executor`.

    Raises:
        UserError: a node does not; the message names it and says what to do.
    """
    require_ready(doctor.examine_nodes(store, run_on_each_node, full=False))


def run_on_each_node(
    function: Callable[..., Any], *arguments: Any
) -> dict[str, Any]:
    """Call a function on every live node at the same time, within `open_executor`.

    Args:
        function: a function of a module that nodes can import; it takes the node's id, then
            the arguments.
        arguments: further arguments of the function.

    Returns:
        The function's result by the node's name; a GensweepError where it raised or did not
        answer in time.
    """
    task = ray.remote(num_cpus=0, max_retries=0)(function)
    nodes = [node for node in ray.nodes() if node["Alive"]]
    name_of_call = {}
    for node, name in _name_nodes(nodes).items():
        strategy = NodeAffinitySchedulingStrategy(node, soft=False)
        call = task.options(scheduling_strategy=strategy).remote(
            node, *arguments
        )
        name_of_call[call] = name
    calls = list(name_of_call)
    done, _ = ray.wait(
        calls, num_returns=len(calls), timeout=ANSWER_TIMEOUT_SECONDS
    )
    answered = set(done)
    return {
        name: _get_answer(call, call in answered)
        for call, name in name_of_call.items()
    }


def _get_answer(call: Any, is_answered: bool) -> Any:
    if not is_answered:
        ray.cancel(call, force=True)
        return GensweepError(f"no answer in {ANSWER_TIMEOUT_SECONDS:.0f} s")
    try:
        return ray.get(call)
    except RayError as error:
        return GensweepError(get_last_line(error))


def _name_nodes(nodes: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the name of each node by its id.

    The name is the host's; nodes on hosts of the same name also have their address and a part
    of their id.
    """
    hosts = Counter(node["NodeManagerHostname"] for node in nodes)
    names = {}
    for node in sorted(
        nodes, key=lambda node: (node["NodeManagerHostname"], node["NodeID"])
    ):
        name = node["NodeManagerHostname"]
        if hosts[name] > 1:
            name += f" ({node['NodeManagerAddress']}, {node['NodeID'][:6]})"
        names[node["NodeID"]] = name
    return names


def compute_max_lanes(resources: Resources, points: int) -> int:
    """Return the most lanes of a pack if the cluster trains, within `open_executor`.

    Args:
        resources: what trials may use.
        points: how many points are to be trained.
    """
    available = compute_max_resources(resources)
    gpus = choose_gpus_per_trial(resources, available)
    slots = resources.count_slots(
        available.get("CPU", 0), available.get("GPU", 0), gpus
    )
    return choose_pack_limit(
        resources.pack, "cuda" if gpus else "cpu", points, slots
    )


def compute_max_resources(resources: Resources) -> dict[str, float]:
    """Return what the cluster has now, or will have once its autoscaler started all it may."""
    now = ray.cluster_resources()
    launchable = list_nodes_to_launch(resources)
    names = set(now)
    for node in launchable:
        names |= node.keys()
    resources_of_cluster = {}
    for name in names:
        later = sum(node.get(name, 0) for node in launchable)
        resources_of_cluster[name] = max(now.get(name, 0), later)
    return resources_of_cluster


def list_nodes_to_launch(resources: Resources) -> list[dict[str, float]]:
    """Return the resources of each node that the cluster's autoscaler may start."""
    return [] if resources.address is None else list_launchable_nodes()


def choose_gpus_per_trial(
    resources: Resources, available: Mapping[str, float]
) -> float:
    """Return the GPUs of a trial: as requested, or 1 if the device and the cluster allow it."""
    if resources.gpus_per_trial is not None:
        return resources.gpus_per_trial
    is_allowed = resources.device in ("auto", "cuda")
    return 1 if is_allowed and available.get("GPU", 0) >= 1 else 0


def check_resources(
    resources: Resources, available: Mapping[str, float]
) -> None:
    """Raise UserError if a trial requests more than the cluster has."""
    if resources.device == "cuda" and not available.get("GPU"):
        raise UserError("--device cuda: the cluster has no GPU")
    if (
        resources.device == "mps"
        and resources.address is None
        and sys.platform != "darwin"
    ):
        raise UserError("--device mps: this machine is not a Mac")
    requested = {
        "CPU": resources.cpus_per_trial,
        "GPU": resources.gpus_per_trial or 0,
    }
    for name, count in requested.items():
        total = available.get(name, 0)
        if count > total:
            option = f"--{name.lower()}s-per-trial {count:g}"
            raise UserError(
                f"{option}: the cluster has {total:g} {name}s in all"
            )


def get_last_line(error: BaseException | str) -> str:
    """Return the last line of an error's text that is not empty, or else the error's type."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
