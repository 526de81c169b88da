"""Questions about what is swept: each test against SciPy or a formula of its own, and how often they err."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats
from sweep_files import cell, write_record, write_sweep

from gensweep import Compare, Grid, Sweep, load
from gensweep.core.errors import SweepError
from gensweep.core.registries import TABLES
from gensweep.report.stats.axes import make_axis
from gensweep.report.stats.blocks import Block
from gensweep.report.stats.contenders import compute_exclusion_p, list_contenders
from gensweep.report.stats.contrasts import estimate_contrast
from gensweep.report.stats.equivalence import compute_equality_p
from gensweep.report.stats.findings import (
    EQUAL,
    NO,
    NOT_ENOUGH,
    UNDECIDED,
    YES,
    Finding,
    format_number,
)
from gensweep.report.stats.importance import REST, FullGrid, decompose, select_grid
from gensweep.report.stats.power import (
    DifferenceSize,
    EffectSize,
    compute_detectable_effect,
    compute_t_power,
)
from gensweep.report.stats.questions import answer_questions
from gensweep.report.stats.repeated import (
    compute_effect_test,
    make_interaction_contrasts,
    make_main_contrasts,
)
from gensweep.report.tables.latex import render_latex
from gensweep.report.tables.markdown import render_markdown

NOISE: dict[str, Callable[[int], np.ndarray]] = {
    "equal": np.ones,
    "one": lambda levels: np.r_[20.0, np.ones(levels - 1)],
    "rising": lambda levels: 2.0 ** np.arange(levels),
}


# The tests


def test_two_levels_of_repeated_measures_are_a_paired_t_test():
    values = np.array([[0.5, 0.58], [0.53, 0.57], [0.48, 0.55], [0.5, 0.61]])
    result = compute_effect_test(values, make_main_contrasts(2))
    expected = stats.ttest_rel(values[:, 0], values[:, 1])
    assert (result.f, result.p) == pytest.approx((expected.statistic**2, expected.pvalue))
    assert (result.between, result.within, result.epsilon) == pytest.approx((1, 3, 1))


def test_repeated_measures_by_sums_of_squares_and_greenhouse_geisser_by_covariances():
    """F from the sums of squares; epsilon from the covariance matrix of the levels (Box 1954, formula of Huynh 1978)."""
    values = np.random.default_rng(3).normal(size=(6, 4)) * [1, 2, 3, 4] + [0, 1, 2, 3]
    seeds, levels = values.shape
    grand, by_level, by_seed = values.mean(), values.mean(0), values.mean(1)
    effect = seeds * ((by_level - grand) ** 2).sum() / (levels - 1)
    rest = values - by_level - by_seed[:, None] + grand
    error = (rest**2).sum() / ((levels - 1) * (seeds - 1))
    covariance = np.cov(values.T)
    diagonal, rows = np.diag(covariance).mean(), covariance.mean(1)
    epsilon = (levels * (diagonal - covariance.mean())) ** 2 / (
        (levels - 1)
        * (
            (covariance**2).sum()
            - 2 * levels * (rows**2).sum()
            + levels**2 * covariance.mean() ** 2
        )
    )
    result = compute_effect_test(values, make_main_contrasts(levels))
    assert (result.f, result.epsilon) == pytest.approx((effect / error, epsilon))
    between, within = epsilon * (levels - 1), epsilon * (levels - 1) * (seeds - 1)
    assert result.p == pytest.approx(stats.f.sf(effect / error, between, within))


def test_an_interaction_of_two_by_two_is_a_t_test_of_the_differences_of_differences():
    values = np.random.default_rng(4).normal(size=(5, 2, 2))
    result = compute_effect_test(values.reshape(5, 4), make_interaction_contrasts(2, 2))
    differences = (values[:, 0, 0] - values[:, 0, 1]) - (values[:, 1, 0] - values[:, 1, 1])
    assert result.p == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)


@pytest.mark.parametrize("values", [np.ones((3, 3)), np.ones((1, 3)), np.tile([1.0, 2, 3], (4, 1))])
def test_no_spread_is_no_test(values):
    assert math.isnan(compute_effect_test(values, make_main_contrasts(3)).p)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_comparison_with_the_best_by_one_sided_tests_of_every_pair(sign):
    values = np.random.default_rng(5).normal(size=(5, 4)) + np.array([0, 0.5, 2, 4])
    values[0, 1] = np.nan
    result = compute_exclusion_p(values, sign)
    for level in range(4):
        smallest = 1.0
        for other in set(range(4)) - {level}:
            pair = values[:, [other, level]]
            pair = pair[~np.isnan(pair).any(1)] * sign
            p = stats.ttest_rel(pair[:, 0], pair[:, 1], alternative="greater").pvalue
            smallest = min(smallest, p)
        assert result[level] == pytest.approx(min(1.0, 3 * smallest))


PERPLEXITIES = np.array([[12.10, 12.90, 5e14], [12.11, 12.92, 4e14], [12.09, 12.88, 6e14]])
"""Three seeds of three levels, of which one is larger than the others by a factor of 1e13."""


def test_a_huge_level_leaves_the_tests_of_the_others_as_they_are():
    """Two levels are a paired t-test, one-sided beside the best; of three levels, p counts twice."""
    two = PERPLEXITIES[:, :2]
    worse = stats.ttest_rel(two[:, 1], two[:, 0], alternative="greater").pvalue
    assert worse < 1e-3
    assert compute_exclusion_p(two, -1)[1] == pytest.approx(worse)
    assert compute_exclusion_p(PERPLEXITIES, -1)[1] == pytest.approx(2 * worse)
    assert list_contenders(PERPLEXITIES, -1, 0.05).tolist() == [True, False, False]
    contrast = estimate_contrast(PERPLEXITIES, np.array([-1.0, 1.0, 0.0]))
    expected = stats.ttest_rel(two[:, 1], two[:, 0])
    assert (contrast.t, contrast.p) == pytest.approx((expected.statistic, expected.pvalue))


def test_a_seed_with_huge_values_does_not_hide_the_shares_of_the_others():
    """Of a 2 x 2 grid only the first axis matters, in each seed, whatever its size."""
    levels = [[1.0, 2.0], [3.0, 4.0]]
    values = np.array([[[12.1, 12.1], [12.9, 12.9]], [[5e14, 5e14], [9e14, 9e14]]])
    result = decompose(FullGrid(("a", "b"), levels, [0, 1], values, 0))
    assert result is not None
    assert [share.mean for share in result.shares] == pytest.approx([1.0, 0.0, 0.0], abs=1e-9)


def test_what_cannot_be_tested_stays_with_the_best_and_what_is_not_measured_does_not():
    values = np.array(
        [[0.9, 0.1, 0.5, np.nan], [0.91, 0.11, np.nan, np.nan], [0.92, 0.13, np.nan, np.nan]]
    )
    assert list_contenders(values, 1, 0.05).tolist() == [True, False, True, False]


@pytest.mark.parametrize("margin", [0.02, 0.05, 0.2])
def test_equality_is_the_larger_of_two_one_sided_tests(margin):
    values = np.array([[0.50, 0.52], [0.53, 0.54], [0.48, 0.51], [0.50, 0.49]])
    differences = values @ [-1.0, 1.0]
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    contrast = estimate_contrast(values, np.array([-1.0, 1.0]))
    assert compute_equality_p(contrast, margin) == pytest.approx(max(above, below))


def test_power_of_a_t_test_by_integration():
    """P(|T| > c) with T = (Z + d sqrt(n)) / sqrt(V / df), integrated over V."""
    effect, seeds, level = 1.3, 5, 0.05
    df, bound = seeds - 1, stats.t.ppf(1 - level / 2, seeds - 1)

    def find(v: float) -> float:
        cut, shift = bound * math.sqrt(v / df), effect * math.sqrt(seeds)
        return (stats.norm.sf(cut - shift) + stats.norm.cdf(-cut - shift)) * stats.chi2.pdf(v, df)

    expected, _ = integrate.quad(find, 0, np.inf)
    assert compute_t_power(effect, seeds, level) == pytest.approx(expected, abs=1e-6)


def test_seeds_for_80_percent_power_as_printed_tables_have_them():
    """Cohen (1988), a paired t-test at 5%: d = 0.5 needs 34 pairs, 0.8 needs 15, 0.2 needs 199."""
    counts = [DifferenceSize(d).count_seeds(0.05) for d in (0.2, 0.5, 0.8, -0.8)]
    assert counts == [199, 34, 15, 15]
    assert DifferenceSize(0.01).count_seeds(0.05) is None
    assert DifferenceSize(0.5, margin=2.0).count_seeds(0.05) < 34, "equality is shown sooner"
    assert EffectSize(0.25, 1.0).count_seeds(0.05) == 34, "F of one contrast is t squared"
    for seeds in (2, 3, 10):
        effect = compute_detectable_effect(seeds)
        assert compute_t_power(effect, seeds, 0.05) == pytest.approx(0.8, abs=1e-6)


# Shares of variance


def make_block(values: np.ndarray) -> Block:
    levels = list(itertools.product(*(range(count) for count in values.shape[1:])))
    seeds = list(range(len(values)))
    return Block(levels, seeds, values.reshape(len(values), -1), values.size, 0)


def test_shares_are_those_of_least_squares_on_dummies():
    """The drop of the residual sum of squares as each factor enters a linear model of one seed."""
    values = np.random.default_rng(6).normal(size=(2, 3, 2, 4))
    grid = select_grid(("a", "b", "c"), make_block(values))
    assert grid is not None
    result = decompose(grid)
    assert result is not None
    rows = list(itertools.product(range(3), range(2), range(4)))
    for seed in range(2):
        y = values[seed].ravel()
        total = ((y - y.mean()) ** 2).sum()

        def residual(factors: list[tuple[int, ...]], y: np.ndarray = y) -> float:
            columns = [np.ones(len(rows))]
            for factor in factors:
                keys = [tuple(row[axis] for axis in factor) for row in rows]
                columns += [np.array([key == one for key in keys], float) for one in set(keys)]
            design = np.array(columns).T
            return float(((y - design @ np.linalg.lstsq(design, y, rcond=None)[0]) ** 2).sum())

        for index, name in enumerate("abc"):
            share = result.find([name])
            assert share is not None
            assert share.by_seed[seed] == pytest.approx(1 - residual([(index,)]) / total)
        share = result.find(["c", "a"])
        assert share is not None
        drop = residual([(0,), (2,)]) - residual([(0, 2)])
        assert share.by_seed[seed] == pytest.approx(drop / total)
    assert sum(share.mean for share in result.shares) == pytest.approx(1)
    assert result.find(REST) is not None


def test_a_grid_with_a_hole_loses_the_value_with_the_hole():
    block = make_block(np.arange(24.0).reshape(2, 3, 4))
    index = block.levels.index((2, 1))
    values = np.delete(block.values, index, axis=1)
    holed = Block([one for one in block.levels if one != (2, 1)], [0, 1], values, 22, 0)
    grid = select_grid(("a", "b"), holed)
    assert grid is not None
    assert (grid.levels, grid.values.shape) == ([[0, 1, 2], [0, 2, 3]], (2, 3, 3))
    assert grid.left_out == 4
    assert select_grid(("a", "b"), Block([(0, 0)], [0], np.ones((1, 1)), 1, 0)) is None


# Questions


def write_grid(
    root: Path, value: Callable[[dict[str, Any], int], float], seeds: int, **axes: Any
) -> Path:
    """A sweep of every combination of the axes, with made-up accuracies."""
    cells = []
    for level in itertools.product(*axes.values()):
        cells.append(cell(*range(seeds), **dict(zip(axes, level, strict=True))))
        for seed in range(seeds):
            write_record(root, cells[-1], seed, char_accuracy=value(cells[-1]["params"], seed))
    return write_sweep(root, cells)


def find(findings: list[Finding], start: str) -> Finding:
    (result,) = [one for one in findings if one.question.startswith(start)]
    return result


def noisy(params: dict[str, Any], seed: int) -> float:
    """Accuracy that depends on the optimizer and the rate, with noise of its own in each cell."""
    rng = np.random.default_rng([seed, int(params["lr"] * 1e4), *params["optimizer"].encode()])
    return 0.5 + 0.1 * (params["optimizer"] == "muon") + 5 * params["lr"] + rng.normal(0, 0.004)


def test_every_axis_and_pair_is_asked_about_and_nothing_else(tmp_path):
    axes = {"optimizer": ["adam", "adamw", "muon"], "lr": [0.001, 0.003, 0.01]}
    findings = answer_questions(load(write_grid(tmp_path, noisy, 4, **axes)))
    assert [one.question.partition(" text_to_text")[0] for one in findings] == [
        "Does optimizer matter to",
        "Is one value of optimizer the best for",
        "Does lr matter to",
        "Is one value of lr the best for",
        "Does a larger lr help",
        "Does the effect of optimizer depend on lr in",
    ]
    verdicts = [one.verdict for one in findings]
    assert verdicts == [YES, YES, YES, YES, YES, UNDECIDED]
    best = findings[1]
    assert "The best by validation/char_accuracy is optimizer=muon" in best.answer
    assert "the best of these 3 values is muon" in best.answer
    matters = findings[0]
    assert 0.7 < matters.effect < 1
    assert 0 <= matters.low < matters.effect < matters.high <= 1
    assert "optimizer has" in matters.answer and "{p}" not in matters.answer
    undecided = findings[-1]
    assert math.isnan(undecided.seeds_needed) or undecided.seeds_needed > 4


def test_two_values_are_one_question(tmp_path):
    axes = {"optimizer": ["adam", "muon"]}
    (result,) = answer_questions(load(write_grid(tmp_path, noisy, 3, **axes)))
    assert result.question.startswith("Is optimizer=muon better than optimizer=adam for")
    assert result.verdict == YES
    assert result.estimate == pytest.approx(0.1, abs=0.02)
    assert "of the variance" in result.answer


def test_a_rate_that_one_optimizer_has_is_averaged_within_it(tmp_path):
    """Muon's own rate is part of muon: adam and muon are compared, and so are muon's rates."""
    cells = [cell(0, 1, 2, optimizer="adam")]
    cells += [cell(0, 1, 2, optimizer="muon", muon_lr=rate) for rate in (0.01, 0.02)]
    numbers = ([0.5, 0.51, 0.52], [0.6, 0.63, 0.62], [0.7, 0.705, 0.74])
    for one, values in zip(cells, numbers, strict=True):
        for seed, value in enumerate(values):
            write_record(tmp_path, one, seed, char_accuracy=value)
    findings = answer_questions(load(write_sweep(tmp_path, cells)))
    result = find(findings, "Is optimizer=muon better")
    expected = (np.array(numbers[1]) + numbers[2]) / 2 - numbers[0]
    assert result.estimate == pytest.approx(expected.mean())
    assert result.p == pytest.approx(stats.ttest_1samp(expected, 0).pvalue)
    assert find(findings, "Does a larger muon_lr help").n == 3
    assert not any("depend" in one.question for one in findings)


def test_two_parameters_that_change_at_once_answer_no_question(tmp_path):
    """A search has chosen these points: each rate is of one optimizer, and Muon's own rate differs."""
    chosen = [
        {"optimizer": "adamw", "lr": 0.05, "batch_size": 32},
        {"optimizer": "adamw", "lr": 0.07, "batch_size": 64},
        {"optimizer": "muon", "lr": 0.02, "batch_size": 32, "muon_lr": 0.01},
        {"optimizer": "muon", "lr": 0.03, "batch_size": 32, "muon_lr": 0.04},
    ]
    cells = [cell(0, 1, 2, **params) for params in chosen]
    for number, one in enumerate(cells):
        for seed in range(3):
            value = 0.5 + 0.1 * number + 0.01 * seed * number**2
            write_record(tmp_path, one, seed, char_accuracy=value)
    findings = answer_questions(load(write_sweep(tmp_path, cells)))
    assert find(findings, "Does a larger lr help")
    assert {one.verdict for one in findings} == {NOT_ENOUGH}


def test_a_sweep_asks_what_its_file_names(tmp_path):
    axes = {"optimizer": ["adam", "adamw", "muon"], "lr": [0.001, 0.003, 0.01]}
    results = load(write_grid(tmp_path, noisy, 3, **axes))
    (result,) = answer_questions(results, [Compare("optimizer", "muon", "adamw")])
    assert (
        result.question
        == "Is optimizer=muon better than optimizer=adamw for text_to_text, by char_accuracy?"
    )
    assert (result.verdict, result.points) == (YES, 18)
    about = answer_questions(results, ["lr"])
    assert len(about) == 4 and all("lr" in one.question for one in about)
    assert len(answer_questions(results, ["matters"])) == 2
    (result,) = answer_questions(results, [Compare("optimizer", "muon", "sgd")])
    assert result.answer == "No model has cells with optimizer=muon and with optimizer=sgd."


def test_questions_and_margins_are_checked_where_they_are_declared():
    grid = Grid("text_to_text", lr=[0.001, 0.01], optimizer="adam")
    sweep = Sweep(
        "x", grid, questions=["lr", Compare("lr", 0.001, 0.01)], margin={"exact_match": 0.01}
    )
    assert sweep.questions == ["lr", Compare("lr", 0.001, 0.01)]
    assert sweep.replace_values({"lr": [0.001]}).questions == sweep.questions
    for wrong, message in [
        ({"questions": "lr"}, "not a list"),
        ({"questions": ["optimizer"]}, "optimizer is 'adam' in every cell"),
        ({"questions": ["lrr"]}, "did you mean 'lr'"),
        ({"questions": [Compare("lr", 0.001, 0.5)]}, "no cell has lr=0.5; there is 0.001, 0.01"),
        ({"questions": [Compare("hiden", 1, 2)]}, "unknown parameter 'hiden'"),
        ({"margin": {"exact_mach": 0.01}}, "did you mean 'exact_match'"),
        ({"margin": {"exact_match": -1}}, "not a number above zero"),
        ({"margin": 0.01}, "not a dict"),
    ]:
        with pytest.raises(SweepError, match=message):
            Sweep("x", grid, **wrong)


def test_a_margin_makes_steady_values_equal_and_not_noisy_ones(tmp_path):
    def steady(params: dict[str, Any], seed: int) -> float:
        noise = np.random.default_rng([seed, int(params["lr"] * 1e4)]).normal(0, 0.0005)
        return 0.5 + seed / 100 + noise

    folder = write_grid(tmp_path, steady, 4, lr=[0.001, 0.002, 0.003])
    results = load(folder)
    results.sweep.margin["char_accuracy"] = 0.01
    findings = answer_questions(results)
    assert {one.verdict for one in findings if not math.isnan(one.p)} == {EQUAL}
    matters = findings[0]
    assert "smaller than the declared margin of 0.01" in matters.answer
    results.sweep.margin["char_accuracy"] = 1e-5
    assert EQUAL not in {one.verdict for one in answer_questions(replace(results))}


def test_the_best_on_validation_may_lose_on_the_test_set(tmp_path):
    cells = [cell(0, 1, 2, 3, lr=rate) for rate in (0.001, 0.002, 0.003)]
    rng = np.random.default_rng(8)
    for index, one in enumerate(cells):
        for seed in range(4):
            tested = 0.5 + 0.1 * index + rng.normal(0, 0.001)
            values = {"char_accuracy": tested, "validation/char_accuracy": 1 - tested}
            write_record(tmp_path, one, seed, **values)
    findings = answer_questions(load(write_sweep(tmp_path, cells)))
    result = find(findings, "Is one value of lr")
    assert "The best by validation/char_accuracy is lr=0.001" in result.answer
    assert result.verdict == NO


def test_values_that_are_equal_on_validation_are_not_called_the_best(tmp_path):
    cells = [cell(0, 1, 2, lr=rate) for rate in (0.001, 0.002, 0.003)]
    for one, validated in zip(cells, (0.1, 0.4, 0.4), strict=True):
        for seed in range(3):
            values = {"test/char_accuracy": seed / 10, "validation/char_accuracy": validated}
            write_record(tmp_path, one, seed, **values)
    result = find(answer_questions(load(write_sweep(tmp_path, cells))), "Is one value of lr")
    chosen = "The first of 2 values that are equal by validation/char_accuracy is lr=0.002"
    assert chosen in result.answer


@pytest.mark.filterwarnings("error")
def test_without_validation_the_best_is_chosen_on_the_test_set(tmp_path):
    cells = [cell(0, 1, 2, lr=rate) for rate in (0.001, 0.002, 0.003)]
    for level, one in enumerate(cells):
        for seed in range(3):
            write_record(tmp_path, one, seed, **{"test/char_accuracy": (level + seed) / 10})
    result = find(answer_questions(load(write_sweep(tmp_path, cells))), "Is one value of lr")
    assert "The best on the test set itself" in result.answer
    assert "is lr=0.003" in result.answer


def test_the_p_of_the_best_value_is_that_of_the_one_that_is_hardest_to_tell(tmp_path):
    """The runner-up differs by exactly 0.02 +- 0.001; the third value's spread is too large for 3 seeds."""
    accuracies = ((0.9, 0.9, 0.9), (0.881, 0.88, 0.879), (0.7, 0.9, 0.8))
    cells = [cell(0, 1, 2, lr=rate) for rate in (0.001, 0.002, 0.003)]
    for one, row in zip(cells, accuracies, strict=True):
        for seed, value in enumerate(row):
            write_record(
                tmp_path,
                one,
                seed,
                **{"test/char_accuracy": value, "validation/char_accuracy": value},
            )
    result = find(answer_questions(load(write_sweep(tmp_path, cells))), "Is one value of lr")
    third = stats.ttest_rel(accuracies[0], accuracies[2], alternative="greater")
    assert result.p == pytest.approx(2 * third.pvalue), "Bonferroni over two comparisons"
    assert result.verdict == UNDECIDED
    assert result.estimate == pytest.approx(0.02), "the runner-up is the effect"
    assert "the best other value, 0.002, differs from it by -0.02 (95% CI -0.0225 to -0.0175)." in (
        result.answer
    )
    assert "hardest to tell from it is 0.003, which differs by -0.1 (95% CI" in result.answer


@pytest.mark.parametrize("seeds", [1, 3])
def test_one_seed_or_equal_seeds_are_not_enough(tmp_path, seeds):
    folder = write_grid(
        tmp_path, lambda params, _: params["lr"], seeds, lr=[0.1, 0.2, 0.3], epochs=[1, 2]
    )
    findings = answer_questions(load(folder))
    assert {one.verdict for one in findings} == {NOT_ENOUGH}
    reason = "One seed" if seeds == 1 else "agree exactly"
    assert all(reason in one.answer and "{p}" not in one.answer for one in findings)


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ([0.001, 0.003, 0.01], "for each doubling of x"),
        ([0.0, 0.1, 0.2], "for each 0.1 of x"),
        ([16, 32, 64], "for each doubling of x"),
        ([2, 3], "for each 1 of x"),
        ([-1, 1], "for each 2 of x"),
    ],
)
def test_a_numeric_axis_is_measured_on_the_scale_of_its_values(values, step):
    assert make_axis("x", values).step == step


# How often they err


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("levels", [2, 3, 5])
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_levels_that_are_equal_are_rarely_told_apart(seeds, levels, noise):
    """At most 6% at 5%, and three standard errors of the simulation; so for effects and for the best level."""
    rng, runs = np.random.default_rng(11), 2000
    spread = NOISE[noise](levels)
    draws = spread * rng.normal(size=(runs, seeds, levels)) + rng.normal(size=(runs, seeds, 1))
    contrasts = make_main_contrasts(levels)
    wrong = np.mean([compute_effect_test(values, contrasts).p < 0.05 for values in draws])
    excluded = np.mean([compute_exclusion_p(values, 1)[-1] < 0.05 for values in draws])
    bound = 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert wrong <= bound and excluded <= bound


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_intervals_cover_and_equality_at_the_margin_is_rarely_claimed(seeds):
    rng, runs = np.random.default_rng(12), 2000
    draws = rng.normal(size=(runs, seeds, 2)) + np.array([0.0, 1.0])
    contrasts = [estimate_contrast(values, np.array([-1.0, 1.0])) for values in draws]
    covered = np.mean([one.low < 1 < one.high for one in contrasts])
    assert covered == pytest.approx(0.95, abs=3 * math.sqrt(0.05 * 0.95 / runs))
    equal = np.mean([compute_equality_p(one, 1.0) < 0.05 for one in contrasts])
    assert equal <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


@pytest.mark.slow
def test_a_sweep_without_effects_has_a_wrong_verdict_in_at_most_6_percent(tmp_path):
    """Six corrected questions about two axes of three values, by three seeds, one cell very noisy."""
    axes = {"optimizer": ["adam", "adamw", "muon"], "lr": [0.001, 0.003, 0.01]}
    results = load(write_grid(tmp_path, noisy, 3, **axes))
    rng, wrong, runs = np.random.default_rng(13), 0, 300
    for _ in range(runs):
        values = rng.normal(size=27) * np.r_[10.0, np.ones(26)]
        results.points["char_accuracy"] = values
        results.points["validation/char_accuracy"] = values
        wrong += any(one.verdict in (YES, NO) for one in answer_questions(replace(results)))
    assert wrong / runs <= 0.06


# Marks in tables


def test_cells_that_cannot_be_told_from_the_best_are_bold(tmp_path):
    """Clear losers lose the mark; without any, nothing is marked."""
    rng = np.random.default_rng(21)
    folder = write_grid(
        tmp_path,
        lambda params, _: 0.5 + 30 * params["lr"] + rng.normal(0, 0.02),
        5,
        lr=[1e-3, 1.1e-3, 0.01, 0.0101],
    )
    results = load(folder)
    (table,) = TABLES["leaderboard"].make(results)
    text = render_markdown(table, results)
    rows = [line for line in text.splitlines() if re.match(r"\| +\d", line)]
    assert ["**" in row for row in rows] == [True, True, False, False]
    assert "Bold: cells that these seeds cannot tell from the best" in text
    latex = render_latex(table, results)
    assert latex.count(r"\textbf{\boldmath$0.") == 4, "validation and test"
    flat = load(write_grid(tmp_path / "flat", lambda *_: rng.normal(0.5, 0.1), 3, lr=[1e-3, 2e-3]))
    (table,) = TABLES["leaderboard"].make(flat)
    assert "**" not in render_markdown(table, flat)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_best_cell_is_among_the_marked_ones_in_95_percent(seeds):
    rng, runs = np.random.default_rng(22), 1500
    means = np.r_[0.0, 0.0, 1.0, 3.0]
    draws = (
        means + rng.normal(size=(runs, seeds, 4)) * [1, 5, 1, 3] + rng.normal(size=(runs, seeds, 1))
    )
    lost = np.mean([not list_contenders(values, 1, 0.05)[3] for values in draws])
    assert lost <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


# Sizes of numbers


@pytest.mark.parametrize("exponent", [-1000, -600, 300])
def test_the_unit_of_a_metric_changes_no_test(tmp_path: Path, exponent: int) -> None:
    """A likelihood may be 1e-300: its square is none. A power of two changes no digit."""
    draws = np.random.default_rng(1).random((9, 3))
    results = []
    for name, factor in (("ordinary", 1.0), ("odd", 2.0**exponent)):
        root = tmp_path / name
        root.mkdir()
        cells = []
        for index, numbers in enumerate(draws):
            layers = {"encoder_layers": 1 + index % 3, "decoder_layers": 1 + index // 3}
            cells.append(cell(0, 1, 2, **layers))
            for seed, number in enumerate(numbers):
                write_record(root, cells[-1], seed, novel=(index + number) * factor)
        metric = {"direction": "max", "unit": "", "doc": "", "models": ["text_to_text"]}
        results.append(load(write_sweep(root, cells, metrics={"novel": metric})))
    one, other = results
    tests = [[(each.question, each.p, each.verdict) for each in all_.findings] for all_ in results]
    assert len(tests[0]) >= 8
    assert repr(tests[0]) == repr(tests[1]), "repr, since NaN differs from itself"
    for column in ("novel_mean", "novel_std", "novel_ci95"):
        assert (one.cells[column] * 2.0**exponent).tolist() == other.cells[column].tolist()


def test_one_seed_has_no_share_of_variance(tmp_path: Path) -> None:
    """Its levels have all of it, whatever they are."""
    cells = [cell(0, encoder_layers=layers) for layers in (1, 2)]
    for index, one in enumerate(cells):
        write_record(tmp_path, one, 0, char_accuracy=0.5 + index / 10)
    (finding,) = load(write_sweep(tmp_path, cells)).findings
    assert finding.answer.startswith("One seed: no test.")
    assert "variance" not in finding.answer and "  " not in finding.answer


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.99956, "0.9996"),
        (-0.99999, "-0.99999"),
        (0.9994, "0.999"),
        (1.0, "1"),
        (2.0004, "2"),
    ],
)
def test_a_share_that_is_nearly_all_is_not_called_all(value, text):
    assert format_number(value) == text
