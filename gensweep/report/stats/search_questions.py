"""The question which of two searches selected the better trial, by numbers that chose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from gensweep.report.record_metrics import VALIDATION
from gensweep.report.stats.blocks import Block, select_block
from gensweep.report.stats.findings import (
    Finding,
    describe_basis,
    format_test,
    start_finding,
)
from gensweep.report.stats.paired import (
    add_paired_test,
    compute_weights,
    estimate_difference,
)
from gensweep.report.stats.runs import Run, Runs
from gensweep.report.stats.search_cost import list_steps
from gensweep.system.text import pluralize

if TYPE_CHECKING:
    from gensweep.ledger.search_log import SearchInfo


def compare_searches(runs: Runs) -> Iterator[Finding]:
    """Ask for each two searches by one metric which of them selected the better trial.

    The best trial on validation of each is compared, as it was trained with fresh seeds. Each
    method has searched once, so the answer is about two trials, and not about the methods.
    """
    for pair in combinations(runs.results.searches, 2):
        first, second = (runs.results.searches[name] for name in pair)
        if first.comparable_by == second.comparable_by:
            yield _compare(runs, pair)


def _compare(runs: Runs, pair: tuple[str, str]) -> Finding:
    """Test whether the first search selected a better trial than the second."""
    first, second = pair
    searches = [runs.results.searches[name] for name in pair]
    metric = searches[0].metric.removeprefix(VALIDATION)
    question = f"Did search {first} select a better trial than search {second}, by {metric}?"
    pending = [
        name
        for name, search in zip(pair, searches, strict=True)
        if not search.confirmed
    ]
    if pending:
        names = " and ".join(pending)
        return Finding(
            question, f"No trial of search {names} is confirmed yet."
        )
    cells = [search.confirmed[0].cell for search in searches]
    if cells[0] == cells[1]:
        return Finding(question, "Both selected the same trial.")
    if metric not in runs.results.metrics:
        return Finding(
            question, runs.explain_absence([searches[0].model], metric)
        )
    block = select_block(_list_rows(runs, pair, cells, metric))
    if len(block.levels) < len(pair):
        answer = f"No fresh seed has {metric} of both selected trials."
        return replace(start_finding(question, block), answer=answer)
    return _test(runs, pair, block, question, metric)


def _test(
    runs: Runs,
    pair: tuple[str, str],
    block: Block,
    question: str,
    metric: str,
) -> Finding:
    """Return the finding about two selected trials that have fresh seeds in common."""
    first, second = pair
    weights = compute_weights(block, first)
    contrast = estimate_difference(block, first)
    finding = start_finding(question, block)
    # A metric that decides a search has a direction.
    sign = runs.get_sign(metric)
    advantages = list(sign * (block.values @ weights))
    wins = sum(advantage > 0 for advantage in advantages)
    costs = _describe_costs(runs, pair)
    answer = (
        f"With fresh seeds, {metric} of the trial that {first} selected minus that of {second} is "
        f"{contrast.estimate:+.3g} on average{format_test(contrast)}; {first} is better in {wins} "
        f"of {pluralize(len(advantages), 'seed')}. {costs} Each searched once, so this is about "
        f"the two trials, not about the methods. {describe_basis(finding)}"
    )
    finding = replace(finding, answer=answer)
    return add_paired_test(finding, contrast, advantages, runs, pair, metric)


def _list_rows(
    runs: Runs, pair: tuple[str, str], cells: list[str], metric: str
) -> list[Run]:
    """Return the seeds and values of both selected trials, with the search as level."""
    rows: list[Run] = []
    for name, cell in zip(pair, cells, strict=True):
        for seed, value in runs.iter_values(cell, metric):
            rows.append((seed, (), name, value))
    return rows


def _describe_costs(runs: Runs, pair: tuple[str, str]) -> str:
    """Return the sentence on what the two searches cost."""
    costs = [_count_epochs(runs.results.searches[name]) for name in pair]
    if costs[0] == costs[1]:
        return f"The trials of each took {costs[0]:,} epochs."
    return (
        f"The cost is not equal: the trials of {pair[0]} took {costs[0]:,} epochs, those of "
        f"{pair[1]} {costs[1]:,}."
    )


def _count_epochs(search: SearchInfo) -> int:
    """Return the epochs of all trials of a search."""
    steps = list_steps(search)
    return steps[-1].cost if steps else 0
