"""The questions that a sweep can answer, with tests over its seeds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gensweep.core.registries import register_table
from gensweep.report.tables import Table

if TYPE_CHECKING:
    from gensweep.report.results import Results
    from gensweep.report.stats.findings import Finding

NOTES = (
    "yes: corrected p below 0.05, and the effect is in the direction that the question asks for; no: corrected p below "
    "0.05, and it goes the other way; undecided: corrected p of 0.05 or more, which does not say that there is no "
    "effect; not enough data: no test could be made.",
    "Differences and slopes: runs are averaged within a seed over what the question is not about, the difference or "
    "slope is worked out in each seed, and its mean over seeds is tested by Student's one-sample t on seeds - 1 "
    "degrees of freedom. Each has its own error term: cells need not be equally noisy. Two seeds leave one degree of "
    "freedom, and then only very steady differences are decided.",
    "Both depths together: the better side's best cell is tested against every cell of the other side, and the largest "
    "p counts, times the number of cells it was chosen from (Bonferroni).",
    "MSE and reader: two cells by Welch's t on the smaller one's degrees of freedom; more by Brown and Forsythe's F "
    "with Mehrotra's degrees of freedom and by Kruskal and Wallis' ranks, of which the larger p counts. Cells need not "
    "be equally noisy; those of one seed are left out. Eta squared: share of the variance that lies between cells.",
    "p: two-sided; corrected: by Holm, over all questions of this sweep. Intervals are of 95% and of the estimate, not "
    "of the effect size; they are not corrected by Holm.",
    "no.: of the question. n: seeds. left out: measured points that have no partner at the other levels. Only points "
    "that are ok count.",
)
_FIELDS = (
    "question", "verdict", "answer", "test", "n", "points", "left_out", "estimate_name", "estimate", "low", "high",
    "effect_name", "effect", "p", "p_corrected",
)  # fmt: skip


@register_table("statistics")
def statistics(results: Results) -> list[Table]:
    """Questions and answers: depth, data, training, MSE against reader, GAN against VAE, with tests over seeds."""
    import pandas as pd

    from gensweep.report.stats.questions import answer_questions

    findings = answer_questions(results)
    frame = pd.DataFrame(
        [{name: getattr(f, name) for name in _FIELDS} for f in findings], columns=list(_FIELDS)
    )
    words = frame[["question", "verdict", "answer"]]
    words.insert(0, "no.", range(1, len(words) + 1))
    sized = [(number, f) for number, f in enumerate(findings, 1) if not math.isnan(f.effect)]
    numbers, tests = (pd.DataFrame([part(*pair) for pair in sized]) for part in (_sizes, _test))
    sections = {"In words": words, "Numbers": numbers, "Tests": tests}
    return [
        Table("statistics", f"{results.sweep.name}: questions and answers", frame, NOTES, sections)
    ]


def _sizes(number: int, finding: Finding) -> dict[str, str | int]:
    same = finding.effect_name == finding.estimate_name
    known, estimated = not math.isnan(finding.low), not math.isnan(finding.estimate)
    return {
        "no.": number,
        "estimate": f"{finding.estimate:+.3g}, {finding.estimate_name}" if estimated else "–",
        "95% CI of the estimate": f"{finding.low:.3g} to {finding.high:.3g}" if known else "–",
        "effect size": "the estimate" if same else f"{finding.effect:+.3g}, {finding.effect_name}",
    }


def _test(number: int, finding: Finding) -> dict[str, str | int]:
    def digits(value: float) -> str:
        return "–" if math.isnan(value) else f"{value:.2g}"

    return {
        "no.": number,
        "test": finding.test or "none",
        "p": digits(finding.p),
        "corrected": digits(finding.p_corrected),
        "n": finding.n,
        "points": finding.points,
        "left out": finding.left_out,
    }
