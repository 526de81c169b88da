"""The files that a collection writes and removes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_sweeps import grown, simple
from sweep_files import (
    cell,
    generous,
    write_history,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.core.errors import ResultsError
from gensweep.core.registries import FIGURES, TABLES
from gensweep.report.collect import _protect_cell, collect
from gensweep.report.figures.drawing import draw


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> tuple[Path, list[Path]]:
    """The generous sweep's folder and what `collect` wrote there."""
    folder = generous(tmp_path_factory.mktemp("results"))
    return folder, collect(folder)


OF_SEARCHES = {"search", "search_slices", "search_importance", "tuning_curve"}
"""Tables and figures that only a search has: `test_search_pages.py` makes them."""


@pytest.mark.parametrize("name", sorted(set(TABLES) - OF_SEARCHES))
def test_every_table_makes_its_files(collected, name):
    import pandas as pd

    folder, written = collected
    tables = TABLES[name].make(load(folder))
    assert tables
    for table in tables:
        assert table.name == name or table.name.startswith(f"{name}-")
        assert folder / "tables" / f"{table.name}.csv" in written
        assert folder / "tables" / f"{table.name}.md" in written
        assert folder / "tables" / f"{table.name}.tex" in written
        again = pd.read_csv(folder / "tables" / f"{table.name}.csv")
        assert list(again.columns) == list(table.frame.columns)
        assert len(again) == len(table.frame) > 0
        text = (folder / "tables" / f"{table.name}.md").read_text()
        assert text.startswith(f"# {table.title}\n")
        assert all(note in text for note in table.notes)


@pytest.mark.parametrize("name", sorted(set(FIGURES) - OF_SEARCHES))
def test_every_figure_makes_its_files(collected, name):
    import pandas as pd

    folder, written = collected
    figures = FIGURES[name].make(load(folder))
    assert figures
    for data in figures:
        stem, figure = data.name, draw(data)
        assert stem == name or stem.startswith(f"{name}-")
        assert (folder / "figures" / f"{stem}.png").read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in (folder / "figures" / f"{stem}.svg").read_bytes()
        assert folder / "figures" / f"{stem}.svg" in written
        assert "n = 2 seeds" in data.caption
        assert not figure.get_suptitle()
        assert not figure.get_supxlabel()
        numbers = pd.read_csv(folder / "figures" / f"{stem}.csv")
        assert list(numbers.columns) == list(data.to_frame().columns)
        assert len(numbers) == len(data.to_frame()) > 0
        assert figure.axes[0].get_xlabel()
        assert figure.axes[0].get_ylabel()


@pytest.mark.parametrize("registry", [TABLES, FIGURES], ids=lambda registry: registry.kind)
def test_every_page_is_documented(registry):
    assert all(entry.doc.endswith(".") for _, entry in registry.items())


@pytest.mark.slow
def test_the_same_records_give_the_same_bytes(tmp_path):
    """Collected in another folder, by another process."""
    cells = [cell(0, 1), cell(0, 1, encoder_layers=2)]
    for one in cells:
        write_record(tmp_path / "here", one, 0, char_accuracy=0.5)
        write_record(tmp_path / "here", one, 1).write_text("{")
        lines = [f"{epoch},0.2\n" for epoch in range(1, 11)]
        text = "".join(["epoch,validation/char_accuracy\n", *lines])
        write_history(tmp_path / "here", one, 0, text)
    figures = ["depth_heatmap", "learning_curves"]
    here = write_sweep(tmp_path / "here", cells, tables=["depth"], figures=figures)
    copied = shutil.copytree(here.parent, tmp_path / "there") / here.name
    code = "import sys; from gensweep.report.collect import collect; collect(sys.argv[1])"
    subprocess.run([sys.executable, "-c", code, str(copied)], check=True)
    written = collect(here)
    tables = [
        "cells",
        "cells-problems",
        "depth-text_to_text",
        "leaderboard-text_to_text",
        "reference",
        "statistics",
    ]
    assert sorted(path.stem for path in written if path.suffix == ".md") == tables
    stems = sorted(path.stem for path in written if path.suffix == ".tex")
    assert stems == sorted([*tables, "depth-text_to_text-full"])
    assert {path.suffix for path in written} >= {".csv", ".md", ".tex", ".svg", ".png"}
    for path in written:
        assert (copied / path.relative_to(here)).read_bytes() == path.read_bytes(), path.name


def test_what_a_sweep_no_longer_makes_is_removed_and_nothing_else(tmp_path):
    folder = grown(tmp_path)
    collect(folder)
    (folder / "tables" / "mine.csv").write_text("kept")
    values = json.loads((folder / "sweep.json").read_text())
    (folder / "sweep.json").write_text(json.dumps(values | {"tables": ["depth"], "figures": []}))
    written = collect(folder)
    assert not list((folder / "figures").iterdir()), "the heatmaps are no longer asked for"
    left = {path.name for path in (folder / "tables").iterdir()}
    assert left == {path.name for path in written if path.parent.name == "tables"} | {"mine.csv"}
    assert "depth-text_to_text-optimizer=adam.csv" in left


def test_an_unknown_table_is_named_and_left_out(tmp_path, caplog):
    """Its plugin may be gone: the results can be read all the same."""
    folder = write_sweep(tmp_path, [cell(0)], tables=["dept"])
    collect(folder)
    assert "left out: unknown table 'dept'; did you mean 'depth'?" in caplog.text
    assert (folder / "tables" / "cells.md").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"schema": 1, "na', "not valid JSON"),
        ("[1, 2]", "names no schema"),
        ('{"hello": "world"}', "names no schema"),
        ('{"schema": 99}', "upgrade gensweep"),
        ('{"schema": 1, "name": "x"}', "seeds: field required"),
    ],
)
def test_a_sweep_json_that_cannot_be_read_is_the_user_s_to_know(tmp_path, content, message):
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "sweep.json").write_text(content)
    with pytest.raises(ResultsError, match=message):
        load(tmp_path / "sweep")


def test_a_folder_without_a_sweep_names_those_that_have_one(tmp_path):
    simple(tmp_path, 0.5)
    (tmp_path / "empty").mkdir()
    for name, what in (
        ("swep", "is not a folder"),
        ("empty", "has no sweep.json"),
        (".", "has no sweep.json"),
    ):
        with pytest.raises(ResultsError, match=what) as error:
            load(tmp_path / name)
        assert str(tmp_path / "sweep") in str(error.value)
    with pytest.raises(ResultsError, match="no sweep was found"):
        load(tmp_path / "nowhere" / "at" / "all")


def test_foreign_text_in_a_csv_is_no_formula_and_no_escape_code() -> None:
    assert _protect_cell('=HYPERLINK("x")') == '\'=HYPERLINK("x")'
    assert "\x1b" not in _protect_cell("\x1b[31mred")
    assert (_protect_cell(-1.5), _protect_cell("text")) == (-1.5, "text")
