"""How the package is installed: that it is found from wherever Python is started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
pytest.importorskip("setuptools", minversion="77")
BUILD = "import setuptools.build_meta as build; print(build.build_editable('..'))"


def test_an_editable_install_wins_over_the_folder_that_holds_the_clone(tmp_path: Path) -> None:
    """Seen from the folder above it, a clone named gensweep looks like a package without `__init__.py`."""
    clone = tmp_path / "gensweep"
    (clone / "gensweep").mkdir(parents=True)
    shutil.copy(PROJECT / "pyproject.toml", clone)
    (clone / "README.md").touch()
    (clone / "gensweep" / "__init__.py").write_text("__version__ = 'of the clone'\n")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    built = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    site = tmp_path / "site"
    with zipfile.ZipFile(tmp_path / built.stdout.split()[-1]) as wheel:
        wheel.extractall(site)
    script = (
        f"import site; site.addsitedir({str(site)!r}); import gensweep; print(gensweep.__version__)"
    )
    for folder in (tmp_path, clone, site):
        message = subprocess.run(
            [sys.executable, "-S", "-c", script],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert message.stdout == "of the clone\n", message.stderr
