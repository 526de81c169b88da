"""Errors of a start of Ray, and of a connection to a cluster, that say what to do."""

from __future__ import annotations

import os

from gensweep.cluster.remedies import get_sync_hint
from gensweep.core.errors import GensweepError, UserError


def explain_failed_start(error: Exception) -> GensweepError:
    """Return the error that explains why no Ray started on this machine."""
    reason = str(error).rstrip(".")
    hint = "is it busy? Try again, or train without Ray: --local"
    return GensweepError(
        f"Ray could not start on this machine: {reason}; {hint}"
    )


def explain_failed_connection(error: Exception, address: str) -> UserError:
    """Return the error that explains why a cluster was not reached."""
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


def explain_failed_actor(error: str) -> str:
    """Return in one line why Ray ended an actor, and what to do if that is known.

    Args:
        error: the text of Ray's error.
    """
    if "all references to the actor were removed" in error:
        # The references are here. The head believes that they are gone when it cannot call back.
        mode = os.environ.get("RAY_AUTH_MODE", "disabled")
        return (
            "the head of the cluster could not call this process back; RAY_AUTH_MODE (here: "
            f"{mode}) and the token must be the same on both sides, and no firewall may separate "
            "the hosts"
        )
    lines = [line.strip() for line in error.splitlines() if line.strip()]
    last = "no reason was reported"
    if lines:
        last = lines[-1]
    if last.startswith(("ModuleNotFoundError: ", "ImportError: ")):
        return f"{last}; {get_sync_hint()}"
    return last
