"""cluster.yaml as the lab runs it: its provider, its keys, and an install that needs no network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

SHIPPED = Path(__file__).parents[2] / "cluster.yaml"
HEAD, WORKERS = "10.77.0.1", {"w1": "10.77.0.2", "w2": "10.77.0.3"}
SHARE, LESS = "--object-store-memory=2000000000", "--object-store-memory=100000000 --num-cpus=1"
"""Each host takes the whole machine for its own."""


def lab_config(shipped: dict[str, Any], environment: str) -> dict[str, Any]:
    """The shipped cluster file for the lab's hosts.

    Args:
        shipped: cluster.yaml, read.
        environment: the Python environment that every host sees, read-only; it holds what gensweep depends on.
    """
    setup = [command for command in shipped["setup_commands"] if "uv " not in command]
    assert len(setup) == len(shipped["setup_commands"]) - 3, "Python, and gensweep with its pins"
    setup[0] = "echo export GENSWEEP_RESULTS=/shared/results > ~/.gensweep_results"
    setup.append(
        f"ln -sfn {environment} ~/.venv; echo 'export PYTHONPATH=$HOME/gensweep' >> ~/.gensweep_env"
    )
    started = {
        key: [command.replace(SHARE, LESS) for command in shipped[key]]
        for key in ("head_start_ray_commands", "worker_start_ray_commands")
    }
    return shipped | started | {
        "provider": {"type": "local", "head_ip": HEAD, "worker_ips": list(WORKERS.values())},
        "auth": {"ssh_user": "root", "ssh_private_key": "~/.ssh/key"},
        "available_node_types": None,
        "setup_commands": setup,
    }  # fmt: skip


if __name__ == "__main__":
    yaml.safe_dump(
        lab_config(yaml.safe_load(SHIPPED.read_text()), sys.argv[1]),
        sys.stdout,
        sort_keys=False,
        width=200,
    )
