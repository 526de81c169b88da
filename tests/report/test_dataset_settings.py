"""Cells are ranked against cells of the same dataset: easy pictures are no better model."""

from __future__ import annotations

from pathlib import Path

import pytest
from sweep_files import cell, write_record, write_sweep

from gensweep import load
from gensweep.core.registries import FIGURES, TABLES
from gensweep.report.collect import collect
from gensweep.report.frames import format_html
from gensweep.report.page.headline import list_headlines
from gensweep.report.paper_kit.macros import list_macros
from gensweep.report.paper_kit.options import KitOptions
from gensweep.report.results import Results
from gensweep.report.settings import list_settings, name_settings

ERRORS = {
    ("avatars", 1): 0.04,
    ("avatars", 2): 0.03,
    ("cryptopunks", 1): 0.004,
    ("cryptopunks", 2): 0.006,
}
"""Reconstruction errors: every cell of one dataset is far below every cell of the other."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sweep of one model over two datasets and two depths, three seeds each."""
    cells = []
    for (dataset, layers), error in ERRORS.items():
        one = cell(0, 1, 2, model="cae", dataset=dataset, encoder_layers=layers)
        for seed in range(3):
            write_record(tmp_path, one, seed, reconstruction_mse=error * (1 + 0.01 * seed))
        cells.append(one)
    return write_sweep(tmp_path, cells, figures=["samples_by_epoch"])


@pytest.fixture
def results(folder: Path) -> Results:
    return load(folder)


def test_a_setting_has_the_cells_of_one_dataset(results: Results) -> None:
    settings = list_settings(results)
    assert [one.title for one in settings] == ["cae on avatars", "cae on cryptopunks"]
    assert [len(one.cells) for one in settings] == [2, 2]
    stems = [stem for stem, _ in name_settings("leaderboard", settings)]
    assert stems == ["leaderboard-cae-avatars", "leaderboard-cae-cryptopunks"]


def test_each_dataset_has_a_headline_of_its_best_cell(results: Results) -> None:
    """The means of three seeds are 1.01 times the first: 0.0303 and 0.00404."""
    avatars, cryptopunks = list_headlines(results)
    assert (avatars.title, cryptopunks.title) == ("cae on avatars", "cae on cryptopunks")
    # The title names the dataset; nothing repeats it.
    assert (avatars.setting, cryptopunks.setting) == ("encoder_layers=2", "encoder_layers=1")
    assert avatars.value.startswith("0.0303") and cryptopunks.value.startswith("0.00404")
    assert avatars.basis.startswith("The best of 2 cells")
    assert "2 cells have means from 0.0303 to 0.0404." in avatars.comparisons


def test_each_dataset_has_a_leaderboard(results: Results) -> None:
    avatars, cryptopunks = TABLES["leaderboard"].make(results)
    assert avatars.title == "cae on avatars: by validation/reconstruction_mse, smallest first"
    assert avatars.frame["encoder_layers"].tolist() == [2, 1]
    assert cryptopunks.frame["encoder_layers"].tolist() == [1, 2]
    for table in (avatars, cryptopunks):
        assert table.frame["rank"].tolist() == [1, 2]
        assert table.frame["dataset"].nunique() == 1


def test_page_and_notebook_name_the_best_cell_of_each_dataset(folder: Path) -> None:
    collect(folder)
    page = (folder / "report.html").read_text()
    for title, best, worst in (("avatars", 2, 1), ("cryptopunks", 1, 2)):
        for role, layers in (("best", best), ("worst", worst)):
            assert f"cae on {title}, {role} cell: encoder_layers={layers}<" in page
    html = format_html(load(folder))
    assert html.count("cae on ") == 2


def test_macros_of_the_best_cell_name_the_dataset(results: Results) -> None:
    macros = {macro.identity: macro.value for macro in list_macros(results, KitOptions())}
    layers = {
        key[2]: value for key, value in macros.items() if key[-2:] == ("best", "encoder_layers")
    }
    assert layers == {"avatars": "2", "cryptopunks": "1"}


def test_each_dataset_has_learning_curves(results: Results) -> None:
    """Of more cells than colours, "#1" would be a cell of the easiest dataset."""
    avatars, cryptopunks = FIGURES["learning_curves"].make(results)
    assert avatars.title == "cae on avatars: learning curves"
    assert avatars.name == "learning_curves-cae-avatars"
    assert cryptopunks.name == "learning_curves-cae-cryptopunks"
    for figure in (avatars, cryptopunks):
        assert figure.content.legend_title == "encoder_layers"
        assert {one.label for one in figure.content.panels[0].series} == {"1", "2"}
