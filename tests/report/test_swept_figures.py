"""Figures of what a sweep varies: parallel coordinates and interaction plots, against arithmetic."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from drawings import drawn, make_data
from sweep_files import T_1, cell, write_record, write_sweep

from gensweep.report.figures.data import CustomPlot, Mark, Plot

VALUES = {("adam", 0.001): (0.2, 0.4), ("adam", 0.01): (0.4, 0.6), ("muon", 0.001): (0.5, 0.5)}
"""Optimizer and rate -> accuracy of seeds 0 and 1."""
FULL = VALUES | {("muon", 0.01): (0.1, 0.3)}


def sweep(root: Path, values: dict[tuple[str, float], tuple[float, float]]) -> Path:
    cells = []
    for (optimizer, lr), of_seeds in values.items():
        one = cell(0, 1, optimizer=optimizer, lr=lr)
        for seed, value in enumerate(of_seeds):
            write_record(root, one, seed, char_accuracy=value)
        cells.append(one)
    return write_sweep(root, cells)


def test_an_interaction_plot_has_means_intervals_and_seeds(tmp_path: Path) -> None:
    """Means 0.3 and 0.5 of adam; its interval at 0.001 is 0.3 ± 12.706 * 0.1414 / sqrt(2), cut at 0."""
    (data,) = make_data(sweep(tmp_path, FULL), "interaction_plot").values()
    assert data.name == "interaction_plot-text_to_text-optimizer-lr"
    assert isinstance(data.content, Plot)
    (panel,) = data.content.panels
    assert panel.x.label == "lr" and panel.x.scale == "log"
    assert panel.x.tick_labels == ("0.001", "0.01")
    assert data.content.legend_title == "optimizer"
    adam, adam_seeds, muon, _ = panel.series
    assert (adam.label, muon.label) == ("adam", "muon")
    assert list(adam.y) == pytest.approx([0.3, 0.5])
    assert list(muon.y) == pytest.approx([0.5, 0.2])
    assert list(adam.low) == pytest.approx([0, 0]) and list(adam.n) == [2, 2]
    assert adam.high[0] == pytest.approx(min(1.0, 0.3 + T_1 * 0.1))
    assert adam_seeds.mark == Mark.SEED_DOTS
    assert sorted(adam_seeds.y) == pytest.approx([0.2, 0.4, 0.4, 0.6])
    middle = math.sqrt(adam.x[0] * muon.x[0])
    assert middle == pytest.approx(0.001) and adam.x[0] < 0.001 < muon.x[0]
    assert "Small dots are single seeds." in data.caption and "n = 2 seeds" in data.caption


def test_runs_without_a_partner_are_counted(tmp_path: Path) -> None:
    values = FULL | {("adamw", 0.1): (0.9, 0.9)}
    (data,) = make_data(sweep(tmp_path, values), "interaction_plot").values()
    frame = data.to_frame()
    assert set(frame["series"]) == {"adam", "muon", "adamw"}
    assert 0.9 in frame["y"].to_numpy(), "a level without a twin is still a level"


def test_one_axis_has_no_pair_and_says_so(tmp_path: Path) -> None:
    values = {key: value for key, value in VALUES.items() if key[0] == "adam"}
    folder = sweep(tmp_path, values)
    for name in ("interaction_plot", "parallel_coordinates"):
        (data,) = make_data(folder, name).values()
        assert "Fewer than two parameters vary" in data.caption


def test_parallel_coordinates_have_a_line_per_cell(tmp_path: Path) -> None:
    (figure,) = drawn(sweep(tmp_path, FULL), "parallel_coordinates").values()
    frame = figure.data.to_frame()
    assert frame["optimizer"].tolist() == ["adam", "adam", "muon", "muon"]
    assert frame["lr"].tolist() == ["0.001", "0.01", "0.001", "0.01"]
    assert frame["char_accuracy_mean"].to_numpy() == pytest.approx([0.3, 0.5, 0.5, 0.2])
    assert frame["char_accuracy_n"].tolist() == [2, 2, 2, 2]
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert len(lines) == 4
    ends = sorted(float(np.asarray(line.get_ydata())[-1]) for line in lines)
    # The scale spans the median width of the intervals around the middle of the means, 0.35.
    widths = np.sort(frame["char_accuracy_ci95_high"] - frame["char_accuracy_ci95_low"])
    span = max(float(np.median(widths)), 0.3)
    expected = [(mean - 0.35) / span + 0.5 for mean in (0.2, 0.3, 0.5, 0.5)]
    assert ends == pytest.approx(expected)
    ticks = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert ticks == ["optimizer", "lr", "char_\naccuracy"]


def test_a_cell_without_a_parameter_has_a_place_of_its_own(tmp_path: Path) -> None:
    with_rate = cell(0, 1, optimizer="muon", muon_lr=0.02)
    other = cell(0, 1, optimizer="muon", muon_lr=0.05)
    without = cell(0, 1, optimizer="adam")
    for index, one in enumerate((with_rate, other, without)):
        for seed in (0, 1):
            write_record(tmp_path, one, seed, char_accuracy=0.1 * index + 0.01 * seed)
    (data,) = make_data(
        write_sweep(tmp_path, [with_rate, other, without]), "parallel_coordinates"
    ).values()
    assert data.to_frame()["muon_lr"].tolist() == ["0.02", "0.05", "–"]


def test_all_equal_cells_have_one_colour(tmp_path: Path) -> None:
    folder = sweep(tmp_path, dict.fromkeys(FULL, (0.5, 0.5)))
    (figure,) = drawn(folder, "parallel_coordinates").values()
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert len({line.get_color() for line in lines}) == 1
    labels = [text.get_text() for text in figure.axes[1].get_yticklabels()]
    assert labels == ["0.5"]


def test_a_dark_page_leaves_scales_of_brightness_as_they_are(tmp_path: Path) -> None:
    folder = sweep(tmp_path, FULL)
    for name, can_invert in (("parallel_coordinates", False), ("importance", True)):
        (data,) = make_data(folder, name).values()
        assert isinstance(data.content, CustomPlot)
        assert data.content.can_invert == can_invert
