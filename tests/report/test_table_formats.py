"""Small tables in every format, with numbers whose arithmetic stands beside them."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sweep_files import METRICS, cell, write_record, write_sweep

from gensweep import load
from gensweep.core.registries import TABLES
from gensweep.report.collect import collect, print_tables
from gensweep.report.measurement import (
    Measurement,
    NotMeasured,
    cut_interval,
    measure,
    round_measurement,
)
from gensweep.report.results import Results
from gensweep.report.tables import Table
from gensweep.report.tables.columns import Column, Kind, TableData
from gensweep.report.tables.latex import render_latex
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.markdown import render_markdown
from gensweep.report.tables.sweep import rank_values
from gensweep.system.terminal import Console

# Three seeds: t(0.975, 2) = 4.302653. Of 0.50, 0.55, 0.60 the mean is 0.55, the
# deviation 0.05, the half-width 4.302653 * 0.05 / sqrt(3) = 0.124207.
# Of 0.95, 0.97, 0.99 the mean is 0.97, the deviation 0.02, the half-width
# 4.302653 * 0.02 / sqrt(3) = 0.049683: 0.97 + 0.049683 is more than 1.
# The paper has 0.5661 for one layer, 0.5916 for two and 0.6059 for three: the
# differences are -0.0161, +0.3784 and -0.3559, printed with three digits of the
# largest.
HALF_WIDTHS = (0.124207, 0.049683)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Three cells: one measured, one near the end of the range, and one with a single seed of two."""
    root = tmp_path_factory.mktemp("golden")
    cells = [cell(0, 1, 2, encoder_layers=k) for k in (1, 2)]
    cells.append(cell(0, 1, encoder_layers=3))
    rows = [(0.50, 0.55, 0.60), (0.95, 0.97, 0.99), (0.25,)]
    for one, values in zip(cells, rows, strict=True):
        for seed, value in enumerate(values):
            write_record(root, one, seed, char_accuracy=value)
    declared = {"char_accuracy": METRICS["char_accuracy"], "exact_match": METRICS["exact_match"]}
    folder = write_sweep(root, cells, metrics=declared)
    collect(folder)
    return load(folder)


@pytest.fixture(scope="module")
def table(results: Results) -> Table:
    return TABLES["cells"].make(results)[0]


def test_values_are_numbers_until_the_last_step(results: Results) -> None:
    first, second, third = results.measurements["char_accuracy"]
    assert isinstance(first, Measurement)
    assert isinstance(second, Measurement)
    assert isinstance(third, Measurement)
    assert first.ci95 == pytest.approx(HALF_WIDTHS[0], abs=1e-6)
    assert (first.low, first.high) == (first.mean - first.ci95, first.mean + first.ci95)
    assert second.ci95 == pytest.approx(HALF_WIDTHS[1], abs=1e-6)
    assert (second.high, second.is_cut, first.is_cut) == (1, True, False)
    assert (third.n, third.has_interval, third.is_cut) == (1, False, False)
    missing = results.measurements["exact_match"][0]
    assert missing == NotMeasured(("the record was written before the metric existed",), 3)


def test_markdown(results: Results, table: Table) -> None:
    rows = [
        line.strip("| ").split("|")
        for line in render_markdown(table, results).splitlines()
        if line.startswith("|")
    ]
    assert [[text.strip() for text in row] for row in rows if "--" not in row[0]] == [
        [
            "encoder_layers",
            "seeds ok",
            "missing",
            "seconds",
            "char_accuracy [fraction]",
            "std",
            "paper",
            "difference",
            "exact_match [fraction]",
            "std",
        ],
        ["1", "3/3", "0", "2", "0.55 ± 0.12", "0.050", "0.5661", "-0.016", "not measured", "–"],
        [
            "2",
            "3/3",
            "0",
            "2",
            "**0.970 [0.920, 1.000]**",
            "0.020",
            "0.5916",
            "+0.378",
            "not measured",
            "–",
        ],
        ["3", "1/2", "1", "2", "0.2500 (n=1)", "–", "0.6059", "-0.356", "not measured", "–"],
    ]


def test_latex(results: Results, table: Table) -> None:
    text = render_latex(table, results)
    assert r"1 & 3/3 & 0 & $0.55 \pm 0.12$ & 0.5661 & $-0.016$ \tabularnewline" in text
    assert r"$0.970\ [0.920, 1.000]$} & 0.5916 & $+0.378$ \tabularnewline" in text
    assert r"3 & 1/2 & 1 & $0.2500$ ($n=1$) & 0.6059 & $-0.356$ \tabularnewline" in text


def test_terminal(results: Results) -> None:
    screen = io.StringIO()
    print_tables(results, Console(file=screen, width=120))
    lines = [" ".join(line.split()) for line in screen.getvalue().splitlines()]
    assert "1 3/3 0.55 ± 0.12 0.5661 -0.016 not measured" in lines
    assert "2 3/3 0.970 [0.920, 1.000] 0.5916 +0.378 not measured" in lines
    assert "3 1/2, 1 missing 0.2500 (n=1) 0.6059 -0.356 not measured" in lines


def test_html(results: Results) -> None:
    page = (results.folder / "report.html").read_text()
    assert "0.55 ± 0.12" in page
    assert "0.970 [0.920, 1.000]" in page


def test_csv_has_every_digit(results: Results, table: Table) -> None:
    frame = pd.read_csv(results.folder / "tables" / "cells.csv")
    assert list(frame.columns) == [
        "cell",
        "model",
        "encoder_layers",
        "n_ok",
        "n_diverged",
        "n_failed",
        "n_missing",
        "seconds",
        *_name_parts("char_accuracy"),
        *_name_parts("exact_match"),
    ]
    assert frame["char_accuracy_mean"].tolist() == pytest.approx([0.55, 0.97, 0.25], abs=1e-12)
    assert frame["char_accuracy_ci95"].tolist()[:2] == pytest.approx(HALF_WIDTHS, abs=1e-6)
    assert frame["char_accuracy_ci95_high"].tolist()[1] == 1
    assert frame["char_accuracy_n"].tolist() == [3, 3, 1]
    assert frame["exact_match_n"].tolist() == [0, 0, 0]
    exact = results.cells["char_accuracy_mean"].tolist()
    assert frame["char_accuracy_mean"].tolist() == exact, "text and back loses nothing"
    assert (
        table.frame["char_accuracy_ci95_low"].tolist()[0]
        == exact[0] - (results.cells["char_accuracy_ci95"][0])
    )


def _name_parts(metric: str) -> list[str]:
    return [f"{metric}_{part}" for part in ("mean", "std", "ci95", "ci95_low", "ci95_high", "n")]


def test_a_table_says_once_what_seeds_vary_and_what_intervals_assume(
    results: Results, table: Table
) -> None:
    for text in (render_markdown(table, results), render_latex(table, results)):
        assert text.count("A seed changes initial weights, batch order and noise") == 1
        assert text.count("normally distributed over seeds") == 1
        assert text.count("An interval in square brackets") == 1
        assert "range 0 to 1" in text
    symmetric = TableData(tuple(column.select([0]) for column in table.data.columns))
    assert "square brackets" not in render_markdown(Table("one", "One", symmetric), results)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((0, 1), (0, 1)),
        ((0, None), (0, 1.2)),
        ((None, 1), (-0.1, 1)),
        ((None, None), (-0.1, 1.2)),
        ((-1, 2), (-0.1, 1.2)),
    ],
)
def test_an_interval_is_cut_at_each_declared_end(
    bounds: tuple[Any, Any], expected: tuple[float, float]
) -> None:
    assert cut_interval(-0.1, 1.2, bounds) == expected


def test_without_an_interval_nothing_is_cut() -> None:
    value = measure(0.5, math.nan, math.nan, 1, bounds=(0, 1))
    assert math.isnan(value.low)
    assert math.isnan(value.high)
    assert not value.is_cut
    assert round_measurement(value).n == "1"


def test_seeds_that_agree_at_the_end_of_the_range_are_not_cut() -> None:
    value = measure(1.0, 0.0, 0.0, 3, bounds=(0, 1))
    assert (value.low, value.high, value.is_cut) == (1, 1, False)


def test_a_data_frame_of_a_user_is_a_table() -> None:
    frame = pd.DataFrame(
        {"model": ["cae", "vae"], "runs": [3, 4], "share": [0.123456789, math.nan]}
    )
    table = Table("mine", "Mine", TableData.from_frame(frame))
    assert Table("mine", "Mine", frame).frame.equals(frame)  # ty: ignore[invalid-argument-type]
    assert table.frame.equals(frame)
    kinds = [(column.kind, column.is_numeric) for column in table.data.columns]
    assert kinds == [(Kind.TEXT, False), (Kind.NUMBER, True), (Kind.NUMBER, True)]
    assert [column.texts for column in table.data.columns] == [
        ["cae", "vae"],
        ["3", "4"],
        ["0.123457", "–"],
    ]


def test_columns_of_one_group_name_it() -> None:
    columns = [Column(name, [1.0], Kind.NUMBER, unit="s", group="time") for name in ("fit", "test")]
    labels = [column.full_label for column in arrange_columns(TableData(tuple(columns)))]
    assert labels == ["time: fit [s]", "time: test [s]"]


def test_columns_of_different_lengths_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="different numbers of rows: a 1, b 2"):
        TableData((Column("a", [1]), Column("b", [1, 2])))


def test_integers_stay_integers_beside_gaps() -> None:
    layers = Column("layers", [1, math.nan], Kind.PARAMETER)
    rank = Column("rank", [1, None], Kind.COUNT)
    text = TableData((layers, rank)).to_frame().to_csv(index=False)
    assert text == "layers,rank\n1,1\n,\n"


def test_ranks_share_the_smallest_and_leave_out_what_is_not_measured() -> None:
    values = [measure(mean, 0.1, 0.1, 3) for mean in (0.5, 0.9, 0.5)]
    assert rank_values([*values, NotMeasured(), None], "max") == [2, 1, 2, None, None]
    assert rank_values(values, "min") == [1, 3, 1]


def test_a_cell_without_an_ok_point_has_no_news_to_tell(tmp_path: Path) -> None:
    results = load(write_sweep(tmp_path, [cell(0)]))
    (value,) = results.measurements["char_accuracy"]
    assert value == NotMeasured((), 0)
    (column,) = TABLES["cells"].make(results)[0].data.metrics[:1]
    assert column.texts == ["–"]
