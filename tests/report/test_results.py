"""The read half: records, written by hand here, to numbers, tables and figures."""

from __future__ import annotations

import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sweep_files import (
    METRICS,
    REPORT,
    T_1,
    T_2,
    cell,
    edited,
    foreign,
    generous,
    newer,
    of_another_point,
    truncated,
    write_history,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.core.errors import NewerSchemaError, RecordError, ResultsError
from gensweep.core.registries import DATASETS, FIGURES, MODELS, TABLES
from gensweep.ledger.ledger import Ledger
from gensweep.ledger.records import Record
from gensweep.ledger.status import Status
from gensweep.report.collect import _protect_cell, collect, is_current, print_tables
from gensweep.report.figures.data import Mark
from gensweep.report.figures.drawing import draw
from gensweep.report.figures.learning import MAX_BACKGROUND_CURVES
from gensweep.report.measurement import NotMeasured, measure
from gensweep.report.paper import PAPER_TABLES, find_paper_value, list_paper_tables
from gensweep.report.tables.columns import Column, Kind
from gensweep.report.tables.groups import group_cells
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.markdown import render_markdown
from gensweep.report.tables.text_cells import format_text
from gensweep.sweep.parameters import map_owners, resolve_params
from gensweep.system.terminal import Console


def simple(root: Path, *values: float) -> Path:
    """A sweep of one cell with a seed for each value of char_accuracy."""
    one = cell(*range(len(values)))
    for seed, value in enumerate(values):
        write_record(root, one, seed, char_accuracy=value, exact_match=value / 2)
    return write_sweep(root, [one])


def row(folder: Path) -> Any:
    """The only row of a sweep's cells."""
    (only,) = load(folder).cells.to_dict("records")
    return only


# Statistics


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


# Counts


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


# Parameters and metrics


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


# Tables


def grown(root: Path) -> Path:
    """Depth 1 and 2 by two optimizers; the accuracy says which cell it is of: muon's are 0.3 above adam's."""
    cells = []
    for layers in (2, 1):
        for optimizer in ("adam", "muon"):
            cells.append(cell(0, 1, encoder_layers=layers, optimizer=optimizer))
            for seed in (0, 1):
                accuracy = 0.5 + 0.1 * layers + 0.3 * (optimizer == "muon") + 0.01 * seed
                write_record(root, cells[-1], seed, char_accuracy=accuracy, exact_match=accuracy)
    return write_sweep(root, cells, tables=["depth", "budget"], figures=["depth_heatmap"])


def test_a_table_never_mixes_a_parameter_that_is_not_its_axis(tmp_path):
    results = load(grown(tmp_path))
    tables = {table.name: table for table in TABLES["depth"].make(results)}
    assert set(tables) == {"depth-text_to_text-optimizer=adam", "depth-text_to_text-optimizer=muon"}
    adam = tables["depth-text_to_text-optimizer=adam"].frame
    muon = tables["depth-text_to_text-optimizer=muon"].frame
    assert adam["encoder_layers"].tolist() == muon["encoder_layers"].tolist() == [1, 2]
    assert adam["char_accuracy_mean"].tolist() == pytest.approx([0.605, 0.705])
    assert muon["char_accuracy_mean"].tolist() == pytest.approx([0.905, 1.005])
    names = [data.name for data in FIGURES["depth_heatmap"].make(results)]
    assert names == [
        "depth_heatmap-text_to_text-optimizer=adam",
        "depth_heatmap-text_to_text-optimizer=muon",
    ]


@pytest.mark.parametrize(
    "axes", [("encoder_layers", "decoder_layers"), ("train_fraction",), ("epochs", "batch_size")]
)
def test_groups_differ_in_their_axes_only_and_hold_every_cell_once(tmp_path, axes):
    results = load(grown(tmp_path))
    result = group_cells(results, axes)
    assert sorted(c for group in result for c in group.cells) == sorted(results.params)
    for group in result:
        rest = [{k: v for k, v in results.params[c].items() if k not in axes} for c in group.cells]
        assert all(params == rest[0] for params in rest)


def test_cells_alone_in_their_setting_are_left_to_the_table_of_all_cells(tmp_path):
    cells = [cell(0), cell(0, encoder_layers=2), cell(0, epochs=20)]
    results = load(write_sweep(tmp_path, cells))
    (table,) = TABLES["depth"].make(results)
    assert table.frame["cell"].tolist() == [cells[0]["id"], cells[1]["id"]]
    assert any(note.startswith("1 cells") for note in table.notes)


def test_the_leaderboard_follows_each_metric_s_declared_direction(tmp_path):
    """Accuracy: largest first. Error: smallest first. A cell without a number is last and has no rank."""
    cells = []
    for model, metric in (("text_to_text", "char_accuracy"), ("text_to_image", "mse")):
        for layers, value in ((1, 0.2), (2, 0.4), (3, 0.3)):
            cells.append(cell(0, model=model, encoder_layers=layers))
            write_record(tmp_path, cells[-1], 0, **{metric: value})
        cells.append(cell(0, model=model, encoder_layers=4))
    results = load(write_sweep(tmp_path, cells))
    boards = {table.name: table.frame for table in TABLES["leaderboard"].make(results)}
    text, image = boards["leaderboard-text_to_text"], boards["leaderboard-text_to_image"]
    assert text["encoder_layers"].tolist() == [2, 3, 1, 4]
    assert image["encoder_layers"].tolist() == [1, 3, 2, 4]
    assert text["rank"].tolist()[:3] == [1, 2, 3]
    assert text["rank"].isna().tolist() == [False, False, False, True]


def test_a_leaderboard_orders_by_a_measured_metric_where_the_main_one_came_later(tmp_path):
    """Records from before the reader have the MSE only."""
    cells = [cell(0, model="text_to_image", encoder_layers=layers) for layers in (1, 2)]
    for one, value in zip(cells, (0.4, 0.2), strict=True):
        write_record(tmp_path, one, 0, mse=value)
    read = METRICS["mse"] | {"direction": "max"}
    folder = write_sweep(tmp_path, cells, metrics={"read_exact_match": read, "mse": METRICS["mse"]})
    (board,) = TABLES["leaderboard"].make(load(folder))
    assert board.title == "text_to_image: by validation/mse, smallest first"
    assert board.frame["encoder_layers"].tolist() == [2, 1]
    assert any("No cell has validation/read_exact_match" in note for note in board.notes)


def test_ranks_stay_to_the_right_beside_a_cell_without_one(tmp_path):
    cells = [cell(0, encoder_layers=layers) for layers in (1, 2)]
    write_record(tmp_path, cells[0], 0, char_accuracy=0.5)
    results = load(write_sweep(tmp_path, cells))
    (board,) = TABLES["leaderboard"].make(results)
    rank, *_ = arrange_columns(board.data)
    assert (rank.label, rank.texts, rank.is_numeric) == ("rank", ["1", "–"], True)
    lines = render_markdown(board, results).splitlines()
    (rule,) = [line for line in lines if line.startswith(("|--", "| --"))]
    assert rule.split("|")[1].strip().endswith(":")
    assert [line.split("|")[1] for line in lines if "/1 |" in line] == ["    1 ", "    – "]


def test_a_leaderboard_warns_of_lost_seeds_only_where_some_are(tmp_path):
    for name, status in (("whole", Status.OK), ("lost", Status.FAILED)):
        one = cell(0, 1)
        write_record(tmp_path / name, one, 0, char_accuracy=0.5)
        write_record(
            tmp_path / name,
            one,
            1,
            status,
            **({"char_accuracy": 0.5} if status == Status.OK else {}),
        )
        (board,) = TABLES["leaderboard"].make(load(write_sweep(tmp_path / name, [one])))
        assert any("seeds that are ok" in note for note in board.notes) is (name == "lost")


def test_a_metric_of_fewer_seeds_than_are_ok_is_explained(tmp_path):
    """exact_match of one seed of two; char_accuracy of both."""
    one = cell(0, 1)
    write_record(tmp_path, one, 0, char_accuracy=0.5, exact_match=0.25)
    write_record(tmp_path, one, 1, char_accuracy=0.6)
    results = load(write_sweep(tmp_path, [one]))
    (table, *_) = TABLES["cells"].make(results)
    text = render_markdown(table, results)
    assert "0.2500 (n=1)" in text and "2/2" in text
    assert (
        "n smaller than the seeds that are ok: the other seeds have no value of the metric." in text
    )
    assert (
        "exact_match is not measured: the record was written before the metric existed (1 cell)."
        in text
    )
    (complete, *_) = TABLES["cells"].make(load(simple(tmp_path / "whole", 0.5, 0.6)))
    assert "n smaller" not in render_markdown(complete, load(tmp_path / "whole" / "sweep"))


def test_generative_models_stand_side_by_side_with_what_tells_them_apart(tmp_path):
    """`lr` is fixed in each model but differs between them, so it is shown; `hidden` is the same."""
    pictures = {"dataset": "avatars", "encoder_layers": 2}
    cells = [cell(0, model="gan", lr=2e-4, **pictures), cell(0, model="cae", **pictures), cell(0)]
    results = load(write_sweep(tmp_path, cells))
    (table,) = TABLES["generative"].make(results)
    assert table.frame["model"].tolist() == ["gan", "cae"]
    assert table.frame["lr"].tolist() == [2e-4, 1e-3]
    assert "hidden" not in table.frame


# The report's numbers


def test_published_numbers_stand_only_at_the_report_s_setting():
    assert find_paper_value("text_to_text", REPORT, "char_accuracy") == 0.5661
    assert find_paper_value("text_to_text", REPORT, "char_accuracy", (1,)) == 0.5873
    assert find_paper_value("text_to_text", REPORT, "loss") == 1.1486
    assert find_paper_value("text_to_text", REPORT, "exact_match") is None
    assert (
        find_paper_value("text_to_text", REPORT | {"encoder_layers": 4}, "char_accuracy") == 0.6201
    )
    assert (
        find_paper_value(
            "text_to_text", REPORT | {"encoder_layers": 2, "decoder_layers": 2}, "char_accuracy"
        )
        is None
    )
    assert (
        find_paper_value("text_to_text", REPORT | {"train_fraction": 0.1 + 0.2}, "char_accuracy")
        == 0.4663
    )
    assert (
        find_paper_value("text_to_text", REPORT | {"split_seed": 3}, "char_accuracy") == 0.5661
    ), "any split will do"


@pytest.mark.parametrize("table", PAPER_TABLES, ids=lambda table: f"table {table.number}")
def test_no_parameter_may_differ_from_the_report_s(table):
    """Every condition counts, and so does a parameter that the report did not have."""
    for metric, numbers in table.numbers.items():
        axes = dict(zip(table.axes, next(iter(numbers)), strict=True))
        here = table.setting | axes
        assert table.get_value(here, metric) == next(iter(numbers.values()))
        for key in table.setting:
            assert table.get_value(here | {key: "another"}, metric) is None
            assert table.get_value({k: v for k, v in here.items() if k != key}, metric) is None
        assert table.get_value(here | {"dropout": 0.5}, metric) is None


@pytest.mark.parametrize("table", PAPER_TABLES, ids=lambda table: f"table {table.number}")
def test_the_report_s_setting_can_be_asked_of_the_model(table):
    """Its parameters are the model's own, and a point made with them is at the setting."""
    axes = dict(zip(table.axes, next(iter(next(iter(table.numbers.values())))), strict=True))
    known = map_owners(MODELS[table.model], DATASETS[table.setting["dataset"]])
    assert set(table.setting) | set(table.axes) <= {*known, "dataset"}
    assert table.find_deviations(resolve_params(table.model, table.setting | axes)) == {}


def test_the_report_s_tables_are_whole():
    """Nine rows each, with two columns in Table 1; the sums are of the percentages as printed."""
    sums = {
        1: 58.73 + 55.78 + 56.12 + 54.7 + 52.42 + 48.8 + 46.63 + 42.47 + 40.05,
        2: 56.61 + 58.72 + 63.68 + 62.31 + 62.59 + 59.16 + 60.59 + 62.01 + 59.12,
        3: 48.63 + 49.81 + 48.77 + 49.53 + 47.77 + 53.66 + 55.91 + 56.06 + 52.01,
    }
    for table in PAPER_TABLES:
        assert all(len(numbers) == 9 for numbers in table.numbers.values())
    for number, total in sums.items():
        assert sum(PAPER_TABLES[number - 1].numbers["char_accuracy"].values()) == pytest.approx(
            total / 100
        )
    (mse,) = PAPER_TABLES[3].numbers.values()
    total = 0.5809 + 0.5878 + 0.5877 + 0.5872 + 0.588 + 0.5871 + 0.5872 + 0.5876 + 0.5875
    assert sum(mse.values()) == pytest.approx(total)
    assert [t.number for t in list_paper_tables("text_to_text")] == [2, 1]


def test_each_table_shows_its_own_number_and_the_difference(tmp_path):
    results = load(simple(tmp_path, 0.6, 0.6))
    (depth,), (splits,) = TABLES["depth"].make(results), TABLES["splits"].make(results)
    assert depth.frame["char_accuracy_report"].tolist() == [0.5661]
    assert depth.frame["char_accuracy_difference"].tolist() == pytest.approx([0.6 - 0.5661])
    assert splits.frame["char_accuracy_report"].tolist() == [0.5873]
    assert any("two numbers" in note for note in depth.notes)


def test_every_row_of_the_report_s_table_is_beside_ours_or_named(tmp_path):
    """Of Table 1 the sweep has two rows, of which one never ran; the other seven are named."""
    ran, waiting = cell(0, 1, train_fraction=0.5), cell(0, 1, train_fraction=0.1)
    for seed in (0, 1):
        write_record(tmp_path, ran, seed, char_accuracy=0.5 + seed / 10, loss=1.0)
    (table,) = TABLES["splits"].make(load(write_sweep(tmp_path, [ran, waiting])))
    assert table.frame["char_accuracy_report"].tolist() == [0.4005, 0.5242]
    assert table.frame["loss_report"].tolist() == [1.8311, 1.3224]
    assert table.frame["char_accuracy_difference"].tolist()[1] == pytest.approx(0.55 - 0.5242)
    assert table.frame[["n_ok", "n_missing"]].to_numpy().tolist() == [[0, 2], [2, 0]]
    assert table.frame["char_accuracy_n"].tolist() == [0, 2]
    assert (
        "The paper's Table 1 also has train_fraction 0.9; 0.8; 0.7; 0.6; 0.4; 0.3; 0.2, which"
        in str(table.notes)
    )
    complete = [cell(0, train_fraction=tenths / 10) for tenths in range(1, 10)]
    (table,) = TABLES["splits"].make(load(write_sweep(tmp_path, complete, "whole")))
    assert "also has" not in str(table.notes)
    assert table.frame["loss_report"].notna().all()


def test_every_sweep_has_a_leaderboard_and_statistics(tmp_path):
    folder = simple(tmp_path, 0.5)
    stems = {path.stem for path in collect(folder)}
    assert {"cells", "leaderboard-text_to_text", "statistics"} <= stems


def test_a_shorter_run_is_not_compared_with_the_paper_and_says_why(tmp_path):
    one = cell(0, epochs=2)
    write_record(tmp_path, one, 0, char_accuracy=0.4)
    results = load(write_sweep(tmp_path, [one]))
    (depth,) = TABLES["depth"].make(results)
    assert not [name for name in depth.frame if "report" in name]
    assert any("epochs 2, not 10" in note for note in depth.notes)


def test_an_error_on_another_scale_stands_apart_without_a_difference(tmp_path):
    table = PAPER_TABLES[3]
    one = cell(0, model="text_to_image")
    one["params"] = table.setting | {"encoder_layers": 1, "decoder_layers": 1}
    write_record(tmp_path, one, 0, mse=0.04)
    (depth,) = TABLES["depth"].make(load(write_sweep(tmp_path, [one])))
    assert depth.frame["report_mse_other_scale"].tolist() == [0.5809]
    assert not [name for name in depth.frame if name.endswith("_difference")]
    assert any("cannot be compared" in note for note in depth.notes)
    assert find_paper_value("text_to_image", one["params"], "mse") is None


# Files


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


# Figures and the terminal


def test_learning_curves_are_the_means_of_the_validation_metric(tmp_path):
    """Two seeds 0.2, 0.4 and 0.4, 0.8 by epoch: means 0.3, 0.6; a third, cut short, is counted and named."""
    one = cell(0, 1, 2, epochs=2)
    for seed in (0, 1, 2):
        write_record(tmp_path, one, seed, char_accuracy=0.5)
    write_history(tmp_path, one, 0, "epoch,validation/char_accuracy\n1,0.2\n2,0.4\n")
    write_history(tmp_path, one, 1, "epoch,validation/char_accuracy\n1,0.4\n2,0.8\n")
    write_history(tmp_path, one, 2, "epoch,validation/char_accuracy\n1,0.4\n2\n")
    results = load(write_sweep(tmp_path, [one]))
    with pytest.raises(RecordError, match=r"history.csv: not a complete history"):
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


def test_the_report_s_curve_is_drawn_only_at_its_setting(tmp_path):
    for name, epochs, expected in (("at", 10, True), ("off", 2, False)):
        cells = [cell(0, train_fraction=fraction, epochs=epochs) for fraction in (0.1, 0.9)]
        results = load(write_sweep(tmp_path, cells, name))
        (data,) = FIGURES["train_fraction_curve"].make(results)
        labels = [series.label for series in data.content.panels[0].series]
        assert ("paper" in labels) is expected


@pytest.mark.parametrize("width", [100, 140])
def test_the_terminal_shows_what_matters_and_fits(tmp_path, width):
    a, b = cell(0, 1, 2), cell(0, 1, encoder_layers=2)
    for seed in (0, 1, 2):
        write_record(tmp_path, a, seed, char_accuracy=0.5 + seed / 10, exact_match=0.1)
    write_record(tmp_path, b, 0, Status.FAILED)
    console = Console(file=io.StringIO(), width=width)
    print_tables(load(write_sweep(tmp_path, [a, b])), console)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    assert "sweep: 5 points: 3 ok, 1 failed, 1 missing" in text
    (first,) = [line.split() for line in text.splitlines() if "3/3" in line]
    assert first[:5] == ["1", "3/3", "0.60", "±", "0.25"], "t * 0.1 / sqrt(3) = 0.248"
    assert first[5:7] == ["0.5661", "+0.0339"]
    assert "0/2, 1 failed, 1 missing" in text
    assert f"failed: {b['points']['0']}: it broke | at once" in "".join(text.split("\n")).replace(
        "broke|", "broke |"
    )


def test_the_terminal_shows_the_cells_of_wanted_points_alone(tmp_path):
    a, b = cell(0, 1), cell(0, encoder_layers=2)
    for seed in (0, 1):
        write_record(tmp_path, a, seed, char_accuracy=0.5 + seed / 10, exact_match=0.1)
    write_record(tmp_path, b, 0, Status.FAILED)
    results = load(write_sweep(tmp_path, [a, b]))

    def show(wanted):
        console = Console(file=io.StringIO(), width=140)
        print_tables(results, console, wanted)
        return console.file.getvalue()  # type: ignore[attr-defined]

    text = show([a["points"]["0"]])
    assert "Shown: 1 of 2 cells" in text
    assert "2/2" in text and "failed: " not in text
    text = show([b["points"]["0"]])
    assert "2/2" not in text and f"failed: {b['points']['0']}" in text
    assert show(["unknown"]) == show(None) and "Shown:" not in show(None)


def test_many_cells_are_cut_in_the_terminal_and_no_number_of_the_report_is_needed(tmp_path):
    cells = [cell(0, hidden=hidden) for hidden in range(1, 51)]
    console = Console(file=io.StringIO(), width=120)
    print_tables(load(write_sweep(tmp_path, cells)), console)
    assert "10 more cells: see tables/cells.md" in console.file.getvalue()  # type: ignore[attr-defined]


def test_pages_are_listed_without_the_heavy_libraries():
    code = """
import sys
from gensweep.core.registries import FIGURES, TABLES
assert list(TABLES) and list(FIGURES)
heavy = {"torch", "ray", "pandas", "scipy", "matplotlib", "rich"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_foreign_text_in_a_csv_is_no_formula_and_no_escape_code() -> None:
    assert _protect_cell('=HYPERLINK("x")') == '\'=HYPERLINK("x")'
    assert "\x1b" not in _protect_cell("\x1b[31mred")
    assert (_protect_cell(-1.5), _protect_cell("text")) == (-1.5, "text")
