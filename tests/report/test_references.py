"""Published numbers beside ours: prediction intervals, and a reference file of the user's."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sweep_files import cell, write_record, write_sweep

from gensweep import Grid, Sweep, load
from gensweep.core.errors import SweepError
from gensweep.core.registries import MODELS, TABLES
from gensweep.ledger.manifest_writer import build_sweep_json
from gensweep.report.stats.prediction import COMPATIBLE, NOT_COMPATIBLE, compare_with_published
from gensweep.sweep.load import read_sweep
from gensweep.sweep.reference import read_reference

HEADER = "encoder_layers,metric,value,sd,n,source\n"


def make(path: Path | str) -> Sweep:
    return Sweep("x", Grid("text_to_text", encoder_layers=[1, 2]), reference=path)


def test_one_more_run_lies_in_the_interval_of_the_textbook():
    values = np.array([0.58, 0.61, 0.60, 0.65])
    half_width = stats.t.ppf(0.975, 3) * values.std(ddof=1) * math.sqrt(1 + 1 / 4)
    result = compare_with_published(values.mean(), values.std(ddof=1), 4, 0.55)
    assert result is not None
    assert (result.low, result.high) == pytest.approx(
        (values.mean() - half_width, values.mean() + half_width)
    )
    assert result.verdict == COMPATIBLE
    outside = compare_with_published(values.mean(), values.std(ddof=1), 4, result.low - 1e-6)
    assert outside is not None and outside.verdict == NOT_COMPATIBLE


def test_published_means_with_a_deviation_are_compared_by_welch():
    ours, theirs = np.array([0.58, 0.61, 0.60, 0.65]), np.array([0.52, 0.55, 0.5, 0.53, 0.54])
    result = compare_with_published(
        ours.mean(), ours.std(ddof=1), 4, theirs.mean(), 5, theirs.std(ddof=1)
    )
    low, high = stats.ttest_ind(ours, theirs, equal_var=False).confidence_interval()
    assert result is not None
    assert (result.low - theirs.mean(), result.high - theirs.mean()) == pytest.approx((low, high))


def test_the_interval_ends_where_the_metric_does_and_needs_a_spread():
    result = compare_with_published(0.99, 0.01, 3, 1.0, bounds=(0.0, 1.0))
    assert result is not None and result.high == 1
    assert compare_with_published(0.9, math.nan, 1, 0.9) is None
    assert compare_with_published(0.9, 0.0, 3, 0.9) is None


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 3, 5, 10])
@pytest.mark.parametrize("runs", [1, 4])
def test_the_interval_holds_new_runs_in_95_percent(n, runs):
    rng, count = np.random.default_rng(31), 3000
    inside = 0
    for _ in range(count):
        ours, new = rng.normal(size=n), rng.normal(size=runs).mean()
        result = compare_with_published(ours.mean(), ours.std(ddof=1), n, new, runs)
        inside += result is not None and result.verdict == COMPATIBLE
    assert inside / count == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / count))


def test_a_reference_file_is_read_beside_the_sweep_file_and_kept_with_the_sweep(
    tmp_path, monkeypatch
):
    (tmp_path / "numbers.csv").write_text(
        HEADER + "1,exact_match,0.5,0.02,5,Someone (2020)\n,loss,1.5,,,Other\n"
    )
    file = tmp_path / "mine.py"
    file.write_text(
        "from gensweep import Grid, Sweep\n"
        "SWEEP = Sweep('x', Grid('text_to_text', encoder_layers=[1, 2]), reference='numbers.csv')\n"
    )
    monkeypatch.chdir(tmp_path.parent)
    sweep = read_sweep(file)
    values = json.loads(json.dumps(build_sweep_json(sweep, "")))
    assert values["reference"][0] == {
        "metric": "exact_match", "value": 0.5, "source": "Someone (2020)", "params": {"encoder_layers": 1},
        "model": None, "sd": 0.02, "n": 5,
    }  # fmt: skip
    assert sweep.replace_values(seeds=2).reference == sweep.reference
    assert "reference" not in build_sweep_json(make_plain(), "")


def make_plain() -> Sweep:
    return Sweep("x", Grid("text_to_text"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column metric, value, source"),
        (HEADER, "no numbers below the header"),
        (HEADER + "1,exact_match,much,,,S\n", "csv:2: value='much' is not a number"),
        (HEADER + "1,exact_match,0.5\n", "csv:2: 3 values for 6 columns"),
        (HEADER + "1,exact_mach,0.5,,,S\n", "did you mean 'exact_match'"),
        (HEADER + "1,exact_match,0.5,,,\n", "source is empty"),
        (HEADER + "1,exact_match,0.5,0.1,1,S\n", "sd=0.1 needs n of 2 or more"),
        (HEADER + "1,exact_match,0.5,,0,S\n", "at least one run"),
        (HEADER + "1,exact_match,58.7,,,S\n", r"exact_match \[fraction\] has values from 0 to 1"),
        (
            HEADER + "1,loss,2,,,S\n1,loss,3,,,S\n",
            "csv:3: S has loss of this setting in a line above",
        ),
        (HEADER.replace(",", ";"), "separate the columns by commas"),
        ("encoder_layer,metric,value,source\n1,loss,1,S\n", "did you mean 'encoder_layers'"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, message):
    (tmp_path / "numbers.csv").write_text(text)
    with pytest.raises(SweepError, match=message):
        make(tmp_path / "numbers.csv")


def test_a_parameter_called_n_has_a_column_of_its_own(tmp_path):
    """Its values would be numbers of runs, and make the published number surer than it is."""
    known = {one.name: one for one in MODELS["text_to_text"].list_metrics()}
    file = tmp_path / "numbers.csv"
    file.write_text("n,metric,value,source\n64,exact_match,0.5,S\n")
    with pytest.raises(SweepError, match="the parameter n into a column n_parameter"):
        read_reference("x", file, {"text_to_text": known}, ["n"])
    file.write_text("n,n_parameter,metric,value,source\n5,64,exact_match,0.5,S\n")
    (row,) = read_reference("x", file, {"text_to_text": known}, ["n"])
    assert (row.n, row.params) == (5, {"n": 64})


def test_a_metric_is_one_of_the_model_of_its_line(tmp_path):
    file = tmp_path / "numbers.csv"
    grids = [Grid("text_to_text"), Grid("vae", dataset="avatars")]
    file.write_text("model,metric,value,source\nvae,exact_match,0.5,S\n")
    with pytest.raises(SweepError, match=r"unknown metric 'exact_match' in .*csv:2"):
        Sweep("x", grids, reference=file)
    file.write_text("metric,value,source\nexact_match,0.5,S\n")
    assert len(Sweep("x", grids, reference=file).reference) == 1


def test_a_number_stands_beside_cells_that_have_its_metric(tmp_path):
    cells = [cell(0), cell(0, model="cae")]
    write_record(tmp_path, cells[0], 0, exact_match=0.5)
    write_record(tmp_path, cells[1], 0, reconstruction_mse=0.5)
    rows = [{"metric": "exact_match", "value": 0.9, "source": "Mine (2021)", "params": {}}]
    (table,) = TABLES["reference"].make(load(write_sweep(tmp_path, cells, reference=rows)))
    mine = table.frame[table.frame["source"] == "Mine (2021)"]
    assert mine["model"].tolist() == ["text_to_text"]


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SweepError, match=r"none\.csv cannot be read"):
        make(tmp_path / "none.csv")


def test_the_table_has_the_paper_s_numbers_and_the_user_s_with_their_sources(tmp_path):
    cells = [cell(0, 1, 2, encoder_layers=k) for k in (1, 2)] + [cell(0, encoder_layers=3)]
    for index, one in enumerate(cells):
        for seed in one["points"]:
            write_record(
                tmp_path,
                one,
                int(seed),
                char_accuracy=0.57 + 0.1 * index + int(seed) / 100,
                exact_match=0.5,
            )
    rows = [
        {
            "metric": "char_accuracy",
            "value": 0.9,
            "source": "Mine (2021)",
            "params": {"encoder_layers": 2},
        },
        {
            "metric": "exact_match",
            "value": 0.5,
            "source": "Steady",
            "params": {"encoder_layers": 2},
        },
        {
            "metric": "char_accuracy",
            "value": 0.9,
            "source": "Elsewhere",
            "params": {"encoder_layers": 7},
        },
    ]
    results = load(write_sweep(tmp_path, cells, reference=rows))
    (table,) = TABLES["reference"].make(results)
    lines = table.frame.set_index(["source", "encoder_layers"])
    paper = "Demmenie, Holterman and Westhoff (2024), Table"
    values = [0.57, 0.58, 0.59]
    half_width = stats.t.ppf(0.975, 2) * np.std(values, ddof=1) * math.sqrt(4 / 3)
    one = lines.loc[(f"{paper} 2", 1)]
    assert (one["published"], one["verdict"]) == (0.5661, COMPATIBLE)
    assert one["95% low"] == pytest.approx(0.58 - half_width)
    assert lines.loc[("Mine (2021)", 2)]["verdict"] == NOT_COMPATIBLE
    assert lines.loc[("Steady", 2)]["verdict"] == "no interval"
    assert lines.loc[(f"{paper} 2", 3)]["verdict"] == "no interval"
    assert "No cell has the setting of Elsewhere: encoder_layers=7." in table.notes


def test_a_sweep_without_published_numbers_has_no_such_table(tmp_path):
    one = cell(0, hidden=16)
    write_record(tmp_path, one, 0, char_accuracy=0.5)
    assert TABLES["reference"].make(load(write_sweep(tmp_path, [one]))) == []
