"""Records, written by hand here, to a sweep's results: statistics, counts, parameters, curves."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from small_sweeps import row, simple
from sweep_files import (
    T_1,
    T_2,
    cell,
    edited,
    foreign,
    newer,
    of_another_point,
    truncated,
    write_history,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.core.errors import NewerSchemaError, RecordError, ResultsError
from gensweep.core.registries import FIGURES, TABLES
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.report.collect import collect, is_current
from gensweep.report.figures.data import Mark
from gensweep.report.figures.drawing import draw
from gensweep.report.figures.learning import MAX_BACKGROUND_CURVES
from gensweep.report.measurement import NotMeasured, measure
from gensweep.report.tables.columns import Column, Kind
from gensweep.report.tables.text_cells import format_text


def test_mean_std_and_interval_of_three_seeds(tmp_path):
    """Of 0.5, 0.6, 0.7: mean 0.6; std sqrt((0.01 + 0 + 0.01) / 2) = 0.1; half-width t * 0.1 / sqrt(3)."""
    result = row(simple(tmp_path, 0.5, 0.6, 0.7))
    assert result["char_accuracy_mean"] == pytest.approx(0.6, abs=1e-12)
    assert result["char_accuracy_std"] == pytest.approx(0.1, abs=1e-12)
    assert result["char_accuracy_ci95"] == pytest.approx(T_2 * 0.1 / math.sqrt(3), rel=1e-9)
    assert (result["char_accuracy_n"], result["seconds"]) == (3, 2.0)


def test_interval_of_two_seeds_takes_its_own_quantile(tmp_path):
    """Of 0.4 and 0.6: std sqrt(2 * 0.01) and half-width t * std / sqrt(2) = t * 0.1."""
    assert row(simple(tmp_path, 0.4, 0.6))["char_accuracy_ci95"] == pytest.approx(
        T_1 * 0.1, rel=1e-9
    )


def test_seeds_that_agree_have_an_interval_of_exactly_zero(tmp_path):
    result = row(simple(tmp_path, 0.1, 0.1, 0.1))
    assert (
        result["char_accuracy_mean"],
        result["char_accuracy_std"],
        result["char_accuracy_ci95"],
    ) == (0.1, 0.0, 0.0)


def test_one_seed_has_no_deviation_and_no_interval(tmp_path):
    folder = simple(tmp_path, 0.25)
    result = row(folder)
    assert result["char_accuracy_mean"] == 0.25
    assert result["char_accuracy_n"] == 1
    assert math.isnan(result["char_accuracy_std"])
    assert math.isnan(result["char_accuracy_ci95"])
    collect(folder)
    text = (folder / "tables" / "cells.md").read_text()
    assert "0.2500 (n=1)" in text
    assert "not defined" in text
    assert ",0.25,,,,,1" in (folder / "tables" / "cells.csv").read_text()


@pytest.mark.parametrize(
    ("mean", "ci95", "n", "n_ok", "text"),
    [
        (0.58731, 0.01234, 3, 3, "0.587 ± 0.012"),
        (0.04, 0.00031, 3, 3, "0.04000 ± 0.00031"),
        (0.5, 1.5, 2, 2, "0.5 ± 1.5"),
        (1234.5, 67.8, 3, 3, "1234 ± 68"),
        (0.6, 0.0, 3, 3, "0.6000 ± 0.0000"),
        (3.2e-9, 1.4e-10, 3, 3, "3.2e-09 ± 1.4e-10"),
        (0.6, 0.01, 2, 3, "0.600 ± 0.010 (n=2)"),
        (0.5, math.nan, 1, 1, "0.5000 (n=1)"),
        (math.nan, math.nan, 0, 2, "not measured"),
        (math.nan, math.nan, 0, 0, "–"),
    ],
)
def test_printed_interval_has_two_digits(mean, ci95, n, n_ok, text):
    value = NotMeasured(seeds=n_ok)
    if n:
        value = measure(mean, ci95, math.nan, n, n_ok)
    assert format_text(Column("m", [value], Kind.METRIC), value) == text


def test_counts_of_every_status_and_unequal_seeds(tmp_path):
    """Only ok points enter a mean; an unreadable record is a missing point with a reason."""
    a, b = cell(0, 1, 2, 3, 4), cell(7, encoder_layers=2)
    write_record(tmp_path, a, 0, char_accuracy=0.5)
    write_record(tmp_path, a, 1, Status.DIVERGED, char_accuracy=0.9)
    write_record(tmp_path, a, 2, Status.FAILED)
    write_record(tmp_path, a, 3).write_text("{")
    write_record(tmp_path, b, 7, char_accuracy=0.7)
    results = load(write_sweep(tmp_path, [a, b]))
    assert results.counts == {Status.OK: 2, Status.DIVERGED: 1, Status.FAILED: 1, Status.MISSING: 2}
    counts = results.cells[["n_ok", "n_diverged", "n_failed", "n_missing"]]
    assert counts.to_numpy().tolist() == [[1, 1, 1, 2], [1, 0, 0, 0]]
    assert results.cells["char_accuracy_mean"].tolist() == [0.5, 0.7]
    assert results.unreadable == {a["points"]["3"]: "record.json: not valid JSON (cut short?)"}
    points = results.points.set_index("seed")
    assert points["status"].to_dict() == {
        0: Status.OK,
        1: Status.DIVERGED,
        2: Status.FAILED,
        3: Status.MISSING,
        4: Status.MISSING,
        7: Status.OK,
    }
    assert points["error"][2] == "it broke | at once"
    assert "cut short" in points["error"][3]
    collect(results.folder)
    problems = (results.folder / "tables" / "cells-problems.md").read_text()
    assert "it broke \\| at once" in problems
    assert "cut short" in problems
    assert a["points"]["4"] not in problems, "a point that nobody trained yet is no problem"
    lines = (results.folder / "tables" / "cells.md").read_text().splitlines()
    head, first, second = (
        [part.strip() for part in lines[index].split("|")[2:6]] for index in (4, 6, 7)
    )
    assert head == ["seeds ok", "diverged", "failed", "missing"]
    assert (first, second) == (["1/5", "1", "1", "2"], ["1/1", "0", "0", "0"])


def test_a_sweep_with_nothing_done_has_every_page(tmp_path):
    folder = write_sweep(tmp_path, [cell(0, 1)], tables=list(TABLES), figures=list(FIGURES))
    results = load(folder)
    assert results.counts == {Status.OK: 0, Status.DIVERGED: 0, Status.FAILED: 0, Status.MISSING: 2}
    assert results.cells["char_accuracy_n"].tolist() == [0]
    assert results.cells["char_accuracy_mean"].isna().all()
    assert all(path.stat().st_size for path in collect(folder))
    lines = (folder / "tables" / "depth-text_to_text.md").read_text().splitlines()
    assert [part.strip() for part in lines[2].split("|")[3:5]] == ["seeds ok", "missing"]
    assert [part.strip() for part in lines[4].split("|")[3:5]] == ["0/2", "2"]


def with_other_params(path: Path) -> None:
    values = {
        key: value for key, value in json.loads(path.read_text()).items() if key != "checksum"
    }
    path.write_text(Record(**values | {"params": values["params"] | {"hidden": 8}}).to_json())


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (foreign, "not a gensweep record"),
        (truncated, "cut short"),
        (edited, "changed since it was written"),
        (newer, "upgrade gensweep"),
        (of_another_point, "record of another"),
        (with_other_params, "is of another point: params"),
    ],
)
def test_a_record_that_cannot_be_trusted_is_missing_with_its_reason(tmp_path, spoil, reason):
    folder = simple(tmp_path, 0.5, 0.7)
    point = cell(0)["points"]["0"]
    spoil(tmp_path / "points" / point / "record.json")
    results = load(folder)
    assert results.counts[Status.OK] == results.counts[Status.MISSING] == 1
    assert results.cells["char_accuracy_mean"].tolist() == [0.7]
    assert reason in results.unreadable[point]
    assert str(tmp_path) not in results.unreadable[point], (
        "the same records give the same bytes anywhere"
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda path: path.write_text("[" * 200_000), "cannot be read: nested too deeply"),
        (lambda path: path.write_bytes(b"\xff"), "is not valid JSON (not UTF-8)"),
        (lambda path: path.write_text("{"), "is not valid JSON (cut short?)"),
        (
            lambda path: path.write_text('{"schema": 1, "schema": 1}'),
            "the key 'schema' comes twice",
        ),
        (lambda path: (path.unlink(), os.mkfifo(path)), "cannot be read: not a regular file"),
        (
            lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
            "cannot be read: not a regular file",
        ),
        (
            lambda path: path.write_text(
                path.read_text().replace('"lr": 0.001', f'"lr": {10**400}')
            ),
            "not text, a number, true or false",
        ),
    ],
)
def test_a_sweep_file_of_another_program_is_refused_by_name(tmp_path, spoil, reason):
    folder = simple(tmp_path, 0.5)
    spoil(folder / "sweep.json")
    with pytest.raises(ResultsError, match=re.escape(reason)):
        load(folder)


@pytest.mark.parametrize("put", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
@pytest.mark.parametrize("name", ["history.csv", "collected.json"])
def test_what_is_no_file_beside_the_records_is_not_waited_for(tmp_path, put, name):
    folder = simple(tmp_path, 0.5)
    point = cell(0)["points"]["0"]
    if name == "collected.json":
        put(folder / name)
        assert not is_current(load(folder))
    else:
        (tmp_path / "points" / point / name).unlink(missing_ok=True)
        put(tmp_path / "points" / point / name)
        with pytest.raises(RecordError, match="not a complete history"):
            load(folder).load_history(point)


def test_the_ledger_raises_a_newer_schema_unless_it_only_reads(tmp_path):
    simple(tmp_path, 0.5)
    one = cell(0)
    newer(tmp_path / "points" / one["points"]["0"] / "record.json")
    wanted = {one["points"]["0"]: one["params"]}
    with pytest.raises(NewerSchemaError):
        Ledger(tmp_path).read(wanted)
    assert list(Ledger(tmp_path).read(wanted, newer="report").unreadable) == [one["points"]["0"]]


def test_varying_parameters_are_columns_and_the_others_are_listed_apart(tmp_path):
    """`weight_decay` acts with muon only and has one value: the optimizer tells its cells apart."""
    cells = [
        cell(0, clip_norm=None),
        cell(0, optimizer="muon", weight_decay=0.01, decoder_layers=2, clip_norm=1.0),
        cell(0, model="text_to_image", epochs=3),
    ]
    results = load(write_sweep(tmp_path, cells))
    assert results.varying == ["optimizer", "decoder_layers", "clip_norm"], (
        "the grid's order, then by name"
    )
    assert results.varying_of == {"text_to_text": results.varying, "text_to_image": []}
    assert results.fixed["text_to_text"]["weight_decay"] == 0.01
    assert (results.fixed["text_to_text"]["epochs"], results.fixed["text_to_image"]["epochs"]) == (
        10,
        3,
    )
    assert not set(results.varying) & set(results.fixed["text_to_text"])
    assert results.cells["decoder_layers"].tolist() == [1, 2, 1]
    assert results.cells["decoder_layers"].dtype.kind == "i"
    assert results.cells["clip_norm"].tolist() == ["none", 1.0, "none"]


def test_a_metric_that_some_records_lack_is_not_measured(tmp_path):
    a, b = cell(0, 1), cell(0, encoder_layers=2)
    write_record(tmp_path, a, 0, char_accuracy=0.5, exact_match=0.1)
    write_record(tmp_path, a, 1, char_accuracy=0.7)
    write_record(tmp_path, b, 0, char_accuracy=0.6)
    folder = write_sweep(tmp_path, [a, b, cell(0, model="text_to_image")])
    results = load(folder)
    assert results.cells["char_accuracy_n"].tolist()[:2] == [2, 1]
    assert results.cells["exact_match_n"].tolist()[:2] == [1, 0]
    assert results.cells["exact_match_n"].isna().tolist() == [False, False, True], (
        "of no such metric: no number at all"
    )
    collect(folder)
    text = (folder / "tables" / "cells.md").read_text()
    assert "0.1000 (n=1)" in text
    assert "not measured" in text


def test_a_metric_that_the_sweep_does_not_declare_is_kept(tmp_path):
    one = cell(0)
    write_record(tmp_path, one, 0, char_accuracy=0.5, novel=3.0)
    results = load(write_sweep(tmp_path, [one]))
    assert results.cells["novel_mean"].tolist() == [3.0]
    assert (results.metrics["novel"].direction, results.metrics["novel"].models) == (
        "none",
        ["text_to_text"],
    )


def test_the_main_metric_is_the_first_of_the_preferred_ones(tmp_path):
    results = load(
        write_sweep(tmp_path, [cell(0), cell(0, model="gan"), cell(0, model="unheard_of")])
    )
    assert results.get_main_metric("text_to_text") == "char_accuracy"
    assert results.get_main_metric("gan") == "sliced_wasserstein"
    assert results.get_main_metric("unheard_of") is None


def test_learning_curves_are_the_means_of_the_validation_metric(tmp_path):
    """Two seeds 0.2, 0.4 and 0.4, 0.8 by epoch: means 0.3, 0.6; a third, cut short, is counted and named."""
    one = cell(0, 1, 2, epochs=2)
    for seed in (0, 1, 2):
        write_record(tmp_path, one, seed, char_accuracy=0.5)
    write_history(tmp_path, one, 0, "epoch,validation/char_accuracy\n1,0.2\n2,0.4\n")
    write_history(tmp_path, one, 1, "epoch,validation/char_accuracy\n1,0.4\n2,0.8\n")
    write_history(tmp_path, one, 2, "epoch,validation/char_accuracy\n1,0.4\n2\n")
    results = load(write_sweep(tmp_path, [one]))
    with pytest.raises(
        RecordError, match=r"history.csv: not a complete history .line 3 does not have 2 values"
    ):
        results.load_history(one["points"]["2"])
    (data,) = FIGURES["learning_curves"].make(results)
    (panel,) = data.content.panels
    first, second, series = panel.series
    assert first.mark == second.mark == Mark.SEED_LINE
    assert list(first.y) == [0.2, 0.4] and list(second.y) == [0.4, 0.8]
    assert data.name == "learning_curves-text_to_text"
    assert list(series.x) == [1, 2]
    assert list(series.y) == pytest.approx([0.3, 0.6])
    assert list(series.low) == [0, 0], "12.706 * 0.141 / sqrt(2) is more than 0.3"
    assert panel.y.label == "validation char_accuracy [fraction]"
    assert "1 histories are missing" in data.caption
    assert "Thin lines are single seeds." in data.caption
    assert panel.y.bounds == (0, 1)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffepoch,validation/char_accuracy\r\n1,0.2\r\n2,0.4\r\n",
        "epoch,validation/char_accuracy\n1,0.2\n2,0.4\n\n",
    ],
)
def test_a_history_that_a_spreadsheet_saved_again_has_the_same_numbers(text, tmp_path):
    one = cell(0, epochs=2)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    write_history(tmp_path, one, 0, text)
    history = load(write_sweep(tmp_path, [one])).load_history(one["points"]["0"])
    assert list(history["epoch"]) == [1, 2]
    assert list(history["validation/char_accuracy"]) == [0.2, 0.4]


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_history_that_is_not_as_long_as_its_record_is_refused(epochs, tmp_path):
    """The record has two epochs: a file of one was cut at the end of a line, one of three is of another point."""
    one = cell(0, epochs=2)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    rows = "".join(f"{epoch},0.2\n" for epoch in range(1, epochs + 1))
    write_history(tmp_path, one, 0, f"epoch,validation/char_accuracy\n{rows}")
    results = load(write_sweep(tmp_path, [one]))
    message = f"not a complete history .{epochs} epochs?, but the record has 2"
    with pytest.raises(RecordError, match=message):
        results.load_history(one["points"]["0"])


def test_of_many_cells_the_best_the_median_and_the_worst_have_a_name(tmp_path):
    cells = [cell(0, hidden=hidden, epochs=1) for hidden in range(1, 61)]
    for one in cells:
        write_record(tmp_path, one, 0, char_accuracy=one["params"]["hidden"] / 100)
        write_history(tmp_path, one, 0, "epoch,validation/char_accuracy\n1,0.2\n")
    (data,) = FIGURES["learning_curves"].make(load(write_sweep(tmp_path, cells)))
    figure = draw(data)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["#1: 60", "#2: 59", "#3: 58", "#31: 30", "#60: 1"]
    assert 5 < len(figure.axes[0].lines) <= 5 + MAX_BACKGROUND_CURVES


def test_pages_are_listed_without_the_heavy_libraries():
    code = """
import sys
from gensweep.core.registries import FIGURES, TABLES
assert list(TABLES) and list(FIGURES)
heavy = {"torch", "ray", "pandas", "scipy", "matplotlib", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)
