"""Remedies for nodes that run other code than the driver, or on which nothing starts."""

from __future__ import annotations

import os

from gensweep.core.errors import GensweepError


class NodeError(GensweepError):
    """No actor starts on a node; the message says why, and what to do."""


def get_sync_hint() -> str:
    """Return how every node of this cluster gets the same code."""
    if "SLURM_JOB_ID" in os.environ:
        # The batch script starts Ray on every node, so there is nothing else to restart.
        return (
            "use a Python environment and a gensweep that all nodes of the job see under the same "
            "paths, then submit the job again"
        )
    return (
        "update that node and restart its Ray; if cluster.yaml started it: "
        "ray up cluster.yaml again, without --no-restart"
    )
