"""Wait until a Ray cluster has a number of nodes: `python -m gensweep.execute.ray_wait`."""

from __future__ import annotations

import logging
import sys
import time

import gensweep.execute.ray_environment  # noqa: F401 - sets what Ray reads when it is imported

# isort: split
import ray

from gensweep.cluster.ray_address import check_address
from gensweep.core.errors import UserError
from gensweep.system.terminal import Console
from gensweep.system.text import print_line

POLL_SECONDS = 1.0


def wait_for_nodes(address: str, nodes: int, seconds: float) -> None:
    """Wait until that many nodes are alive.

    Args:
        address: HOST:PORT of the head.
        nodes: number of nodes, the head included.
        seconds: the longest time to wait.

    Raises:
        UserError: the head does not answer, or fewer nodes have joined in time.
    """
    deadline = time.monotonic() + seconds
    _wait_for_head(address, deadline)
    _connect(address, deadline)
    try:
        while True:
            alive = sum(node["Alive"] for node in ray.nodes())
            if alive >= nodes:
                return
            if time.monotonic() > deadline:
                raise UserError(
                    f"{alive} of {nodes} nodes have joined the Ray cluster at {address} in "
                    f"{seconds:.0f} s"
                )
            time.sleep(POLL_SECONDS)
    finally:
        ray.shutdown()


def _wait_for_head(address: str, deadline: float) -> None:
    while True:
        try:
            check_address(address)
        except UserError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


def _connect(address: str, deadline: float) -> None:
    """Connect to the cluster; its head answers some seconds before a driver can connect."""
    while True:
        try:
            ray.init(
                address, logging_level=logging.CRITICAL, log_to_driver=False
            )
        except (ConnectionError, RuntimeError) as error:
            if time.monotonic() > deadline:
                raise UserError(
                    f"could not connect to the Ray cluster at {address}: {error}"
                ) from error
            time.sleep(POLL_SECONDS)
        else:
            return


def main(arguments: list[str]) -> int:
    """Wait as the arguments say: address, nodes, seconds; return the exit status."""
    address, nodes, seconds = arguments
    try:
        wait_for_nodes(address, int(nodes), float(seconds))
    except UserError as error:
        print_line(Console(stderr=True), f"error: {error}", "red")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
