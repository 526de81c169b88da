"""The questions that are put to a sweep: what its seeds say, how surely, and what is missing.

Every parameter that varies within a model is asked about, every pair of them, and what the paper
asked, where the sweep has what that needs. `Sweep(questions=[...])` chooses among them and compares
two values. Only ok points count: a cell that lost seeds to divergence or failure answers with those
that are left. The tests and the reasons for them are in `gensweep.report.stats.contrasts`,
`repeated`, `contenders`, `equivalence` and `one_way`. p-values are corrected together over all
questions of a sweep (Holm 1979), intervals are not. Why a difference must be compared with the
spread over seeds: Bouthillier et al. (2021), "Accounting for variance in machine learning
benchmarks", MLSys 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from gensweep.core.roles import Role
from gensweep.report.stats.agreement import judge_agreement
from gensweep.report.stats.axes import DEPTH, TRAINING
from gensweep.report.stats.axis_questions import AxisQuestions
from gensweep.report.stats.comparisons import (
    COMPARED_MODELS,
    compare_models,
    compare_text_metrics,
    has_both_models,
)
from gensweep.report.stats.depth_questions import ask_both_depths, has_depths
from gensweep.report.stats.findings import Finding, correct_p_values
from gensweep.report.stats.interactions import (
    ask_interaction,
    list_crossed_pairs,
)
from gensweep.report.stats.runs import Runs
from gensweep.report.stats.search_questions import compare_searches
from gensweep.report.stats.subject import Subject
from gensweep.sweep.questions import Compare, Question, read_question

if TYPE_CHECKING:
    from gensweep.report.results import Results

_AXIS_KINDS = frozenset({"matters", "best", "slope"})
_PAPER_AXES = frozenset(axis.name for axis in (*DEPTH, *TRAINING))
"""Parameters that the paper asks about, by every metric of answers."""


@dataclass(frozen=True)
class Wanted:
    """The questions that a sweep wants answered.

    Attributes:
        questions: as the sweep declares them; None: every question that applies.
    """

    questions: Sequence[Question] | None = None

    def wants(self, kind: str, *axes: str) -> bool:
        """Return whether a kind of question about these parameters is asked."""
        if self.questions is None:
            return True
        return kind in self.questions or any(
            axis in self.questions for axis in axes
        )

    @cached_property
    def comparisons(self) -> list[Compare]:
        """The comparisons of two values."""
        return [
            one for one in self.questions or () if isinstance(one, Compare)
        ]


def answer_questions(
    results: Results, questions: Sequence[Question] | None = None
) -> list[Finding]:
    """Answer questions to a sweep, as far as its records allow.

    Each question is put to every dataset separately, and averaged over what else varies. A
    question that needs missing points, or has one seed, is "not enough data", and its answer says
    what is missing. A question with a corrected p-value of 0.05 or more is "undecided".

    Args:
        results: the sweep's.
        questions: what to ask; None: what the sweep's file asks, or else every question that
            applies. Nothing is asked about a parameter that does not vary.
    """
    if questions is None:
        return _answer_declared(results)
    return _answer(Runs(results), Wanted(questions))


@lru_cache(maxsize=1)
def _answer_declared(results: Results) -> list[Finding]:
    """Answer what the sweep's file asks; cached, as the table and the page both show it."""
    questions = None
    if results.sweep.questions is not None:
        questions = [read_question(one) for one in results.sweep.questions]
    return _answer(Runs(results), Wanted(questions))


def _answer(runs: Runs, wanted: Wanted) -> list[Finding]:
    """Return every finding, with p-values that are corrected together."""
    findings = correct_p_values(list(_iter_findings(runs, wanted)))
    if _compares_generators(runs, wanted):
        # It rests on corrected verdicts, and makes no test of its own.
        agreement = judge_agreement(runs, COMPARED_MODELS, findings)
        if agreement is not None:
            findings.append(agreement)
    return findings


def _compares_generators(runs: Runs, wanted: Wanted) -> bool:
    """Return whether the sweep asks whether the GAN is better than the VAE, and has both."""
    return wanted.wants("gan_against_vae") and has_both_models(
        runs, *COMPARED_MODELS
    )


def _iter_findings(runs: Runs, wanted: Wanted) -> Iterator[Finding]:
    for comparison in wanted.comparisons:
        yield from _answer_comparison(runs, comparison)
    if wanted.wants("searches"):
        yield from compare_searches(runs)
    for model in runs.results.models:
        metrics = _choose_metrics(runs, model)
        for dataset in runs.datasets[model]:
            for metric in metrics:
                is_main = metric == metrics[0]
                yield from _ask_subject(
                    Subject(runs, model, dataset, metric), wanted, is_main
                )
    if wanted.wants("mse_against_reader"):
        yield from compare_text_metrics(runs)
    if _compares_generators(runs, wanted):
        yield from compare_models(runs)


def _ask_subject(
    subject: Subject, wanted: Wanted, is_main: bool
) -> Iterator[Finding]:
    """Yield the findings about one metric of a model on a dataset.

    Args:
        subject: the metric, model and dataset.
        wanted: the questions.
        is_main: whether it is the model's main metric. By another one, only the paper's questions
            are asked: the more questions there are, the harder is each to decide.
    """
    for axis in subject.list_axes():
        kinds = frozenset(
            kind for kind in _AXIS_KINDS if wanted.wants(kind, axis)
        )
        if not is_main:
            kinds &= {"slope"}
        if is_main or axis in _PAPER_AXES:
            yield from AxisQuestions(subject, axis).iter_findings(kinds)
    if wanted.wants(
        "depths_together", *(axis.name for axis in DEPTH)
    ) and has_depths(subject):
        yield ask_both_depths(subject)
    if is_main:
        for first, second in list_crossed_pairs(subject):
            if wanted.wants("interaction", first, second):
                yield ask_interaction(subject, first, second)


def _answer_comparison(runs: Runs, comparison: Compare) -> Iterator[Finding]:
    """Yield the findings of one comparison: one per model and dataset that has both values."""
    first, second = comparison.first, comparison.second
    if comparison.axis == "model":
        metric = comparison.metric or runs.results.get_main_metric(first)
        if has_both_models(runs, first, second):
            yield from compare_models(runs, first, second, metric)
        else:
            yield Finding(
                f"Is {first} better than {second}?",
                "No dataset has both models.",
            )
        return
    is_answered = False
    for model in runs.results.models:
        metric = comparison.metric or runs.results.get_main_metric(model)
        if (
            comparison.model not in (None, model)
            or metric not in runs.results.metrics
        ):
            continue
        for dataset in runs.datasets[model]:
            subject = Subject(runs, model, dataset, metric)
            values = subject.list_values(comparison.axis)
            if first in values and second in values:
                is_answered = True
                yield AxisQuestions(subject, comparison.axis).compare(
                    first, second
                )
    if not is_answered:
        yield _explain_no_cells(comparison)


def _explain_no_cells(comparison: Compare) -> Finding:
    texts = [
        f"{comparison.axis}={value}"
        for value in (comparison.first, comparison.second)
    ]
    question = f"Is {texts[0]} better than {texts[1]}?"
    return Finding(
        question, f"No model has cells with {texts[0]} and with {texts[1]}."
    )


def _choose_metrics(runs: Runs, model: str) -> list[str]:
    """Return the metrics to judge a model by, each once: those that any of its points has."""
    main = runs.results.get_main_metric(model)
    compared = runs.results.list_metrics_with(Role.COMPARED, model=model)
    candidates = [name for name in (main, *compared) if name]
    measured = [name for name in candidates if runs.has_metric(model, name)]
    if measured:
        return list(dict.fromkeys(measured))
    # The findings then say that no point has the main metric.
    return [main] if main else []
