"""Nodes that a cluster's autoscaler may start.

A cluster that grows on demand has no GPU yet when a run asks for its resources.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

log = logging.getLogger(__name__)
CONFIG_PATH = "~/ray_bootstrap_config.yaml"
"""The JSON file on the head in which Ray's cluster launcher leaves the autoscaler's settings."""


def list_launchable_nodes() -> list[dict[str, float]]:
    """Return Ray's resources of each worker that the autoscaler of this host's cluster may start.

    The list is empty without an autoscaler.
    """
    try:
        config = json.loads(
            Path(CONFIG_PATH).expanduser().read_text(encoding="utf-8")
        )
        max_workers = config["max_workers"]
        nodes: list[dict[str, float]] = []
        for node_type in config["available_node_types"].values():
            count = min(
                node_type.get("max_workers", max_workers), max_workers
            )
            for _ in range(count):
                nodes.append(node_type["resources"])
        return nodes[:max_workers]
    except FileNotFoundError:
        return []
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        log.warning(
            "cannot read from %s how far the cluster may grow: %r",
            CONFIG_PATH,
            error,
        )
        return []
