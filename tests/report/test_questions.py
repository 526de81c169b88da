"""Questions to a sweep: the tests against SciPy and arithmetic, the words, and how often they err."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sweep_files import METRICS, cell, write_record, write_sweep

from gensweep import Compare, load
from gensweep.core.registries import TABLES
from gensweep.ledger.status import Status
from gensweep.report.stats.blocks import select_block
from gensweep.report.stats.contrasts import (
    compare_best,
    compute_rank_biserial,
    compute_slope_weights,
    estimate_contrast,
)
from gensweep.report.stats.findings import NO, NOT_ENOUGH, UNDECIDED, YES, Finding
from gensweep.report.stats.holm import apply_holm
from gensweep.report.stats.one_way import compare_cells
from gensweep.report.stats.questions import answer_questions
from gensweep.report.tables.latex import render_latex
from gensweep.report.tables.markdown import render_markdown

THREE = np.array([[0.50, 0.58, 0.60], [0.53, 0.57, 0.66], [0.48, 0.55, 0.58]])
"""Three seeds of three levels."""
READ = METRICS["mse"] | {"direction": "max", "unit": "fraction"}
BOTH = METRICS["sliced_wasserstein"] | {"models": ["gan", "vae"]}


def sweep(
    root: Path, values: dict[Any, dict[int, float | None]], axes: tuple[str, ...], **fixed: Any
) -> Path:
    """A sweep with a cell for each value of the axes: {seed: char_accuracy}, None for a failed point."""
    cells = []
    for index, result in values.items():
        level = index if isinstance(index, tuple) else (index,)
        cells.append(cell(*result, **fixed | dict(zip(axes, level, strict=True))))
        for seed, value in result.items():
            if value is None:
                write_record(root, cells[-1], seed, Status.FAILED)
            else:
                write_record(root, cells[-1], seed, char_accuracy=value)
    return write_sweep(root, cells)


def ask(folder: Path, start: str, *questions: str | Compare) -> Finding:
    """The only finding whose question starts so, of all questions or of these alone."""
    findings = answer_questions(load(folder), questions or None)
    (result,) = [finding for finding in findings if finding.question.startswith(start)]
    return result


def by_levels(values: np.ndarray, levels: list[Any]) -> dict[Any, dict[int, float | None]]:
    return {level: dict(enumerate(values[:, index].tolist())) for index, level in enumerate(levels)}


# The tests themselves


def test_two_levels_are_a_paired_t_test():
    values = THREE[:, :2]
    result = estimate_contrast(values, np.array([-1.0, 1.0]))
    expected = stats.ttest_rel(values[:, 1], values[:, 0])
    low, high = expected.confidence_interval()
    assert (result.t, result.p, result.df) == pytest.approx(
        (expected.statistic, expected.pvalue, 2)
    )
    assert (result.low, result.high) == pytest.approx((low, high))


def test_a_slope_is_tested_by_its_value_in_each_seed():
    """A line through each seed's levels, by SciPy, and a one-sample t-test of the three slopes."""
    x = [1, 2, 4]
    slopes = [stats.linregress(x, row).slope for row in THREE]
    expected = stats.ttest_1samp(slopes, 0)
    result = estimate_contrast(THREE, compute_slope_weights(np.array(x, float)))
    assert result.df == 2
    assert (result.estimate, result.t, result.p) == pytest.approx(
        (np.mean(slopes), expected.statistic, expected.pvalue)
    )
    assert (result.low, result.high) == pytest.approx(expected.confidence_interval())


def test_a_choice_of_many_widens_the_interval_and_the_p_value():
    weights = np.array([-1.0, 0.0, 1.0])
    plain, chosen = (
        estimate_contrast(THREE, weights),
        estimate_contrast(THREE, weights, chosen_from=6),
    )
    assert chosen.p == pytest.approx(6 * plain.p)
    ratio = stats.t.ppf(1 - 0.025 / 6, 2) / stats.t.ppf(0.975, 2)
    assert (chosen.high - chosen.low) / (plain.high - plain.low) == pytest.approx(ratio)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_winner_must_beat_every_level_of_the_other_side(sign):
    """Level 2 is ahead of 0 (noisy) and 1; of the two pairs the surer one does not count."""
    values = sign * np.array([[0.1, 0.4, 0.9, 0.5], [0.5, 0.5, 1.0, 0.6], [0.2, 0.45, 0.97, 0.55]])
    first = np.array([False, False, True, True])
    result = compare_best(values, first, sign)
    assert (result.first, result.second, result.candidates) == (2, 1, 2)
    assert result.contrast.estimate == pytest.approx((values[:, 2] - values[:, 1]).mean())
    pairs = [stats.ttest_rel(values[:, 2], values[:, k]) for k in (0, 1)]
    assert pairs[0].pvalue > 2 * pairs[1].pvalue
    assert result.contrast.p == pytest.approx(2 * pairs[0].pvalue)
    ends = [
        estimate_contrast(values, np.array(w, float), 2) for w in ([-1, 0, 1, 0], [0, -1, 1, 0])
    ]
    inner = min(abs(end) for c in ends for end in (c.low, c.high) if (end - c.estimate) * sign < 0)
    assert min(abs(result.contrast.low), abs(result.contrast.high)) == pytest.approx(inner)
    other = compare_best(values, ~first, sign)
    assert (other.contrast.p, other.contrast.estimate) == pytest.approx(
        (result.contrast.p, -result.contrast.estimate)
    )
    assert (other.contrast.low, other.contrast.high) == pytest.approx(
        (-result.contrast.high, -result.contrast.low)
    )


def test_two_cells_are_told_apart_by_welch_on_the_smaller_one_s_degrees_of_freedom():
    one, two = [0.1, 0.2, 0.15], [0.5, 0.45, 0.4, 0.55]
    result = compare_cells([one, two, [0.9]])
    assert result is not None
    t = stats.ttest_ind(one, two, equal_var=False).statistic
    assert (result.f, result.p) == pytest.approx((t**2, 2 * stats.t.sf(abs(t), 2)))
    assert result.test == "Welch's t(2)"
    everything = np.array(one + two)
    inside = sum(((np.array(c) - np.mean(c)) ** 2).sum() for c in (one, two))
    assert result.eta_squared == pytest.approx(
        1 - inside / ((everything - everything.mean()) ** 2).sum()
    )


def test_many_cells_are_told_apart_where_ranks_agree():
    """Brown and Forsythe's F by their formula; for equal cells it is Fisher's, and Kruskal and Wallis' p is larger."""
    cells = [[0.1, 0.2, 0.15], [0.3, 0.25, 0.32], [0.5, 0.45, 0.4], [0.9, 0.95, 0.8]]
    result = compare_cells(cells)
    assert result is not None
    assert result.f == pytest.approx(stats.f_oneway(*cells).statistic)
    variances = np.var(cells, axis=1, ddof=1)
    assert result.within == pytest.approx(2 * variances.sum() ** 2 / (variances**2).sum())
    ranks = stats.kruskal(*cells).pvalue
    assert stats.f.sf(result.f, result.between, result.within) < ranks == pytest.approx(result.p)
    quiet = [[k / 100, k / 100 + 0.001] for k in range(8) for _ in range(3)]
    unsure = compare_cells([[0.0, 1.0], *quiet])
    assert unsure is not None
    assert unsure.p == pytest.approx(stats.f.sf(unsure.f, unsure.between, unsure.within)), (
        "here ranks are surer"
    )


def test_the_intraclass_correlation_of_equal_cells():
    """Cells 0, 2 and 2, 4: MSB = 2 * (1 + 1) / 1 = 4, MSW = (2 + 2) / 2 = 2, ICC = (MSB - MSW) / (MSB + MSW)."""
    result = compare_cells([[0.0, 2.0], [2.0, 4.0]])
    assert result is not None
    assert result.icc == pytest.approx((4 - 2) / (4 + 2))
    assert result.eta_squared == pytest.approx(4 / (4 + 4))


@pytest.mark.parametrize("cells", [[], [[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 1.0], [2.0, 2.0]]])
def test_nothing_to_tell_apart(cells):
    assert compare_cells(cells) is None


def test_a_huge_cell_leaves_the_spread_of_the_others_a_spread():
    """The huge cell's own seeds agree; the others' do not, so F is between over within."""
    cells = [[12.1, 12.2], [12.9, 12.7], [5e14, 5e14]]
    result = compare_cells(cells)
    assert result is not None
    between = 2 * sum((np.mean(values) - np.mean(cells)) ** 2 for values in cells)
    weighted = sum(2 / 3 * np.var(values, ddof=1) for values in cells)
    assert result.f == pytest.approx(between / weighted)


def test_holm_by_hand():
    """0.01 * 4, 0.02 * 3, 0.03 * 2 = 0.06, 0.4 * 1; what was not tested does not count."""
    assert apply_holm([0.03, 0.01, math.nan, 0.4, 0.02]) == pytest.approx(
        [0.06, 0.04, math.nan, 0.4, 0.06], nan_ok=True
    )
    assert apply_holm([0.9, 0.8]) == [1.0, 1.0]
    assert apply_holm([]) == []


@pytest.mark.parametrize("differences", [[1.0, 2.0, -3.0, 4.0], [0.5, 0.5, -0.5], [1.0, 0.0, 2.0]])
def test_rank_biserial_is_wilcoxon_s_sum_on_another_scale(differences):
    """r = 2 W+ / total - 1, zeros left out, with W+ as SciPy's Wilcoxon test gives it."""
    stored = [value for value in differences if value]
    positive = stats.wilcoxon(stored, alternative="greater", method="asymptotic").statistic
    assert compute_rank_biserial(differences) == pytest.approx(
        2 * positive / (len(stored) * (len(stored) + 1) / 2) - 1
    )


def test_the_complete_part_keeps_the_seeds_that_have_every_level():
    runs = [
        (s, "", level, 10.0 * s + level)
        for s in range(3)
        for level in (1, 2, 3)
        if (s, level) != (1, 3)
    ]
    block = select_block(runs)
    assert (block.seeds, block.levels) == ([0, 1, 2], [1, 2]), (
        "as many degrees of freedom, and more seeds"
    )
    assert block.values.tolist() == [[1, 2], [11, 12], [21, 22]]
    assert (block.points, block.left_out) == (6, 2)


def test_the_complete_part_is_what_the_fullest_rows_have_in_common():
    """Each of three seeds lacks another level of six: three levels of all seeds are more than five of one."""
    runs = [(s, "", level, float(level)) for s in range(3) for level in range(6) if level != s]
    block = select_block(runs)
    assert (block.seeds, block.levels) == ([0, 1, 2], [3, 4, 5])


def test_settings_are_averaged_within_a_seed_and_never_across_levels():
    """Setting b has one level only: it may not lift that level's mean."""
    runs = [
        (0, "a", 1, 1.0),
        (0, "a", 2, 2.0),
        (1, "a", 1, 3.0),
        (1, "a", 2, 4.0),
        (0, "b", 2, 100.0),
    ]
    runs += [(0, "c", 1, 3.0), (0, "c", 2, 6.0)]
    block = select_block(runs)
    assert block.values.tolist() == [[2.0, 4.0], [3.0, 4.0]]
    assert block.left_out == 1


# Questions


def test_more_layers_help(tmp_path):
    """Encoder 1, 2, 3 by three seeds: the slope is that of the means, 0.05 a layer; decoders do not vary."""
    folder = sweep(tmp_path, by_levels(THREE, [1, 2, 3]), ("encoder_layers",))
    result = ask(folder, "Do more encoder layers help text_to_text", "slope")
    assert (result.n, result.points, result.left_out) == (3, 9, 0)
    slope = (THREE[:, 2].mean() - THREE[:, 0].mean()) / 2
    assert result.effect == result.estimate == pytest.approx(slope)
    assert result.test.endswith("t(2)")
    assert result.p == result.p_corrected
    assert result.verdict == YES
    assert f"{slope:+.3g} for each encoder layer" in result.answer
    assert "{p}" not in result.answer
    questions = [finding.question for finding in answer_questions(load(folder))]
    assert not any("decoder_layers" in question for question in questions), "it does not vary"


def test_a_metric_s_direction_decides_what_helps(tmp_path):
    folder = sweep(tmp_path, by_levels(THREE, [1, 2, 3]), ("encoder_layers",))
    results = load(folder)
    for direction, verdict in (("max", YES), ("min", NO)):
        info = results.metrics["char_accuracy"].model_copy(update={"direction": direction})
        changed = replace(results, metrics=results.metrics | {"char_accuracy": info})
        (result,) = answer_questions(changed, ["slope"])
        assert result.verdict == verdict
    info = results.metrics["char_accuracy"].model_copy(update={"direction": "none"})
    changed = replace(results, metrics=results.metrics | {"char_accuracy": info})
    (result,) = answer_questions(changed, ["slope"])
    assert result.verdict == NOT_ENOUGH
    assert "no direction" in result.answer


def test_a_correction_over_all_questions_can_undecide(tmp_path):
    """All questions share the error: each p is Holm's, and one that alone would decide does not."""
    rng = np.random.default_rng(15)
    grid: dict[Any, dict[int, float | None]] = {
        (e, d): {s: 0.5 + 0.01 * e + rng.normal(0, 0.02) for s in range(3)}
        for e in (1, 2, 3)
        for d in (1, 2)
    }
    findings = answer_questions(load(sweep(tmp_path, grid, ("encoder_layers", "decoder_layers"))))
    assert len(findings) == 6, "three values of one depth, two of the other, and both together"
    assert any(result.p < 0.05 <= result.p_corrected for result in findings)
    assert [f.p_corrected for f in findings] == apply_holm([f.p for f in findings])
    for result in findings:
        assert (result.verdict == UNDECIDED) is (result.p_corrected >= 0.05)
        assert result.answer.startswith("The seeds do not decide this.") is (
            result.p_corrected >= 0.05
        )
        assert "95% CI" in result.answer


def test_both_depths_together_against_the_best_single_one(tmp_path):
    """2+2 less 2+1, the best of the others; each of the others must be beaten, and the least sure one counts."""
    table = np.array([[0.50, 0.55, 0.57, 0.70], [0.52, 0.54, 0.60, 0.71], [0.49, 0.56, 0.58, 0.69]])
    levels = [(1, 1), (1, 2), (2, 1), (2, 2)]
    folder = sweep(tmp_path, by_levels(table, levels), ("encoder_layers", "decoder_layers"))
    result = ask(folder, "Do more encoder and decoder layers together help text_to_text")
    assert result.effect == pytest.approx(table[:, 3].mean() - table[:, 2].mean())
    pairs = [stats.ttest_rel(table[:, 3], table[:, k]).pvalue for k in range(3)]
    assert result.p == pytest.approx(max(pairs)), "one combined cell: no choice"
    assert result.verdict == YES
    assert "2+2 (0.7)" in result.answer
    assert "2+1 (0.583)" in result.answer


def test_a_combined_depth_that_loses_is_a_no_over_the_cells_it_lost_to(tmp_path):
    table = np.array([[0.50, 0.55, 0.77, 0.60], [0.52, 0.54, 0.80, 0.61], [0.49, 0.56, 0.78, 0.59]])
    levels = [(1, 1), (1, 2), (2, 1), (2, 2)]
    result = ask(
        sweep(tmp_path, by_levels(table, levels), ("encoder_layers", "decoder_layers")),
        "Do more encoder and",
    )
    assert result.p == pytest.approx(
        3 * estimate_contrast(table, np.array([0.0, 0.0, -1.0, 1.0])).p
    )
    assert result.verdict == NO


@pytest.mark.parametrize(
    ("depths", "missing"),
    [
        (
            [(1, 1), (2, 1), (3, 1), (1, 2)],
            "No ok point has char_accuracy with both depths raised.",
        ),
        ([(1, 1), (1, 2), (2, 2)], "No ok point has char_accuracy with only the encoder raised."),
        ([(1, 1), (2, 1), (2, 2)], "No ok point has char_accuracy with only the decoder raised."),
        (
            [(1, 1), (2, 2)],
            "No ok point has char_accuracy with only the encoder raised, nor with only the decoder raised.",
        ),
    ],
)
def test_both_together_needs_either_alone(tmp_path, depths, missing):
    """Clear numbers, and yet no answer; one encoder and one decoder layer are no single-sided depth."""
    rng = np.random.default_rng(0)
    cells: dict[Any, dict[int, float | None]] = {
        index: {s: sum(index) + rng.normal(0, 0.01) for s in range(3)} for index in depths
    }
    result = ask(
        sweep(tmp_path, cells, ("encoder_layers", "decoder_layers")), "Do more encoder and decoder"
    )
    assert (result.verdict, result.answer) == (NOT_ENOUGH, missing)


def test_both_together_needs_either_alone_in_the_same_seeds(tmp_path):
    """Encoder and both in seeds 0 to 2, the decoder alone in seeds 3 and 4."""
    cells: dict[Any, dict[int, float | None]] = {
        (2, 1): {0: 0.5, 1: 0.6, 2: 0.5},
        (2, 2): {0: 0.8, 1: 0.9, 2: 0.85},
        (1, 2): {3: 0.4, 4: 0.5},
    }
    result = ask(
        sweep(tmp_path, cells, ("encoder_layers", "decoder_layers")), "Do more encoder and decoder"
    )
    assert result.verdict == NOT_ENOUGH
    assert (
        "No seed has char_accuracy with each of: only the encoder raised, only the decoder raised, both"
        in result.answer
    )


def test_two_seeds_say_that_they_are_few(tmp_path):
    folder = sweep(tmp_path, by_levels(THREE[:2, :2], [1, 2]), ("encoder_layers",))
    result = ask(folder, "Do more encoder layers help text_to_text")
    assert result.test.endswith("t(1)")
    assert "Two seeds leave one degree of freedom" in result.answer


def test_unequal_seeds_use_the_pairs_that_exist(tmp_path):
    """Seed 2 failed at one depth and seed 9 exists at one only: both are left out, three points."""
    values: dict[Any, dict[int, float | None]] = by_levels(THREE[:2, :2], [1, 2])
    values[1] |= {2: 0.5, 9: 0.9}
    values[2] |= {2: None}
    result = ask(sweep(tmp_path, values, ("encoder_layers",)), "Do more encoder layers")
    assert (result.n, result.points, result.left_out) == (2, 4, 2)
    assert "2 more points left out for want of a partner" in result.answer
    assert result.effect == pytest.approx((THREE[:2, 1] - THREE[:2, 0]).mean())


def test_one_seed_has_a_size_and_no_test(tmp_path):
    result = ask(
        sweep(tmp_path, {1: {0: 0.5}, 2: {0: 0.6}}, ("encoder_layers",)), "Do more encoder layers"
    )
    assert (result.verdict, result.n, result.test) == (NOT_ENOUGH, 1, "")
    assert math.isnan(result.p)
    assert result.effect == pytest.approx(0.1)
    assert result.answer.startswith("One seed: no test. ")


def test_seeds_that_agree_exactly_are_no_test(tmp_path):
    same = dict.fromkeys(range(3))
    values: dict[Any, dict[int, float | None]] = {
        1: dict.fromkeys(same, 0.1),
        2: dict.fromkeys(same, 0.3),
    }
    result = ask(sweep(tmp_path, values, ("encoder_layers",)), "Do more encoder layers")
    assert result.verdict == NOT_ENOUGH
    assert "agree exactly" in result.answer


@pytest.mark.parametrize(
    ("axis", "levels", "start", "steps"),
    [
        ("train_fraction", [0.1, 0.2, 0.4], "Does more training data help", [1, 2, 4]),
        ("epochs", [10, 20, 80], "Do more epochs help", [0, 1, 3]),
        ("batch_size", [128, 64, 16], "Do smaller batches help", [0, 1, 3]),
    ],
)
def test_data_epochs_and_batches_on_their_own_scale(tmp_path, axis, levels, start, steps):
    result = ask(sweep(tmp_path, by_levels(THREE, levels), (axis,)), start, "slope")
    assert result.effect == pytest.approx(stats.linregress(steps, THREE.mean(0)).slope)
    assert result.verdict == YES
    assert f"{THREE[:, 2].mean():.3g} at {levels[2]}" in result.answer


def test_what_the_sweep_does_not_vary_is_not_asked(tmp_path):
    assert answer_questions(load(sweep(tmp_path, {1: {0: 0.5}}, ("encoder_layers",)))) == []


def test_a_sweep_with_nothing_done_says_what_is_missing(tmp_path):
    cells = [
        cell(0, 1, model=model, encoder_layers=e)
        for model in ("text_to_image", "gan", "vae")
        for e in (1, 2)
    ]
    findings = answer_questions(
        load(write_sweep(tmp_path, cells, metrics=METRICS | {"sliced_wasserstein": BOTH}))
    )
    assert {finding.verdict for finding in findings} == {NOT_ENOUGH}
    assert all(finding.answer.endswith(".") and len(finding.answer) > 10 for finding in findings)
    assert any("No ok point has mse" in finding.answer for finding in findings)


def test_mse_and_reader_tell_cells_apart_each_for_itself(tmp_path):
    """MSE of two cells alike, what the reader says far apart; the reader is asked about depth, too."""
    cells = [cell(0, 1, 2, model="text_to_image", encoder_layers=layers) for layers in (1, 2)]
    mse = [[0.040, 0.044, 0.042], [0.043, 0.040, 0.041]]
    read = [[0.30, 0.33, 0.31], [0.90, 0.93, 0.95]]
    for one, errors, right in zip(cells, mse, read, strict=True):
        for seed in range(3):
            write_record(tmp_path, one, seed, mse=errors[seed], read_exact_match=right[seed])
    folder = write_sweep(tmp_path, cells, metrics={"mse": METRICS["mse"], "read_exact_match": READ})
    by_mse, by_reader = ask(folder, "Does mse"), ask(folder, "Does read_exact_match")
    for result, values in ((by_mse, mse), (by_reader, read)):
        t = stats.ttest_ind(*values, equal_var=False).statistic
        assert result.p == pytest.approx(2 * stats.t.sf(abs(t), 2))
    assert (by_mse.verdict, by_reader.verdict) == (UNDECIDED, YES)
    assert by_reader.effect > 0.9 > by_mse.effect
    depth = [
        f.question
        for f in answer_questions(load(folder))
        if f.question.startswith("Do more encoder layers")
    ]
    assert sorted(question.rpartition(" by ")[2] for question in depth) == [
        "mse?",
        "read_exact_match?",
    ]


@pytest.mark.parametrize(
    ("errors", "why"),
    [
        ([[0.1, 0.1], [0.2, 0.2]], "the seeds of every cell agree exactly"),
        ([[0.1, 0.1], [0.1, 0.1], [0.3]], "the seeds of every cell agree exactly"),
        ([[0.1, 0.2], [0.3]], "one cell has a second seed"),
        ([[0.1], [0.3]], "no cell has a second seed"),
    ],
)
def test_cells_without_a_test_say_why(errors: list[list[float]], why: str, tmp_path: Path) -> None:
    cells = [
        cell(*range(len(each)), model="text_to_image", encoder_layers=i)
        for i, each in enumerate(errors, 1)
    ]
    for one, each in zip(cells, errors, strict=True):
        for seed, value in enumerate(each):
            write_record(tmp_path, one, seed, mse=value)
    result = ask(write_sweep(tmp_path, cells, metrics={"mse": METRICS["mse"]}), "Does mse")
    assert (result.verdict, result.test) == (NOT_ENOUGH, "")
    assert f"no test, because {why}." in result.answer


def duel(
    root: Path, gan: np.ndarray, vae: np.ndarray, dataset: str = "avatars"
) -> list[dict[str, Any]]:
    """Cells and records of both models [seeds, depths]; lower is better, and `lr` is each model's own."""
    cells = []
    for model, values, lr in (("gan", gan, 2e-4), ("vae", vae, 1e-3)):
        for index in range(values.shape[1]):
            one = cell(
                *range(len(values)), model=model, encoder_layers=index + 1, lr=lr, dataset=dataset
            )
            cells.append(one)
            for seed in range(len(values)):
                write_record(root, one, seed, sliced_wasserstein=float(values[seed, index]))
    return cells


def test_the_gan_against_the_vae_on_each_dataset(tmp_path):
    """Paired over seeds, each the mean of its depths; the rank correlation is of all pairs."""
    gan = np.array([[0.10, 0.12], [0.11, 0.13], [0.09, 0.30]])
    vae = np.array([[0.20, 0.22], [0.22, 0.24], [0.19, 0.25]])
    cells = duel(tmp_path, gan, vae) + duel(tmp_path, vae, gan, "cryptopunks")
    folder = write_sweep(tmp_path, cells, metrics={"sliced_wasserstein": BOTH})
    result = ask(folder, "Is gan better than vae on avatars, by sliced_wasserstein")
    assert result.p == pytest.approx(stats.ttest_rel(gan.mean(1), vae.mean(1)).pvalue)
    assert result.estimate == pytest.approx((gan - vae).mean())
    assert result.low < result.estimate < result.high
    assert result.estimate_name == "mean difference of sliced_wasserstein, gan minus vae"
    assert result.effect_name.startswith("rank-biserial")
    pairs = stats.wilcoxon((vae - gan).ravel(), alternative="greater").statistic
    assert result.effect == pytest.approx(2 * pairs / 21 - 1)
    assert "better in 5 of 6 pairs" in result.answer
    assert (result.n, result.points) == (3, 12)
    other = ask(folder, "Is gan better than vae on cryptopunks")
    assert (other.effect, other.estimate) == pytest.approx((-result.effect, -result.estimate))


def test_a_clear_winner_wins_and_a_pair_needs_both(tmp_path):
    rng = np.random.default_rng(1)
    gan, vae = rng.normal(0.1, 0.005, (5, 2)), rng.normal(0.3, 0.005, (5, 2))
    folder = write_sweep(tmp_path, duel(tmp_path, gan, vae), metrics={"sliced_wasserstein": BOTH})
    assert ask(folder, "Is gan better").verdict == YES
    lone = write_sweep(
        tmp_path, [c for c in duel(tmp_path / "b", gan, vae) if c["model"] == "gan"], "lone"
    )
    questions = [finding.question for finding in answer_questions(load(lone))]
    assert not any("vae" in question for question in questions)


KIDS = ("kid_x1000_efficientnet_lite0", "kid_x1000_random_vggs")


@pytest.mark.parametrize(
    ("better", "verdict"),
    [((True, True), YES), ((False, False), NO), ((True, False), UNDECIDED)],
)
def test_one_model_is_better_only_where_both_feature_networks_agree(tmp_path, better, verdict):
    rng = np.random.default_rng(2)
    cells = []
    for dataset in ("avatars", "cryptopunks"):
        for model in ("gan", "vae"):
            one = cell(*range(5), model=model, encoder_layers=1, dataset=dataset)
            cells.append(one)
            for seed in range(5):
                wins = [is_better == (model == "gan") for is_better in better]
                values = [(1 if win else 9) + rng.normal(0, 0.1) for win in wins]
                write_record(tmp_path, one, seed, **dict(zip(KIDS, values, strict=True)))
    folder = write_sweep(tmp_path, cells, metrics=dict.fromkeys(KIDS, BOTH))
    question = "Is gan better than vae by every feature network, on every dataset?"
    result = ask(folder, question)
    assert (result.verdict, math.isnan(result.p)) == (verdict, True)
    for dataset in ("avatars", "cryptopunks"):
        assert f"efficientnet_lite0 on {dataset}" in result.answer
    singles = [one for one in answer_questions(load(folder)) if ", by kid_x1000" in one.question]
    assert len(singles) == 4 and {one.verdict for one in singles} <= {YES, NO}


def test_one_feature_network_is_not_enough(tmp_path):
    cells = [
        cell(0, 1, 2, model=model, encoder_layers=1, dataset="avatars") for model in ("gan", "vae")
    ]
    for one in cells:
        for seed in range(3):
            write_record(tmp_path, one, seed, **{KIDS[0]: float(seed)})
    folder = write_sweep(tmp_path, cells, metrics={KIDS[0]: BOTH})
    result = ask(folder, "Is gan better than vae by every")
    assert result.verdict == NOT_ENOUGH and "GENSWEEP_FEATURES" in result.answer


# How often they err


def simulated(folder: Path, rng: np.random.Generator, effect: float) -> list[Finding]:
    """The sweep's questions to made-up accuracies: a share of the seed's, an effect of encoder layers, noise."""
    results = load(folder)
    points = results.points.copy()
    layers = np.array([results.params[c]["encoder_layers"] for c in points["cell"]])
    seeds = rng.normal(0, 1, 9)[points["seed"].to_numpy()]
    points["char_accuracy"] = seeds + effect * layers + rng.normal(0, 1, len(points))
    return answer_questions(replace(results, points=points.assign(status=Status.OK)))


@pytest.mark.slow
def test_false_positives_are_rare_and_large_effects_are_found(tmp_path):
    """Corrected questions of a sweep: any wrong verdict in at most 5% of sweeps, up to 3 standard errors."""
    grid = {index: dict.fromkeys(range(3)) for index in itertools.product((1, 2, 3), (1, 2, 3))}
    folder = sweep(tmp_path, grid, ("encoder_layers", "decoder_layers"))
    rng, runs = np.random.default_rng(0), 150
    wrong = sum(
        any(f.verdict in (YES, NO) for f in simulated(folder, rng, 0.0)) for _ in range(runs)
    )
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    result = [simulated(folder, rng, 3.0) for _ in range(20)]
    slopes = [[f for f in findings if f.question.startswith("Do more ")] for findings in result]
    encoders, decoders = ([one[side].verdict for one in slopes] for side in (0, 1))
    # The more questions a sweep has, the stricter is the correction: not every sweep decides.
    assert encoders.count(YES) >= 16 and NO not in encoders
    assert sum(verdict in (YES, NO) for verdict in decoders) <= 4


NOISE = {
    "equal": [1, 1, 1, 1, 1],
    "ends": [1, 0.05, 0.05, 0.05, 1],
    "one": [20, 1, 1, 1, 1],
    "rising": [1, 2, 4, 8, 16],
}


@pytest.mark.slow
@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize(("seeds", "levels"), [(2, 2), (2, 5), (3, 2), (3, 5)])
def test_a_contrast_errs_as_often_as_it_says(seeds, levels, noise):
    """Whatever the noise of each level; residuals pooled over levels gave 17 to 20% where the ends were noisy."""
    rng, runs = np.random.default_rng(7), 1500
    weights, spread = (
        compute_slope_weights(np.arange(1.0, levels + 1)),
        np.array(NOISE[noise][:levels]),
    )
    draws = spread * rng.normal(size=(runs, seeds, levels)) + rng.normal(size=(runs, seeds, 1))
    wrong = np.mean([estimate_contrast(values, weights).p < 0.05 for values in draws])
    assert wrong == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))


GRID = list(itertools.product(range(1, 6), range(1, 6)))


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 6])
@pytest.mark.parametrize("case", ["many as good", "two noisy", "noisy others", "noisy combined"])
def test_the_best_of_many_is_not_better_by_luck_alone(case, seeds):
    """No combined cell is better than the best of the others, whichever cells are noisy."""
    rng, runs = np.random.default_rng(5), 300
    both = np.array([e > 1 and d > 1 for e, d in GRID])
    mean, spread = np.zeros(25), np.ones(25)
    if case == "many as good":  # 16 combined cells as good as the only good one of the others
        mean = np.where(both, 0.0, np.r_[0.0, np.full(24, -9.0)])
    elif case == "two noisy":  # one good cell on either side, the rest quiet and near nothing
        good = [GRID.index((1, 2)), GRID.index((2, 2))]
        mean[good], spread = 0.5, np.full(25, 0.005)
        spread[good] = 0.1
    else:
        spread[both == (case == "noisy combined")] = 10.0
    draws = mean + spread * rng.normal(size=(runs, seeds, 25)) + rng.normal(size=(runs, seeds, 1))
    wrong = sum(compare_best(values, both, 1).contrast.p < 0.05 for values in draws)
    assert wrong / runs <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("cells", [2, 3, 5, 25])
@pytest.mark.parametrize("seeds", [2, 3])
def test_equal_cells_are_rarely_told_apart(cells, seeds):
    """Of equal noise, with one noisy cell, with half of them noisy: Fisher's F errs in up to 30%, Welch's in 70%."""
    rng, runs = np.random.default_rng(3), 200
    for spread in (
        np.ones(cells),
        np.r_[20.0, np.ones(cells - 1)],
        np.where(np.arange(cells) < cells / 2, 20.0, 1.0),
    ):
        result = [
            compare_cells(list(values))
            for values in spread[:, None] * rng.normal(size=(runs, cells, seeds))
        ]
        wrong = np.mean([one is not None and one.p < 0.05 for one in result])
        assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_cells_far_apart_are_told_apart():
    rng = np.random.default_rng(4)
    result = [
        compare_cells(list(np.arange(5)[:, None] + 0.05 * rng.normal(size=(5, 3))))
        for _ in range(50)
    ]
    assert all(one is not None and one.p < 0.05 for one in result)


# The page


def test_the_page_has_every_finding_in_words_and_in_numbers(tmp_path):
    results = load(sweep(tmp_path, by_levels(THREE, [1, 2, 3]), ("encoder_layers",)))
    (table,) = TABLES["statistics"].make(results)
    findings = answer_questions(results)
    assert table.frame["question"].tolist() == [f.question for f in findings]
    assert table.frame["p_corrected"].tolist() == pytest.approx(
        [f.p_corrected for f in findings], nan_ok=True
    )
    assert table.sections is not None
    assert len(table.sections["In words"]) == len(findings)
    line, tested = (
        table.sections[name].to_frame().to_dict("records")[2] for name in ("Numbers", "Tests")
    )
    assert (line["no."], tested["no."], tested["n"], tested["points"]) == (3, 3, 3, 9)
    slope = findings[2]
    assert line["estimate"] == slope.estimate
    assert line["of"].startswith("slope of")
    assert (line["95% CI low"], line["95% CI high"]) == (slope.low, slope.high)
    assert line["its kind"] == "the estimate"
    notes = " ".join(table.notes)
    assert "no: corrected p below 0.05, and the effect goes the other way" in notes
    assert "Student's one-sample t on seeds - 1 degrees of freedom" in notes


def test_an_interval_stands_beside_what_it_encloses(tmp_path):
    """The rank correlation of GAN against VAE has none: it stands apart, in CSV and in every print."""
    rng = np.random.default_rng(1)
    gan, vae = rng.normal(0.1, 0.005, (4, 2)), rng.normal(0.3, 0.005, (4, 2))
    results = load(
        write_sweep(tmp_path, duel(tmp_path, gan, vae), metrics={"sliced_wasserstein": BOTH})
    )
    (table,) = TABLES["statistics"].make(results)
    assert table.sections is not None
    index = [question.startswith("Is gan better") for question in table.frame["question"]].index(
        True
    )
    row = table.frame.iloc[index]
    assert row["low"] < row["estimate"] < row["high"] < 0 < row["effect"] == 1
    numbers = table.sections["Numbers"].to_frame().to_dict("records")
    (line,) = [one for one in numbers if one["no."] == index + 1]
    assert line["95% CI low"] < line["estimate"] < line["95% CI high"]
    assert line["effect size"] == 1
    assert line["its kind"] == "rank-biserial correlation, positive where gan is better"
    for text in (render_markdown(table, results), render_latex(table, results)):
        plain = text.replace(r"\allowbreak{}", "")
        assert "rank-biserial" in plain and "mean difference" in plain
