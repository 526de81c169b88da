"""The results that are published here: today's code still gives their numbers."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest
from runs import call

from gensweep import load
from gensweep.report.collect import make_tables, render_csv

PUBLISHED = Path(__file__).parents[2] / "results"
SAMPLES = {"layers": 3}
"""Points of a sweep that are trained again; of the others one, since the recipes take ten times as long."""
DOWNLOADED = ("cryptopunks",)
"""Datasets of published points that this gensweep neither computes nor contains."""
SWEEPS = (
    "best", "budget", "layers", "optimizers", "order", "pictures", "search", "splits", "tenth",
)  # fmt: skip
"""The sweeps of the repository; a user's own results may lie beside them."""


@pytest.mark.slow
@pytest.mark.parametrize("sweep", SWEEPS)
def test_published_points_reproduce(tmp_path: Path, sweep: str) -> None:
    root = tmp_path / "results"
    shutil.copytree(PUBLISHED / sweep, root / sweep)
    shutil.copytree(PUBLISHED / "points", root / "points")
    for record in root.glob("points/*/record.json"):
        # Tests download nothing. A point without a record is missing, so it is not sampled.
        if json.loads(record.read_text())["params"]["dataset"] in DOWNLOADED:
            record.unlink()
    called = call("verify", root / sweep, "--sample", SAMPLES.get(sweep, 1), "--epochs", 1)
    assert called.code == 0, called.out + called.error
    assert "different:" not in called.out


@pytest.mark.parametrize("sweep", SWEEPS)
def test_published_tables_are_those_of_the_published_records(sweep: str) -> None:
    folder = PUBLISHED / sweep / "tables"
    published = {path.stem: path.read_text() for path in folder.glob("*.csv")}
    tables = {table.name: render_csv(table.frame) for table in make_tables(load(folder.parent))}
    assert tables == published, f"run `gensweep collect results/{sweep}`"


# --- what the documents say


NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+\.\d+(?![\w.]*\d)")
"""A number with decimals, as a table shows it."""
REPOSITORY = PUBLISHED.parent


def list_numbers(text: str) -> set[str]:
    """Return the decimals of a text, without their signs."""
    return {number.lstrip("+-") for number in NUMBER.findall(text)}


def list_published_numbers(sweeps: Collection[str]) -> set[str]:
    """Return every decimal of a published table of these sweeps."""
    numbers = set()
    for sweep in sweeps:
        for path in (PUBLISHED / sweep / "tables").glob("*.md"):
            numbers |= list_numbers(path.read_text())
    return numbers


def split_findings() -> dict[str, str]:
    """Return the sections of the findings by heading, and that of the README."""
    findings = (REPOSITORY / "docs" / "findings.md").read_text()
    title = "What it found"
    readme = (REPOSITORY / "README.md").read_text().partition(f"## {title}")[2]
    parts = re.split(r"^#+ (.+)$", findings, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    return {title: readme.partition("\n## ")[0]} | sections


SECTIONS = split_findings()


@pytest.mark.parametrize("title", SECTIONS)
def test_every_number_of_a_section_is_in_a_table_of_its_sweeps(title: str) -> None:
    """A section that names no sweep is about all of them."""
    text = SECTIONS[title]
    sweeps = re.findall(r"`sweeps/(\w+)\.py`", text) or SWEEPS
    assert not list_numbers(text) - list_published_numbers(sweeps)
