"""One answer from several: is a model better by every feature network, on every dataset?

A feature network has preferences of its own, so one network's word is not enough to say that one
generative model is better than another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gensweep.core.soundness import FEATURE_COUNTS, FEATURES_VARIABLE
from gensweep.report.stats.findings import (
    EQUAL,
    NO,
    NOT_ENOUGH,
    UNDECIDED,
    YES,
    Finding,
)
from gensweep.report.stats.runs import Runs

MIN_NETWORKS = 2
"""Feature networks that must agree."""


def build_question(models: Sequence[str], dataset: Any, metric: str) -> str:
    """Return the question whether the first model is better, on one dataset by one metric."""
    first, second = models
    return f"Is {first} better than {second} on {dataset}, by {metric}?"


def list_network_metrics(runs: Runs, models: Sequence[str]) -> dict[str, str]:
    """Return each feature network in which both models have a KID, and the name of that KID."""
    names = {}
    for network in FEATURE_COUNTS:
        metric = f"kid_x1000_{network}"
        info = runs.results.metrics.get(metric)
        if info is not None and set(models) <= set(info.models):
            names[network] = metric
    return names


def judge_agreement(
    runs: Runs, models: Sequence[str], findings: Sequence[Finding]
) -> Finding | None:
    """Return whether the first model is better by every feature network, on every dataset.

    It makes no test of its own: it is "yes" if every single answer is, so it can be wrong at most
    as often as one of them.

    Args:
        runs: the points that are ok.
        models: the first may be better than the second.
        findings: all findings of the sweep, with corrected p-values.

    Returns:
        None if both models have no KID in any network.
    """
    first, second = models
    metrics = list_network_metrics(runs, models)
    if not metrics:
        return None
    question = f"Is {first} better than {second} by every feature network, on every dataset?"
    if len(metrics) < MIN_NETWORKS:
        network = next(iter(metrics))
        answer = (
            f"Only {network} measured them. At least {MIN_NETWORKS} feature networks must agree: "
            f"name several in {FEATURES_VARIABLE}, and evaluate the points again."
        )
        return Finding(question, answer)
    answers = {finding.question: finding for finding in findings}
    verdicts: dict[str, str] = {}
    for dataset in runs.datasets[first]:
        if dataset not in runs.datasets[second]:
            continue
        for network, metric in metrics.items():
            single = answers.get(build_question(models, dataset, metric))
            verdict = NOT_ENOUGH if single is None else single.verdict
            verdicts[f"{network} on {dataset}"] = verdict
    verdict = _combine(list(verdicts.values()))
    return Finding(question, _describe(verdict, verdicts), verdict=verdict)


def _combine(verdicts: Sequence[str]) -> str:
    """Return the verdict that single ones allow together."""
    if NOT_ENOUGH in verdicts:
        return NOT_ENOUGH
    for verdict in (YES, NO, EQUAL):
        if all(single == verdict for single in verdicts):
            return verdict
    return UNDECIDED


def _describe(verdict: str, verdicts: Mapping[str, str]) -> str:
    """Return the answer in words."""
    texts = [f"{single} by {name}" for name, single in verdicts.items()]
    listed = "; ".join(texts)
    if verdict == UNDECIDED:
        return f"The answers do not agree: {listed}."
    if verdict == NOT_ENOUGH:
        return f"Some answers are missing: {listed}."
    return f"All answers agree: {listed}."
