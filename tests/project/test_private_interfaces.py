"""Names inside other packages that gensweep uses although they are private: they are still there."""

from __future__ import annotations

import importlib
from importlib.metadata import version

import pytest

# Importing these packages warns of their own dependencies.
pytestmark = pytest.mark.filterwarnings("default")
PRIVATE = [
    ("ray", "ray._private.worker", "_global_node", "execute/ray_tune.py watches Ray's processes"),
    ("ray", "ray._private.worker", "print_to_stdstream", "execute/ray_tune.py prints its lines"),
    ("ray", "ray._private.ray_constants", "ENABLE_RAY_CLUSTER", "execute/ray_tune.py binds ports"),
    ("ray", "ray.tune.execution.class_cache", "", "execute/ray_tune.py limits what actors load"),
    ("wandb", "wandb.sdk.lib.wbauth", "authenticate_session", "tracking/sync.py checks the login"),
    ("wandb", "wandb.sdk.wandb_setup", "singleton", "tracking/sync.py reads the server's address"),
    ("wandb-workspaces", "wandb_workspaces.reports.v2", "Report", "a W&B report becomes JSON"),
]
"""Package, module, name in it, and what uses it."""


@pytest.mark.ray
@pytest.mark.parametrize(("package", "module", "name", "use"), PRIVATE)
def test_private_interfaces_exist(package: str, module: str, name: str, use: str) -> None:
    problem = f"{package} {version(package)} has no {module}.{name}: {use}; set its upper bound"
    try:
        imported = importlib.import_module(module)
    except ImportError:
        pytest.fail(problem)
    if name and not hasattr(imported, name):
        pytest.fail(problem)


@pytest.mark.ray
def test_a_report_of_wandb_workspaces_has_its_json_form() -> None:
    from wandb_workspaces.reports.v2 import Report

    assert hasattr(Report, "_to_model"), "report/wandb_report needs it; set the upper bound"
