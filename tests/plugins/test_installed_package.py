"""A package that offers a task by an entry point: installed, found, trained, removed, and read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
pytest.importorskip("setuptools", minversion="77")
PROJECT = Path(__file__).parents[2]
PYPROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"

[project]
name = "growth-models"
version = "1.0"

[project.entry-points."gensweep.plugins"]
growth = "growth_models.tasks"

[tool.setuptools]
packages = ["growth_models"]
"""
TASKS = '''
"""A task, and a table of it."""
import gensweep as gs
from growth_models.steps import grow


@gs.task("grower", metrics={"size": gs.Range(0, None, "max")}, epochs=2)
def train(run: gs.Run, *, rate: float = gs.param(1.0, "growth", gt=0)):
    """A number that grows."""
    size = 0.0
    for _ in run.epochs():
        size = grow(size, rate)
        run.epoch({"validation/size": size})
    return {"size": size}


@gs.table("sizes")
def sizes(results):
    """Sizes of all points."""
    return [gs.Table("sizes", "Sizes", results.points[["id", "size"]])]
'''
SWEEP = """
from gensweep import Grid, Sweep

SWEEP = Sweep("grow", [Grid("grower", rate=[1.0, 2.0])], tables=["sizes"])
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder into which pip has installed the package."""
    source = tmp_path / "growth"
    package = source / "growth_models"
    package.mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT)
    (package / "__init__.py").write_text("")
    (package / "tasks.py").write_text(TASKS)
    (package / "steps.py").write_text("def grow(size, rate):\n    return size + rate\n")
    folder = tmp_path / "site"
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", folder]
    command = [sys.executable, "-m", "pip", "install", *options, source]
    subprocess.run(list(map(str, command)), check=True)
    shutil.rmtree(source)
    return folder


def call(folder: Path, site: Path | None, *words: str) -> subprocess.CompletedProcess[str]:
    """Call gensweep in a process of its own, with the package or without it."""
    paths = [str(PROJECT), *([str(site)] if site else [])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-m", "gensweep", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installed_package_is_used_and_its_results_outlive_it(
    site: Path, tmp_path: Path
) -> None:
    (tmp_path / "grow.py").write_text(SWEEP)
    listed = call(tmp_path, site, "list", "models")
    assert "grower" in listed.stdout, listed.stderr
    trained = call(tmp_path, site, "grow.py", "--local", "--wandb", "disabled")
    assert trained.returncode == 0, trained.stderr
    results = tmp_path / "results"
    (stored,) = (results / "plugins").glob("*/growth_models/tasks.py")
    assert stored.read_text() == TASKS
    assert (stored.parent / "steps.py").exists()
    assert (results / "grow" / "tables" / "sizes.csv").exists()

    shutil.rmtree(site)
    plan = call(tmp_path, None, "grow.py", "--dry-run")
    assert plan.returncode == 2 and "unknown model 'grower'" in plan.stderr
    collected = call(tmp_path, None, "collect", "results/grow")
    assert collected.returncode == 0, collected.stderr
    assert "left out: unknown table 'sizes'" in collected.stderr
    read = "import gensweep; print(sorted(gensweep.load('results/grow').points['size']))"
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    loaded = subprocess.run(
        [sys.executable, "-c", read],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert loaded.stdout == "[2.0, 4.0]\n"
    verified = call(tmp_path, None, "verify", "results/grow")
    expected = "'grower' is not built in, and its file is not loaded: growth_models.tasks."
    assert expected in " ".join(verified.stdout.split())
