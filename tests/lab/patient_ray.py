"""Ray's command line, whose start waits longer for its own processes: on a busy machine, 30 s are few."""

from __future__ import annotations

import time
from typing import Any

from ray._private import services
from ray.scripts.scripts import main

SECONDS = 240.0
find_node = services.get_node


def wait_for_node(*arguments: Any) -> Any:
    """Return what the cluster knows of a node, as soon as it knows it."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return find_node(*arguments)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


if __name__ == "__main__":
    services.get_node = wait_for_node
    main()
