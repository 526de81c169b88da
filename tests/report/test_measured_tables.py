"""Tables of cells: their groups, their order, and what they say of missing numbers."""

from __future__ import annotations

import pytest
from small_sweeps import grown, simple
from sweep_files import (
    METRICS,
    cell,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.core.registries import FIGURES, TABLES
from gensweep.ledger.status import Status
from gensweep.report.tables.groups import group_cells
from gensweep.report.tables.layout import arrange_columns
from gensweep.report.tables.markdown import render_markdown
from gensweep.report.tables.notes import list_remarks


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


@pytest.mark.parametrize(
    ("values", "is_noted"), [((0.5, 0.5), True), ((0.5, 0.6), False), ((0.5,), False)]
)
def test_seeds_that_agree_exactly_are_explained(tmp_path, values, is_noted):
    """A task may ignore its seed, and "0.5000 ± 0.0000" would look like certainty."""
    results = load(simple(tmp_path, *values))
    (table, *_) = TABLES["cells"].make(results)
    notes = list(list_remarks(table.data, results))
    assert any(note.startswith("± 0: the seeds agree exactly") for note in notes) == is_noted
