"""The resources of the Ray that trains, and the share of each trial."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import gensweep.execute.ray_environment  # noqa: F401 - sets what Ray reads when it is imported

# isort: split
import ray

from gensweep.cluster.autoscaler import list_launchable_nodes
from gensweep.core.errors import UserError
from gensweep.execute.packing import choose_pack_limit
from gensweep.execute.resources import Resources


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
