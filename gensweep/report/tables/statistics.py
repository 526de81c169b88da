"""The questions that a sweep can answer, with tests over its seeds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gensweep.core.registries import register_table
from gensweep.report.tables import Table

if TYPE_CHECKING:
    from gensweep.report.results import Results
    from gensweep.report.stats.findings import Finding

NO_VALUE_TEXT = "–"
NOTES = (
    "yes: corrected p below 0.05, and the effect is in the direction that the question asks for; "
    "no: corrected p below 0.05, and the effect goes the other way; undecided: corrected p of 0.05 "
    "or more, which does not mean that there is no effect; not enough data: no test was possible.",
    "Differences and slopes: runs are averaged within a seed over what the question is not about. "
    "The difference or slope is computed for each seed, and its mean over seeds is tested by "
    "Student's one-sample t on seeds - 1 degrees of freedom. Each has its own error term: cells "
    "need not be equally noisy. Two seeds leave one degree of freedom, and then only very steady "
    "differences are decided.",
    "Both depths together: the better side's best cell is tested against every cell of the other "
    "side, and the largest p counts, times the number of cells it was chosen from (Bonferroni).",
    "MSE and reader: two cells by Welch's t on the smaller one's degrees of freedom; more cells by "
    "Brown and Forsythe's F with Mehrotra's degrees of freedom and by Kruskal and Wallis' ranks, "
    "of which the larger p counts. Cells need not be equally noisy; those of one seed are left "
    "out. Eta squared: share of the variance that lies between cells.",
    "p: two-sided; corrected: by Holm, over all questions of this sweep. Intervals are of 95% and "
    "of the estimate, not of the effect size; they are not corrected by Holm.",
    "no.: of the question. n: seeds. left out: measured points that have no partner at the other "
    "levels. Only points that are ok count.",
)
_FIELDS = (
    "question", "verdict", "answer", "test", "n", "points", "left_out", "estimate_name",
    "estimate", "low", "high", "effect_name", "effect", "p", "p_corrected",
)  # fmt: skip


@register_table("statistics")
def make_statistics(results: Results) -> list[Table]:
    """Test questions on depth, data, training, MSE or reader, GAN or VAE over the sweep's seeds."""
    import pandas as pd

    from gensweep.report.stats.questions import answer_questions

    findings = answer_questions(results)
    fields = [{name: getattr(finding, name) for name in _FIELDS} for finding in findings]
    frame = pd.DataFrame(fields, columns=list(_FIELDS))
    words = frame[["question", "verdict", "answer"]]
    words.insert(0, "no.", range(1, len(words) + 1))
    estimates, tests = [], []
    for number, finding in enumerate(findings, 1):
        # A question that no test could answer stands in the part in words only.
        if not math.isnan(finding.effect):
            estimates.append(_make_estimate_row(number, finding))
            tests.append(_make_test_row(number, finding))
    sections = {
        "In words": words,
        "Numbers": pd.DataFrame(estimates),
        "Tests": pd.DataFrame(tests),
    }
    title = f"{results.sweep.name}: questions and answers"
    return [Table("statistics", title, frame, NOTES, sections)]


def _make_estimate_row(number: int, finding: Finding) -> dict[str, str | int]:
    estimate = interval = NO_VALUE_TEXT
    if not math.isnan(finding.estimate):
        estimate = f"{finding.estimate:+.3g}, {finding.estimate_name}"
    if not math.isnan(finding.low):
        interval = f"{finding.low:.3g} to {finding.high:.3g}"
    effect = f"{finding.effect:+.3g}, {finding.effect_name}"
    if finding.effect_name == finding.estimate_name:
        effect = "the estimate"
    return {
        "no.": number,
        "estimate": estimate,
        "95% CI of the estimate": interval,
        "effect size": effect,
    }


def _make_test_row(number: int, finding: Finding) -> dict[str, str | int]:
    return {
        "no.": number,
        "test": finding.test or "none",
        "p": _format_p(finding.p),
        "corrected": _format_p(finding.p_corrected),
        "n": finding.n,
        "points": finding.points,
        "left out": finding.left_out,
    }


def _format_p(value: float) -> str:
    return NO_VALUE_TEXT if math.isnan(value) else f"{value:.2g}"
