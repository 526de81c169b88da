"""The project's own files: what a package holds, and what the files beside it say of each other."""

from __future__ import annotations

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""SHA-256 of the licence's text, as the Apache Software Foundation publishes it."""


def packed_files() -> set[Path]:
    """Return what a wheel holds beside modules: the files that a pattern of `package-data` matches."""
    patterns = SETTINGS["tool"]["setuptools"]["package-data"]
    folders = {package: ROOT.joinpath(*package.split(".")) for package in patterns}
    return {
        file
        for package, names in patterns.items()
        for name in names
        for file in folders[package].glob(name)
    }


def test_a_wheel_holds_every_file_of_the_package() -> None:
    files = {
        path
        for path in (ROOT / "gensweep").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    others = {path for path in files if path.suffix != ".py"}
    assert others == packed_files()
    assert {
        ROOT / "gensweep" / "py.typed",
        ROOT / "gensweep" / "data" / "_avatars" / "colours.toml",
    } <= others


def test_every_module_is_in_a_package() -> None:
    """`packages.find` takes folders with modules; one without `__init__.py` would not be imported alike everywhere."""
    folders = {path.parent for path in (ROOT / "gensweep").rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").is_file()]


def test_the_licence_is_apache_2() -> None:
    project = SETTINGS["project"]
    assert (project["license"], project["license-files"]) == ("Apache-2.0", ["LICENSE"])
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE
    assert "\nlicense: Apache-2.0\n" in (ROOT / "CITATION.cff").read_text()


def test_the_version_is_the_same_everywhere() -> None:
    version = SETTINGS["project"]["version"]
    cited = dict(
        re.findall(
            r"^(version|date-released): (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE
        )
    )
    headings = re.findall(
        r"^## \[(.+?)\](?: - (\S+))?$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert headings[0] == ("Unreleased", "")
    assert headings[1] == (version, cited["date-released"])
    assert cited["version"] == version


def test_contributing_names_every_marker() -> None:
    markers = {
        line.partition(":")[0] for line in SETTINGS["tool"]["pytest"]["ini_options"]["markers"]
    }
    table = (ROOT / "CONTRIBUTING.md").read_text().split("| marker |")[1].split("\n\n")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == markers


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_files_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    linked = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    named = re.findall(r"`((?:gensweep|tests|sweeps)/[\w./]*)[<`]", text)
    files = [file for file in linked + named if not file.startswith("https://")]
    assert files
    assert not [file for file in files if not (ROOT / file).exists()]
