"""The questions that a sweep can answer, with tests over its seeds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from gensweep.core.catalog import TABLES, page
from gensweep.read.tables import Table

if TYPE_CHECKING:
    from gensweep.read.findings import Finding
    from gensweep.read.results import Results

NOTES = (
    "A verdict of yes or no has a corrected p-value below 0.05; undecided means that these seeds do not tell, not that "
    "there is no effect. no: the contrary holds.",
    "Tests take the seed as block: runs are averaged within a seed over what the question is not about, and the "
    "residuals of seed by level are pooled. They take the spread over seeds to be normal and alike at all levels.",
    "p: two-sided; corrected: by Holm, over all questions of this sweep. Intervals are of 95% and not corrected.",
    "no.: of the question. n: seeds. left out: measured points that have no partner at the other levels. Only points "
    "that are ok count.",
)
_FIELDS = (
    "question", "verdict", "answer", "test", "n", "points", "left_out", "effect_name", "effect", "estimate", "low",
    "high", "p", "p_corrected",
)  # fmt: skip


@page(TABLES, "statistics")
def statistics(results: Results) -> list[Table]:
    """Questions and answers: depth, data, training, MSE against reader, GAN against VAE, with tests over seeds."""
    import pandas as pd

    from gensweep.read.questions import answers

    findings = answers(results)
    frame = pd.DataFrame([{name: getattr(f, name) for name in _FIELDS} for f in findings], columns=list(_FIELDS))
    words = frame[["question", "verdict", "answer"]]
    words.insert(0, "no.", range(1, len(words) + 1))
    sized = [_printed(number, f) for number, f in enumerate(findings, 1) if not math.isnan(f.effect)]
    sections = {"In words": words, "Numbers": pd.DataFrame(sized)}
    return [Table("statistics", f"{results.sweep.name}: questions and answers", frame, NOTES, sections)]


def _printed(number: int, finding: Finding) -> dict[str, str | int]:
    def digits(value: float, form: str) -> str:
        return "–" if math.isnan(value) else format(value, form)

    known = not math.isnan(finding.low)
    return {
        "no.": number,
        "effect": f"{digits(finding.effect, '+.3g')}, {finding.effect_name}",
        "95% CI": f"{digits(finding.low, '.3g')} to {digits(finding.high, '.3g')}" if known else "–",
        "test": finding.test or "none",
        "p": digits(finding.p, ".2g"),
        "corrected": digits(finding.p_corrected, ".2g"),
        "n": finding.n,
        "points": finding.points,
        "left out": finding.left_out,
    }
