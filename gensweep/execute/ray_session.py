"""The Ray that trains: start one here or connect to a cluster, and stop what was started."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Generator
from typing import Any

import gensweep.execute.ray_environment  # noqa: F401 - sets what Ray reads when it is imported

# isort: split
import ray
from ray._private import ray_constants
from ray._private import worker as ray_worker

from gensweep.cluster.ray_address import check_temp_folder
from gensweep.cluster.ray_guard import (
    Processes,
    ended_process,
    protect_token,
    watch_ray,
)
from gensweep.execute.ray_resources import (
    check_resources,
    compute_max_resources,
)
from gensweep.execute.ray_start_errors import (
    explain_failed_connection,
    explain_failed_start,
)
from gensweep.execute.resources import Resources
from gensweep.system.signals import defer_signals, raise_on_signal

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
    private: contextlib.AbstractContextManager[None] = (
        contextlib.nullcontext()
    )
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
            raise explain_failed_start(error) from error
        raise explain_failed_connection(error, resources.address) from error


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


def print_without_state_dump(
    data: dict[str, Any], ignore_prefix: bool
) -> None:
    """Print what Ray publishes, except the long state of a raylet that died.

    The error message of the run says that it died.
    """
    if not any("Raylet is terminated" in line for line in data["lines"]):
        _print_ray_output(data, ignore_prefix)


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
