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
from test_read import METRICS, cell, write_record, write_sweep

from gensweep import load
from gensweep.core.catalog import TABLES
from gensweep.core.records import FAILED, OK
from gensweep.read.findings import NO, NOT_ENOUGH, UNDECIDED, YES, Finding
from gensweep.read.inference import complete, contrast, holm, rank_biserial, slope_weights, tell_apart
from gensweep.read.questions import answers

THREE = np.array([[0.50, 0.58, 0.60], [0.53, 0.57, 0.66], [0.48, 0.55, 0.58]])
"""Three seeds of three levels."""
READ = METRICS["mse"] | {"direction": "max", "unit": "fraction"}
BOTH = METRICS["sliced_wasserstein"] | {"models": ["gan", "vae"]}


def sweep(root: Path, values: dict[Any, dict[int, float | None]], axes: tuple[str, ...], **fixed: Any) -> Path:
    """A sweep with a cell for each value of the axes: {seed: char_accuracy}, None for a failed point."""
    cells = []
    for place, found in values.items():
        level = place if isinstance(place, tuple) else (place,)
        cells.append(cell(*found, **fixed | dict(zip(axes, level, strict=True))))
        for seed, value in found.items():
            if value is None:
                write_record(root, cells[-1], seed, FAILED)
            else:
                write_record(root, cells[-1], seed, char_accuracy=value)
    return write_sweep(root, cells)


def ask(folder: Path, start: str) -> Finding:
    """The only finding whose question starts so."""
    (found,) = [finding for finding in answers(load(folder)) if finding.question.startswith(start)]
    return found


def by_levels(values: np.ndarray, levels: list[Any]) -> dict[Any, dict[int, float | None]]:
    return {level: dict(enumerate(values[:, place].tolist())) for place, level in enumerate(levels)}


# The tests themselves


def test_two_levels_are_a_paired_t_test():
    values = THREE[:, :2]
    found = contrast(values, np.array([-1.0, 1.0]))
    expected = stats.ttest_rel(values[:, 1], values[:, 0])
    low, high = expected.confidence_interval()
    assert (found.t, found.p, found.df) == pytest.approx((expected.statistic, expected.pvalue, 2))
    assert (found.low, found.high) == pytest.approx((low, high))


def test_a_slope_s_error_is_the_residual_mean_square_of_seed_by_level():
    """Residuals through a least-squares fit of seed and level dummies, not through the formula of the code."""
    seeds, levels = THREE.shape
    design = np.array([[*np.eye(seeds)[s], *np.eye(levels)[k][1:]] for s in range(seeds) for k in range(levels)])
    _, (squares,), _, _ = np.linalg.lstsq(design, THREE.ravel())
    slope = stats.linregress(np.tile([1, 2, 4], seeds), THREE.ravel()).slope
    error = math.sqrt(squares / 4 / seeds / ((np.array([1, 2, 4]) - 7 / 3) ** 2).sum())
    found = contrast(THREE, slope_weights(np.array([1.0, 2.0, 4.0])))
    assert found.df == 4
    assert (found.estimate, found.t) == pytest.approx((slope, slope / error))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(slope / error), 4))
    assert found.high - found.estimate == pytest.approx(stats.t.ppf(0.975, 4) * error)


def test_a_choice_of_many_widens_the_interval_and_the_p_value():
    weights = np.array([-1.0, 0.0, 1.0])
    plain, chosen = contrast(THREE, weights), contrast(THREE, weights, chosen_from=6)
    assert chosen.p == pytest.approx(6 * plain.p)
    ratio = stats.t.ppf(1 - 0.025 / 6, 4) / stats.t.ppf(0.975, 4)
    assert (chosen.high - chosen.low) / (plain.high - plain.low) == pytest.approx(ratio)


def test_cells_are_told_apart_as_scipy_does_it():
    cells = [[0.1, 0.2, 0.15], [0.3, 0.25], [0.5, 0.45, 0.4, 0.55]]
    found = tell_apart(cells)
    assert found is not None
    expected = stats.f_oneway(*cells)
    assert (found.f, found.p) == pytest.approx((expected.statistic, expected.pvalue))
    everything = np.concatenate(cells)
    inside = sum(((np.array(c) - np.mean(c)) ** 2).sum() for c in cells)
    assert found.eta_squared == pytest.approx(1 - inside / ((everything - everything.mean()) ** 2).sum())
    assert (found.between, found.within) == (2, 6)


def test_the_intraclass_correlation_of_equal_cells():
    """Cells 0, 2 and 2, 4: MSB = 2 * (1 + 1) / 1 = 4, MSW = (2 + 2) / 2 = 2, ICC = (MSB - MSW) / (MSB + MSW)."""
    found = tell_apart([[0.0, 2.0], [2.0, 4.0]])
    assert found is not None
    assert found.icc == pytest.approx((4 - 2) / (4 + 2))
    assert found.eta_squared == pytest.approx(4 / (4 + 4))


@pytest.mark.parametrize("cells", [[], [[1.0, 2.0]], [[1.0], [2.0]], [[1.0, 1.0], [2.0, 2.0]]])
def test_nothing_to_tell_apart(cells):
    assert tell_apart(cells) is None


def test_holm_by_hand():
    """0.01 * 4, 0.02 * 3, 0.03 * 2 = 0.06, 0.4 * 1; what was not tested does not count."""
    assert holm([0.03, 0.01, math.nan, 0.4, 0.02]) == pytest.approx([0.06, 0.04, math.nan, 0.4, 0.06], nan_ok=True)
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("differences", [[1.0, 2.0, -3.0, 4.0], [0.5, 0.5, -0.5], [1.0, 0.0, 2.0]])
def test_rank_biserial_is_wilcoxon_s_sum_on_another_scale(differences):
    """r = 2 W+ / total - 1, zeros left out, with W+ as SciPy's Wilcoxon test gives it."""
    kept = [value for value in differences if value]
    positive = stats.wilcoxon(kept, alternative="greater", method="asymptotic").statistic
    assert rank_biserial(differences) == pytest.approx(2 * positive / (len(kept) * (len(kept) + 1) / 2) - 1)


def test_the_complete_part_keeps_the_seeds_that_have_every_level():
    runs = [(s, "", level, 10.0 * s + level) for s in range(3) for level in (1, 2, 3) if (s, level) != (1, 3)]
    block = complete(runs)
    assert (block.seeds, block.levels) == ([0, 1, 2], [1, 2]), "as many degrees of freedom, and more seeds"
    assert block.values.tolist() == [[1, 2], [11, 12], [21, 22]]
    assert (block.points, block.left_out) == (6, 2)


def test_the_complete_part_is_what_the_fullest_rows_have_in_common():
    """Each of three seeds lacks another level of six: three levels of all seeds are more than five of one."""
    runs = [(s, "", level, float(level)) for s in range(3) for level in range(6) if level != s]
    block = complete(runs)
    assert (block.seeds, block.levels) == ([0, 1, 2], [3, 4, 5])


def test_settings_are_averaged_within_a_seed_and_never_across_levels():
    """Setting b has one level only: it may not lift that level's mean."""
    runs = [(0, "a", 1, 1.0), (0, "a", 2, 2.0), (1, "a", 1, 3.0), (1, "a", 2, 4.0), (0, "b", 2, 100.0)]
    runs += [(0, "c", 1, 3.0), (0, "c", 2, 6.0)]
    block = complete(runs)
    assert block.values.tolist() == [[2.0, 4.0], [3.0, 4.0]]
    assert block.left_out == 1


# Questions


def test_more_layers_help(tmp_path):
    """Encoder 1, 2, 3 by three seeds: the slope is that of the means, 0.05 a layer; decoders do not vary."""
    folder = sweep(tmp_path, by_levels(THREE, [1, 2, 3]), ("encoder_layers",))
    found = ask(folder, "Do more encoder layers help text_to_text")
    assert (found.n, found.points, found.left_out) == (3, 9, 0)
    slope = (THREE[:, 2].mean() - THREE[:, 0].mean()) / 2
    assert found.effect == found.estimate == pytest.approx(slope)
    assert found.test.endswith("t(4)")
    assert found.p == found.p_corrected
    assert found.verdict == YES
    assert f"{slope:+.3g} for each encoder layer" in found.answer
    assert "{p}" not in found.answer
    other = ask(folder, "Do more decoder layers help")
    assert (other.verdict, other.answer) == (NOT_ENOUGH, "In every cell decoder_layers is 1.")


def test_a_metric_s_direction_decides_what_helps(tmp_path):
    folder = sweep(tmp_path, by_levels(THREE, [1, 2, 3]), ("encoder_layers",))
    results = load(folder)
    for direction, verdict in (("max", YES), ("min", NO)):
        info = results.metrics["char_accuracy"].model_copy(update={"direction": direction})
        (found, *_) = answers(replace(results, metrics=results.metrics | {"char_accuracy": info}))
        assert found.verdict == verdict
    info = results.metrics["char_accuracy"].model_copy(update={"direction": "none"})
    (found, *_) = answers(replace(results, metrics=results.metrics | {"char_accuracy": info}))
    assert found.verdict == NOT_ENOUGH
    assert "no direction" in found.answer


def test_a_correction_over_all_questions_can_undecide(tmp_path):
    """Three questions share the error: each p is Holm's of the three, and one that alone would decide does not."""
    rng = np.random.default_rng(15)
    grid = {(e, d): {s: 0.5 + 0.01 * e + rng.normal(0, 0.02) for s in range(3)} for e in (1, 2, 3) for d in (1, 2)}
    findings = answers(load(sweep(tmp_path, grid, ("encoder_layers", "decoder_layers"))))
    assert len(findings) == 3
    assert any(found.p < 0.05 <= found.p_corrected for found in findings)
    assert [f.p_corrected for f in findings] == holm([f.p for f in findings])
    for found in findings:
        assert (found.verdict == UNDECIDED) is (found.p_corrected >= 0.05)
        assert found.answer.startswith("The seeds do not decide this.") is (found.p_corrected >= 0.05)
        assert "95% CI" in found.answer


def test_both_depths_together_against_the_best_single_one(tmp_path):
    """2+2 against 2+1, the best of three; the other cells only lend their residuals."""
    table = np.array([[0.50, 0.55, 0.57, 0.70], [0.52, 0.54, 0.60, 0.71], [0.49, 0.56, 0.58, 0.69]])
    levels = [(1, 1), (1, 2), (2, 1), (2, 2)]
    folder = sweep(tmp_path, by_levels(table, levels), ("encoder_layers", "decoder_layers"))
    found = ask(folder, "Do more encoder and decoder layers together help text_to_text")
    assert found.effect == pytest.approx(table[:, 3].mean() - table[:, 2].mean())
    assert found.p == pytest.approx(contrast(table, np.array([0.0, 0.0, -1.0, 1.0])).p), "one combined cell: no choice"
    assert found.verdict == YES
    assert "2+2 (0.7)" in found.answer
    assert "2+1 (0.583)" in found.answer


def test_a_combined_depth_that_loses_is_a_no_over_the_cells_it_lost_to(tmp_path):
    table = np.array([[0.50, 0.55, 0.77, 0.60], [0.52, 0.54, 0.80, 0.61], [0.49, 0.56, 0.78, 0.59]])
    levels = [(1, 1), (1, 2), (2, 1), (2, 2)]
    found = ask(sweep(tmp_path, by_levels(table, levels), ("encoder_layers", "decoder_layers")), "Do more encoder and")
    assert found.p == pytest.approx(3 * contrast(table, np.array([0.0, 0.0, -1.0, 1.0])).p)
    assert found.verdict == NO


def test_the_report_s_own_depths_cannot_answer_both_together(tmp_path):
    single = {(e, d): dict.fromkeys(range(3), 0.5) for e in (1, 2, 3) for d in (1, 2, 3) if 1 in (e, d)}
    found = ask(sweep(tmp_path, single, ("encoder_layers", "decoder_layers")), "Do more encoder and decoder")
    assert found.verdict == NOT_ENOUGH
    assert "both depths raised" in found.answer


def test_unequal_seeds_use_the_pairs_that_exist(tmp_path):
    """Seed 2 failed at one depth and seed 9 exists at one only: both are left out, three points."""
    values: dict[Any, dict[int, float | None]] = by_levels(THREE[:2, :2], [1, 2])
    values[1] |= {2: 0.5, 9: 0.9}
    values[2] |= {2: None}
    found = ask(sweep(tmp_path, values, ("encoder_layers",)), "Do more encoder layers")
    assert (found.n, found.points, found.left_out) == (2, 4, 2)
    assert "2 more points left out, without a partner" in found.answer
    assert found.effect == pytest.approx((THREE[:2, 1] - THREE[:2, 0]).mean())


def test_one_seed_has_a_size_and_no_test(tmp_path):
    found = ask(sweep(tmp_path, {1: {0: 0.5}, 2: {0: 0.6}}, ("encoder_layers",)), "Do more encoder layers")
    assert (found.verdict, found.n, found.test) == (NOT_ENOUGH, 1, "")
    assert math.isnan(found.p)
    assert found.effect == pytest.approx(0.1)
    assert found.answer.startswith("One seed: no test. ")


def test_seeds_that_agree_exactly_are_no_test(tmp_path):
    same = dict.fromkeys(range(3))
    values = {1: dict.fromkeys(same, 0.1), 2: dict.fromkeys(same, 0.3)}
    found = ask(sweep(tmp_path, values, ("encoder_layers",)), "Do more encoder layers")
    assert found.verdict == NOT_ENOUGH
    assert "agree exactly" in found.answer


@pytest.mark.parametrize(
    ("axis", "levels", "start", "steps"),
    [
        ("train_fraction", [0.1, 0.2, 0.4], "Does more training data help", [1, 2, 4]),
        ("epochs", [10, 20, 80], "Do more epochs help", [0, 1, 3]),
        ("batch_size", [128, 64, 16], "Do smaller batches help", [0, 1, 3]),
    ],
)
def test_data_epochs_and_batches_on_their_own_scale(tmp_path, axis, levels, start, steps):
    found = ask(sweep(tmp_path, by_levels(THREE, levels), (axis,)), start)
    assert found.effect == pytest.approx(stats.linregress(steps, THREE.mean(0)).slope)
    assert found.verdict == YES
    assert f"Best mean: {THREE[:, 2].mean():.3g} at {axis} {levels[2]}" in found.answer


def test_what_the_sweep_does_not_vary_is_not_asked(tmp_path):
    findings = answers(load(sweep(tmp_path, {1: {0: 0.5}}, ("encoder_layers",))))
    (only,) = findings
    assert only.answer == "In every cell encoder_layers is 1 and decoder_layers is 1."
    assert only.verdict == NOT_ENOUGH


def test_a_sweep_with_nothing_done_says_what_is_missing(tmp_path):
    cells = [cell(0, 1, model=model, encoder_layers=e) for model in ("text_to_image", "gan", "vae") for e in (1, 2)]
    findings = answers(load(write_sweep(tmp_path, cells, metrics=METRICS | {"sliced_wasserstein": BOTH})))
    assert {finding.verdict for finding in findings} == {NOT_ENOUGH}
    assert all(finding.answer.endswith(".") and len(finding.answer) > 10 for finding in findings)
    assert any("No ok point has read_exact_match" in finding.answer for finding in findings)


def test_mse_and_reader_tell_cells_apart_each_for_itself(tmp_path):
    """MSE of two cells alike, what the reader says far apart; the reader is asked about depth, too."""
    cells = [cell(0, 1, 2, model="text_to_image", encoder_layers=layers) for layers in (1, 2)]
    mse = [[0.040, 0.044, 0.042], [0.043, 0.040, 0.041]]
    read = [[0.30, 0.33, 0.31], [0.90, 0.93, 0.95]]
    for one, errors, right in zip(cells, mse, read, strict=True):
        for seed in range(3):
            write_record(tmp_path, one, seed, mse=errors[seed], read_exact_match=right[seed])
    folder = write_sweep(tmp_path, cells, metrics={"mse": METRICS["mse"], "read_exact_match": READ})
    by_mse, by_reader = ask(folder, "Does the MSE"), ask(folder, "Does the reader")
    assert by_mse.p == pytest.approx(stats.f_oneway(*mse).pvalue)
    assert by_reader.p == pytest.approx(stats.f_oneway(*read).pvalue)
    assert (by_mse.verdict, by_reader.verdict) == (UNDECIDED, YES)
    assert by_reader.effect > 0.9 > by_mse.effect
    depth = [f.question for f in answers(load(folder)) if f.question.startswith("Do more encoder layers")]
    assert sorted(question.rpartition(" by ")[2] for question in depth) == ["mse?", "read_exact_match?"]


def duel(root: Path, gan: np.ndarray, vae: np.ndarray, dataset: str = "avatars") -> list[dict[str, Any]]:
    """Cells and records of both models [seeds, depths]; lower is better, and `lr` is each model's own."""
    cells = []
    for model, values, lr in (("gan", gan, 2e-4), ("vae", vae, 1e-3)):
        for place in range(values.shape[1]):
            one = cell(*range(len(values)), model=model, encoder_layers=place + 1, lr=lr, dataset=dataset)
            cells.append(one)
            for seed in range(len(values)):
                write_record(root, one, seed, sliced_wasserstein=float(values[seed, place]))
    return cells


def test_the_gan_against_the_vae_on_each_dataset(tmp_path):
    """Paired over seeds, each the mean of its depths; the rank correlation is of all pairs."""
    gan = np.array([[0.10, 0.12], [0.11, 0.13], [0.09, 0.30]])
    vae = np.array([[0.20, 0.22], [0.22, 0.24], [0.19, 0.25]])
    cells = duel(tmp_path, gan, vae) + duel(tmp_path, vae, gan, "cryptopunks")
    folder = write_sweep(tmp_path, cells, metrics={"sliced_wasserstein": BOTH})
    found = ask(folder, "Is gan better than vae on avatars, by sliced_wasserstein")
    assert found.p == pytest.approx(stats.ttest_rel(gan.mean(1), vae.mean(1)).pvalue)
    assert found.estimate == pytest.approx((gan - vae).mean())
    pairs = stats.wilcoxon((vae - gan).ravel(), alternative="greater").statistic
    assert found.effect == pytest.approx(2 * pairs / 21 - 1)
    assert "better in 5 of 6 pairs" in found.answer
    assert (found.n, found.points) == (3, 12)
    other = ask(folder, "Is gan better than vae on cryptopunks")
    assert (other.effect, other.estimate) == pytest.approx((-found.effect, -found.estimate))


def test_a_clear_winner_wins_and_a_pair_needs_both(tmp_path):
    rng = np.random.default_rng(1)
    gan, vae = rng.normal(0.1, 0.005, (5, 2)), rng.normal(0.3, 0.005, (5, 2))
    folder = write_sweep(tmp_path, duel(tmp_path, gan, vae), metrics={"sliced_wasserstein": BOTH})
    assert ask(folder, "Is gan better").verdict == YES
    lone = write_sweep(tmp_path, [c for c in duel(tmp_path / "b", gan, vae) if c["model"] == "gan"], "lone")
    assert ask(lone, "Is gan better").answer == "The sweep has no vae."


# How often they err


def simulated(folder: Path, rng: np.random.Generator, effect: float) -> list[Finding]:
    """The sweep's questions to made-up accuracies: a share of the seed's, an effect of encoder layers, noise."""
    results = load(folder)
    points = results.points.copy()
    layers = np.array([results.params[c]["encoder_layers"] for c in points["cell"]])
    seeds = rng.normal(0, 1, 9)[points["seed"].to_numpy()]
    points["char_accuracy"] = seeds + effect * layers + rng.normal(0, 1, len(points))
    return answers(replace(results, points=points.assign(status=OK)))


def test_false_positives_are_rare_and_large_effects_are_found(tmp_path):
    """Three corrected questions of a sweep: any wrong verdict in at most 5% of sweeps, up to 3 standard errors."""
    grid = {place: dict.fromkeys(range(3)) for place in itertools.product((1, 2, 3), (1, 2, 3))}
    folder = sweep(tmp_path, grid, ("encoder_layers", "decoder_layers"))
    rng, runs = np.random.default_rng(0), 150
    wrong = sum(any(f.verdict in (YES, NO) for f in simulated(folder, rng, 0.0)) for _ in range(runs))
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    found = [simulated(folder, rng, 3.0) for _ in range(20)]
    assert all(findings[0].verdict == YES for findings in found)
    assert sum(findings[1].verdict in (YES, NO) for findings in found) <= 4


@pytest.mark.parametrize(("seeds", "levels"), [(2, 2), (3, 2), (3, 5)])
def test_a_contrast_errs_as_often_as_it_says(seeds, levels):
    rng, runs = np.random.default_rng(7), 2000
    weights = slope_weights(np.arange(1.0, levels + 1))
    draws = rng.normal(size=(runs, seeds, levels)) + rng.normal(size=(runs, seeds, 1))
    wrong = np.mean([contrast(values, weights).p < 0.05 for values in draws])
    assert wrong == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 / runs))


def test_the_best_of_many_is_not_better_by_luck_alone():
    """The hardest case: 16 combined cells as good as the one good cell of the others."""
    rng, runs = np.random.default_rng(5), 1000
    both = np.array([e > 1 and d > 1 for e in range(1, 6) for d in range(1, 6)])
    wrong = 0
    for values in rng.normal(size=(runs, 3, 25)) + np.where(both, 0.0, np.r_[0.0, np.full(24, -9.0)]):
        means = values.mean(0)
        combined, single = np.argmax(np.where(both, means, -np.inf)), np.argmax(np.where(both, -np.inf, means))
        weights = np.zeros(25)
        weights[combined], weights[single] = 1.0, -1.0
        wrong += contrast(values, weights, int(both.sum() if means[combined] > means[single] else 9)).p < 0.05
    assert wrong / runs <= 0.05


# The page


def test_the_page_has_every_finding_in_words_and_in_numbers(tmp_path):
    results = load(sweep(tmp_path, by_levels(THREE, [1, 2, 3]), ("encoder_layers",)))
    (table,) = TABLES["statistics"].make(results)
    findings = answers(results)
    assert table.frame["question"].tolist() == [f.question for f in findings]
    assert table.frame["p_corrected"].tolist() == pytest.approx([f.p_corrected for f in findings], nan_ok=True)
    assert table.sections is not None
    assert len(table.sections["In words"]) == len(findings)
    (line,) = table.sections["Numbers"].to_dict("records")
    assert (line["no."], line["n"], line["points"]) == (1, 3, 9)
