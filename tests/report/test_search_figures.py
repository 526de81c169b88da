"""Costs, curves and importances of searches, against arithmetic."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gensweep.ledger.search_log import LevelInfo, SearchInfo, TrialInfo
from gensweep.report.figures.search import _describe_bands, _frame, _make_curves
from gensweep.report.figures.search_slices import _show_importance, compute_importances
from gensweep.report.measurement import UNBOUNDED
from gensweep.report.stats.sampled_importance import compute_share, group_values
from gensweep.report.stats.search_cost import count_empty_blocks, list_steps, list_unit_values


def trial(number: int, *values: float | None, **params: Any) -> TrialInfo:
    """A trial with two seeds, at epochs 1, 3 and 9 as far as it has values."""
    levels = []
    for epochs, value in zip((1, 3, 9), values, strict=False):
        status = "ok" if value is not None else "diverged"
        levels.append(LevelInfo(epochs=epochs, points=["a", "b"], status=status, value=value))
    return TrialInfo(number=number, params=params, levels=levels)


def search(trials: list[TrialInfo], levels: list[int], **changes: Any) -> SearchInfo:
    identity = {"levels": levels, "reduction_factor": 2, "method": "random"}
    values = {"model": "text_to_text", "metric": "validation/exact_match", "direction": "max"}
    values |= {"wanted": len(trials), "dimensions": {}} | changes
    return SearchInfo(identity=identity, trials=trials, **values)


TRIALS = [trial(0, 0.1), trial(1, 0.2, 0.5), trial(2, 0.3, 0.4), trial(3, None), trial(4, 0.9)]
"""Two blocks of two trials, and half of a third."""


def test_a_level_costs_the_epochs_after_the_one_before_for_each_seed() -> None:
    """1 epoch x 2 seeds for each of five trials, and 2 x 2 for the two that went on."""
    steps = list_steps(search(TRIALS, [1, 3]))
    assert [(one.trial, one.level, one.cost) for one in steps] == [
        (0, 0, 2),
        (1, 0, 4),
        (1, 1, 8),
        (2, 0, 10),
        (3, 0, 12),
        (2, 1, 16),
        (4, 0, 18),
    ]
    assert math.isnan(steps[4].value)


def test_complete_blocks_are_the_sample_of_a_random_search() -> None:
    values, cost = list_unit_values(search(TRIALS, [1, 3]))
    assert values == [0.5, 0.4] and cost == 8
    values, cost = list_unit_values(search(TRIALS, [1, 3], direction="min"))
    assert values == [0.5, 0.4], "one trial of each block came to the last level"


def test_without_rungs_each_trial_is_one() -> None:
    one = search([trial(0, 0.1), trial(1, None), trial(2, 0.3)], [1])
    values, cost = list_unit_values(one)
    assert values == [0.1, 0.3] and cost == 2


def test_the_caption_counts_trials_without_a_value() -> None:
    """Two of the three trials have one."""
    one = search([trial(0, 0.1), trial(1, None), trial(2, 0.3)], [1])
    assert count_empty_blocks(one) == 1
    assert "left out: 1 trial without a value" in _describe_bands({"random": one})
    without = search([trial(0, 0.1), trial(1, 0.2)], [1])
    assert "left out" not in _describe_bands({"random": without})


def test_the_curve_is_the_best_of_the_last_level_by_cost() -> None:
    best, median = _make_curves("mine", search(TRIALS, [1, 3]), 0, (0.0, 1.0))
    assert list(best.x) == [8, 16] and list(best.y) == [0.5, 0.5]
    assert list(median.x) == [8, 16] and list(median.n) == [1, 2]
    # The median of one of two is the lower one; of two: level 0.5^(1/2) of the sample is 0.5.
    assert list(median.y) == [0.4, 0.5]
    assert list(median.low) == [0, 0] and list(median.high) == [1, 1], "two blocks set no limit"
    low, high = _frame([best, median], UNBOUNDED) or (0.0, 0.0)
    assert low == pytest.approx(0.375) and high == pytest.approx(0.525)
    falling = search(TRIALS, [1, 3], direction="min")
    assert list(_make_curves("mine", falling, 0, UNBOUNDED)[0].y) == [0.5, 0.4]


def test_other_methods_have_no_band() -> None:
    one = search(TRIALS, [1, 3])
    one.identity["method"] = "tpe"
    assert len(_make_curves("mine", one, 0, UNBOUNDED)) == 1
    assert not _make_curves("mine", search([trial(0, None)], [1]), 0, UNBOUNDED)


def test_a_share_is_that_between_groups_of_ranks() -> None:
    """Ranks 1 to 4 with a, 5 to 8 with b: between 8 * 2^2 = 32, of a total of 42."""
    one = compute_share([*"aaaabbbb"], [1, 2, 3, 4, 50, 60, 70, 800])
    assert one is not None and one.share == pytest.approx(32 / 42) and one.trials == 8
    # Of 70 ways to choose four of eight, one gives ranks this far apart on each side.
    assert one.chance < one.share
    assert compute_share([*"aaaaaaaa"], range(8)) is None
    assert compute_share([*"aaaabbbb"], [1.0] * 8) is None
    assert compute_share([*"aabb"], range(4)) is None


def test_many_numbers_are_cut_into_groups_of_equal_size() -> None:
    groups = group_values([0.1 * k for k in range(16)])
    assert groups.tolist() == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4


def test_chance_is_what_its_name_says() -> None:
    """Of 200 parameters without effect, about 5% have a share above chance."""
    draws = np.random.default_rng(0)
    above = 0
    for _ in range(200):
        one = compute_share(draws.random(27).tolist(), draws.random(27).tolist())
        assert one is not None
        above += one.share > one.chance
    assert above / 200 == pytest.approx(0.05, abs=0.035)


def test_importances_are_of_trials_with_the_parameter() -> None:
    trials = [
        trial(k, 0.01 * k, lr=0.1 * k, **({"muon_lr": 1} if k < 3 else {})) for k in range(20)
    ]
    dimensions = {"muon_lr": "[1, 2]", "lr": "Log(0.1, 2)"}
    frame = compute_importances(search(trials, [1], dimensions=dimensions))
    assert frame["parameter"].tolist() == ["lr"], "muon_lr does not vary"
    assert frame["trials"].tolist() == [20] and frame["share"].iloc[0] > 0.9


def test_importance_names_the_parameters_that_it_cannot_show() -> None:
    trials = [trial(number, number / 9, lr=number / 100) for number in range(9)]
    trials += [trial(9, 0.2, lr=0.5, muon_lr=0.1)]
    dimensions = {"lr": "Log(0.0001, 1)", "muon_lr": "Log(0.01, 1)"}
    figure = _show_importance("importance", "it", search(trials, [1], dimensions=dimensions))
    assert "Not shown: muon_lr, which fewer than" in figure.caption
