"""Nodes that a cluster's autoscaler may start: a cluster that grows from nothing has no GPU yet when it is asked."""

from __future__ import annotations

import json
import logging
from pathlib import Path

log = logging.getLogger(__name__)
CONFIG = "~/ray_bootstrap_config.yaml"
"""Where Ray's cluster launcher leaves, on the head, what it told the autoscaler: JSON."""


def list_launchable_nodes() -> list[dict[str, float]]:
    """Ray's resources of each worker that the autoscaler of this host's cluster may start; empty without one."""
    try:
        config = json.loads(Path(CONFIG).expanduser().read_text(encoding="utf-8"))
        most, kinds = config["max_workers"], config["available_node_types"].values()
        return [
            kind["resources"]
            for kind in kinds
            for _ in range(min(kind.get("max_workers", most), most))
        ][:most]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        log.warning("%s does not say what the cluster may grow to: %r", CONFIG, error)
        return []
