"""Long frames, findings and the summary that a notebook shows."""

from __future__ import annotations

import numpy as np
import pytest
from sweep_files import cell, generous, write_history, write_record, write_sweep

from gensweep import load
from gensweep.ledger.status import Status
from gensweep.report.collect import make_tables
from gensweep.report.stats.questions import answer_questions
from gensweep.report.tables.markdown import render_markdown


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return load(generous(tmp_path_factory.mktemp("results")))


def test_long_points_hold_every_value_once(results):
    frame = results.long_points
    assert list(frame.columns) == [
        "id",
        "cell",
        "model",
        *results.varying,
        "seed",
        "metric",
        "value",
    ]
    wide = results.points.set_index("id")
    assert len(frame) == sum(wide[name].notna().sum() for name in results.described)
    for row in frame.to_dict("records"):
        assert wide.loc[row["id"], row["metric"]] == row["value"]
    assert not frame.duplicated(["id", "metric"]).any()


def test_long_cells_hold_every_mean_once(results):
    frame = results.long_cells
    wide = results.cells.set_index("cell")
    assert len(frame) == sum((wide[f"{name}_n"].fillna(0) > 0).sum() for name in results.described)
    for row in frame.to_dict("records"):
        assert wide.loc[row["cell"], f"{row['metric']}_mean"] == row["mean"]
        assert wide.loc[row["cell"], f"{row['metric']}_ci95_high"] == row["ci95_high"]


def test_histories_hold_every_epoch_of_every_point(results):
    frame = results.histories
    point = results.points["id"].iloc[0]
    history = results.load_history(point)
    ours = frame[(frame["id"] == point) & (frame["metric"] == "train/loss")]
    assert ours["epoch"].tolist() == list(range(1, 11))
    assert np.allclose(ours["value"], history["train/loss"])
    assert frame["id"].nunique() == len(results.points)


def test_failed_points_and_damaged_histories_are_left_out(tmp_path):
    one = cell(0, 1, 2)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    write_record(tmp_path, one, 1, Status.FAILED)
    write_history(tmp_path, one, 0, "epoch,train/loss\n1,x\n")
    results = load(write_sweep(tmp_path, [one]))
    assert set(results.long_points["seed"]) == {0}
    assert len(results.histories) == 0
    assert "histories" not in repr(results)


def test_nothing_measured_gives_empty_frames_with_columns(tmp_path):
    results = load(write_sweep(tmp_path, [cell(0), cell(0, encoder_layers=2)]))
    for frame in (results.long_points, results.long_cells, results.histories):
        assert len(frame) == 0 and "metric" in frame
    assert "–" in results._repr_html_()


def test_findings_are_those_of_the_page_and_compare_asks_one_more(results):
    assert results.findings == answer_questions(results)
    (result,) = results.compare("encoder_layers", 2, 1)[:1]
    assert result.question.startswith("Is encoder_layers=2 better than encoder_layers=1 for")


def test_a_notebook_shows_counts_and_the_best_cell(tmp_path):
    cells = [cell(0, 1, encoder_layers=k) for k in (1, 2)]
    for index, one in enumerate(cells):
        for seed in (0, 1):
            write_record(tmp_path, one, seed, char_accuracy=0.5 + index / 10)
    text = load(write_sweep(tmp_path, cells, name="a-sweep"))._repr_html_()
    assert "<b>a-sweep</b>: 2 cells, 4 points: 4 ok" in text
    assert "<td>encoder_layers=2</td><td>validation/char_accuracy 0.6</td>" in text


@pytest.mark.parametrize("name", ["rank", "metric", "value", "std", "epoch", "char_accuracy_mean"])
def test_a_parameter_may_be_called_as_a_column(tmp_path, name):
    """Such as the rank of LoRA in a leaderboard, which has ranks of its own."""
    cells = [cell(0, 1, **{name: value}) for value in (4, 8)]
    lines = "".join(f"{epoch},0.5\n" for epoch in range(1, 11))
    for index, one in enumerate(cells):
        for seed in (0, 1):
            write_record(tmp_path, one, seed, char_accuracy=0.5 + index / 10)
            write_history(tmp_path, one, seed, f"epoch,train/loss\n{lines}")
    results = load(write_sweep(tmp_path, cells))
    tables = {table.name: table for table in make_tables(results)}
    board = tables["leaderboard-text_to_text"]
    shown = [board.frame, tables["cells"].frame]
    frames = [results.cells, results.long_points, results.long_cells, results.histories, *shown]
    for frame in frames:
        assert not frame.columns.duplicated().any()
        column = f"{name}_parameter"
        if column not in frame.columns:
            column = name
        assert set(frame[column]) == {4, 8}
    ranks = board.frame["rank"].tolist()
    assert ranks == [1, 2] and board.frame["char_accuracy_mean"].tolist() == [0.6, 0.5]
    if name == "rank":
        assert board.frame["rank_parameter"].tolist() == [8, 4]
        assert "rank | rank (parameter)" in render_markdown(board, results)


def test_a_metric_may_be_called_value(tmp_path):
    one = cell(0)
    write_record(tmp_path, one, 0, value=3.0)
    (row,) = load(write_sweep(tmp_path, [one])).long_points.to_dict("records")
    assert (row["metric"], row["value"]) == ("value", 3.0)
