"""Comparisons: of two metrics of generated text, and of two generative models."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from gensweep.core.roles import Role
from gensweep.report.stats.agreement import build_question
from gensweep.report.stats.axes import DEPTH
from gensweep.report.stats.blocks import select_block
from gensweep.report.stats.findings import (
    YES,
    Finding,
    describe_basis,
    format_number,
    format_test,
    format_variance_share,
    start_finding,
)
from gensweep.report.stats.one_way import compare_cells
from gensweep.report.stats.paired import add_paired_test, estimate_difference
from gensweep.report.stats.runs import Run, Runs
from gensweep.system.text import pluralize

COMPARED_MODELS = ("gan", "vae")
"""The question is whether the first is better than the second."""
Pairs = list[tuple[int, float]]
"""The (seed, value) of each point of a cell."""


def compare_text_metrics(runs: Runs) -> Iterator[Finding]:
    """Ask which metrics distinguish the cells of a model that draws its answers.

    Yields:
        A finding for each such model of several cells, and each of its metrics that are compared.
    """
    results = runs.results
    for model in results.models:
        if not results.list_metrics_with(Role.DRAWN_ANSWERS, model=model):
            continue
        if len(results.list_cells(model)) < 2:
            continue
        for metric in sorted(
            results.list_metrics_with(Role.COMPARED, model=model)
        ):
            question = f"Does {metric} tell the cells of {model} apart?"
            yield _compare_cells_by(runs, model, metric, question)


def _compare_cells_by(
    runs: Runs, model: str, metric: str, question: str
) -> Finding:
    """Test whether the cells of a model differ in a metric by more than their seeds do."""
    if not runs.has_metric(model, metric):
        return Finding(question, runs.explain_absence([model], metric))
    all_cells = [
        list(runs.iter_values(cell, metric))
        for cell in runs.results.list_cells(model)
    ]
    measured = [pairs for pairs in all_cells if pairs]
    repeated = [pairs for pairs in measured if len(pairs) > 1]
    # A cell with one seed says nothing about the spread, so it is left out if others can be tested.
    cells = repeated if len(repeated) > 1 else measured
    values = [[value for _, value in pairs] for pairs in cells]
    points = sum(map(len, cells))
    finding = Finding(
        question,
        "",
        n=len({seed for pairs in cells for seed, _ in pairs}),
        points=points,
        left_out=sum(map(len, measured)) - points,
    )
    means = [float(np.mean(numbers)) for numbers in values]
    low, high = format_number(min(means)), format_number(max(means))
    span = f"{pluralize(len(cells), 'cell')}, means from {low} to {high}"
    test = compare_cells(values)
    if test is None:
        reason = _explain_no_test(measured, repeated)
        answer = (
            f"{span}: no test, because {reason}. {describe_basis(finding)}"
        )
        return replace(finding, answer=answer)
    share = format_variance_share(test.eta_squared, test.icc)
    return replace(
        finding,
        answer=f"{span}: {share}. {describe_basis(finding)}",
        test=test.test,
        p=test.p,
        verdict=YES,
        effect=test.eta_squared,
        effect_name=f"eta squared of {metric}",
    )


def _explain_no_test(
    measured: Sequence[Pairs], repeated: Sequence[Pairs]
) -> str:
    """Return why cells cannot be compared.

    Args:
        measured: the cells with a value.
        repeated: those of them with a second seed.
    """
    if len(repeated) > 1:
        return "the seeds of every cell agree exactly"
    if len(measured) == 1:
        return "there is one cell"
    count = "one" if repeated else "no"
    return f"{count} cell has a second seed"


def has_both_models(runs: Runs, first: str, second: str) -> bool:
    """Return whether the sweep has both models, on one dataset at least."""
    datasets = [runs.datasets.get(model, []) for model in (first, second)]
    return any(dataset in datasets[1] for dataset in datasets[0])


def compare_models(
    runs: Runs,
    first: str = COMPARED_MODELS[0],
    second: str = COMPARED_MODELS[1],
    metric: str | None = None,
) -> Iterator[Finding]:
    """Ask whether one model is better than another.

    They are compared on each dataset that both have, at the same depth and seed.

    Args:
        runs: the points that are ok.
        first: the model that may be better.
        second: the model that it is compared with.
        metric: the metric to compare by; None: every metric of generated pictures that both have.
    """
    question = f"Is {first} better than {second}"
    shared = [metric] if metric else _list_shared_metrics(runs, first, second)
    for dataset in runs.datasets[first]:
        if dataset not in runs.datasets[second]:
            continue
        if not shared:
            answer = "The two models share no metric of generated pictures."
            yield Finding(f"{question} on {dataset}?", answer)
        for name in shared:
            yield _compare_on(runs, (first, second), dataset, name)


def _list_shared_metrics(runs: Runs, first: str, second: str) -> list[str]:
    """Return the metrics of generated pictures that both models have."""
    metrics = runs.results.metrics
    names = runs.results.list_metrics_with(Role.GENERATED)
    return [
        name for name in names if {first, second} <= set(metrics[name].models)
    ]


def _compare_on(
    runs: Runs, models: tuple[str, str], dataset: Any, metric: str
) -> Finding:
    """Test whether the first model is better than the second on a dataset, by a metric."""
    first, second = models
    question = build_question(models, dataset, metric)
    if metric not in runs.results.metrics:
        return Finding(question, f"The sweep has no metric {metric}.")
    rows = list(_iter_rows(runs, models, dataset, metric))
    block, sign = select_block(rows), runs.get_sign(metric)
    finding = start_finding(question, block)
    if len(block.levels) < len(models):
        reason = f"No seed has {metric} of both models at the same depth."
        if not rows:
            reason = runs.explain_absence(models, metric)
        return replace(finding, answer=reason)
    if not sign:
        answer = f"{metric} declares no direction: neither larger nor smaller is better."
        return replace(finding, answer=answer)
    contrast = estimate_difference(block, first)
    advantages = _list_advantages(rows, models, sign)
    wins = sum(value > 0 for value in advantages)
    answer = (
        f"{metric} of {first} minus that of {second} is {contrast.estimate:+.3g} on average"
        f"{format_test(contrast)}; {first} is better in {wins} of "
        f"{pluralize(len(advantages), 'pair')} of one depth and seed. {describe_basis(finding)}"
    )
    finding = replace(finding, answer=answer)
    return add_paired_test(
        finding, contrast, advantages, runs, models, metric
    )


def _list_advantages(
    rows: Sequence[Run], models: tuple[str, str], sign: int
) -> list[float]:
    """Return how much better the first model is, at each setting and seed that both have."""
    first, second = models
    pairs: dict[Any, dict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for seed, setting, model, value in rows:
        pairs[seed, setting][model].append(value)
    advantages = []
    for pair in pairs.values():
        if len(pair) == len(models):
            advantages.append(
                sign * float(np.mean(pair[first]) - np.mean(pair[second]))
            )
    return advantages


def _iter_rows(
    runs: Runs, models: tuple[str, str], dataset: Any, metric: str
) -> Iterator[Run]:
    """Yield the runs of both models, with the model as level.

    Runs of one setting agree in the depth and in what varies, as far as both models have it.
    """
    results = runs.results
    varying = [name for model in models for name in results.varying_of[model]]
    names = [axis.name for axis in DEPTH]
    names += [name for name in varying if name != "dataset"]
    in_both = set.intersection(
        *(runs.list_parameters(model, dataset) for model in models)
    )
    shared = [name for name in dict.fromkeys(names) if name in in_both]
    for model in models:
        # The default binds the model of this round.
        yield from runs.iter_runs(
            model, dataset, metric, shared, lambda _, model=model: model
        )
