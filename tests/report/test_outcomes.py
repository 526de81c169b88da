"""Right answers query by query: the uncertainty from the test set, McNemar's test, and twins."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sweep_files import cell, write_record, write_sweep

from gensweep import load
from gensweep.core.registries import TABLES
from gensweep.data.arithmetic import Arithmetic
from gensweep.ledger.stores import Store
from gensweep.report.figures.files import read_answers
from gensweep.report.query_outcomes import find_twins, parse_outcomes
from gensweep.report.stats.test_set import compare_outcomes, estimate_share
from gensweep.report.tables.markdown import render_markdown

HEADER = "query,answer,predicted\n"


@pytest.mark.parametrize(("right", "total"), [(3, 40), (39, 40), (20, 40)])
def test_one_seed_has_wilson_s_interval(right, total):
    result = estimate_share(np.arange(total)[None] < right)
    expected = stats.binomtest(right, total).proportion_ci(method="wilson")
    assert (result.test_low, result.test_high) == pytest.approx((expected.low, expected.high))
    assert math.isnan(result.low)


def test_without_errors_the_rule_of_three_bounds_them():
    """P(0 errors in 2000 | bound) = 5%: about 3 / 2000; more seeds are no more queries."""
    for seeds in (1, 3):
        result = estimate_share(np.ones((seeds, 2000), bool))
        assert result.test_high == 1
        assert (result.test_low) ** 2000 == pytest.approx(0.05)
        assert 1 - result.test_low == pytest.approx(3 / 2000, rel=0.01)
        wrong = estimate_share(np.zeros((seeds, 2000), bool))
        assert (wrong.test_low, wrong.test_high) == (0, pytest.approx(1 - result.test_low))


def test_both_sources_by_a_two_way_analysis_of_variance():
    """Mean squares by hand: MS seeds with Student's t, and MS queries less MS rest with the normal quantile."""
    right = np.random.default_rng(41).random((4, 50)) < np.linspace(0.2, 0.9, 50)
    x, (seeds, queries) = right.astype(float), right.shape
    of_seeds = queries * ((x.mean(1) - x.mean()) ** 2).sum() / (seeds - 1)
    of_queries = seeds * ((x.mean(0) - x.mean()) ** 2).sum() / (queries - 1)
    rest = ((x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()) ** 2).sum() / (
        (seeds - 1) * (queries - 1)
    )
    parts = of_seeds / x.size, (of_queries - rest) / x.size
    half_width = math.hypot(
        stats.t.ppf(0.975, seeds - 1) * math.sqrt(parts[0]),
        stats.norm.ppf(0.975) * math.sqrt(parts[1]),
    )
    result = estimate_share(right)
    assert (result.low, result.high) == pytest.approx(
        (x.mean() - half_width, x.mean() + half_width)
    )
    assert result.low < result.test_low < result.test_high < result.high


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
def test_the_interval_over_seeds_and_test_sets_covers(seeds):
    """Seeds and queries differ in difficulty: at least 94% of the intervals hold the true share."""
    rng, runs, inside = np.random.default_rng(42), 1000, 0
    skill = rng.normal(0.5, 0.4, 200_000)
    hard = rng.normal(0, 1.5, 200_000)
    truth = (1 / (1 + np.exp(-(skill + hard)))).mean()
    for _ in range(runs):
        logits = rng.choice(skill, seeds)[:, None] + rng.choice(hard, 300)
        result = estimate_share(rng.random(logits.shape) < 1 / (1 + np.exp(-logits)))
        inside += result.low <= truth <= result.high
    assert inside / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)


def test_mcnemar_of_one_seed_is_the_binomial_test_of_what_differs():
    rng = np.random.default_rng(43)
    first, second = rng.random((1, 80)) < 0.6, rng.random((1, 80)) < 0.4
    gains, losses = int((first & ~second).sum()), int((second & ~first).sum())
    result = compare_outcomes(first, second)
    assert result.p == pytest.approx(stats.binomtest(gains, gains + losses).pvalue)
    assert (result.only_first, result.only_second) == (gains, losses)
    assert result.difference == pytest.approx((gains - losses) / 80)
    assert math.isnan(compare_outcomes(first, first).p)
    assert compare_outcomes(second, first).p == pytest.approx(result.p)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [1, 2, 3, 10])
def test_mcnemar_errs_rarely_although_seeds_share_their_queries(seeds):
    rng, runs = np.random.default_rng(44), 2000
    wrong = 0
    for _ in range(runs):
        chance = rng.beta(1, 1, 200)
        first, second = (rng.random((seeds, 200)) < chance for _ in range(2))
        wrong += compare_outcomes(first, second).p < 0.05
    assert wrong / runs <= 0.06


@pytest.mark.parametrize(
    ("body", "right"),
    [
        ("1+2,3,3\n4-9,-5,-4\n", [True, False]),
        ("1+2,3,33\n4-9,-5,-\n10+9,19,19\n", [False, False, True]),
        ("1+2,3,\n", [False]),
        ('"1+2",3,3\n', [True]),
    ],
)
def test_outcomes_are_read_as_they_are_written(body, right):
    result = parse_outcomes((HEADER + body).encode(), "answers.csv")
    assert result is not None
    assert result.right.tolist() == right
    assert result.queries[0] in ("1+2",)


@pytest.mark.parametrize(
    "text",
    ["", HEADER, HEADER + "1+2,3", "a,b\n1,2\n", HEADER + "1+2,3\n", HEADER + "1,2,3,4\n5,6\n"],
)
def test_a_damaged_table_of_answers_has_no_outcomes(text):
    assert parse_outcomes(text.encode(), "answers.csv") is None


def list_queries(split: str) -> list[tuple[str, str]]:
    data = Arithmetic().prepare()
    lines = Arithmetic().select_examples(data, data.split[split])[1]
    return [tuple(line.split(" = ")) for line in lines]


def test_four_of_five_additions_have_their_twin_in_training():
    """By a dictionary of all training queries; 81% at 90%, and fewer with less training data."""
    tests = tuple(query for query, _ in list_queries("test"))
    pool, validation = (dict(list_queries(name)) for name in ("pool", "validation"))
    trained = pool.keys() - validation.keys()
    with_twin, without = find_twins(tests, 0, 0.9)
    for row, query in enumerate(tests):
        first, plus, second = query.partition("+")
        assert with_twin[row] == (bool(plus) and f"{second}+{first}" in trained)
        assert (with_twin[row] or without[row]) == bool(plus)
    assert with_twin.sum() / (with_twin | without).sum() == pytest.approx(0.81, abs=0.01)
    assert find_twins(tests, 0, 0.1)[0].sum() < with_twin.sum()


def write_answers(root: Path, of: dict, seed: int, wrong: set[int]) -> None:
    lines = []
    for row, (query, answer) in enumerate(list_queries("test")):
        lines.append(f"{query},{answer},{'' if row in wrong else answer}\n")
    folder = root / "points" / of["points"][str(seed)]
    (folder / "answers.csv").write_text(HEADER + "".join(lines))


def test_the_table_has_intervals_twins_and_mcnemar_and_says_what_is_left_out(tmp_path):
    cells = [cell(0, 1, lr=rate) for rate in (0.001, 0.002)] + [cell(0, lr=0.003)]
    for index, one in enumerate(cells):
        for seed in map(int, one["points"]):
            write_record(tmp_path, one, seed, char_accuracy=0.9 - index / 10)
            if index < 2:
                write_answers(tmp_path, one, seed, set(range(index * 300 + seed)))
    metrics = {
        "char_accuracy": {"direction": "max", "models": ["text_to_text"], "roles": ["answers"]}
    }
    results = load(write_sweep(tmp_path, cells, metrics=metrics))
    (table,) = TABLES["test_set"].make(results)
    assert table.sections is not None
    first, second = table.sections["text_to_text"].to_frame().to_dict("records")
    assert (first["seeds"], first["queries"]) == (2, 2000)
    assert first["right"] == pytest.approx(1 - 0.5 / 2000)
    assert second["right"] == pytest.approx(1 - 300.5 / 2000)
    assert second["against the best"] == pytest.approx(second["right"] - first["right"])
    assert second["McNemar p"] < 1e-6 and math.isnan(first["McNemar p"])
    assert first["exact_match_no_twin"] > second["exact_match_no_twin"]
    assert 150 < first["no twin"] < 250
    assert "Left out: 1 point without a readable answers.csv of the cell's test set." in table.notes


def test_where_the_test_set_varies_with_the_seed_the_tables_say_so(tmp_path):
    one = cell(0, 1, hidden=8)
    for seed in (0, 1):
        write_record(tmp_path, one, seed, **{"test/char_accuracy": 0.5 + seed / 10})
    results = load(write_sweep(tmp_path, [one]))
    results.sweep.vary.append("split_seed")
    (table,) = TABLES["test_set"].make(results)
    assert len(table.frame) == 0
    assert table.notes == (
        "Not made: split_seed varies with the seed, so no two seeds share a test set.",
    )
    (cells,) = TABLES["cells"].make(results)
    text = render_markdown(cells, results)
    assert "batch order, noise and the value of split_seed; intervals are about all of" in text
    assert "the split and the test set are fixed" not in text


@pytest.mark.parametrize("start, end", [("", "\n"), ("\ufeff", "\r\n"), ("", "\n\n")])
def test_answers_that_a_spreadsheet_saved_again_are_the_same(start, end, tmp_path):
    lines = ["query,answer,predicted", "1+2,3,3", "9-4,5,-"]
    text = start + "".join(line + end for line in lines)
    (tmp_path / "answers.csv").write_bytes(text.encode())
    answers = read_answers(Store(tmp_path), "answers.csv")
    assert list(answers.true) == [3, 5]
    assert list(answers.right) == [True, False]
