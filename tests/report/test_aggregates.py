"""Aggregates: the interquartile mean, its bootstrap, the probability of improvement; tables and figures of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from sweep_files import cell, write_record, write_sweep

from gensweep import load
from gensweep.core.registries import FIGURES, TABLES
from gensweep.report.figures.drawing import draw
from gensweep.report.stats.aggregates import (
    MIN_RUNS,
    aggregate,
    compute_improvement,
    compute_interquartile_mean,
    compute_profile,
)


@pytest.mark.parametrize("runs", [4, 8, 40])
def test_the_interquartile_mean_is_scipy_s_trimmed_mean_where_quarters_are_whole(runs):
    values = np.random.default_rng(1).normal(size=runs)
    assert compute_interquartile_mean(values) == pytest.approx(stats.trim_mean(values, 0.25))


def test_the_interquartile_mean_counts_what_lies_on_a_quarter_in_part():
    """Of 1, 2, 3: a quarter of 1's third and of 3's lies inside, and all of 2's: (1/12 + 2/3 + 3/12) * 2."""
    assert compute_interquartile_mean(np.array([3.0, 1.0, 2.0])) == pytest.approx(
        2 * (1 / 12 + 2 / 3 + 3 / 12)
    )
    assert compute_interquartile_mean(np.array([5.0])) == pytest.approx(5)
    assert compute_interquartile_mean(np.array([0.0, 0, 0, 0, 0, 1, 1, 1, 1, 100])) < 1


def test_an_interval_needs_ten_runs_and_second_seeds():
    rng = np.random.default_rng(2)
    few = aggregate([rng.normal(size=3) for _ in range(3)])
    assert (few.runs, math.isnan(few.low)) == (9, True)
    many = aggregate([rng.normal(size=3) for _ in range(4)])
    assert many.low < many.value < many.high
    assert math.isnan(aggregate([np.array([float(k)]) for k in range(MIN_RUNS)]).low)
    assert aggregate([]).runs == 0


@pytest.mark.slow
def test_the_bootstrap_of_ten_runs_covers_as_far_as_it_says():
    """Percentile intervals are a little narrow: at least 85% of those of ten normal runs of one cell hold the centre."""
    rng, runs = np.random.default_rng(3), 600
    result = [aggregate([rng.normal(size=MIN_RUNS)]) for _ in range(runs)]
    assert np.mean([one.low <= 0 <= one.high for one in result]) >= 0.85


def test_the_probability_of_improvement_counts_pairs():
    first, second = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0.0, 2.0, 4.0, 1.0])
    result = compute_improvement(first, second, 1)
    assert (result.value, result.runs) == (2.5 / 4, 4)
    assert compute_improvement(first, second, -1).value == 1.5 / 4
    expected = stats.binomtest(3, 4).proportion_ci(method="wilson")
    certain = compute_improvement(np.array([1.0, 2, 3, 0]), np.array([0.0, 0, 0, 1]), 1)
    assert (certain.low, certain.high) == pytest.approx((expected.low, expected.high))


def test_a_profile_is_the_share_of_runs_that_are_as_good():
    values = np.array([0.1, 0.5, 0.9])
    assert compute_profile(values, np.array([0.0, 0.5, 1.0]), 1).tolist() == pytest.approx(
        [1, 2 / 3, 0]
    )
    assert compute_profile(values, np.array([0.0, 0.5, 1.0]), -1).tolist() == pytest.approx(
        [0, 2 / 3, 1]
    )


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(4)
    cells = [cell(*range(4), encoder_layers=e, lr=rate) for e in (1, 2, 3) for rate in (1e-3, 1e-2)]
    for one in cells:
        for seed in range(4):
            value = 0.5 + 0.1 * one["params"]["encoder_layers"] + rng.normal(0, 0.01)
            write_record(tmp_path, one, seed, char_accuracy=value)
    return write_sweep(tmp_path, cells)


def test_importance_is_a_table_and_a_figure(folder):
    results = load(folder)
    (table,) = TABLES["importance"].make(results)
    shares = table.frame.set_index("parameter")["share"]
    assert shares.index[0] == "encoder_layers" and shares.iloc[0] > 0.9
    assert shares.sum() == pytest.approx(1)
    (data,) = FIGURES["importance"].make(results)
    assert data.name == "importance-text_to_text"
    assert data.to_frame()["share"].tolist() == pytest.approx(shares.tolist())
    (axes,) = draw(data).axes
    assert [label.get_text() for label in axes.get_yticklabels()][-1] == "encoder_layers"
    widths = sorted(bar.get_width() for bar in axes.patches)
    assert widths == pytest.approx(sorted(shares))


def test_aggregates_by_value_and_profiles(folder):
    results = load(folder)
    (table,) = TABLES["aggregate"].make(results)
    rows = table.frame.set_index(["parameter", "value"])
    best = rows.loc[("encoder_layers", "3")]
    assert best["runs"] == 8 and math.isnan(best["better than the best"])
    assert rows.loc[("encoder_layers", "1")]["better than the best"] == 0
    assert rows.loc[("encoder_layers", "1")]["pairs"] == 8
    by_rate = rows.loc[("lr", "0.001")]
    assert by_rate["runs"] == 12 and by_rate["low"] < by_rate["IQM"] < by_rate["high"]
    (data,) = FIGURES["performance_profile"].make(results)
    frame = data.to_frame()
    lines = dict(list(frame.groupby("series")))
    assert list(lines) == [f"{layers} (8 runs)" for layers in (1, 2, 3)]
    numbers = results.points.set_index("cell")["char_accuracy"]
    for layers, rows in enumerate(lines.values(), 1):
        values = numbers[
            [
                f"encoder_layers_{layers}" in name or (layers == 1 and "encoder" not in name)
                for name in numbers.index
            ]
        ]
        middle = (rows["x"].to_numpy()[::2] + rows["x"].to_numpy()[1::2]) / 2
        expected = [(values > threshold).mean() for threshold in middle]
        assert rows["y"].to_numpy()[::2].tolist() == pytest.approx(expected)
    assert "n = 4 seeds" in data.caption


def test_nothing_to_decompose_says_why(tmp_path):
    one = cell(0, 1)
    results = load(write_sweep(tmp_path, [one, cell(0, encoder_layers=2)]))
    (table,) = TABLES["importance"].make(results)
    assert len(table.data) == 0
    assert any("text_to_text is left out" in note for note in table.notes)
    assert len(FIGURES["importance"].make(results)) == 1
    assert len(FIGURES["performance_profile"].make(results)) == 1
