"""Which of two searches selected the better trial: a paired test over the fresh seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from runs import call
from scipy import stats

from gensweep import load
from gensweep.report.results import Results
from gensweep.report.stats.findings import Finding
from gensweep.report.stats.questions import answer_questions
from gensweep.report.stats.runs import Runs
from gensweep.report.stats.search_questions import compare_searches

SWEEP = """
from gensweep import Confirm, Log, Search, Sweep


def search(name, seed):
    return Search(
        "text_to_text", metric="loss", method="random", trials=2, rungs=[], seed=seed,
        name=name, confirm=Confirm(best=1, seeds=3), epochs=1, hidden=8, train_fraction=0.02,
        lr=Log(1e-4, 1e-1),
    )


SWEEP = Sweep("tiny", search=[search("one", 0), search("two", 5)])
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    folder: Path = tmp_path_factory.mktemp("searches")
    (folder / "tiny.py").write_text(SWEEP)
    ended = call(folder / "tiny.py", "--results", folder / "results", "--local")
    assert ended.code == 0, ended.out + ended.error
    return load(folder / "results" / "tiny")


def ask(results: Results) -> Finding:
    (finding,) = answer_questions(results, ["searches"])
    return finding


def test_the_difference_is_that_of_a_paired_test(results: Results) -> None:
    finding = ask(results)
    values = []
    for search in results.searches.values():
        of_cell = results.points[results.points["cell"] == search.confirmed[0].cell]
        values.append(of_cell.sort_values("seed")["loss"].to_numpy())
    expected = stats.ttest_rel(*values)
    assert finding.n == 3 and finding.points == 6
    assert finding.estimate == pytest.approx(np.mean(values[0] - values[1]))
    assert finding.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert (finding.low, finding.high) == pytest.approx(interval)
    wins = int((values[0] < values[1]).sum())
    assert f"one is better in {wins} of 3 seeds" in finding.answer
    assert "The trials of each took 2 epochs." in finding.answer
    assert "not about the methods" in finding.answer


def test_the_page_asks_it_without_further_words(results: Results) -> None:
    page = (Path(results.folder) / "report.html").read_text()
    assert "Did search one select a better trial than search two, by loss?" in page


def test_what_cannot_be_compared_says_why(results: Results) -> None:
    one, two = results.searches.values()
    pending = replace(
        results, searches={"one": one, "two": two.model_copy(update={"confirmed": []})}
    )
    (finding,) = compare_searches(Runs(pending))
    assert finding.answer == "No trial of search two is confirmed yet."
    same = replace(results, searches={"one": one, "two": one})
    (finding,) = compare_searches(Runs(same))
    assert finding.answer == "Both selected the same trial."
    other = two.model_copy(update={"metric": "validation/exact_match"})
    assert not list(compare_searches(Runs(replace(results, searches={"one": one, "two": other}))))
    fixed = two.identity["fixed"] | {"dataset": "'others'"}
    other = two.model_copy(update={"identity": two.identity | {"fixed": fixed}})
    assert not list(compare_searches(Runs(replace(results, searches={"one": one, "two": other}))))


def test_searches_of_unequal_cost_are_named(results: Results) -> None:
    one, two = results.searches.values()
    third = two.trials[1].model_copy(update={"number": 2})
    longer = two.model_copy(update={"trials": [*two.trials, third]})
    finding = ask(replace(results, searches={"one": one, "two": longer}))
    assert (
        "The cost is not equal: the trials of one took 2 epochs, those of two 3." in finding.answer
    )
