"""The table and the figures of a search, made from a real one of a few tiny trainings."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import call

from gensweep import load
from gensweep.core.registries import FIGURES, TABLES
from gensweep.report.results import Results

SEARCH = """
from gensweep import Confirm, Log, Search, Sweep

SWEEP = Sweep(
    name="tiny",
    search=Search(
        "text_to_text", metric="exact_match", method="random", trials=4, rungs=[1],
        reduction_factor=2, confirm=Confirm(best=1, seeds=2),
        epochs=2, hidden=8, train_fraction=0.02, lr=Log(1e-4, 1e-1),
    ),
)
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder: Path = tmp_path_factory.mktemp("search")
    (folder / "tiny.py").write_text(SEARCH)
    ended = call(folder / "tiny.py", "--results", folder / "results", "--local")
    assert ended.code == 0, ended.out + ended.error
    return load(folder / "results" / "tiny")


def test_the_table_has_a_row_per_trial(results: Results) -> None:
    (table,) = TABLES["search"].make(results)
    assert len(table.frame) == 4
    folder = Path(results.folder)
    text = (folder / "tables" / f"{table.name}.md").read_text()
    assert text.startswith(f"# {table.title}\n")


@pytest.mark.parametrize("name", ["tuning_curve", "search_slices", "search_importance"])
def test_the_figures_stand_beside_their_numbers(results: Results, name: str) -> None:
    figures = FIGURES[name].make(results)
    assert figures
    for data in figures:
        folder = Path(results.folder) / "figures"
        assert (folder / f"{data.name}.png").read_bytes().startswith(b"\x89PNG")
        assert len(data.to_frame()) > 0
        assert data.caption


def test_no_command_of_the_page_is_filtered(results: Results) -> None:
    """A search refuses filters, so that no command would train one cell alone."""
    page = (Path(results.folder) / "report.html").read_text()
    assert "--filter" not in page
    assert "Cell by cell" not in page
    assert '<td class="points">' in page


def test_the_other_tables_hold_the_confirmation_alone(results: Results) -> None:
    """One confirmed trial with two fresh seeds: 1 cell, 2 points."""
    (table,) = TABLES["cells"].make(results)
    assert len(table.frame) == 1
    assert table.frame["n_ok"].tolist() == [2]


def test_the_page_calls_only_the_confirmation_a_result(results: Results) -> None:
    page = (Path(results.folder) / "report.html").read_text()
    section = page.partition('id="s1-search"')[2].partition("</section>")[0]
    assert "Selected by validation/exact_match (larger is better)" in section
    assert "so they are no results" in section
    assert "trained again with fresh seeds" in section and "(n = 2)" in section
    (search,) = results.searches.values()
    (confirmed,) = search.confirmed
    assert f'<td class="number">{confirmed.number}</td>' in section
    # Two trials for one epoch more in each of two blocks: 4 + 2 epochs.
    assert "Its trials took 6 epochs" in section
    assert page.count("tuning_curve-") and page.index("s1-search-name") < page.index(
        "tuning_curve-"
    )


def test_the_log_is_derived_again_and_is_the_same(results: Results) -> None:
    root = Path(results.folder).parent
    file = root.parent / "tiny.py"
    verified = call("search", "verify", file, "--results", root)
    assert verified.code == 0 and "4 trials derived anew, and all are the same" in verified.out
    shown = call("search", "show", file, "--results", root)
    assert shown.code == 0 and shown.out.count("lr") >= 1
