"""The paper's numbers in tables and figures."""

from __future__ import annotations

import pytest
from small_sweeps import simple
from sweep_files import (
    REPORT,
    cell,
    write_record,
    write_sweep,
)

from gensweep import load
from gensweep.core.registries import DATASETS, FIGURES, MODELS, TABLES
from gensweep.report.collect import collect
from gensweep.report.paper import PAPER_TABLES, find_paper_value, list_paper_tables
from gensweep.sweep.parameters import map_owners, resolve_params


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


def test_the_report_s_curve_is_drawn_only_at_its_setting(tmp_path):
    for name, epochs, expected in (("at", 10, True), ("off", 2, False)):
        cells = [cell(0, train_fraction=fraction, epochs=epochs) for fraction in (0.1, 0.9)]
        results = load(write_sweep(tmp_path, cells, name))
        (data,) = FIGURES["train_fraction_curve"].make(results)
        labels = [series.label for series in data.content.panels[0].series]
        assert ("paper" in labels) is expected
